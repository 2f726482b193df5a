package store

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// Hot is what this process has at hand; cold is asked of Redis.
func BenchmarkRedis(b *testing.B) {
	server := startRedis(b)
	const size, keys = 16 << 10, 4096
	body := make([]byte, size)
	noise := rand.NewChaCha8([32]byte{})
	_, _ = noise.Read(body) // never fails
	rep := realistic().rep
	rep.Body, rep.Size = sha256.Sum256(body), size

	filler := openRedis(b, server.url())
	for i := range keys {
		filler.Put(benchKey(i), &rep, body)
		if i%512 == 0 {
			filler.outbox.settle()
		}
	}
	filler.outbox.settle()
	read := func(b *testing.B, s *Redis, i int) {
		found := s.Lookup(benchKey(i))
		if len(found) != 1 {
			b.Fatal("missed")
		}
		if got, ok := s.Body(benchKey(i), &found[0]); !ok || len(got) != size {
			b.Fatal("missed the body")
		}
	}
	hot, cold := openRedis(b, server.url()), openRedis(b, server.url()+"?client_cache=0")
	for range 2 {
		for i := range 64 {
			read(b, hot, i)
		}
	}
	for name, s := range map[string]*Redis{"Hot": hot, "Cold": cold} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				read(b, s, i%64)
			}
		})
		b.Run(name+"Parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					read(b, s, i%64)
				}
			})
		})
	}
	b.Run("HotLookup", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			hot.Lookup(benchKey(i % 64))
		}
	})
	// What a caller waits for, and what writing takes altogether.
	b.Run("Put", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			filler.Put(benchKey(i%keys), &rep, body)
			if i%512 == 0 {
				filler.outbox.settle()
			}
		}
		filler.outbox.settle()
	})
	if errors := filler.Stats().Errors + hot.Stats().Errors + cold.Stats().Errors; errors > 0 {
		b.Errorf("%d errors", errors)
	}
}
