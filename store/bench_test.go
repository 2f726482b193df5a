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
		settleAt(s, i)
	}
	s.outbox.settle()
	return s, reps, body
}

// settleAt has the store write what waits to be written, before it is too much.
func settleAt(s *Badger, i int) {
	if i%500 == 0 {
		s.outbox.settle()
	}
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
	// What a request waits for is a small part of these: they wait for all to be written.
	for name, write := range map[string]func(i int){
		"Touch": func(i int) { s.Touch(benchKey(i), reps[i]) },
		"Put":   func(i int) { s.Put(benchKey(i), reps[i], body) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				write(rand.IntN(benchKeys))
				settleAt(s, n)
			}
			s.outbox.settle()
		})
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("Open", func(b *testing.B) {
		var open time.Duration
		for b.Loop() {
			start := time.Now()
			s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour})
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

// BenchmarkHit is what a fresh answer takes of the store: Lookup and Body. BenchmarkStore is
// how long whoever stores an answer is held up.
func BenchmarkHit(b *testing.B) {
	for _, size := range []int{16 << 10, 200 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s, keys := openBadger(b, b.TempDir()), 200
			body := make([]byte, size)
			for i := range keys {
				r := realistic().rep
				r.Body = sha256.Sum256(body)
				s.Put(benchKey(i), &r, body)
				settleAt(s, 0)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				k := benchKey(rand.IntN(keys))
				views := s.Lookup(k)
				if len(views) != 1 {
					b.Fatal("missed")
				}
				if _, ok := s.Body(k, &views[0]); !ok {
					b.Fatal("missed")
				}
			}
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for _, size := range []int{16 << 10, 200 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := openBadgerWith(b, b.TempDir(), BadgerOptions{MaxBytes: 1 << 30}, time.Now, freeOn)
			body := make([]byte, size)
			r := realistic().rep
			r.Body = sha256.Sum256(body)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.Put(benchKey(n), &r, body)
				if n%100 == 0 {
					b.StopTimer()
					s.outbox.settle()
					b.StartTimer()
				}
			}
		})
	}
}
