package mitm_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"octopool/ca"
	"octopool/mitm"
)

// A saying is what GitHub says to a request for /says/NAME, however that came.
type saying struct {
	name   string
	status int
	tag    string // ETag; with it in If-None-Match a 304 is said instead
	pieces []string
	length int  // Content-Length, which a cut body does not reach; -1 for none, and chunks in HTTP/1.1
	early  bool // 103 Early Hints come first
}

const pangram = `{"text":"The quick brown fox jumps over the lazy dog"}`

var sayings = []saying{
	{name: "length", status: 200, tag: `"one"`, pieces: []string{pangram}, length: len(pangram)},
	{name: "chunked", status: 200, tag: `"two"`, pieces: []string{pangram[:7], pangram[7:]}, length: -1},
	{name: "untagged", status: 200, pieces: []string{pangram[:7], pangram[7:]}, length: -1},
	{name: "long", status: 200, pieces: []string{strings.Repeat(pangram, 9999), pangram}, length: 10000 * len(pangram)}, // too long to be held back
	{name: "empty", status: 200, length: 0},
	{name: "204", status: 204, length: -1},
	{name: "304", status: 304, length: -1},
	{name: "early", status: 200, tag: `"three"`, pieces: []string{pangram}, length: len(pangram), early: true},
	{name: "404", status: 404, pieces: []string{`{"message":"Not Found"}`}, length: 23},
	{name: "502", status: 502, pieces: []string{"<h1>Bad Gateway</h1>"}, length: 20},
	{name: "cut", status: 200, tag: `"four"`, pieces: []string{pangram}, length: 1000},
	{name: "cut-long", status: 200, pieces: []string{strings.Repeat(pangram, 9999)}, length: 10000 * len(pangram)},
	{name: "cut-chunked", status: 200, pieces: []string{pangram, ""}, length: -1},
}

func (s saying) body() string { return strings.Join(s.pieces, "") }
func (s saying) cut() bool    { return strings.HasPrefix(s.name, "cut") }

// unchanged reports whether a request's condition holds.
func (s saying) unchanged(r *http.Request) bool {
	return s.tag != "" && r.Header.Get("If-None-Match") == s.tag
}

func sayingOf(path string) saying {
	for _, s := range sayings {
		if path == "/says/"+s.name {
			return s
		}
	}
	panic("nothing is said to " + path)
}

// bytes is the saying as HTTP/1.1 has it.
func (s saying) bytes(r *http.Request) string {
	var b strings.Builder
	if s.early {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
	}
	if s.unchanged(r) {
		s = saying{status: 304, tag: s.tag, length: -1}
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", s.status, http.StatusText(s.status))
	if s.tag != "" {
		fmt.Fprintf(&b, "ETag: %s\r\n", s.tag)
	}
	chunked := s.length < 0 && len(s.pieces) > 0
	switch {
	case s.length >= 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", s.length)
	case chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	default:
		b.WriteString("\r\n")
	}
	for _, piece := range s.pieces {
		switch {
		case !chunked:
			b.WriteString(piece)
		case piece != "":
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		}
	}
	if chunked && !s.cut() {
		b.WriteString("0\r\n\r\n")
	}
	return b.String()
}

// spokenInBytes puts in the place of GitHub what speaks HTTP/1.1 in these very bytes.
func spokenInBytes(t *testing.T) option {
	t.Helper()
	authority, err := ca.Open(t.TempDir()+"/ca", mitm.Hosts([]mitm.GitHub{{Host: "github.com", Git: true}}))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return authority.Leaf(hello.ServerName) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go speak(conn)
		}
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.RootPEM())
	return withUpstream(listener.Addr().String(), roots)
}

// speak answers what comes on a connection until something is cut.
func speak(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		s := sayingOf(r.URL.Path)
		if _, err := io.WriteString(conn, s.bytes(r)); err != nil || s.cut() {
			return
		}
	}
}

// spokenInFrames is the same in HTTP/2.
func spokenInFrames(t *testing.T) option {
	t.Helper()
	return fixed(t, "HTTP/2.0", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s := sayingOf(r.URL.Path)
		if s.early {
			w.Header().Set("Link", "</x>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
		}
		if s.tag != "" {
			w.Header().Set("ETag", s.tag)
		}
		if s.unchanged(r) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if s.length >= 0 {
			w.Header().Set("Content-Length", strconv.Itoa(s.length))
		}
		w.WriteHeader(s.status)
		for _, piece := range s.pieces {
			io.WriteString(w, piece)
			http.NewResponseController(w).Flush()
		}
		if s.cut() {
			panic(http.ErrAbortHandler)
		}
	})
}

