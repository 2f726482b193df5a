package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// What octopool must keep to where GitHub is asked each time.
const (
	leastOfTheReverseProxy = 0.60
	mostAddedP99           = 2 * time.Millisecond
)

// proxiedFlags are what runProxied can be told.
type proxiedFlags struct {
	clients, rounds, rate int
	lasts, upstream       time.Duration
}

// runProxied compares answers for which GitHub is asked with what a bare reverse proxy
// makes of the same requests: answers that GitHub vouches for, and answers that are new each
// time and are stored. Then it sends a steady rate of requests to a GitHub that takes its
// time, and compares the slowest hundredth with GitHub's own.
func runProxied(ctx context.Context, e environment, args []string) error {
	var f proxiedFlags
	flags := flag.NewFlagSet("proxied", flag.ContinueOnError)
	flags.IntVar(&f.clients, "clients", 64, "connections")
	flags.IntVar(&f.rounds, "rounds", 5, "of which the median counts")
	flags.IntVar(&f.rate, "rate", 2000, "requests a second, of the steady part")
	flags.DurationVar(&f.lasts, "turn", 2*time.Second, "how long each is measured in each round")
	flags.DurationVar(&f.upstream, "upstream", 50*time.Millisecond, "how long GitHub takes, in the steady part")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if f.clients < 1 || f.rounds < 1 || f.lasts <= 0 || f.clients > 1000 || f.rounds > 100 || f.lasts > time.Minute || f.rate < 1 || f.rate > 20000 || f.upstream < 0 || f.upstream > time.Second {
		return usage(e, "that is nothing to measure, or too much")
	}
	w, err := startWithin(map[string]any{}, 4)
	if err != nil {
		return err
	}
	defer w.stop()
	const size = 5 << 10
	fmt.Fprintf(e.stdout, "proxied: %d connections, %d KB, %d rounds of %v each\n\n", f.clients, size>>10, f.rounds, f.lasts)
	fmt.Fprintf(e.stdout, "%-14s%17s%13s%8s  %s\n", "", "reverse proxy/s", "octopool/s", "ratio", "lowest and highest")
	missed := false
	for _, one := range []struct {
		name, about string
		intercept   func(http.ResponseWriter, *http.Request) bool
	}{
		{"revalidated", "revalidated hit", plainly},
		{"fetched", "miss that is stored", w.news(size)},
	} {
		w.github.Intercept(one.intercept)
		var proxies, ours, ratios []float64
		err := w.besideReverseProxy(ctx, f, size, func(bare, octopool load) {
			proxies, ours = append(proxies, bare.perSecond()), append(ours, octopool.perSecond())
			ratios = append(ratios, octopool.perSecond()/bare.perSecond())
		})
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		fmt.Fprintf(e.stdout, "%-14s%17.0f%13.0f%7.0f%%  %.0f%% to %.0f%%\n", one.name, median(proxies), median(ours), 100*median(ratios), 100*slices.Min(ratios), 100*slices.Max(ratios))
		if one.name == "revalidated" {
			missed = e.atLeast(one.about+", 5 KB", "bare reverse proxy, requests/s", median(ratios), leastOfTheReverseProxy) || missed
		} else {
			e.took(figure{one.about + ", 5 KB", "bare reverse proxy, requests/s", fmt.Sprintf("%.0f %%", 100*median(ratios)), "", false})
		}
	}
	added, err := w.steadily(ctx, e, f, size)
	if err != nil {
		return err
	}
	missed = e.within(fmt.Sprintf("revalidated hit at %d/s, p99 added", f.rate), fmt.Sprintf("GitHub's own p99, %v", f.upstream), added, mostAddedP99) || missed
	if missed {
		return fmt.Errorf("%w: at least %.0f%%, and at most %v", errMissed, 100*leastOfTheReverseProxy, mostAddedP99)
	}
	return nil
}

// besideReverseProxy measures both in turns.
func (w *within) besideReverseProxy(ctx context.Context, f proxiedFlags, size int, each func(bare, octopool load)) error {
	paths := w.furnish(f.clients, size)
	header := []string{"Accept: application/vnd.github+json", "Authorization: Bearer " + clientToken, "Accept-Encoding: identity"}
	ours, err := w.clients(w.proxy, http1, paths, header...)
	if err != nil {
		return err
	}
	defer hangUp(ours)
	if _, err := once(ours); err != nil {
		return err
	}
	door, err := newBareDoor(w.authority.TLSConfig(apiHost), w.reverseProxy(f.clients))
	if err != nil {
		return err
	}
	defer door.stop()
	bare, err := w.clients(door.proxy(), http1, paths, header...)
	if err != nil {
		return err
	}
	defer hangUp(bare)
	for range f.rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := drive(bare, 0, f.lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("reverse proxy: %w", err)
		}
		o, err := drive(ours, 0, f.lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("octopool: %w", err)
		}
		w.github.ResetSeen()
		each(b, o)
	}
	return nil
}

