package mitm_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Inside a tunnel both versions of HTTP are spoken, as the client likes.
func TestBothVersionsInside(t *testing.T) {
	s := start(t)
	for proto, c := range map[string]*http.Client{"HTTP/2.0": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		if got := get(t, c, "https://api.github.com/repos/acme/api"); got.status != http.StatusOK || got.proto != proto {
			t.Errorf("%s: %s over %s", proto, got.text(), got.proto)
		}
	}
}

// A request goes to the tunnel's host or nowhere: one that names another is misdirected,
// and GitHub sees nothing of it.
func TestForeignHost(t *testing.T) {
	s := start(t)
	const misdirected = "421\nContent-Type: application/json; charset=utf-8\nCache-Status: octopool; detail=refused\n" +
		`{"message":"octopool: this tunnel is for another host","documentation_url":"https://docs.github.com/rest","status":"421"}`
	clients := map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)}
	for name, c := range clients {
		for _, host := range []string{
			"evil.example", "github.com", "uploads.github.com", "api.github.com:80", "api.github.com:8443",
			"api.github.com.evil.example", "xapi.github.com", "api.github.com:443:443", "127.0.0.1", "[::1]:443",
		} {
			got, err := withHost(c, host)
			if err != nil {
				t.Errorf("%s, Host %s: %v", name, host, err)
			} else if got.text("Content-Type", "Cache-Status") != misdirected {
				t.Errorf("%s, Host %s: %s", name, host, got.text("Content-Type", "Cache-Status"))
			}
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Fatalf("GitHub saw %v", seen)
	}
	for name, c := range clients {
		for _, host := range []string{"api.github.com:443", "API.GitHub.COM", "api.github.com."} {
			if got, err := withHost(c, host); err != nil || got.status != http.StatusOK {
				t.Errorf("%s, Host %s: %s, %v", name, host, got.text(), err)
			}
		}
	}
	for _, seen := range s.github.Seen() {
		if seen.Host != "api.github.com" {
			t.Errorf("GitHub saw %v", seen)
		}
	}
}

func withHost(c *http.Client, host string) (reply, error) {
	r, err := http.NewRequest(http.MethodGet, "https://api.github.com/repos/acme/web", nil)
	if err != nil {
		return reply{}, err
	}
	r.Host = host
	resp, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), resp.Proto}, err
}

// Request lines and Hosts that Go's client would not write.
func TestForeignHostOnTheWire(t *testing.T) {
	s := start(t)
	auth := "Authorization: token " + ciToken + "\n\n"
	for _, tt := range []struct {
		name, head string
		status     int
	}{
		{"two Hosts", "GET /user HTTP/1.1\nHost: api.github.com\nHost: evil.example\n", 400},
		{"two Hosts, one twice", "GET /user HTTP/1.1\nHost: api.github.com\nHost: api.github.com\n", 400},
		{"no Host", "GET /user HTTP/1.1\n", 400},
		{"no Host, HTTP/1.0", "GET /user HTTP/1.0\n", 421},
		{"an empty Host", "GET /user HTTP/1.1\nHost:\n", 421},
		{"a Host with a user", "GET /user HTTP/1.1\nHost: x@api.github.com\n", 400},
		{"an absolute target elsewhere", "GET https://evil.example/user HTTP/1.1\nHost: api.github.com\n", 421},
		{"an absolute target elsewhere, plain", "GET http://169.254.169.254/user HTTP/1.1\nHost: api.github.com\n", 421},
		{"a target that another parser may read as a host", "GET //evil.example/user HTTP/1.1\nHost: api.github.com\n", 400},
		{"a CONNECT inside", "CONNECT evil.example:443 HTTP/1.1\nHost: api.github.com\n", 421},
		{"a CONNECT inside to itself", "CONNECT api.github.com:443 HTTP/1.1\nHost: api.github.com\n", 400},
		{"the server as a whole", "OPTIONS * HTTP/1.1\nHost: api.github.com\n", 400},
	} {
		w := s.secure(t, "api.github.com")
		w.say(tt.head + auth)
		if got := w.hear(http.MethodGet); got.status != tt.status {
			t.Errorf("%s: %s", tt.name, got.text())
		}
		if seen := s.github.Seen(); len(seen) > 0 {
			t.Fatalf("%s: GitHub saw %v", tt.name, seen)
		}
	}
	// An absolute target decides over the Host beside it (RFC 9112, section 3.2.2).
	w := s.secure(t, "api.github.com")
	w.say("GET https://x:y@API.github.com:443/repos/acme/web HTTP/1.1\nHost: evil.example\n" + auth)
	if got := w.hear(http.MethodGet); got.status != http.StatusOK {
		t.Errorf("an absolute target of the tunnel's host: %s", got.text())
	}
	if seen := s.github.Seen(); len(seen) != 1 || seen[0].Host != "api.github.com" || seen[0].Path != "/repos/acme/web" {
		t.Errorf("GitHub saw %v", seen)
	}
}

// The certificate is that of the host in the CONNECT, whatever name the handshake has: a
// client that names none gets it, and one that names another gets nothing.
func TestServerNames(t *testing.T) {
	s := start(t)
	w := s.secure(t, "github.com", func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "", true })
	if leaf := w.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]; !slices.Equal(leaf.DNSNames, []string{"github.com"}) {
		t.Errorf("without a name the leaf is for %v", leaf.DNSNames)
	}
	for _, name := range []string{"api.github.com", "evil.example"} {
		w, _ := s.connect(t, "github.com:443")
		config := s.tlsConfig(name)
		config.InsecureSkipVerify = true
		conn := tls.Client(w.Conn, config)
		if err := conn.Handshake(); err == nil || !strings.Contains(err.Error(), "remote error: tls") || conn.ConnectionState().PeerCertificates != nil {
			t.Errorf("%s in a tunnel to github.com: %v", name, err)
		}
	}
}

