package mitm_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"octopool/mitm"
)

// Each way to spell a target leads where it should, or is refused with a reason; none leads
// past the interception.
func TestOddConnects(t *testing.T) {
	six := listenAt(t, "[::1]:0", "hello from IPv6")
	four := listenAt(t, "127.0.0.1:0", "hello from IPv4")
	port := four[strings.LastIndexByte(four, ':')+1:]
	s := start(t, withEgress(mitm.Egress{Allow: []string{"*"}, Private: true}))
	for _, tt := range []struct{ target, want string }{
		{"api.github.com:443", "intercepted"},
		{"API.GITHUB.COM:443", "intercepted"},
		{"api.github.com.:443", "intercepted"},
		{"api.github.com:0443", "intercepted"},
		{"[api.github.com]:443", "400"},
		{"api.github.com..:443", "400 each part of a host name has 1 to 63 characters"},
		{"api.github.com:80", "403 api.github.com is intercepted on port 443 only"},
		{"Api.GitHub.com.:8443", "403 api.github.com is intercepted on port 443 only"},
		{"github.com:22", "403 github.com is intercepted on port 443 only"},
		{"api.github.com", "400 the target of a CONNECT is HOST:PORT, and this is not"},
		{"api.github.com:", "400"},
		{"xn--api-.invalid:443", "502 no address for xn--api-.invalid"}, // punycode of nothing: DNS does not know it
		{"XN--BCHER-KVA.invalid:443", "502 no address for xn--bcher-kva.invalid"},
		{"bücher.invalid:443", "502 no address for xn--bcher-kva.invalid"},
		{"ａｐｉ.github.com:443", "intercepted"},                        // full-width letters are these letters (RFC 5891)
		{"аpi.invalid:443", "502 no address for xn--pi-6kc.invalid"}, // a Cyrillic а is not
		{six, "hello from IPv6"},
		{"[0:0:0:0:0:0:0:1]" + six[len("[::1]"):], "hello from IPv6"},
		{"::1" + six[len("[::1]"):], "400"},
		{"[::1%25lo]:443", "400 brackets are for IPv6 addresses without a zone"},
		{"[::1]", "400 the target of a CONNECT is HOST:PORT, and this is not"},
		{four, "hello from IPv4"},
		{"[::ffff:127.0.0.1]:" + port, "hello from IPv4"},
		{"[::ffff:7f00:1]:" + port, "hello from IPv4"},
		{"LOCALHOST.:" + port, "hello from IPv4"},
		{"127.1:" + port, "400 an IPv4 address is four decimal numbers"},
		{"0177.0.0.1:" + port, "400 an IPv4 address is four decimal numbers"},
		{"2130706433:" + port, "400 an IPv4 address is four decimal numbers"},
		{"127.0.0.1.:" + port, "400 an IPv4 address is four decimal numbers"},
		{"https://api.github.com:443", "400"},
		{"user:secret@api.github.com:443", "400 the target of a CONNECT is HOST:PORT, and this is not"},
	} {
		if got := s.whereTo(t, tt.target); got != tt.want && !(tt.want == "400" && strings.HasPrefix(got, "400")) {
			t.Errorf("CONNECT %s: %s, want %s", tt.target, got, tt.want)
		}
	}
	for _, seen := range s.github.Seen() {
		if seen.Host != "api.github.com" || seen.Path != "/zen" {
			t.Errorf("GitHub saw %v", seen)
		}
	}
}