// reverseProxy is all that it takes to ask GitHub with another token.
func (w *within) reverseProxy(connections int) http.Handler {
	const token = "ghp_bench_reverse_proxy"
	w.github.AddUser("reverse-proxy", token)
	w.github.SetBudget("reverse-proxy", "core", 1<<30, 0, time.Now().Add(time.Hour))
	transport := w.github.Client().Transport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "https", Host: apiHost})
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}}
}

// news gives another answer each time, of so many bytes.
func (w *within) news(size int) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	n := 0
	return func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		n++
		w.github.Set(r.URL.Path, fmt.Sprintf("[%*d]", size-2, n))
		mu.Unlock()
		return plainly(rw, r)
	}
}

// steadily sends a rate of requests, to GitHub itself and through octopool in turns, and
// returns how much longer the slowest hundredth of octopool's takes.
func (w *within) steadily(ctx context.Context, e environment, f proxiedFlags, size int) (added time.Duration, err error) {
	w.github.Intercept(plainly)
	// So many that one is free when the next request is due, though some take long.
	n := max(f.clients, int(3*f.upstream.Seconds()*float64(f.rate)))
	paths := w.furnish(n, size)
	const accept = "Accept: application/vnd.github+json"
	ours, err := w.clients(w.proxy, http1, paths, accept, "Authorization: Bearer "+clientToken)
	if err != nil {
		return 0, err
	}
	defer hangUp(ours)
	if _, err := once(ours); err != nil {
		return 0, err
	}
	direct, _, err := w.alone(paths, accept)
	if err != nil {
		return 0, err
	}
	defer hangUp(direct)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		time.Sleep(f.upstream)
		return plainly(rw, r)
	})
	var alone, with, more []time.Duration
	for round := range f.rounds + 1 {
		g, err := paced(ctx, direct, f.rate, f.lasts, http.StatusNotModified)
		if err != nil {
			return 0, fmt.Errorf("GitHub: %w", err)
		}
		o, err := paced(ctx, ours, f.rate, f.lasts, http.StatusOK)
		if err != nil {
			return 0, fmt.Errorf("octopool: %w", err)
		}
		w.github.ResetSeen()
		if round == 0 {
			continue // of which nobody is warm
		}
		alone, with, more = append(alone, g.p99()), append(with, o.p99()), append(more, o.p99()-g.p99())
	}
	us := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	fmt.Fprintf(e.stdout, "\nat %d requests a second, GitHub takes %v: p99 %v, octopool's %v, added %v (%v to %v)\n",
		f.rate, f.upstream, us(median(alone)), us(median(with)), us(median(more)), us(slices.Min(more)), us(slices.Max(more)))
	return median(more), nil
}

// paced lets wires ask in turn, so many times a second together. What one takes counts from
// when it was due: who is late because the last answer was is as late as that.
func paced(ctx context.Context, wires []wire, rate int, lasts time.Duration, status int) (load, error) {
	var all sync.WaitGroup
	errs, each := make([]error, len(wires)), make([][]time.Duration, len(wires))
	gap := time.Second / time.Duration(rate)
	begin := time.Now()
	for i, one := range wires {
		all.Go(func() {
			for due := begin.Add(gap * time.Duration(i)); due.Sub(begin) < lasts && ctx.Err() == nil; due = due.Add(gap * time.Duration(len(wires))) {
				time.Sleep(time.Until(due))
				s, _, err := one.ask()
				if err == nil && s != status {
					err = fmt.Errorf("answered %d, want %d", s, status)
				}
				if err != nil {
					errs[i] = err
					return
				}
				each[i] = append(each[i], time.Since(due))
			}
		})
	}
	all.Wait()
	l := load{took: time.Since(begin), each: slices.Concat(each...)}
	l.requests = len(l.each)
	slices.Sort(l.each)
	if l.requests == 0 {
		return l, errors.Join(append(errs, ctx.Err(), errors.New("nothing was asked"))...)
	}
	return l, errors.Join(append(errs, ctx.Err())...)
}
