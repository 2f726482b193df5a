package pool

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// crowd are pools of n credentials, all of them with a budget that was told.
func crowd(b *testing.B, n int) (*Pools, http.Header) {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("bot-", i))
	}
	w := newWorld(b, named(names...)...)
	h := headers(core(1, in(time.Hour)))
	for _, name := range names {
		w.lease(liking(name)).Settle(http.StatusOK, h, nil)
	}
	return w.Pools, h
}

// A lease for a read that anybody may do, settled with a 304.
func BenchmarkLease(b *testing.B) {
	for _, n := range []int{4, 10, 100, 500} {
		want := Want{GitHub: "github.com", Pool: "default", Resource: "core", Owner: "acme"}
		once := func(b *testing.B, p *Pools, h http.Header, want Want) {
			l, err := p.Lease(b.Context(), want)
			if err != nil {
				b.Fatal(err)
			}
			l.Settle(http.StatusNotModified, h, nil)
		}
		b.Run(fmt.Sprint("credentials=", n), func(b *testing.B) {
			p, h := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				once(b, p, h, want)
			}
		})
		b.Run(fmt.Sprint("credentials=", n, "/preferred"), func(b *testing.B) {
			p, h := crowd(b, n)
			want := want
			want.Prefer = []string{"bot-1", "bot-3"}
			b.ReportAllocs()
			for b.Loop() {
				once(b, p, h, want)
			}
		})
		b.Run(fmt.Sprint("credentials=", n, "/goroutines=16"), func(b *testing.B) {
			p, h := crowd(b, n)
			b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					once(b, p, h, want)
				}
			})
		})
	}
}

// A lease for a write, which looks for the credential that its client belongs to.
func BenchmarkLeaseSteady(b *testing.B) {
	for _, n := range []int{4, 10, 100, 500} {
		b.Run(fmt.Sprint("credentials=", n), func(b *testing.B) {
			p, _ := crowd(b, n)
			want := Want{GitHub: "github.com", Pool: "default", Resource: "core", Owner: "acme", Steady: "ci"}
			b.ReportAllocs()
			for b.Loop() {
				l, err := p.Lease(b.Context(), want)
				if err != nil {
					b.Fatal(err)
				}
				l.Release()
			}
		})
	}
}

// What a client is told of its pool with each answer.
func BenchmarkBudget(b *testing.B) {
	for _, n := range []int{4, 10, 100, 500} {
		b.Run(fmt.Sprint("credentials=", n), func(b *testing.B) {
			p, _ := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				p.Budget(Want{GitHub: "github.com", Pool: "default", Resource: "core"})
			}
		})
	}
}
