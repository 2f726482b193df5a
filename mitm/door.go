package mitm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/elazarl/goproxy"
)

// newDoorman returns the forward proxy that reads CONNECTs and hands every connection
// over: to the inner server, to a tunnel, or back with a refusal. Its own interception,
// transport, certificates and environment proxy are never used.
func (p *Proxy) newDoorman() *goproxy.ProxyHttpServer {
	d := goproxy.NewProxyHttpServer()
	d.Logger = log.New(io.Discard, "", 0)
	d.Tr = &http.Transport{}
	d.ConnectDial = nil
	d.ConnectDialWithReq = func(*http.Request, string, string) (net.Conn, error) {
		return nil, errors.New("tunnels are dialled elsewhere")
	}
	d.OnRequest().HandleConnectFunc(p.connect)
	return d
}

// door is what comes in at the proxy listener.
func (p *Proxy) door(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		defer p.presence.connect()()
		p.doorman.ServeHTTP(keeper{w}, r)
	case r.URL.IsAbs():
		p.plain(w, r)
	case r.URL.Path == mintPath && p.Mint != nil:
		p.mint(w, r)
	case strings.HasPrefix(r.URL.Path, "/-/"):
		p.own(w, r)
	default:
		p.respond(w, r, p.atBase)
	}
}

// connect decides about a CONNECT: intercept, tunnel or refuse. It reads the target as
// the client wrote it: the doorman's reading of it has lost what stood before an @.
func (p *Proxy) connect(host string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
	named, err := p.admit(ctx.Req)
	if err != nil {
		return p.turnAway(ctx, err), host
	}
	t, err := parseTarget(ctx.Req.RequestURI)
	if err != nil {
		return p.turnAway(ctx, err), host
	}
	if origin, ok := p.origins[t.host]; ok {
		if t.port != 443 {
			return p.turnAway(ctx, &Forbidden{fmt.Sprintf("%s is intercepted on port 443 only", t.host)}), host
		}
		return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: func(_ *http.Request, client net.Conn, _ *goproxy.ProxyCtx) {
			p.intercept(client, origin, named, labelled(ctx.Req))
		}}, host
	}
	egress := p.rules.Load().Egress
	if err := egress.check(t); err != nil {
		return p.turnAway(ctx, err), host
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: func(r *http.Request, client net.Conn, _ *goproxy.ProxyCtx) {
		p.tunnel(r.Context(), client, t, egress)
	}}, host
}

// turnAway refuses a CONNECT with a text that says why.
func (p *Proxy) turnAway(ctx *goproxy.ProxyCtx, err error) *goproxy.ConnectAction {
	p.turnedAway(http.MethodConnect, ctx.Req.URL.Host, err)
	p.Log.Warn("refused a tunnel", "target", ctx.Req.URL.Host, "err", err)
	ctx.Resp = connectRefusal(ctx.Req, err)
	return &goproxy.ConnectAction{Action: goproxy.ConnectReject}
}

// own serves the few paths of the proxy listener itself.
func (p *Proxy) own(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "octopool: this is for reading only", http.StatusMethodNotAllowed)
	case r.URL.Path == "/-/ca.pem":
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(p.Authority.RootPEM())
	case r.URL.Path == "/-/healthz":
		io.WriteString(w, "octopool\n")
	default:
		http.NotFound(w, r)
	}
}

// keeper is a ResponseWriter whose Hijack keeps what the client sent right behind its
// CONNECT, such as a TLS hello in the same packet. The doorman would drop it.
type keeper struct{ http.ResponseWriter }

func (k keeper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(k.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil || len(early) == 0 {
		return conn, rw, err
	}
	return &earlyConn{Conn: conn, early: bytes.NewReader(bytes.Clone(early))}, rw, nil
}

// earlyConn is a connection of which some bytes were already read.
type earlyConn struct {
	net.Conn
	early *bytes.Reader
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if c.early.Len() > 0 {
		return c.early.Read(p)
	}
	return c.Conn.Read(p)
}

// CloseWrite half-closes the connection, as a tunnel does when one side has ended.
func (c *earlyConn) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn is the connection itself.
func (c *earlyConn) NetConn() net.Conn { return c.Conn }
