package store

import (
	"crypto/sha256"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// benchKeys is how many views the benchmarked stores hold.
const benchKeys = 50_000

func benchKey(i int) Key {
	k := aKey
	k.Path = "/repos/acme/site/issues/" + strconv.Itoa(i)
	return k
}

// filled returns a store of benchKeys realistic views of 4 KiB.
func filled(b *testing.B, dir string) (*Badger, []*Representation, []byte) {
	s := openBadger(b, dir)
	body := make([]byte, 4<<10)
	noise := rand.NewChaCha8([32]byte{})
	reps := make([]*Representation, benchKeys)
	for i := range reps {
		_, _ = noise.Read(body) // never fails
		r := realistic().rep
		r.Body = sha256.Sum256(body)
		s.Put(benchKey(i), &r, body)
		reps[i] = &r
	}
	return s, reps, body
}

func BenchmarkBadger(b *testing.B) {
	dir := b.TempDir()
	s, reps, body := filled(b, dir)
	for name, use := range map[string]func(i int){
		"Lookup": func(i int) {
			if len(s.Lookup(benchKey(i))) != 1 {
				b.Fatal("missed")
			}
		},
		"Body": func(i int) {
			if _, ok := s.Body(benchKey(i), reps[i]); !ok {
				b.Fatal("missed")
			}
		},
		"Miss": func(i int) { s.Lookup(benchKey(-i - 1)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				use(rand.IntN(benchKeys))
			}
		})
	}
	b.Run("Touch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i := rand.IntN(benchKeys)
			s.Touch(benchKey(i), reps[i])
		}
	})
	b.Run("Put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i := rand.IntN(benchKeys)
			s.Put(benchKey(i), reps[i], body)
		}
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("Open", func(b *testing.B) {
		var open time.Duration
		for b.Loop() {
			start := time.Now()
			s, err := OpenBadger(dir, time.Hour, nil)
			open += time.Since(start)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(open.Seconds()*1e3/float64(b.N), "ms/open")
	})
}
