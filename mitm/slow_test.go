package mitm_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network, so that its connections wait by the clock of a
// test's bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	over  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.over) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A visitor is a client of a proxy in a bubble.
type visitor struct {
	*wire
	left <-chan struct{} // closed when the proxy has closed its end
}

// watched is a proxy's end of a pipe.
type watched struct {
	net.Conn
	once sync.Once
	left chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.left) })
	return w.Conn.Close()
}

// inBubble runs a test with a proxy that has no GitHub, and clients that come to it.
func inBubble(t *testing.T, test func(t *testing.T, s *setup, visit func() visitor), options ...option) {
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
		p := newPlan()
		for _, o := range options {
			o(&p)
		}
		s := p.serve(t, listener)
		test(t, s, func() visitor {
			mine, theirs := net.Pipe()
			t.Cleanup(func() { mine.Close() })
			end := &watched{Conn: theirs, left: make(chan struct{})}
			listener.conns <- end
			return visitor{&wire{mine, t, bufio.NewReader(mine)}, end.left}
		})
	})
}

// patience is how long the proxy still has its end open, while its client takes what
// comes and says nothing.
func (v visitor) patience() time.Duration {
	start := time.Now()
	go io.Copy(io.Discard, v.in)
	<-v.left
	return time.Since(start)
}

// A client that stops in the middle is not waited for longer than its place in the
// conversation deserves, and until then it is.
func TestSlowClients(t *testing.T) {
	const connect = "CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n"
	inside := func(s *setup, v visitor, protos ...string) visitor {
		v.say(connect)
		v.hear(http.MethodConnect)
		config := s.tlsConfig("api.github.com")
		config.NextProtos = protos
		conn := tls.Client(v.Conn, config)
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return visitor{&wire{conn, v.t, bufio.NewReader(conn)}, v.left}
	}
	const request = "GET /user HTTP/1.1\nHost: api.github.com\nAuthorization: token nobodys\n\n"
	for _, tt := range []struct {
		name string
		act  func(s *setup, v visitor) visitor
		want time.Duration
		met  string // the limit that is counted
	}{
		{"says nothing", func(_ *setup, v visitor) visitor { return v }, 10 * time.Second, "header_time"},
		{"does not end its header", func(_ *setup, v visitor) visitor {
			v.say("CONNECT api.github.com:443 HTTP/1.1\nX: ")
			return v
		}, 10 * time.Second, "header_time"},
		{"rests between requests", func(_ *setup, v visitor) visitor {
			v.say("GET /-/healthz HTTP/1.1\nHost: x\n\n")
			v.hear(http.MethodGet)
			return v
		}, 90 * time.Second, ""},
		{"does not begin its handshake", func(_ *setup, v visitor) visitor {
			v.say(connect)
			v.hear(http.MethodConnect)
			return v
		}, 10 * time.Second, "handshake_time"},
		{"does not end its handshake", func(_ *setup, v visitor) visitor {
			v.say(connect)
			v.hear(http.MethodConnect)
			v.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a hello of 512 bytes
			return v
		}, 10 * time.Second, "handshake_time"},
		{"says nothing inside", func(s *setup, v visitor) visitor { return inside(s, v) }, 10 * time.Second, "header_time"},
		{"does not end its header inside", func(s *setup, v visitor) visitor {
			v = inside(s, v)
			v.say("GET /user HTTP/1.1\nX: ")
			return v
		}, 10 * time.Second, "header_time"},
		{"rests between requests inside", func(s *setup, v visitor) visitor {
			v = inside(s, v)
			v.say(request)
			v.hear(http.MethodGet)
			return v
		}, 90 * time.Second, ""},
		{"rests between requests inside, HTTP/2", func(s *setup, v visitor) visitor {
			v = inside(s, v, "h2")
			go v.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")) // and empty settings
			return v
		}, 90 * time.Second, ""},
		{"does not end its body", func(s *setup, v visitor) visitor {
			v = inside(s, v)
			v.say("POST /repos/acme/web/issues HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\nContent-Length: 100\n\n{")
			return v
		}, 10 * time.Minute, "body_time"},
		{"does not end its document", func(s *setup, v visitor) visitor {
			v = inside(s, v)
			v.say("POST /graphql HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\nContent-Length: 100\n\n{")
			return v
		}, time.Minute, "document_time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *setup, visit func() visitor) {
				v := tt.act(s, visit())
				if got := v.patience(); got < tt.want-time.Second || got > tt.want+2*time.Second {
					t.Errorf("a client that %s is waited for %v, want %v", tt.name, got, tt.want)
				}
				synctest.Wait()
				if met := s.met(); met != tt.met {
					t.Errorf("a client that %s met the limits %q, want %q", tt.name, met, tt.met)
				}
			})
		})
	}
}

// A client that does not take its answer does not hold its connection for ever.
func TestClientThatDoesNotListen(t *testing.T) {
	inBubble(t, func(t *testing.T, s *setup, visit func() visitor) {
		v := visit()
		v.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
		v.hear(http.MethodConnect)
		conn := tls.Client(v.Conn, s.tlsConfig("api.github.com"))
		inside := &wire{conn, t, bufio.NewReader(conn)}
		inside.say("GET /user HTTP/1.1\nHost: api.github.com\nAuthorization: token nobodys\n\n")
		start := time.Now()
		<-v.left
		if took := time.Since(start); took < 5*time.Minute || took > 11*time.Minute {
			t.Errorf("it is waited for %v", took)
		}
	})
}

// A client may be slow as long as something comes: here a byte a minute for an hour.
func TestSlowBodyIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *setup, visit func() visitor) {
		v := visit()
		v.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
		v.hear(http.MethodConnect)
		conn := tls.Client(v.Conn, s.tlsConfig("api.github.com"))
		inside := &wire{conn, t, bufio.NewReader(conn)}
		inside.say("POST /repos/acme/web/issues HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\nContent-Length: 60\n\n")
		for range 59 {
			<-time.After(time.Minute)
			inside.say("x")
		}
		inside.Close() // it ends one byte early, so that nothing is sent to a GitHub that is not there
		<-v.left
		if log := s.logged(); !strings.Contains(log, "reason=body") && !strings.Contains(log, "reason=left") || !strings.Contains(log, "took=59m") {
			t.Errorf("the log:\n%s", log)
		}
	})
}

// A header beyond reason is refused, at the door and inside, and not kept in memory.
func TestHugeHeaders(t *testing.T) {
	s := start(t)
	c := &http.Client{Transport: new(http.Transport)}
	t.Cleanup(c.CloseIdleConnections)
	huge := strings.Repeat("x", 100<<10)
	if got := get(t, c, "http://"+s.addr+"/-/healthz", "X", huge); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("at the door: %d", got.status)
	}
	if got := get(t, s.client(ciToken, overHTTP1), "https://api.github.com/user", "X", huge); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("inside, HTTP/1.1: %d", got.status)
	}
	if got, err := try(s.client(ciToken), http.MethodGet, "https://api.github.com/user", "", "X", huge); err == nil && got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("inside, HTTP/2: %d", got.status)
	}
	if got := get(t, s.client("ghs_"+strings.Repeat("a.", 2000)), "https://api.github.com/user"); got.status != http.StatusUnauthorized {
		t.Errorf("a token of 4 KB: %d", got.status)
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}
