package mitm

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// tunnelIdle is how long a tunnel may carry nothing before both its ends are closed.
// GitHub's own long polls take less than a minute.
const tunnelIdle = 10 * time.Minute

// tunnel passes bytes between a client and a host that is not intercepted, unseen.
func (p *Proxy) tunnel(ctx context.Context, client net.Conn, t target, egress Egress) {
	defer client.Close()
	server, err := p.dialTunnel(ctx, t, egress)
	if err != nil {
		p.turnedAway("CONNECT", t.String(), err)
		p.Log.Warn("refused a tunnel", "target", t.String(), "err", err)
		client.SetWriteDeadline(time.Now().Add(headerTimeout))
		connectRefusal(nil, err).Write(client)
		return
	}
	defer server.Close()
	end, ok := p.tunnels.begin(client, server)
	if !ok {
		return // shut down meanwhile
	}
	defer end()
	p.meters.tunnels.Add(1)
	defer p.meters.tunnels.Add(-1)
	if err := establish(client); err != nil {
		return
	}
	if !join(bare(client), server, p.meters.tunnelled("sent"), p.meters.tunnelled("received")) {
		p.meters.limited(limitTunnelIdle)
	}
}

// bare is a connection as the system has it: between two such the kernel moves bytes by
// itself.
func bare(c net.Conn) net.Conn {
	if v, ok := c.(*visitor); ok {
		return v.Conn
	}
	return c
}

// dialTunnel connects to a tunnel's target: to where its GitHub's dial setting says, or
// to a public address of its name, or has the next proxy do so.
func (p *Proxy) dialTunnel(ctx context.Context, t target, egress Egress) (net.Conn, error) {
	for _, g := range p.GitHubs {
		if g.Dial != "" && g.owns(t) {
			d := net.Dialer{Timeout: dialTimeout}
			return d.DialContext(ctx, "tcp", g.Dial)
		}
	}
	if !p.Next.IsZero() {
		if err := egress.checkUnresolved(t); err != nil {
			return nil, err
		}
		return p.Next.connect(ctx, t)
	}
	return egress.dial(ctx, t)
}

// join passes bytes both ways until both sides have ended, one has failed, or neither
// has sent anything for tunnelIdle. A side that ends is passed on as such: the other may
// have more to say. It is false where the tunnel ended in silence.
func join(client, server net.Conn, sent, received func(int64)) bool {
	j := &joint{client: client, server: server}
	j.moved()
	var both sync.WaitGroup
	both.Go(func() { j.pipe(server, client, sent) })
	both.Go(func() { j.pipe(client, server, received) })
	both.Wait()
	return !j.silent.Load()
}

// A joint is two connections that are one tunnel.
type joint struct {
	client, server net.Conn
	silent         atomic.Bool  // neither said anything for too long
	last           atomic.Int64 // when bytes moved either way, in Unix nanoseconds
}

func (j *joint) moved() { j.last.Store(time.Now().UnixNano()) }

// idle allows for what the other way has moved since it last looked at the clock.
func (j *joint) idle() bool {
	return time.Since(time.Unix(0, j.last.Load())) >= tunnelIdle+pipeLook
}

// How much is copied, and for how long, between two looks at the clock. In between the
// kernel may move the bytes by itself.
const (
	pipeChunk = 4 << 20
	pipeLook  = tunnelIdle / 8
)

// pipePause is how long one way is silent before it gives back what the kernel needs to move
// its bytes: on Linux two descriptors, as many as the tunnel itself has at that end.
const pipePause = time.Second

// pipe copies one way.
func (j *joint) pipe(dst, src net.Conn, count func(int64)) {
	for {
		src.SetReadDeadline(time.Now().Add(pipeLook))
		n, err := int64(0), readable(src)
		if err == nil {
			src.SetReadDeadline(time.Now().Add(pipePause))
			n, err = io.CopyN(dst, src, pipeChunk)
		}
		if n > 0 {
			count(n)
			j.moved()
		}
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded) && !j.idle():
			continue
		case errors.Is(err, io.EOF):
			if h, ok := dst.(interface{ CloseWrite() error }); ok && h.CloseWrite() == nil {
				return
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			j.silent.Store(true)
		}
		j.client.Close()
		j.server.Close()
		return
	}
}

// tunnels are those that are open, so that a shutdown can wait for them and cut them.
type tunnels struct {
	mu    sync.Mutex // guards what follows
	open  map[net.Conn]net.Conn
	empty chan struct{} // closed when open becomes empty, if someone waits
	over  bool          // cut: none begins any more
}

// begin notes a tunnel until end is called. It is false when it is too late for one.
func (t *tunnels) begin(client, server net.Conn) (end func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil, false
	}
	if t.open == nil {
		t.open = map[net.Conn]net.Conn{}
	}
	t.open[client] = server
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open, client)
		if len(t.open) == 0 && t.empty != nil {
			close(t.empty)
			t.empty = nil
		}
	}, true
}

// count is how many are open.
func (t *tunnels) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.open))
}

// wait returns when no tunnel is open or ctx is done.
func (t *tunnels) wait(ctx context.Context) error {
	t.mu.Lock()
	if len(t.open) == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.empty == nil {
		t.empty = make(chan struct{})
	}
	empty := t.empty
	t.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut closes what is open, and what would open from now on.
func (t *tunnels) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	for client, server := range t.open {
		client.Close()
		server.Close()
	}
}
