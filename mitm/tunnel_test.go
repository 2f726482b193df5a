package mitm_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"octopool/mitm"
)

// anywhere lets tunnels go to what listens on this machine.
func anywhere(p *plan) { p.config.Egress = mitm.Egress{Allow: []string{"*"}, Private: true} }

// listen serves each connection with handle until the test ends.
func listen(t testing.TB, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

// noise is n bytes that look like nothing in particular.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A tunnel passes bytes both ways untouched and unseen, passes on that one side has
// ended while the other goes on, and counts.
func TestTunnel(t *testing.T) {
	const size = 9<<20 + 7 // more than is copied at once
	answer := noise(size / 2)
	got := make(chan [32]byte, 1)
	addr := listen(t, func(conn *net.TCPConn) {
		all, _ := io.ReadAll(conn) // ends when the client's half is closed
		got <- sha256.Sum256(all)
		conn.Write(answer)
	})
	s := start(t, anywhere)
	w, granted := s.connect(t, addr)
	if granted.status != http.StatusOK || len(granted.header) > 0 {
		t.Fatalf("CONNECT: %d %v", granted.status, granted.header)
	}
	if !strings.Contains(s.metrics(), "octopool_tunnels_active 1\n") {
		t.Error("the open tunnel is not counted")
	}
	sent := noise(size)
	w.Write(sent)
	w.Conn.(*net.TCPConn).CloseWrite()
	if <-got != sha256.Sum256(sent) {
		t.Error("the host got other bytes")
	}
	back, err := io.ReadAll(w.in)
	if err != nil || !bytes.Equal(back, answer) {
		t.Errorf("the client got %d other bytes, %v", len(back), err)
	}
	for _, line := range []string{
		`octopool_tunnel_bytes_total{direction="sent"} 9437191` + "\n",
		`octopool_tunnel_bytes_total{direction="received"} 4718595` + "\n",
	} {
		if !strings.Contains(s.metrics(), line) {
			t.Errorf("metrics do not have %s:\n%s", line, s.metrics())
		}
	}
	eventually(t, "no tunnel is counted", func() bool { return strings.Contains(s.metrics(), "octopool_tunnels_active 0\n") })
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// The host may end first, and still hear what the client has to say.
func TestTunnelWhoseHostEndsFirst(t *testing.T) {
	heard := make(chan string, 1)
	addr := listen(t, func(conn *net.TCPConn) {
		conn.Write([]byte("bye"))
		conn.CloseWrite()
		all, _ := io.ReadAll(conn)
		heard <- string(all)
	})
	s := start(t, anywhere)
	w, _ := s.connect(t, addr)
	if all, err := io.ReadAll(w.in); string(all) != "bye" || err != nil {
		t.Errorf("the client heard %q, %v", all, err)
	}
	w.say("one more thing")
	w.Close()
	if got := <-heard; got != "one more thing" {
		t.Errorf("the host heard %q", got)
	}
}

// A client that leaves without a word takes the tunnel with it.
func TestTunnelWhoseClientVanishes(t *testing.T) {
	gone := make(chan error, 1)
	addr := listen(t, func(conn *net.TCPConn) {
		_, err := conn.Read(make([]byte, 1))
		gone <- err
	})
	s := start(t, anywhere)
	w, _ := s.connect(t, addr)
	w.Conn.(*net.TCPConn).SetLinger(0) // a reset
	w.Close()
	if err := <-gone; err == nil {
		t.Error("the host's side is still open")
	}
}

// A host that cannot be reached is told of on the CONNECT, without addresses.
func TestTunnelToNobody(t *testing.T) {
	s := start(t, anywhere)
	w, got := s.connect(t, closedPort(t))
	if want := "502\nContent-Type: application/json; charset=utf-8\nCache-Status: octopool; detail=refused\n" +
		`{"message":"octopool: cannot connect: connect: connection refused","documentation_url":"https://docs.github.com/rest","status":"502"}`; got.text("Content-Type", "Cache-Status") != want {
		t.Errorf("%s\nwant %s", got.text("Content-Type", "Cache-Status"), want)
	}
	if !w.ended() {
		t.Error("the connection stays open")
	}
}

// GitHub's hosts that are not intercepted are reached where their GitHub is, and TLS is
// between the client and them.
func TestTunnelToGitHubsOwn(t *testing.T) {
	s := start(t)
	w, granted := s.connect(t, "release-assets.githubusercontent.com:443")
	if granted.status != http.StatusOK {
		t.Fatal(granted.text())
	}
	conn := tls.Client(w.Conn, &tls.Config{ServerName: "release-assets.githubusercontent.com", RootCAs: s.github.Roots()})
	inside := &wire{conn, t, bufio.NewReader(conn)}
	inside.say("GET /x HTTP/1.1\nHost: release-assets.githubusercontent.com\nAuthorization: Bearer of_the_client\n\n")
	inside.hear("GET")
	seen := s.github.Seen()
	if len(seen) != 1 || seen[0].Header.Get("Authorization") != "Bearer of_the_client" {
		t.Errorf("GitHub saw %v", seen)
	}
	if strings.Contains(s.logged(), "msg=request") {
		t.Errorf("the log knows of what was inside:\n%s", s.logged())
	}
}

// A client need not wait for the answer to its CONNECT: what it sends in the same packet
// is heard, in a tunnel and inside an intercepted one.
func TestEarlyBytes(t *testing.T) {
	addr := listen(t, func(conn *net.TCPConn) { io.Copy(conn, conn) })
	s := start(t, anywhere)
	w := s.wire(t)
	w.say("CONNECT " + addr + " HTTP/1.1\nHost: x\n\nhello")
	if got := w.hear(http.MethodConnect); got.status != http.StatusOK {
		t.Fatal(got.text())
	}
	w.say(" there")
	w.Conn.(*net.TCPConn).CloseWrite()
	if all, err := io.ReadAll(w.in); string(all) != "hello there" || err != nil {
		t.Errorf("the echo is %q, %v", all, err)
	}

	w = s.wire(t)
	conn := tls.Client(&eager{Conn: w.Conn, head: "CONNECT api.github.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"}, s.tlsConfig("api.github.com"))
	inside := &wire{conn, t, bufio.NewReader(conn)}
	inside.say("GET /repos/acme/web HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
	if got := inside.hear("GET"); got.status != http.StatusOK {
		t.Errorf("inside: %s", got.text())
	}
}

// eager sends its CONNECT and the first bytes inside as one, and reads past the answer.
type eager struct {
	net.Conn
	head string
	in   *bufio.Reader
}

func (e *eager) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(append([]byte(e.head), p...))
	n -= len(e.head)
	e.head = ""
	return n, err
}

func (e *eager) Read(p []byte) (int, error) {
	if e.in == nil {
		e.in = bufio.NewReader(e.Conn)
		if _, err := http.ReadResponse(e.in, &http.Request{Method: http.MethodConnect}); err != nil {
			return 0, err
		}
	}
	return e.in.Read(p)
}
