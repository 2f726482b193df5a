package e2e

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// A gate is where a session stops time at GitHub: requests can be held there, before
// their answer or in the middle of it, until the session has done what it wants to do
// meanwhile.
type gate struct {
	mu       sync.Mutex    // guards everything below
	changed  chan struct{} // closed, and replaced, when something has
	hold     string        // HOST/PATH of requests that wait
	half     int           // so much of the answer is sent before waiting, and so much after; 0 for nothing
	held     int           // requests that have been
	open     chan struct{} // closed when they may go on
	received map[string]int64
	left     int    // so many requests, then
	last     func() // this is done in the midst of one
}

func newGate() *gate {
	return &gate{changed: make(chan struct{}), received: map[string]int64{}}
}

// change is for everything that somebody may be waiting for.
func (g *gate) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.changed)
	g.changed = make(chan struct{})
}

// until returns when what is true.
func (g *gate) until(ctx context.Context, what func() bool) error {
	for {
		g.mu.Lock()
		done, changed := what(), g.changed
		g.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close makes requests for HOST/PATH wait. If half is not 0 they are not answered by
// GitHub but with twice as many bytes, of which the first half is sent before the wait.
func (g *gate) close(target string, half int) {
	g.change(func() { g.hold, g.half, g.held, g.open = target, half, 0, make(chan struct{}) })
}

// letGo ends the wait, for those that come later too.
func (g *gate) letGo() {
	g.change(func() {
		if g.hold != "" {
			g.hold = ""
			close(g.open)
		}
	})
}

// after does something in the midst of the nth request from now on.
func (g *gate) after(n int, what func()) { g.change(func() { g.left, g.last = n, what }) }

// intercept is for [githubtest.Server.Intercept].
func (g *gate) intercept(w http.ResponseWriter, r *http.Request) bool {
	target := r.Host + r.URL.Path
	r.Body = &counted{r.Body, g, target}
	var open chan struct{}
	var half int
	var last func()
	g.change(func() {
		if g.hold == target {
			open, half = g.open, g.half
			g.held++
		}
		if isPools(r.Header) {
			return
		}
		if g.left--; g.left == 0 {
			last = g.last
		}
	})
	if last != nil {
		last()
	}
	if open == nil {
		return false
	}
	part := make([]byte, half)
	if half > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(2*half))
		w.Write(part)
		http.NewResponseController(w).Flush()
	}
	select {
	case <-open:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	if half > 0 {
		w.Write(part)
	}
	return half > 0
}

// counted tells the gate what has come of a body.
type counted struct {
	io.ReadCloser
	g      *gate
	target string
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.g.change(func() { c.g.received[c.target] += int64(n) })
	return n, err
}