// whereTo is what a CONNECT leads to: "intercepted", what is said behind a tunnel, or the
// status and reason of a refusal.
func (s *setup) whereTo(t *testing.T, target string) string {
	t.Helper()
	w, granted := s.connect(t, target)
	if granted.status != http.StatusOK {
		_, reason, _ := strings.Cut(granted.body, `"message":"octopool: `)
		reason, _, _ = strings.Cut(reason, `"`)
		if text, ok := strings.CutPrefix(reason, "the target of a CONNECT is HOST:PORT, and "); ok && text != "this is not" {
			reason = text
		}
		return strings.TrimSpace(fmt.Sprint(granted.status, " ", reason))
	}
	if !strings.HasSuffix(target, "443") {
		line, err := w.in.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(line)
	}
	conn := tls.Client(w.Conn, s.tlsConfig("api.github.com"))
	inside := &wire{conn, t, bufio.NewReader(conn)}
	inside.say("GET /zen HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
	if got := inside.hear("GET"); got.body != "Keep it logically awesome." {
		return got.text()
	}
	return "intercepted"
}

// listenAt says a line to whoever connects.
func listenAt(t *testing.T, address, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
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
			io.WriteString(conn, line+"\n")
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// WebSockets and HTTP/2 pass through a tunnel as they are.
func TestWebSocketAndHTTP2InTunnels(t *testing.T) {
	echo := websocket.Handler(func(ws *websocket.Conn) {
		for text := ""; websocket.Message.Receive(ws, &text) == nil; {
			websocket.Message.Send(ws, text)
		}
	})
	host := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo.ServeHTTP(w, r)
			return
		}
		io.WriteString(w, r.Proto)
	}))
	host.EnableHTTP2 = true
	host.StartTLS()
	t.Cleanup(host.Close)
	address := strings.TrimPrefix(host.URL, "https://")
	s := start(t, anywhere)

	w, granted := s.connect(t, address)
	if granted.status != http.StatusOK {
		t.Fatal(granted.text())
	}
	secret := tls.Client(w.Conn, &tls.Config{InsecureSkipVerify: true})
	config, err := websocket.NewConfig("wss://"+address+"/", "https://"+address)
	if err != nil {
		t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", strings.Repeat("two", 100_000)} {
		var back string
		if err := websocket.Message.Send(ws, text); err != nil {
			t.Fatal(err)
		}
		if err := websocket.Message.Receive(ws, &back); err != nil || back != text {
			t.Errorf("the echo of %d bytes has %d, %v", len(text), len(back), err)
		}
	}
	ws.Close()

	for proto, options := range map[string][]func(*http.Transport){"HTTP/2.0": nil, "HTTP/1.1": {overHTTP1}} {
		c := s.client("", append(options, func(t *http.Transport) { t.TLSClientConfig.InsecureSkipVerify = true })...)
		if got := get(t, c, host.URL); got.body != proto || got.proto != proto {
			t.Errorf("%s: %s over %s", proto, got.body, got.proto)
		}
	}
}

// On an intercepted host there is no WebSocket, which is said; other offers to change the
// protocol are passed over, as a server may.
func TestUpgradesOnInterceptedHosts(t *testing.T) {
	s := start(t)
	w := s.secure(t, "api.github.com")
	auth := "Host: api.github.com\nAuthorization: token " + ciToken + "\n"
	w.say("GET /zen HTTP/1.1\n" + auth + "Connection: Upgrade\nUpgrade: WebSocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n")
	if got := w.hear("GET"); got.refusal() != refusedText(501, "octopool: this host is intercepted, and no WebSocket leads through that") {
		t.Error(got.refusal())
	}
	w.say("GET /zen HTTP/1.1\n" + auth + "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n\n")
	if got := w.hear("GET"); got.status != http.StatusOK || got.header.Get("Upgrade") != "" {
		t.Errorf("h2c: %s", got.text())
	}
	seen := s.github.Seen()
	if len(seen) != 1 || seen[0].Header.Get("Upgrade") != "" || seen[0].Header.Get("Http2-Settings") != "" {
		t.Errorf("GitHub saw %v", seen)
	}
	// A CONNECT inside a tunnel leads nowhere, and neither does a request for a proxy.
	for line, status := range map[string]int{
		"CONNECT api.github.com:443 HTTP/1.1":         400,
		"CONNECT evil.example:443 HTTP/1.1":           421,
		"GET https://evil.example/user HTTP/1.1":      421,
		"GET https://api.github.com/zen HTTP/1.1":     200,
		"OPTIONS * HTTP/1.1":                          400,
		"TRACE /repos/acme/web HTTP/1.1":              404,
		"PRI * HTTP/2.0":                              400,
		"GET /zen HTTP/1.1\nX: y\nHost: evil.example": 400, // two Hosts
	} {
		w := s.secure(t, "api.github.com")
		w.say(line + "\n" + auth + "\n")
		if got := w.hear("GET"); got.status != status {
			t.Errorf("%s: %s", line, got.text())
		}
	}
}

