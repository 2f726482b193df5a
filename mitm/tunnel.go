package mitm

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// tunnelIdle is how long a tunnel may carry nothing before both its ends are closed.
// GitHub's own long polls take less than a minute.
const tunnelIdle = 10 * time.Minute

// tunnel passes bytes between a client and a host that is not intercepted, unseen.
func (p *Proxy) tunnel(ctx context.Context, client net.Conn, t target) {
	defer client.Close()
	server, err := p.dialTunnel(ctx, t)
	if err != nil {
		p.meters.refused("-", reasonOf(err))
		p.Log.Warn("refused a tunnel", "target", t.String(), "err", err)
		connectRefusal(nil, err).Write(client)
		return
	}
	defer server.Close()
	if _, err := io.WriteString(client, established); err != nil {
		return
	}
	end := p.tunnels.begin(client, server)
	defer end()
	p.meters.tunnels.Add(1)
	defer p.meters.tunnels.Add(-1)

	var both sync.WaitGroup
	both.Go(func() { pipe(server, client, p.meters.tunnelled("sent")) })
	both.Go(func() { pipe(client, server, p.meters.tunnelled("received")) })
	both.Wait()
}

// dialTunnel connects to a tunnel's target: to where its GitHub's dial setting says, or
// to a public address of its name.
func (p *Proxy) dialTunnel(ctx context.Context, t target) (net.Conn, error) {
	for _, g := range p.GitHubs {
		if g.Dial != "" && g.owns(t) {
			d := net.Dialer{Timeout: dialTimeout}
			return d.DialContext(ctx, "tcp", g.Dial)
		}
	}
	return p.Egress.dial(ctx, t)
}

// pipeChunk is how much is copied between two looks at the clock. Up to it the kernel
// may move the bytes by itself.
const pipeChunk = 4 << 20

// pipe copies from src to dst until src ends, and passes the end on; on an error, or
// when nothing came for tunnelIdle, it closes both.
func pipe(dst, src net.Conn, count func(int64)) {
	for {
		src.SetReadDeadline(time.Now().Add(tunnelIdle))
		n, err := io.CopyN(dst, src, pipeChunk)
		count(n)
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded) && n > 0:
			continue
		case errors.Is(err, io.EOF):
			if h, ok := dst.(interface{ CloseWrite() error }); ok && h.CloseWrite() == nil {
				return
			}
		}
		dst.Close()
		src.Close()
		return
	}
}

// tunnels are those that are open, so that a shutdown can wait for them and cut them.
type tunnels struct {
	mu    sync.Mutex // guards open and empty
	open  map[net.Conn]net.Conn
	empty chan struct{} // closed when open becomes empty, if someone waits
}

func (t *tunnels) begin(client, server net.Conn) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
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
	}
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

// cut closes what is open.
func (t *tunnels) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for client, server := range t.open {
		client.Close()
		server.Close()
	}
}
