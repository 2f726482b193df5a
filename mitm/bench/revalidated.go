package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mostAdded is what a revalidated answer may add to GitHub's own time, in the middle.
const mostAdded = 150 * time.Microsecond

// runRevalidated compares answers for which GitHub has to vouch with GitHub's own 304,
// in turns. GitHub takes its time, as it does: clients that ask a server which answers at
// once measure who gets the processor.
//
// A bare door that asks GitHub as well shows what of it all is another connection, and
// the machine's.
func runRevalidated(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("revalidated", flag.ContinueOnError)
	clients := flags.Int("clients", 64, "connections")
	rounds := flags.Int("rounds", 5, "of which the median counts")
	lasts := flags.Duration("turn", 3*time.Second, "how long each is measured in each round")
	upstream := flags.Duration("upstream", 200*time.Millisecond, "how long GitHub takes")
	backend := flags.String("backend", "badger", "of the cache")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *clients < 1 || *rounds < 1 || *lasts <= 0 || *upstream < 0 || *clients > 1000 || *rounds > 100 || *lasts > time.Minute || *upstream > *lasts {
		return usage(e, "that is nothing to measure, or too much")
	}
	// GitHub lets a user ask 15 times a second, and octopool keeps to it: who asks five times
	// has a credential.
	w, err := startWithin(map[string]any{"backend": *backend}, *clients)
	if err != nil {
		return err
	}
	defer w.stop()
	fmt.Fprintf(e.stdout, "revalidated: %d clients, %s, GitHub takes %v, %d rounds of %v each\n\n", *clients, *backend, *upstream, *rounds, *lasts)
	fmt.Fprintf(e.stdout, "%8s%14s%15s%12s%12s  %s\n", "bytes", "GitHub's p50", "octopool's p50", "added", "bare door's", "lowest and highest added")
	missed := false
	for _, size := range []int{5 << 10, 16 << 10, 200 << 10} {
		var alone, with, added, bare []time.Duration
		err := w.add(ctx, size, *clients, *rounds, *upstream, *lasts, func(github, door, octopool time.Duration) {
			alone, with = append(alone, github), append(with, octopool)
			added, bare = append(added, octopool-github), append(bare, door-github)
		})
		if err != nil {
			return err
		}
		us := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
		fmt.Fprintf(e.stdout, "%8d%14v%15v%12v%12v  %v to %v\n", size, us(median(alone)), us(median(with)), us(median(added)), us(median(bare)), us(slices.Min(added)), us(slices.Max(added)))
		missed = e.within(fmt.Sprintf("revalidated hit of %d KB, p50 added", size>>10), fmt.Sprintf("GitHub's own p50; a bare door adds %v", us(median(bare))), median(added), mostAdded) || missed
	}
	if missed {
		return fmt.Errorf("%w: at most %v", errMissed, mostAdded)
	}
	return nil
}

// add measures in turns, in the middle of each: what a client that has the answer is told
// by GitHub itself, and what one that has nothing is sent by a bare door and by octopool.
func (w *within) add(ctx context.Context, size, clients, rounds int, upstream, lasts time.Duration, each func(github, door, octopool time.Duration)) error {
	w.github.Intercept(plainly)
	paths := w.furnish(clients, size)
	const accept = "Accept: application/vnd.github+json"
	ours, err := w.clients(w.proxy, http1, paths, accept, "Authorization: Bearer "+clientToken)
	if err != nil {
		return err
	}
	defer hangUp(ours)
	if _, err := once(ours); err != nil {
		return err
	}
	direct, tags, err := w.alone(paths, accept)
	if err != nil {
		return err
	}
	defer hangUp(direct)
	example, body, err := w.example(paths[0], "Accept-Encoding: identity")
	if err != nil {
		return err
	}
	door, err := newBareDoor(w.authority.TLSConfig(apiHost), w.asking(aloneToken, tags, example, body))
	if err != nil {
		return err
	}
	defer door.stop()
	bare, err := w.clients(door.proxy(), http1, paths, accept, "Authorization: Bearer "+clientToken)
	if err != nil {
		return err
	}
	defer hangUp(bare)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		time.Sleep(upstream)
		return plainly(rw, r)
	})
	for range rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		g, err := drive(direct, upstream, lasts, http.StatusNotModified)
		if err != nil {
			return fmt.Errorf("GitHub: %w", err)
		}
		d, err := drive(bare, upstream, lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("bare door: %w", err)
		}
		w.github.ResetSeen()
		o, err := drive(ours, upstream, lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("octopool: %w", err)
		}
		for _, seen := range w.github.Seen() {
			if seen.Status != http.StatusNotModified && !strings.HasSuffix(seen.Header.Get("User-Agent"), "(pool)") { // which asks whose its tokens are
				return fmt.Errorf("GitHub answered %s", seen)
			}
		}
		w.github.ResetSeen()
		each(g.median(), d.median(), o.median())
	}
	return nil
}

const aloneToken = "ghp_bench_alone"

// alone are clients of GitHub itself that have the answers. tags are those answers'
// validators, by path.
func (w *within) alone(paths []string, accept string) (direct []wire, tags map[string]string, err error) {
	w.github.AddUser("alone", aloneToken)
	w.github.SetBudget("alone", "core", 1<<30, 0, time.Now().Add(time.Hour))
	if direct, err = w.clients("", http1, paths, accept); err != nil {
		return nil, nil, err
	}
	tags = map[string]string{}
	for i, one := range direct {
		tag, err := w.tag(paths[i], aloneToken)
		if err != nil {
			hangUp(direct)
			return nil, nil, err
		}
		tags[paths[i]] = tag
		one.will(apiHost, paths[i], accept, "Authorization: Bearer "+aloneToken, "If-None-Match: "+tag)
	}
	return direct, tags, nil
}

// asking answers with what it has, once GitHub has said that it has not changed.
func (w *within) asking(token string, tags map[string]string, header http.Header, body []byte) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		in, err := http.NewRequestWithContext(r.Context(), http.MethodGet, gitHubAPI+r.URL.Path, nil)
		if err != nil {
			panic(err)
		}
		in.Header = bearer(token)
		in.Header.Set("Accept", r.Header.Get("Accept"))
		in.Header.Set("If-None-Match", tags[r.URL.Path])
		resp, err := w.github.Client().Transport.RoundTrip(in)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotModified {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		maps.Copy(rw.Header(), header)
		rw.Write(body)
	})
}

// tag is GitHub's validator.
func (w *within) tag(path, token string) (string, error) {
	in, err := http.NewRequest(http.MethodGet, gitHubAPI+path, nil)
	if err != nil {
		return "", err
	}
	in.Header = bearer(token)
	in.Header.Set("Accept", "application/vnd.github+json")
	resp, err := w.github.Client().Do(in)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("Etag"), err
}

// throughProxy is a usual client's way.
func throughProxy(w *within) *http.Transport {
	return newTransport(flavour{}, http.ProxyURL(&url.URL{Scheme: "http", Host: w.proxy}), w.roots)
}