// What else may come to the listener is told what is wrong with it, and goes nowhere.
func TestOddRequestsAtTheDoor(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}))
	for text, status := range map[string]int{
		"PRI * HTTP/2.0\n\nSM\n\n":                                                     400,
		"GET / HTTP/1.1\n\n":                                                           400, // no Host
		"GET zen HTTP/1.1\nHost: x\n\n":                                                400,
		"CONNECT / HTTP/1.1\nHost: api.github.com\n\n":                                 400,
		"CONNECT api.github.com:443 HTTP/3.0\nHost: x\n\n":                             505,
		"GET wss://api.github.com/ HTTP/1.1\nHost: x\n\n":                              403,
		"GET /user HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n\n":     501,
		"POST /user HTTP/1.1\nHost: x\nContent-Length: 1\nTransfer-Encoding: gzip\n\n": 501,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n":                             400, // a TLS hello
	} {
		w := s.wire(t)
		w.say(text)
		if got := w.hear("GET"); got.status != status {
			t.Errorf("%q: %s", text, got.text())
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	// HTTP/1.0 without a Host is answered, with URLs that need none.
	s.github.AddIssue("acme/api", "one")
	s.github.AddIssue("acme/api", "two")
	w := s.wire(t)
	w.say("GET /repos/acme/api/issues?per_page=1 HTTP/1.0\nAuthorization: token " + ciToken + "\n\n")
	if got := w.hear("GET"); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Link"), "</repositories/") {
		t.Errorf("HTTP/1.0: %s", got.text("Link"))
	}
}

// A listener that is TLS itself takes tunnels in it, of both kinds, for as long as they like
// to be silent, and API requests, whose URLs are https then.
func TestTheDoorBehindTLS(t *testing.T) {
	echo := listen(t, func(conn *net.TCPConn) { io.Copy(conn, conn); conn.CloseWrite() })
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	t.Cleanup(pair.Close)
	s := start(t, anywhere, withDoor(mitm.Door{BaseURL: true}), func(p *plan) {
		p.config.TLS = &tls.Config{Certificates: pair.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	})
	s.github.AddIssue("acme/api", "one")
	s.github.AddIssue("acme/api", "two")
	dial := func() *wire {
		d := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}}
		conn, err := d.DialContext(context.Background(), "tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if got := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != "http/1.1" {
			t.Errorf("it speaks %q", got)
		}
		return &wire{conn, t, bufio.NewReader(conn)}
	}
	w := dial()
	w.say("CONNECT " + echo + " HTTP/1.1\nHost: x\n\nearly ")
	if got := w.hear(http.MethodConnect); got.status != http.StatusOK {
		t.Fatal(got.text())
	}
	w.say("and late")
	w.Conn.(*tls.Conn).CloseWrite()
	if all, err := io.ReadAll(w.in); string(all) != "early and late" || err != nil {
		t.Errorf("the echo is %q, %v", all, err)
	}

	w = dial()
	w.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
	if got := w.hear(http.MethodConnect); got.status != http.StatusOK {
		t.Fatal(got.text())
	}
	conn := tls.Client(w.Conn, s.tlsConfig("api.github.com"))
	inside := &wire{conn, t, bufio.NewReader(conn)}
	inside.say("GET /zen HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
	if got := inside.hear("GET"); got.status != http.StatusOK {
		t.Error(got.text())
	}

	w = dial()
	w.say("GET /repos/acme/api/issues?per_page=1 HTTP/1.1\nHost: octopool\nAuthorization: token " + ciToken + "\n\n")
	if got := w.hear("GET"); !strings.HasPrefix(got.header.Get("Link"), "<https://octopool/repositories/") {
		t.Error(got.text("Link"))
	}

	plain := s.wire(t)
	plain.say("GET /user HTTP/1.1\nHost: x\n\n")
	if got := plain.hear(http.MethodGet); got.status != http.StatusBadRequest || got.body != "Client sent an HTTP request to an HTTPS server.\n" {
		t.Errorf("in clear: %s", got.text())
	}
}
