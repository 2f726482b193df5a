package exchange_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"

	"octopool/mitm/githubtest"
)

// A gate stands before GitHub. It holds some requests back, or their answers, until the
// world has changed and others have asked meanwhile, which is when mistakes show; and
// it breaks some.
type gate struct {
	github  *githubtest.Server
	faults  bool
	outside bool

	mu      sync.Mutex // guards what follows
	moved   *sync.Cond // something below has changed
	random  *rand.Rand
	clients int // that are not done
	inside  int // of them, who wait for an answer
	begun   int // requests so far
	changes int
	held    int
	quiet   bool // nothing is held any more
	over    bool // all clients are done
	news    bool // for who makes changes: an answer came, or something is held
	leaving []context.CancelFunc

	played, heldEver int
}

func newGate(github *githubtest.Server, clients int, random *rand.Rand) *gate {
	g := &gate{github: github, clients: clients, random: random}
	g.moved = sync.NewCond(&g.mu)
	return g
}

// A fate is what becomes of one request.
type fate int

const (
	spared      fate = iota
	heldBefore       // it comes late
	heldAfter        // its answer comes late
	reset            // it never arrives
	lost             // it arrives, and its answer does not
	truncated        // half of its answer does
	gatewayFail      // something before GitHub answers instead
)

const brokenGateway = "<html><body><h1>502 Bad Gateway</h1></body></html>"

// draw decides. What writes is never held: it has the world for itself.
func (g *gate) draw(r *http.Request) fate {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.random.IntN(100)
	reads := r.Method == http.MethodGet
	switch {
	case reads && n < 25:
		return heldAfter
	case reads && n < 35:
		return heldBefore
	case !g.faults || n < 84:
		return spared
	}
	g.played++
	return []fate{reset, lost, truncated, gatewayFail}[n%4]
}

// intercept is what the server does with a request first.
func (g *gate) intercept(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get(pastTheGate) != "" {
		return false
	}
	switch g.draw(r) {
	case heldBefore:
		g.hold(r.Context())
	case heldAfter:
		answer := g.inner(r)
		g.hold(r.Context())
		pass(w, answer, answer.Body.Len())
		return true
	case reset:
		panic(http.ErrAbortHandler)
	case lost:
		g.inner(r)
		panic(http.ErrAbortHandler)
	case truncated:
		answer := g.inner(r)
		pass(w, answer, answer.Body.Len()/2)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case gatewayFail:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		w.Write([]byte(brokenGateway))
		return true
	}
	return false
}

// inner is what GitHub answers now.
func (g *gate) inner(r *http.Request) *httptest.ResponseRecorder {
	r = r.Clone(r.Context())
	r.Header.Set(pastTheGate, "yes")
	answer := httptest.NewRecorder()
	g.github.ServeHTTP(answer, r)
	return answer
}

func pass(w http.ResponseWriter, answer *httptest.ResponseRecorder, bytes int) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:bytes])
}

// hold waits for a change and for others that ask after it, or until nobody is left who
// could.
func (g *gate) hold(ctx context.Context) {
	left := context.AfterFunc(ctx, g.moved.Broadcast)
	defer left()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.quiet {
		return
	}
	g.held++
	g.heldEver++
	g.news = true
	g.moved.Broadcast()
	before, others := g.changes, 1+g.random.IntN(4)
	for g.changes == before && !g.quiet && ctx.Err() == nil && (g.outside || g.inside < g.clients) {
		g.moved.Wait()
	}
	for since := g.begun; g.begun < since+others && g.inside < g.clients && !g.quiet && ctx.Err() == nil; {
		g.moved.Wait()
	}
	g.held--
}

// update changes the state and tells everybody.
func (g *gate) update(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.moved.Broadcast()
}

// enter counts a client in. Those who are impatient leave when the next one comes.
func (g *gate) enter() {
	g.update(func() {
		g.inside++
		g.begun++
	})
}

// answered counts a client out.
func (g *gate) answered() {
	g.update(func() {
		g.inside--
		g.news = true
		for _, cancel := range g.leaving {
			cancel()
		}
		g.leaving = nil
	})
}

// leaver is a client that does not wait longer than until another has its answer.
func (g *gate) leaver(cancel context.CancelFunc) {
	g.update(func() { g.leaving = append(g.leaving, cancel) })
}

func (g *gate) leave()       { g.update(func() { g.clients-- }) }
func (g *gate) changed()     { g.update(func() { g.changes++ }) }
func (g *gate) end()         { g.update(func() { g.over = true }) }
func (g *gate) stopHolding() { g.update(func() { g.quiet = g.outside }) }

// wait is until there is a reason for a change. It is false when there will be none.
func (g *gate) wait() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.over && !g.news {
		g.moved.Wait()
	}
	g.news = false
	return !g.over
}
