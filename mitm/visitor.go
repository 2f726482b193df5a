package mitm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A visitor is a connection that a client has opened to the proxy listener, whatever is
// spoken in it by now. It is counted from Accept to Close.
type visitor struct {
	net.Conn
	from    netip.Addr // as limits go by it
	turned  error      // why it is told to come again; nil for one that is let in
	release func()     // once

	requests atomic.Int64 // that came in it
	unserved atomic.Int64 // bytes that came since one was last begun or ended
	serving  atomic.Bool  // one was begun since the server last began to read
	late     atomic.Bool  // what was last waited for did not come
	state    atomic.Int32 // a http.ConnState, of the server that it is with
}

// Read notes what the server that reads does not tell: how much came, and whether its
// patience ended.
func (v *visitor) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	v.unserved.Add(int64(n))
	v.late.Store(errors.Is(err, os.ErrDeadlineExceeded))
	return n, err
}

// Close ends the connection, and its being counted.
func (v *visitor) Close() error {
	v.release()
	return v.Conn.Close()
}

// CloseWrite half-closes the connection, as a tunnel does when one side has ended.
func (v *visitor) CloseWrite() error { return closeWrite(v.Conn) }

// NetConn is the connection itself.
func (v *visitor) NetConn() net.Conn { return v.Conn }

func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// visitorOf is the visitor below a connection: below TLS and what was read early; nil
// where there is none.
func visitorOf(c net.Conn) *visitor {
	for {
		if v, ok := c.(*visitor); ok {
			return v
		}
		outer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = outer.NetConn()
	}
}

// entrance is a listener that counts visitors. One too many is let in only to be told so,
// with its connection closed behind that; and of those there are a few at a time.
type entrance struct {
	net.Listener
	proxy *Proxy
}

// entrance is how visitors come in at l.
func (p *Proxy) entrance(l net.Listener) net.Listener {
	l = entrance{l, p}
	if p.TLS != nil {
		l = tls.NewListener(l, p.TLS)
	}
	return l
}

// turnedAtOnce is how many connections beyond a limit are told so at once. Others are
// closed.
const turnedAtOnce = 256

// Accept waits for the next connection that is let in.
func (e entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if v := e.proxy.receive(conn); v != nil {
			return v, nil
		}
		conn.Close()
	}
}

// receive makes a visitor of a connection; nil where not even a refusal is due to it.
func (p *Proxy) receive(conn net.Conn) *visitor {
	v := &visitor{Conn: conn}
	if at, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		v.from = network(at.Addr())
	}
	limits := p.rules.Load().Limits
	full, fullOfOne := p.visitors.enter(v.from, limits.Connections, limits.ConnectionsPerAddress)
	switch {
	case full:
		v.turned = &overLimit{limitConnections}
	case fullOfOne:
		v.turned = &overLimit{limitAddress}
	default:
		v.release = sync.OnceFunc(func() { p.visitors.leave(v.from) })
		return v
	}
	if full, fullOfOne = p.turned.enter(v.from, turnedAtOnce, turnedAtOnce/2); full || fullOfOne {
		p.meters.limited(v.turned.(*overLimit).limit)
		return nil
	}
	v.release = sync.OnceFunc(func() { p.turned.leave(v.from) })
	return v
}

// visitorKey finds a request's visitor in the context that net/http makes for its
// connection.
type visitorKey struct{}

func withVisitor(ctx context.Context, c net.Conn) context.Context {
	if v := visitorOf(c); v != nil {
		return context.WithValue(ctx, visitorKey{}, v)
	}
	return ctx
}

// bounded holds a request against the limits of its connection, before anything is done
// for it.
func (p *Proxy) bounded(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, ok := r.Context().Value(visitorKey{}).(*visitor)
		if !ok { // it came to the handler without a listener
			serve(w, r)
			return
		}
		v.serving.Store(true)
		v.unserved.Store(0)
		defer v.unserved.Store(0)
		limits := p.rules.Load().Limits
		asked, most := v.requests.Add(1), int64(limits.RequestsPerConnection)
		switch {
		case v.turned != nil:
			p.refuseLimited(w, r, v.turned)
			return
		case headerBytes(r) > maxHeader:
			p.refuseLimited(w, r, &overLimit{limitHeader})
			return
		case r.Method == http.MethodConnect && !p.pacer.allows(v.from, limits.ConnectsPerMinute, time.Now()):
			p.refuseLimited(w, r, &overLimit{limitConnects})
			return
		case most > 0 && asked >= most:
			if asked == most {
				p.meters.limited(limitRequests)
			}
			w.Header().Set("Connection", "close") // in HTTP/2 a GOAWAY, which ends no stream
		}
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			// It may have had a length as well, of which net/http does not tell: what comes
			// behind it may be another's idea of its body (RFC 9112, section 6.3).
			w.Header().Set("Connection", "close")
		}
		serve(w, r)
	}
}

// refuseLimited answers a request that is more than may be. It logs nothing: there may be
// many of them.
func (p *Proxy) refuseLimited(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*overLimit](err); ok {
		p.meters.limited(e.limit)
	}
	p.turnedAway(r.Method, r.Host, err)
	w.Header().Set("Connection", "close")
	refused := refusalFor(err, time.Now())
	refused.write(w, r.Method, refused.body())
}

// headerBytes is how long a request's header was, about: HTTP/2 packs it.
func headerBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + len(": \r\n")
		}
	}
	return n
}

// watchVisitors returns what sees the connections of a server through their states: it
// counts them as meters do, and those that ended because a client was slower, or said more,
// than it may. net/http does not tell of these otherwise.
func (p *Proxy) watchVisitors(listener string) func(net.Conn, http.ConnState) {
	count := p.meters.connections(listener)
	return func(c net.Conn, s http.ConnState) {
		count(c, s)
		v := visitorOf(c)
		if v == nil {
			return
		}
		switch s {
		case http.StateNew, http.StateActive:
			v.serving.Store(false)
		case http.StateClosed:
			if limit := v.broke(c); limit != "" {
				p.meters.limited(limit)
			}
		}
		v.state.Store(int32(s))
	}
}

// broke is the limit for which a server has ended the connection; "" for none.
func (v *visitor) broke(c net.Conn) string {
	inside, _ := c.(*tls.Conn)
	switch {
	case v.state.Load() == int32(http.StateIdle), v.serving.Load():
		return "" // between requests, or within one that has told
	case v.unserved.Load() > hardHeader:
		return limitHeader
	case !v.late.Load():
		return ""
	case inside != nil && !inside.ConnectionState().HandshakeComplete:
		return limitHandshake
	}
	return limitHeaderTime
}
