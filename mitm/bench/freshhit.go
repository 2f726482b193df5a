package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// leastOfTheDoor is the throughput that a fresh hit must have of the bare door's.
const leastOfTheDoor = 0.70

// runFreshHit compares stored answers that are served without asking GitHub with the
// same bytes from a bare door, in turns: how many there are in a second, and how much
// processor time each takes, the client's part included.
func runFreshHit(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("fresh-hit", flag.ContinueOnError)
	clients := flags.Int("clients", 64, "connections")
	rounds := flags.Int("rounds", 5, "of which the median counts")
	lasts := flags.Duration("turn", time.Second, "how long each is measured in each round")
	backend := flags.String("backend", "badger", "of the cache")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *clients < 1 || *rounds < 1 || *lasts <= 0 || *clients > 1000 || *rounds > 100 || *lasts > time.Minute {
		return usage(e, "that is nothing to measure, or too much")
	}
	w, err := startWithin(map[string]any{"fresh_for": "1h", "backend": *backend}, 1)
	if err != nil {
		return err
	}
	defer w.stop()
	fmt.Fprintf(e.stdout, "fresh-hit: %d connections, %s, %d rounds of %v each\n\n", *clients, *backend, *rounds, *lasts)
	fmt.Fprintf(e.stdout, "%8s  %-10s%-14s%13s%13s%8s  %-20s%11s%11s%8s\n",
		"bytes", "HTTP", "kept, taken", "bare door/s", "octopool/s", "ratio", "lowest and highest", "door's CPU", "octopool's", "ratio")
	missed := false
	for _, c := range hits() {
		w.github.Intercept(c.intercept)
		var ratios, doors, ours, doorsWork, ourWork, works []float64
		err := w.compare(ctx, c, *clients, *rounds, *lasts, func(bare, octopool load) {
			doors, ours = append(doors, bare.perSecond()), append(ours, octopool.perSecond())
			ratios = append(ratios, octopool.perSecond()/bare.perSecond())
			doorsWork, ourWork = append(doorsWork, bare.work()*1e6), append(ourWork, octopool.work()*1e6)
			works = append(works, bare.work()/octopool.work())
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "%8d  %-10s%-14s%13.0f%13.0f%7.0f%%  %-20s%8.0f µs%8.0f µs%7.0f%%\n", c.size, c.version, c.about, median(doors), median(ours), 100*median(ratios),
			fmt.Sprintf("%.0f%% to %.0f%%", 100*slices.Min(ratios), 100*slices.Max(ratios)), median(doorsWork), median(ourWork), 100*median(works))
		if c.target {
			missed = e.atLeast(fmt.Sprintf("fresh hit of %d KB, %s", c.size>>10, c.version), "bare door, requests/s", median(ratios), leastOfTheDoor) || missed
		}
	}
	if missed {
		return fmt.Errorf("%w: at least %.0f%%", errMissed, 100*leastOfTheDoor)
	}
	return nil
}

// A hit is one kind of stored answer.
type hit struct {
	size      int
	version   string // of HTTP
	about     string
	target    bool // leastOfTheDoor is for it
	header    string
	intercept func(http.ResponseWriter, *http.Request) bool
}

// hits are answers kept as they are taken, which have a target, and for comparison those
// that GitHub compresses: kept so, and passed on so or not.
func hits() []hit {
	var all []hit
	for _, version := range []string{http1, http2} {
		for _, size := range []int{5 << 10, 16 << 10, 100 << 10, 200 << 10} {
			all = append(all, hit{size, version, "plain, plain", true, "Accept-Encoding: identity", plainly})
		}
	}
	for _, size := range []int{16<<10 + 1, 200<<10 + 1} {
		all = append(all, hit{size, http1, "gzip, gzip", false, "Accept-Encoding: gzip", nil}, hit{size, http1, "gzip, plain", false, "Accept-Encoding: identity", nil})
	}
	return all
}

// compare measures both in turns, after each has answered everything once.
func (w *within) compare(ctx context.Context, c hit, clients, rounds int, lasts time.Duration, each func(bare, octopool load)) error {
	paths := w.furnish(clients, c.size)
	header := []string{"Accept: application/vnd.github+json", "Authorization: Bearer " + clientToken, c.header}
	ours, err := w.clients(w.proxy, c.version, paths, header...)
	if err != nil {
		return err
	}
	defer hangUp(ours)
	length, err := w.untilFresh(ctx, ours)
	if err != nil {
		return err
	}
	example, body, err := w.example(paths[len(paths)-1], c.header)
	if err != nil {
		return err
	}
	if len(body) != length {
		return fmt.Errorf("octopool answered with %d bytes, then with %d", length, len(body))
	}
	door, err := newBareDoor(w.authority.TLSConfig(apiHost), http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		maps.Copy(rw.Header(), example)
		rw.Write(body)
	}))
	if err != nil {
		return err
	}
	defer door.stop()
	bare, err := w.clients(door.proxy(), c.version, paths, header...)
	if err != nil {
		return err
	}
	defer hangUp(bare)
	w.github.ResetSeen()
	for range rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := drive(bare, 0, lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("bare door: %w", err)
		}
		o, err := drive(ours, 0, lasts, http.StatusOK)
		if err != nil {
			return fmt.Errorf("octopool: %w", err)
		}
		each(b, o)
	}
	if asked := len(w.github.Seen()); asked > 0 {
		return fmt.Errorf("GitHub was asked %d times: these were no fresh hits", asked)
	}
	return nil
}

// untilFresh asks until GitHub is not asked any more. Of what was confirmed in octopool's
// first second it cannot tell whether that was before a write of a former life.
func (w *within) untilFresh(ctx context.Context, wires []wire) (length int, err error) {
	for range 50 {
		w.github.ResetSeen()
		if length, err = once(wires); err != nil || len(w.github.Seen()) == 0 {
			return length, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("octopool asks GitHub every time")
}

// example is octopool's own answer, which the bare door gives too.
func (w *within) example(path, header string) (http.Header, []byte, error) {
	transport := throughProxy(w)
	defer transport.CloseIdleConnections()
	in, err := http.NewRequest(http.MethodGet, gitHubAPI+path, nil)
	if err != nil {
		return nil, nil, err
	}
	in.Header = bearer(clientToken)
	in.Header.Set("Accept", "application/vnd.github+json")
	name, value, _ := strings.Cut(header, ": ")
	in.Header.Set(name, value)
	resp, err := transport.RoundTrip(in)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.Header, body, err
}
