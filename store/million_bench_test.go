package store

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkMillion builds a store of a million representations of 4 KB once and says
// what it takes: run it with -benchtime 1x.
func BenchmarkMillion(b *testing.B) {
	const views = 1_000_000
	dir := filepath.Join(b.TempDir(), "store")
	o := BadgerOptions{TTL: 720 * time.Hour, MaxBytes: 8 << 30}
	body := make([]byte, 4<<10)
	rep := func(i int) *Representation {
		binary.BigEndian.PutUint64(body, uint64(i))
		r := realistic().rep
		r.Body = sha256.Sum256(body)
		return &r
	}
	for b.Loop() {
		s := openBadgerWith(b, dir, o, time.Now, freeOn)
		start := time.Now()
		for i := range views {
			s.Put(benchKey(i), rep(i), body)
			if i%500 == 0 {
				s.outbox.settle()
			}
		}
		s.outbox.settle()
		b.ReportMetric(time.Since(start).Seconds(), "s/build")
		reportMemory(b, "built")
		start = time.Now()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/close")
		b.ReportMetric(float64(onDisk(dir))/(1<<20), "MiB/disk")
		debug.FreeOSMemory()
		reportMemory(b, "closed")

		start = time.Now()
		s = openBadgerWith(b, dir, o, time.Now, freeOn)
		b.ReportMetric(time.Since(start).Seconds(), "s/open")
		wantStats(b, s, views, 0)
		b.ReportMetric(time.Since(start).Seconds(), "s/counted")
		reportMemory(b, "opened")
		for i := 0; i < views; i += 5 {
			r := s.Lookup(benchKey(i))
			if len(r) != 1 {
				b.Fatal("missed")
			}
			if _, ok := s.Body(benchKey(i), &r[0]); !ok {
				b.Fatal("missed")
			}
		}
		reportMemory(b, "read")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// reportMemory reports what of the process is in memory, and how much of that is
// not mapped files, which the system takes back when it needs to.
func reportMemory(b *testing.B, when string) {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "RssAnon" {
			continue
		}
		kb, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(kb)/1024, "MiB/"+name+"-"+when)
	}
}
