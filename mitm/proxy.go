// Package mitm owns the connections: it is the door that clients' CONNECTs come to, the
// server inside the tunnels it intercepts, and the pipe of those it does not. It turns
// errors into answers and says what happened.
//
// What is asked of GitHub, and whether from the store, is decided by mitm/exchange; who
// may ask for what by policy.
package mitm

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elazarl/goproxy"

	"octopool/ca"
	"octopool/mitm/admin/history"
	"octopool/mitm/audit"
	"octopool/mitm/exchange"
	"octopool/mitm/learning"
	"octopool/mitm/mint"
	"octopool/mitm/route"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// Config is what a proxy works with. All of it is required but for Upstream, Audit,
// TLS, Next, Self, Verifiers and Exchange's optional settings.
type Config struct {
	GitHubs   []GitHub
	Upstream  http.RoundTripper // to GitHubs and nothing else; nil for NewUpstream of them
	Authority *ca.Authority
	Pools     *pool.Pools
	Store     store.Store
	Log       *slog.Logger
	Audit     *audit.Log // nil for none
	UserAgent string
	Verifiers []Verifier  // of signed tokens, each of a kind of its own; may be none
	Mint      *mint.Mint  // one of them, too; nil where no tokens are minted
	TLS       *tls.Config // of the listener; nil for one in clear
	Next      NextProxy   // the zero one for none
	Self      []net.Addr  // where octopool listens: no tunnel leads there

	Rules // to begin with; see Proxy.Change
}

// A Proxy serves clients until it is shut down.
type Proxy struct {
	Config   // less its rules
	rules    atomic.Pointer[Rules]
	origins  map[string]policy.Origin
	exchange *exchange.Exchange
	upstream http.RoundTripper
	meters   *meters
	purses   pool.Purses
	routes   *route.Table
	history  *history.History
	memory   learning.Memory // of what clients do
	began    time.Time
	looking  sync.Mutex // at the counters, for the history

	outer     *http.Server // speaks to clients: CONNECT, plain requests, and a few paths of its own
	inner     *http.Server // speaks inside intercepted tunnels
	inside    *arrivals    // intercepted connections on their way to inner
	presence  presence     // who is here when octopool is to leave
	tunnels   tunnels      // pipes that are open
	visitors  crowd[netip.Addr]
	turned    crowd[netip.Addr] // visitors beyond a limit, who are told so
	pacer     pacer             // of CONNECTs
	documents crowd[string]     // that are being read, by client
	doorman   *goproxy.ProxyHttpServer
	forwarder *httputil.ReverseProxy // of plain requests
}

// Deadlines of what a client controls. There is no limit on how long a request or an
// answer may take while bytes come: pushes and clones are long.
const (
	headerTimeout = 10 * time.Second // to send a request's header, and for a TLS handshake
	innerIdle     = 90 * time.Second // between requests of one connection
	stallTimeout  = 10 * time.Minute // for the next bytes of a body, sent or taken; git packs in silence
	documentTime  = time.Minute      // for all of a document that is read before it is passed on
	maxHeader     = 64 << 10         // bytes; installation tokens alone have over 500
	hardHeader    = 2 * maxHeader    // what is even read of one, so that it can be refused in our words
	maxStreams    = 250              // of one connection in HTTP/2, at once
)

// New returns a proxy that is not yet serving.
func New(c Config) *Proxy {
	p := &Proxy{
		Config:   c,
		origins:  map[string]policy.Origin{},
		upstream: c.Upstream,
		meters:   newMeters(),
		routes:   route.New(),
		history:  history.New(time.Now().UTC()),
		inside:   newArrivals(),
		began:    time.Now().UTC(),
	}
	p.Log = slog.New(brief{c.Log.Handler(), func() { p.meters.limited(limitLog) }})
	if p.upstream == nil {
		p.upstream = NewUpstream(c.GitHubs, c.Next)
	}
	for _, g := range c.GitHubs {
		for _, o := range g.Origins() {
			p.origins[o.Host] = o
		}
	}
	p.openMint()
	c.Pools.Watch(p.meters.asked)
	p.exchange = exchange.New(exchange.Config{
		Store: c.Store, Pools: c.Pools, Upstream: p.upstream, Log: p.Log,
		UserAgent: c.UserAgent, Tuning: c.Tuning, Sent: p.meters.sent,
	})
	c.Rules.Egress.own = p.isOwn
	p.rules.Store(&c.Rules)
	p.Config.Rules = Rules{} // they would be those of the beginning, whatever they are by now
	p.doorman, p.forwarder = p.newDoorman(), p.newForwarder()
	serverLog := slog.NewLogLogger(p.Log.Handler(), slog.LevelWarn)
	server := func(listener string, handler http.HandlerFunc) *http.Server {
		return &http.Server{
			Handler:           p.bounded(handler),
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       innerIdle,
			MaxHeaderBytes:    hardHeader,
			ErrorLog:          serverLog,
			ConnState:         p.watchVisitors(listener),
			HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, CountError: p.meters.badStream},

			DisableGeneralOptionsHandler: true, // OPTIONS * is for the handler to refuse, as all else
		}
	}
	p.outer = server("proxy", p.door)
	p.outer.ConnContext = withVisitor
	p.inner = server("intercepted", p.serve)
	counted := p.outer.ConnState
	p.outer.ConnState = func(c net.Conn, s http.ConnState) {
		counted(c, s)
		p.presence.state(c, s)
	}
	p.inner.ConnContext = intoContext
	p.inner.TLSConfig = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // makes Serve speak h2; the certificates are each connection's own
	return p
}

// Serve answers clients that come to l, which is without TLS, until Shutdown. It returns nil
// then.
func (p *Proxy) Serve(l net.Listener) error {
	inner := make(chan error, 1)
	go func() { inner <- p.inner.Serve(p.inside) }()
	l = p.entrance(l)
	done := p.presence.accepting(l)
	err := p.outer.Serve(l)
	done()
	if p.presence.leaving.Load() {
		err = http.ErrServerClosed // it was the listener that was closed
	}
	if !errors.Is(err, http.ErrServerClosed) {
		p.inside.Close()
		return errors.Join(err, <-inner)
	}
	if err := <-inner; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
