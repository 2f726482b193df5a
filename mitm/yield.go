package mitm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// presence is what is on its way here or being answered, for who wants to leave without
// breaking anything off. net/http's Shutdown is not enough for that: it closes a connection
// whose first request it has just read, and one that speaks HTTP/2 before its first request
// and when its last answer is written and not yet sent.
type presence struct {
	listener  atomic.Pointer[net.Listener] // that is accepted from; nil before and after
	connects  atomic.Int64                 // CONNECTs that are being handled; that of a tunnel is as long as the tunnel lasts
	strangers atomic.Int64                 // intercepted connections before their first request
	requests  atomic.Int64
	leaving   atomic.Bool

	mu        sync.Mutex // guards newcomers
	newcomers map[net.Conn]bool
}

// accepting says what is accepted from, until done is called.
func (p *presence) accepting(l net.Listener) (done func()) {
	p.listener.Store(&l)
	return func() { p.listener.Store(nil) }
}

// state is told of every connection that was accepted. A newcomer is one until its first
// request was answered, or it is a CONNECT's, or gone.
func (p *presence) state(c net.Conn, s http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s {
	case http.StateNew:
		if p.newcomers == nil {
			p.newcomers = map[net.Conn]bool{}
		}
		p.newcomers[c] = true
	case http.StateIdle, http.StateHijacked, http.StateClosed:
		delete(p.newcomers, c)
	}
}

// connect counts the handling of a CONNECT until done is called.
func (p *presence) connect() (done func()) {
	p.connects.Add(1)
	return func() { p.connects.Add(-1) }
}

// inside counts a connection that is intercepted until known is called, which may be
// called again.
func (p *presence) inside() (known func()) {
	p.strangers.Add(1)
	return sync.OnceFunc(func() { p.strangers.Add(-1) })
}

// request counts a request until done is called. When octopool is about to leave, its answer
// is its connection's last.
func (p *presence) request(w http.ResponseWriter) (done func()) {
	p.requests.Add(1)
	if p.leaving.Load() {
		w.Header().Set("Connection", "close") // net/http makes a GOAWAY of it where it has to
	}
	return func() { p.requests.Add(-1) }
}

// anybody reports whether someone is here whom leaving would break off. tunnels are those
// that are open, of which it would not.
func (p *presence) anybody(tunnels *tunnels) bool {
	p.mu.Lock()
	newcomers := len(p.newcomers)
	p.mu.Unlock()
	return p.listener.Load() != nil || newcomers > 0 || p.connects.Load() > tunnels.count() || p.strangers.Load() > 0 || p.requests.Load() > 0
}

const (
	// presenceLook is how often it is looked whether anybody is here.
	presenceLook = 2 * time.Millisecond
	// sendTime is what an answer may take from its end to the network, other than by the
	// client's doing.
	sendTime = 30 * time.Millisecond
)

// leave takes no more connections, and returns when nobody is here or ctx is done.
func (p *presence) leave(ctx context.Context, tunnels *tunnels) {
	p.leaving.Store(true)
	if l := p.listener.Load(); l != nil {
		(*l).Close()
	}
	tick := time.NewTicker(presenceLook)
	defer tick.Stop()
	for p.anybody(tunnels) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	tick.Reset(sendTime)
	select {
	case <-tick.C:
	case <-ctx.Done():
	}
}

// Yield takes no more connections, and returns when nothing that needs the store is under
// way any more, or when ctx is done. Whoever was accepted is answered. What goes on
// afterwards, such as clones and tunnels, is for Shutdown to wait for.
func (p *Proxy) Yield(ctx context.Context) {
	p.presence.leave(ctx, &p.tunnels)
	p.outer.Shutdown(ctx)
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
