package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// leastTunnels is how many new tunnels octopool must grant of a bare door's.
const leastTunnels = 0.90

// runDoor compares how many clients can come, be answered once and leave: TCP, CONNECT, TLS
// and one request that octopool answers without asking GitHub. It does so with whole
// handshakes and with those that a client's last tunnel shortens.
func runDoor(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("door", flag.ContinueOnError)
	clients := flags.Int("clients", 16, "how many come at a time")
	rounds := flags.Int("rounds", 5, "of which the median counts")
	lasts := flags.Duration("turn", 2*time.Second, "how long each is measured in each round")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *clients < 1 || *rounds < 1 || *lasts <= 0 || *clients > 200 || *rounds > 100 || *lasts > time.Minute {
		return usage(e, "that is nothing to measure, or too much")
	}
	w, err := startWithin(map[string]any{"fresh_for": "1h"}, 1)
	if err != nil {
		return err
	}
	defer w.stop()
	w.github.Intercept(plainly)
	a, err := w.arrivals(ctx, 5<<10)
	if err != nil {
		return err
	}
	defer a.door.stop()
	fmt.Fprintf(e.stdout, "door: %d clients at a time, %d rounds of %v each\n\n", *clients, *rounds, *lasts)
	fmt.Fprintf(e.stdout, "%-18s%13s%13s%8s  %s\n", "handshakes", "bare door/s", "octopool/s", "ratio", "lowest and highest")
	missed := false
	for _, resumed := range []bool{false, true} {
		var doors, ours, ratios []float64
		for range *rounds {
			bare, err := a.come(ctx, a.door.proxy(), *clients, *lasts, resumed)
			if err != nil {
				return fmt.Errorf("bare door: %w", err)
			}
			octopool, err := a.come(ctx, w.proxy, *clients, *lasts, resumed)
			if err != nil {
				return fmt.Errorf("octopool: %w", err)
			}
			doors, ours = append(doors, bare), append(ours, octopool)
			ratios = append(ratios, octopool/bare)
		}
		name := "whole"
		if resumed {
			name = "resumed"
		}
		fmt.Fprintf(e.stdout, "%-18s%13.0f%13.0f%7.0f%%  %.0f%% to %.0f%%\n", name, median(doors), median(ours), 100*median(ratios), 100*slices.Min(ratios), 100*slices.Max(ratios))
		missed = e.atLeast("new tunnels, handshakes "+name, "bare door, tunnels/s", median(ratios), leastTunnels) || missed
	}
	if missed {
		return fmt.Errorf("%w: at least %.0f%%", errMissed, 100*leastTunnels)
	}
	return nil
}

// arrivals are clients that come for one answer.
type arrivals struct {
	*within
	path   string
	header []string
	door   *bareDoor
}

// arrivals makes an answer of so many bytes one that octopool and a bare door have.
func (w *within) arrivals(ctx context.Context, size int) (*arrivals, error) {
	a := &arrivals{within: w, path: w.furnish(1, size)[0], header: []string{
		"Accept: application/vnd.github+json", "Authorization: Bearer " + clientToken, "Accept-Encoding: identity",
	}}
	ours, err := w.clients(w.proxy, http1, []string{a.path}, a.header...)
	if err != nil {
		return nil, err
	}
	defer hangUp(ours)
	if _, err := w.untilFresh(ctx, ours); err != nil {
		return nil, err
	}
	example, body, err := w.example(a.path, "Accept-Encoding: identity")
	if err != nil {
		return nil, err
	}
	a.door, err = newBareDoor(w.authority.TLSConfig(apiHost), http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		maps.Copy(rw.Header(), example)
		rw.Write(body)
	}))
	return a, err
}

// come lets clients come, each again as soon as it was answered, and returns how many were
// in a second.
func (a *arrivals) come(ctx context.Context, proxy string, clients int, lasts time.Duration, resumed bool) (perSecond float64, err error) {
	var all sync.WaitGroup
	errs, counts := make([]error, clients), make([]int, clients)
	begin := time.Now()
	for i := range clients {
		all.Go(func() {
			var sessions tls.ClientSessionCache
			if resumed {
				sessions = tls.NewLRUClientSessionCache(1)
			}
			for errs[i] == nil && time.Since(begin) < lasts && ctx.Err() == nil {
				errs[i] = a.visit(proxy, sessions)
				counts[i]++
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(begin).Seconds(), errors.Join(append(errs, ctx.Err())...)
}

// visit is one client's life.
func (a *arrivals) visit(proxy string, sessions tls.ClientSessionCache) error {
	client, err := dial(proxy, "", apiHost, http1, a.roots, sessions)
	if err != nil {
		return err
	}
	defer client.close()
	client.will(apiHost, a.path, a.header...)
	status, _, err := client.ask()
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("answered %d", status)
	}
	return err
}
