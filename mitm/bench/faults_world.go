package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// faultPaths is how many resources are asked for, and faultClients how many ask.
const (
	faultPaths   = 24
	faultClients = 6
)

// troubled is an octopool with clients, in a world where things break.
type troubled struct {
	*octopool
	truth  *truth
	clock  atomic.Int64 // how far GitHub's is ahead, nanoseconds
	github *githubtest.Server
	wire   *breaker // to GitHub
	redis  *breaker // to Redis; nil without
	server *redisServer
	names  *names // nil without
	admin  string // host:port
	more   int    // paths that were asked for besides

	phase atomic.Pointer[phase]
	stop  func()
}

// A phase is what became of requests for a while.
type phase struct {
	mu      sync.Mutex // guards what follows
	got     map[string]int
	wrong   []error
	longest time.Duration
	row     int // how many went well, one after the other, up to now
}

func (p *phase) note(took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got == nil {
		p.got = map[string]int{}
	}
	refused, isRefused := errors.AsType[errRefused](err)
	switch {
	case err == nil:
		p.got["200"]++
	case errors.Is(err, errWrong):
		p.wrong = append(p.wrong, err)
	case isRefused:
		p.got[fmt.Sprint(refused.status)]++
	default:
		p.got[broken]++
	}
	p.longest = max(p.longest, took)
	if p.row++; err != nil {
		p.row = 0
	}
}

// add counts what became of requests in another phase, which is over.
func (p *phase) add(other *phase) {
	other.mu.Lock()
	defer other.mu.Unlock()
	if p.got == nil {
		p.got = map[string]int{}
	}
	for kind, n := range other.got {
		p.got[kind] += n
	}
	p.wrong = append(p.wrong, other.wrong...)
	p.longest = max(p.longest, other.longest)
}

// broken is what a client got that got no answer, or not all of one.
const broken = "broken"

// text tells what clients got.
func (p *phase) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(p.got)) {
		out = append(out, fmt.Sprintf("%s ×%d", kind, p.got[kind]))
	}
	return cmp.Or(strings.Join(out, ", "), "nothing yet")
}

// kinds are the kinds of what clients got.
func (p *phase) kinds() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.got))
}

// newTroubled starts all of it, as a fault wants it.
func newTroubled(ctx context.Context, e environment, f fault) (w *troubled, err error) {
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return nil, err
	}
	w = &troubled{stop: func() {}}
	w.github = githubtest.New(githubtest.WithClock(func() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }))
	w.truth = newTruth(w.github, faultPaths)
	w.octopool = &octopool{
		program: e.octopool, dir: dir, github: w.github, clients: faultClients, credentials: newCredentials(w.github, 2, 1<<20),
		limits: f.limits, environ: f.environ,
	}
	defer func() {
		if err != nil {
			w.end()
			w = nil
		}
	}()
	if w.wire, err = newBreaker(w.github.Addr()); err != nil {
		return w, err
	}
	if w.admin, err = anAddr(); err != nil {
		return w, err
	}
	if f.redis {
		if w.server, err = startRedis(dir); err != nil {
			return w, err
		}
		if w.redis, err = newBreaker(w.server.addr); err != nil {
			return w, err
		}
	}
	if f.named {
		host, _, _ := net.SplitHostPort(w.wire.addr)
		if w.names, err = serveNames(dir, host); err != nil {
			return w, err
		}
	}
	if err := w.octopool.configure(); err != nil { // which writes tokens and GitHub's certificate
		return w, err
	}
	if err := os.WriteFile(filepath.Join(dir, "octopool.toml"), []byte(w.configuration(f)), 0o600); err != nil {
		return w, err
	}
	if err := w.launch(ctx); err != nil {
		return w, err
	}
	w.load(ctx)
	return w, nil
}

func (w *troubled) configuration(f fault) string {
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir = \"data\"\nproxy.listen = \"127.0.0.1:0\"\nadmin.listen = %q\npolicy.anonymous = \"reject\"\npool.max_wait = \"1s\"\n%s\n", w.admin, f.configuration)
	if w.redis != nil {
		fmt.Fprintf(&b, "cache = { backend = \"redis\", url = \"redis://%s\" }\n", w.redis.addr)
	}
	dial := w.wire.addr
	if f.named {
		_, port, _ := net.SplitHostPort(dial)
		dial = net.JoinHostPort("github.bench", port)
	}
	fmt.Fprintf(&b, "[[github]]\nhost = \"github.com\"\ndial = %q\nca_file = \"github.pem\"\n", dial)
	b.WriteString("limits = { in_flight = 0, points_per_minute = 0, graphql_points_per_minute = 0, creations_per_minute = 0, creations_per_hour = 0 }\n")
	for _, c := range w.credentials {
		fmt.Fprintf(&b, "[[credential]]\nname = %q\npat = \"file:%s.token\"\n", c.name, c.name)
	}
	for client := range w.clients {
		fmt.Fprintf(&b, "[[client]]\nname = \"job-%02d\"\ntoken_sha256 = %q\n", client, policy.DigestOf(fleetToken(client)))
	}
	return b.String()
}

// pace is how long a client rests between two requests.
const pace = 10 * time.Millisecond

// load has the clients ask, each one request after the other: half over HTTP/2, and half
// of them over a new connection now and then.
func (w *troubled) load(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	w.phase.Store(&phase{})
	var all sync.WaitGroup
	for client := range w.clients {
		all.Go(func() {
			t := w.transport(flavour{h2: client%2 == 0})
			defer t.CloseIdleConnections()
			c := &http.Client{Transport: t, Timeout: patience}
			for n := 0; wait(ctx, pace); n++ {
				if client%3 == 0 && n%8 == 0 {
					t.CloseIdleConnections()
				}
				if n%16 == client {
					w.truth.change(rand.IntN(faultPaths))
				}
				start := time.Now()
				err := w.truth.ask(context.WithoutCancel(ctx), c, w.token(client), rand.IntN(faultPaths))
				w.phase.Load().note(time.Since(start), err)
			}
		})
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
}

// begin begins a phase, and returns the one that ends.
func (w *troubled) begin() *phase { return w.phase.Swap(&phase{}) }

// well waits until so many requests went well one after the other, and returns how long
// that took.
func (w *troubled) well(ctx context.Context, row int) (time.Duration, error) {
	const most = 15 * time.Second
	for start := time.Now(); time.Since(start) < most; {
		p := w.phase.Load()
		p.mu.Lock()
		good := p.row >= row
		p.mu.Unlock()
		if good {
			return time.Since(start), nil
		}
		if !wait(ctx, 5*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	return most, fmt.Errorf("it is not well again after %v: %s", most, w.phase.Load().text())
}

// lost is how many points were paid for what GitHub had not changed.
func (w *troubled) lost() int {
	points, _ := spent(w.github, w.credentials)
	return max(0, points-faultPaths-w.more-w.truth.changes())
}

func (w *troubled) end() {
	w.stop()
	w.github.Intercept(nil)
	if w.wire != nil {
		w.wire.close()
	}
	if w.octopool != nil {
		w.octopool.stop()
	}
	if w.redis != nil {
		w.redis.close()
	}
	if w.server != nil {
		w.server.stop()
	}
	if w.names != nil {
		w.names.conn.Close()
	}
	w.github.Close()
	os.RemoveAll(w.dir)
}
