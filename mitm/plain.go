package mitm

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// newForwarder returns what sends plain requests on, http://HOST/, as forward proxies
// do: apt and curl still ask so. It resolves, judges and dials as tunnels do.
func (p *Proxy) newForwarder() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.RawQuery = r.In.URL.RawQuery // a proxy has no opinion about queries
		},
		Transport: &http.Transport{
			Proxy: p.Next.ofTransport(), // never the environment's: octopool itself may be in it
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				if !p.Next.IsZero() { // which addr is
					d := net.Dialer{Timeout: dialTimeout}
					return d.DialContext(ctx, "tcp", addr)
				}
				t, err := parseTarget(addr)
				if err != nil {
					return nil, err
				}
				return p.rules.Load().Egress.dial(ctx, t)
			},
			DisableCompression: true,
			IdleConnTimeout:    idleTimeout,
		},
		ErrorHandler: p.refusePlain,
		ErrorLog:     log.New(io.Discard, "", 0), // what broke off, its client has seen
	}
}

// plain answers a request in absolute form: never one to an intercepted host, since it
// would carry a token in clear.
func (p *Proxy) plain(w http.ResponseWriter, r *http.Request) {
	if err := p.checkPlain(r); err != nil {
		p.refusePlain(w, r, err)
		return
	}
	p.forwarder.ServeHTTP(w, r)
}

func (p *Proxy) checkPlain(r *http.Request) error {
	if _, err := p.admit(r); err != nil {
		return err
	}
	authority := r.URL.Host
	if r.URL.Port() == "" {
		authority = net.JoinHostPort(strings.Trim(authority, "[]"), "80")
	}
	t, err := parseTarget(authority)
	if err != nil {
		return err
	}
	if _, ok := p.origins[t.host]; ok || r.URL.Scheme != "http" {
		return &Forbidden{fmt.Sprintf("%s is reached by CONNECT only, so that no token travels in clear", t.host)}
	}
	egress := p.rules.Load().Egress
	if err := egress.check(t); err != nil || p.Next.IsZero() {
		return err
	}
	return egress.checkUnresolved(t)
}

func (p *Proxy) refusePlain(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is there to read it
	}
	p.turnedAway(r.Method, r.URL.Host, err)
	p.Log.Warn("refused a plain request", "target", r.URL.Host, "err", err)
	refused := refusalFor(err, time.Now())
	refused.write(w, r.Method, refused.body())
}
