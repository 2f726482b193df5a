package mitm

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// arriving are the connections that have sent a CONNECT and are not yet where they go:
// inside, in a tunnel, or gone.
type arriving struct{ connects atomic.Int64 }

// connect counts the handling of a CONNECT until done is called. That of a tunnel lasts
// as long as the tunnel does.
func (a *arriving) connect() (done func()) {
	a.connects.Add(1)
	return func() { a.connects.Add(-1) }
}

// arriveLook is how often it is looked whether all have arrived, which takes no longer
// than it takes to write two lines.
const arriveLook = 2 * time.Millisecond

// wait returns when all have arrived or ctx is done. tunnels are those of them that are open.
func (a *arriving) wait(ctx context.Context, tunnels *tunnels) {
	tick := time.NewTicker(arriveLook)
	defer tick.Stop()
	for a.connects.Load() > tunnels.count() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Yield takes no more connections, and returns when nothing that needs the store is under
// way any more, or when ctx is done. Every connection that was accepted is answered. What
// goes on afterwards, such as clones and tunnels, is for Shutdown to wait for.
func (p *Proxy) Yield(ctx context.Context) {
	p.outer.Shutdown(ctx)
	p.arriving.wait(ctx, &p.tunnels) // before inner stops to take them in
	p.inner.Shutdown(ctx)
	stored := make(chan struct{})
	go func() {
		p.exchange.Wait() // what came last is still being stored
		close(stored)
	}()
	select {
	case <-stored:
	case <-ctx.Done():
	}
}

// Shutdown takes no more connections and lets requests in flight and open tunnels end,
// until ctx is done; then it cuts what is left and returns ctx's error.
func (p *Proxy) Shutdown(ctx context.Context) error {
	var all sync.WaitGroup
	var errs [3]error
	all.Go(func() { errs[0] = p.outer.Shutdown(ctx) })
	p.arriving.wait(ctx, &p.tunnels)
	all.Go(func() { errs[1] = p.inner.Shutdown(ctx) })
	all.Go(func() { errs[2] = p.tunnels.wait(ctx) })
	all.Wait()
	p.inside.Close()
	p.outer.Close()
	p.inner.Close()
	p.tunnels.cut()
	p.exchange.Wait() // what came last is still being stored
	for _, t := range []http.RoundTripper{p.upstream, p.forwarder.Transport} {
		if c, ok := t.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
	return errors.Join(errs[:]...)
}
