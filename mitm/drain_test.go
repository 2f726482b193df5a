package mitm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// gate holds every request at GitHub until it is opened.
type gate struct {
	entered chan *http.Request
	open    chan struct{}
}

func gated(s *setup) gate {
	g := gate{make(chan *http.Request, 16), make(chan struct{})}
	s.github.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		g.entered <- r
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
		return false
	})
	return g
}

// answered asks in the background.
func answered(c *http.Client, method, url, body string) <-chan result {
	out := make(chan result, 1)
	go func() {
		got, err := try(c, method, url, body)
		out <- result{got, err}
	}()
	return out
}

type result struct {
	reply
	err error
}

// Shutting down takes no new connection and lets the requests that are in flight end.
func TestDrain(t *testing.T) {
	s := start(t)
	idle := s.secure(t, "api.github.com")
	idle.say("GET / HTTP/1.1\nHost: api.github.com\n\n")
	idle.hear(http.MethodGet)
	g := gated(s)
	var waiting []<-chan result
	for path, c := range map[string]*http.Client{"/repos/acme/web": s.client(ciToken), "/repos/acme/api": s.client(ciToken, overHTTP1)} {
		waiting = append(waiting, answered(c, http.MethodGet, "https://api.github.com"+path, ""))
		<-g.entered
	}
	stopped := s.drain(t, t.Context())
	select {
	case err := <-stopped:
		t.Fatalf("it did not wait for the requests: %v", err)
	default:
	}
	close(g.open)
	for _, w := range waiting {
		if got := <-w; got.err != nil || got.status != http.StatusOK || !strings.Contains(got.body, `"full_name"`) {
			t.Errorf("a request in flight: %d, %v", got.status, got.err)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if !idle.ended() {
		t.Error("an idle connection is still open")
	}
}

// drain begins a shutdown, and returns when nobody listens any more.
func (s *setup) drain(t *testing.T, ctx context.Context) <-chan error {
	t.Helper()
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(ctx) }()
	eventually(t, "nobody listens", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	return stopped
}

// A tunnel that is open is waited for too.
func TestDrainWaitsForTunnels(t *testing.T) {
	addr := listen(t, func(conn *net.TCPConn) { io.Copy(conn, conn) })
	s := start(t, anywhere)
	tunnel, _ := s.connect(t, addr)
	stopped := s.drain(t, t.Context())
	tunnel.say("the rest")
	tunnel.Conn.(*net.TCPConn).CloseWrite()
	if all, err := io.ReadAll(tunnel.in); string(all) != "the rest" || err != nil {
		t.Errorf("during the drain the tunnel says %q, %v", all, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// What has not ended at the deadline is cut: a request, so that its client does not take
// it for answered, and a tunnel, which never ends by itself.
func TestDrainDeadline(t *testing.T) {
	addr := listen(t, func(conn *net.TCPConn) { io.Copy(conn, conn) })
	s := start(t, anywhere)
	g := gated(s)
	tunnel, _ := s.connect(t, addr)
	waiting := answered(s.client(ciToken), http.MethodGet, "https://api.github.com/repos/acme/web", "")
	r := <-g.entered

	ctx, cancel := context.WithCancel(t.Context())
	stopped := s.drain(t, ctx)
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if got := <-waiting; got.err == nil {
		t.Errorf("the request was answered: %s", got.text())
	}
	if !tunnel.ended() {
		t.Error("the tunnel is still open")
	}
	<-r.Context().Done() // GitHub is not kept busy
}
