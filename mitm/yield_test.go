package mitm_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Who was accepted before octopool leaves is answered, however far it has come: it has
// said nothing, been granted its tunnel, or made its handshake. The answer is its last.
func TestWhoeverWasAcceptedIsAnswered(t *testing.T) {
	s := start(t)
	silent := s.wire(t)
	granted, _ := s.connect(t, "api.github.com:443")
	inside := s.secure(t, "api.github.com")
	eventually(t, "the silent one was accepted", func() bool {
		return strings.Contains(s.metrics(), `octopool_connections_active{listener="proxy"} 1`)
	})
	yielded := make(chan bool)
	go func() {
		s.proxy.Yield(t.Context())
		close(yielded)
	}()
	eventually(t, "nobody listens", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	silent.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
	if got := silent.hear(http.MethodConnect); got.status != http.StatusOK {
		t.Fatalf("CONNECT: %d", got.status)
	}
	for name, w := range map[string]*wire{"said nothing": s.handshake(t, silent), "was granted its tunnel": s.handshake(t, granted), "made its handshake": inside} {
		w.say("GET /repos/acme/web HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
		if got := w.hear(http.MethodGet); got.status != http.StatusOK {
			t.Errorf("who had %s: %d", name, got.status)
		}
		if !w.ended() {
			t.Errorf("who had %s may ask more", name)
		}
	}
	<-yielded
}

// handshake makes one inside a tunnel.
func (s *setup) handshake(t *testing.T, w *wire) *wire {
	t.Helper()
	conn := tls.Client(w.Conn, s.tlsConfig("api.github.com"))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, t, bufio.NewReader(conn)}
}
