package mitm

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"octopool/policy"
)

// intercept takes a client's connection over: what comes now is TLS for the origin, and
// the inner server speaks it.
func (p *Proxy) intercept(client net.Conn, origin policy.Origin, named policy.Named, about []policy.Fact) {
	if err := establish(client); err != nil {
		client.Close()
		return
	}
	p.inside.put(tls.Server(&intercepted{client, origin, named, about, p.presence.inside()}, p.Authority.TLSConfig(origin.Host)))
}

// establish grants a CONNECT.
func establish(client net.Conn) error {
	client.SetWriteDeadline(time.Now().Add(headerTimeout))
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	return client.SetWriteDeadline(time.Time{})
}

// intercepted is the connection of one intercepted tunnel. The origin was decided by
// the CONNECT and binds every request inside; so was the client, if the CONNECT named one.
type intercepted struct {
	net.Conn
	origin policy.Origin
	named  policy.Named
	about  []policy.Fact // of its requests

	known func() // its first request has come, or it ends without one
}

func (i *intercepted) Close() error {
	i.known()
	return i.Conn.Close()
}

// NetConn is the connection that the client had before its tunnel.
func (i *intercepted) NetConn() net.Conn { return i.Conn }

// tunnelKey finds a request's tunnel in the context that net/http makes for its
// connection. Beside the visitor it is the one value octopool keeps there: the connection's, not a request's.
type tunnelKey struct{}

func intoContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		if i, ok := t.NetConn().(*intercepted); ok {
			return context.WithValue(withVisitor(ctx, c), tunnelKey{}, i)
		}
	}
	return ctx
}

func tunnelOf(ctx context.Context) (*intercepted, bool) {
	i, ok := ctx.Value(tunnelKey{}).(*intercepted)
	return i, ok
}

// arrivals is a listener whose connections come from tunnels. One server listens to it
// for all of them: a server for each would leak its goroutines.
type arrivals struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newArrivals() *arrivals {
	return &arrivals{conns: make(chan net.Conn), done: make(chan struct{})}
}

// put hands a connection to the server, or closes it when there is none any more.
func (a *arrivals) put(c net.Conn) {
	select {
	case a.conns <- c:
	case <-a.done:
		c.Close()
	}
}

// Accept waits for the next connection.
func (a *arrivals) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. It may be called more than once.
func (a *arrivals) Close() error {
	a.once.Do(func() { close(a.done) })
	return nil
}

// Addr is no address of the network.
func (a *arrivals) Addr() net.Addr { return insideAddr{} }

type insideAddr struct{}

func (insideAddr) Network() string { return "tunnel" }
func (insideAddr) String() string  { return "intercepted" }
