package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// However much was read and written, little of the value log counts as this process's
// memory, and what is read is right all the same.
func TestBadgerStaysSmallInMemory(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	const views, size = 600, 256 << 10 // 150 MiB
	noise := rand.NewChaCha8([32]byte{1})
	body := make([]byte, size)
	var reps []*Representation
	for i := range views {
		_, _ = noise.Read(body) // never fails
		reps = append(reps, put(s, Key{Path: strconv.Itoa(i)}, string(body), noon))
		if i%50 == 0 {
			s.outbox.settle()
		}
	}
	s.outbox.settle()
	for range 3 {
		check := rand.NewChaCha8([32]byte{1})
		for i, r := range reps {
			_, _ = check.Read(body)
			if got, ok := s.Body(Key{Path: strconv.Itoa(i)}, r); !ok || string(got) != string(body) {
				t.Fatalf("body %d is gone or wrong", i)
			}
		}
	}
	until(t, "the mapping is emptied", func() bool { return mappedOf(t, dir) < maxMapped*5/4 })
}

// mappedOf is what of the value log in dir is in this process's memory, in bytes.
func mappedOf(t *testing.T, dir string) (bytes int) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	mine := false
	for line := range strings.Lines(string(smaps)) {
		var kb int
		if fields := strings.Fields(line); !strings.HasSuffix(fields[0], ":") {
			name := fields[len(fields)-1]
			mine = filepath.Dir(name) == dir && filepath.Ext(name) == ".vlog"
		} else if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil && mine {
			bytes += kb << 10
		}
	}
	return bytes
}