// However GitHub frames what it says, in either version of HTTP and to clients of either,
// the client gets it byte for byte, through one tunnel, one after the other; and what
// GitHub did not end is never a whole answer.
func TestBackToBack(t *testing.T) {
	for upstream, spoken := range map[string]func(*testing.T) option{"HTTP/1.1": spokenInBytes, "HTTP/2.0": spokenInFrames} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(upstream+" upstream, "+proto+" client", func(t *testing.T) {
				s := start(t, spoken(t))
				var tunnels atomic.Int32
				options := []func(*http.Transport){func(tr *http.Transport) {
					tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
						tunnels.Add(1)
						return new(net.Dialer).DialContext(ctx, network, addr)
					}
				}}
				if proto == "HTTP/1.1" {
					options = append(options, overHTTP1)
				}
				c := s.client(ciToken, options...)
				c.Timeout = 20 * time.Second
				for round := range 3 { // what is stored in one is confirmed in the next
					for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
						for _, said := range sayings {
							if said.cut() {
								continue
							}
							hear(t, c, proto, method, said, round)
						}
					}
				}
				if n := tunnels.Load(); n != 1 {
					t.Errorf("%d tunnels", n)
				}
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
					for _, said := range sayings {
						if said.cut() {
							hearCut(t, c, method, said)
							hear(t, c, proto, http.MethodGet, sayings[0], 1) // what comes next is whole
						}
					}
				}
				// In HTTP/1.1 a cut body ends its connection; in HTTP/2 it does not.
				if n := tunnels.Load(); proto == "HTTP/2.0" && n != 1 || n > 10 {
					t.Errorf("%d tunnels in the end", n)
				}
			})
		}
	}
}

// hear asks for what is said and checks the answer.
func hear(t *testing.T, c *http.Client, proto, method string, said saying, round int) {
	t.Helper()
	status, body := said.status, said.body()
	if said.status == http.StatusNotModified && method != http.MethodPost {
		status, body = http.StatusBadGateway, "octopool: api.github.com gave no answer" // nobody had asked whether it has changed
	}
	content := ""
	if method == http.MethodPost {
		content = "a=b"
	}
	got, err := try(c, method, "https://api.github.com/says/"+said.name, content)
	what := fmt.Sprintf("%s %s, round %d", method, said.name, round+1)
	switch {
	case err != nil:
		t.Errorf("%s: %v", what, err)
	case method == http.MethodHead:
		if got.status != status || got.body != "" || got.proto != proto {
			t.Errorf("%s: %d %q over %s, want %d", what, got.status, got.body, got.proto, status)
		}
		if length := got.header.Get("Content-Length"); said.tag != "" && length != strconv.Itoa(len(body)) {
			t.Errorf("%s: it says that a GET has %q bytes, and it has %d", what, length, len(body))
		}
	case got.status != status || got.proto != proto || got.body != body && !(status == http.StatusBadGateway && strings.Contains(got.body, body)):
		t.Errorf("%s: %d over %s with %d bytes %.80q, want %d with %d", what, got.status, got.proto, len(got.body), got.body, status, len(body))
	}
	if err != nil || said.tag == "" || method == http.MethodPost {
		return
	}
	// Who has it already is told that nothing has changed.
	again, err := try(c, method, "https://api.github.com/says/"+said.name, "", "If-None-Match", got.header.Get("Etag"))
	if err != nil || again.status != http.StatusNotModified || again.body != "" || again.header.Get("Etag") != got.header.Get("Etag") || again.header.Get("Content-Length") != "" {
		t.Errorf("%s, conditional: %v %s", what, err, again.text("Etag"))
	}
	if status := again.header.Get("Cache-Status"); !strings.Contains(status, "fwd-status=304") {
		t.Errorf("%s, conditional: GitHub was not asked whether it has changed: %s", what, status)
	}
}

// hearCut asks for what breaks off. A HEAD has no body that could.
func hearCut(t *testing.T, c *http.Client, method string, said saying) {
	t.Helper()
	got, err := try(c, method, "https://api.github.com/says/"+said.name, "")
	if method == http.MethodHead {
		if err != nil || got.status != said.status {
			t.Errorf("HEAD %s: %v %d", said.name, err, got.status)
		}
		return
	}
	if err == nil && got.status == http.StatusOK {
		t.Errorf("%s %s: a whole answer of %d bytes, of which GitHub sent a part", method, said.name, len(got.body))
	}
}
