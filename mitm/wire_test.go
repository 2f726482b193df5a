package mitm_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A wire is a connection on which a test writes bytes of its own.
type wire struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// wire connects to the proxy. A test that waits for what never comes ends after a while.
func (s *setup) wire(t testing.TB) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{conn, t, bufio.NewReader(conn)}
}

// say writes a text, in which \n is a line's end.
func (w *wire) say(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		w.t.Fatal(err)
	}
}

// hear reads the answer to a request of this method.
func (w *wire) hear(method string) reply {
	w.t.Helper()
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodConnect && resp.StatusCode == http.StatusOK {
		return reply{resp.StatusCode, resp.Header, "", resp.Proto}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text), resp.Proto}
}

// ended reports whether the other side has closed without another byte.
func (w *wire) ended() bool {
	b, err := w.in.ReadByte()
	if err == nil {
		w.t.Logf("it said %q instead", b)
	}
	return err == io.EOF || err != nil && strings.Contains(err.Error(), "reset")
}

// connect opens a tunnel and returns the answer.
func (s *setup) connect(t testing.TB, target string) (*wire, reply) {
	t.Helper()
	w := s.wire(t)
	w.say("CONNECT " + target + " HTTP/1.1\nHost: what.ever\n\n") // it has no say
	return w, w.hear(http.MethodConnect)
}

// secure opens a tunnel to an intercepted host and makes a handshake in it, HTTP/1.1 if
// change does not say otherwise.
func (s *setup) secure(t testing.TB, host string, change ...func(*tls.Config)) *wire {
	t.Helper()
	w, granted := s.connect(t, host+":443")
	if granted.status != http.StatusOK {
		t.Fatalf("CONNECT %s: %d %s", host, granted.status, granted.body)
	}
	config := s.tlsConfig(host)
	for _, c := range change {
		c(config)
	}
	conn := tls.Client(w.Conn, config)
	if err := conn.Handshake(); err != nil {
		t.Fatalf("handshake for %s: %v", host, err)
	}
	return &wire{conn, t, bufio.NewReader(conn)}
}

func (s *setup) tlsConfig(host string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.RootPEM())
	return &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"http/1.1"}}
}

// text is an answer as it is read in a test's expectation: status, some of its header,
// and the body.
func (r reply) text(fields ...string) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.status)
	for _, name := range fields {
		for _, value := range r.header.Values(name) {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString(r.body)
	return b.String()
}

// eventually waits for something that other goroutines bring about.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