// A tunnel is not for what is no TLS.
func TestNoTLSInside(t *testing.T) {
	s := start(t)
	w, _ := s.connect(t, "api.github.com:443")
	w.say("GET /user HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
	if got := w.hear(http.MethodGet); got.status != http.StatusBadRequest {
		t.Errorf("answered %s", got.text())
	}
	if !w.ended() {
		t.Error("the connection stays open")
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// Answers of every form come through one connection one after another, byte for byte:
// where one ends, the next begins.
func TestFraming(t *testing.T) {
	forms := map[string]func(w http.ResponseWriter){
		"length":  func(w http.ResponseWriter) { w.Header().Set("Content-Length", "5"); io.WriteString(w, "whole") },
		"chunks":  func(w http.ResponseWriter) { io.WriteString(w, "one"); flush(w); io.WriteString(w, "two") },
		"empty":   func(w http.ResponseWriter) { w.Header().Set("Content-Length", "0") },
		"nothing": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"hints":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); io.WriteString(w, "after hints") },
		"missing": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound); io.WriteString(w, "not here") },
		"gateway": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway); io.WriteString(w, "unicorn") },
		"large":   func(w http.ResponseWriter) { w.Write(noise(300 << 10)) },
	}
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		s := start(t, fixed(t, version, func(w http.ResponseWriter, r *http.Request) {
			if r.Proto != version {
				t.Errorf("GitHub is asked over %s", r.Proto)
			}
			n, _ := io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Read", strconv.FormatInt(n, 10))
			forms[strings.TrimPrefix(r.URL.Path, "/repos/acme/")](w)
		}))
		for _, c := range []*http.Client{s.client(ciToken), s.client(ciToken, overHTTP1)} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				for form := range forms {
					body := ""
					if method == http.MethodPost {
						body = string(noise(100 << 10))
					}
					direct := recorded(forms[form])
					want := fmt.Sprintf("%d\nX-Read: %d\n%s", direct.status, len(body), direct.body)
					if method == http.MethodHead {
						want = fmt.Sprintf("%d\nX-Read: 0\n", direct.status)
					}
					got := do(t, c, method, "https://api.github.com/repos/acme/"+form, body)
					if got.text("X-Read") != want {
						t.Errorf("GitHub's %s, %s %s over %s: %.200q, want %.200q", version, method, form, got.proto, got.text("X-Read"), want)
					}
				}
			}
		}
	}
}

func flush(w http.ResponseWriter) { http.NewResponseController(w).Flush() }

// recorded is what a form answers, without any network.
func recorded(form func(http.ResponseWriter)) reply {
	r := &recorder{header: http.Header{}, status: http.StatusOK}
	form(r)
	return reply{status: r.status, header: r.header, body: r.body.String()}
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) Flush()                      {}
func (r *recorder) WriteHeader(status int) {
	if status >= 200 {
		r.status = status
	}
}

// What comes from GitHub in pieces, as git's progress does, goes out in the same pieces:
// nobody waits for the rest. So does a download, whose length is known.
func TestPiecesGoOutAsTheyCome(t *testing.T) {
	for _, length := range []string{"", "23"} {
		testPiecesGoOutAsTheyCome(t, length)
	}
}

func testPiecesGoOutAsTheyCome(t *testing.T, length string) {
	heard := make(chan struct{})
	s := start(t, fixed(t, "HTTP/2.0", func(w http.ResponseWriter, r *http.Request) {
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		for _, piece := range []string{"Counting", "Compressing", "Done"} {
			io.WriteString(w, piece)
			flush(w)
			select {
			case <-heard:
			case <-r.Context().Done():
				return
			}
		}
	}))
	for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		name += " " + length
		c.Timeout = 10 * time.Second // what does not come is a failure and not a wait
		resp, err := c.Post("https://github.com/acme/web.git/git-upload-pack", "application/x-git-upload-pack-request", strings.NewReader("0000"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Counting", "Compressing", "Done"} {
			piece := make([]byte, len(want))
			if _, err := io.ReadFull(resp.Body, piece); string(piece) != want {
				t.Errorf("%s: %q, %v; want %q", name, piece, err, want)
			}
			select {
			case heard <- struct{}{}:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: GitHub does not wait any more", name)
			}
		}
		if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
			t.Errorf("%s: then %q, %v", name, rest, err)
		}
		resp.Body.Close()
	}
}

// GitHub may answer before it has all of a body, as it does to a push that it refuses.
// The body still goes where it was going.
func TestAnAnswerMayComeBeforeTheBody(t *testing.T) {
	s := start(t, fixed(t, "HTTP/2.0", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "early")
		flush(w)
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, " %s %v", body, err)
	}))
	for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		c.Timeout = 10 * time.Second // what does not come is a failure and not a wait
		body, rest := io.Pipe()
		t.Cleanup(func() { rest.CloseWithError(io.ErrUnexpectedEOF) })
		resp, err := c.Post("https://github.com/acme/web.git/git-receive-pack", "application/x-git-receive-pack-request", body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		early := make([]byte, len("early"))
		if _, err := io.ReadFull(resp.Body, early); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		go func() {
			io.WriteString(rest, "the body")
			rest.Close()
		}()
		if text, err := io.ReadAll(resp.Body); string(text) != " the body <nil>" || err != nil {
			t.Errorf("%s: GitHub got %q, %v", name, text, err)
		}
		resp.Body.Close()
	}
}
