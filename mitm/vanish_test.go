package mitm_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// A client that leaves is not worked for any longer: GitHub sees its request end.
func TestClientLeaves(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		entered, ended := make(chan struct{}), make(chan struct{})
		s := start(t, fixed(t, version, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			entered <- struct{}{}
			<-r.Context().Done()
			ended <- struct{}{}
		}))
		for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
			for _, ask := range []struct{ method, url, body string }{
				{http.MethodGet, "https://api.github.com/repos/acme/web", ""},
				{http.MethodPost, "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`},
				{http.MethodPost, "https://github.com/acme/web.git/git-upload-pack", "0000"},
			} {
				ctx, leave := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, ask.method, ask.url, strings.NewReader(ask.body))
				if err != nil {
					t.Fatal(err)
				}
				left := make(chan error, 1)
				go func() {
					_, err := c.Do(r)
					left <- err
				}()
				<-entered
				leave()
				<-ended
				if err := <-left; err == nil {
					t.Errorf("%s: %s was answered", name, ask.url)
				}
			}
		}
		eventually(t, "each is logged as left", func() bool {
			return strings.Count(s.logged(), "level=INFO msg=request") == 6 && strings.Count(s.logged(), "status=0 outcome=refused") == 6 && strings.Count(s.logged(), "reason=left") == 6
		})
	}
}

// A client that ends its sending while it waits gets an answer or a cut, never an empty
// success.
func TestClientThatEndsItsSending(t *testing.T) {
	s := start(t)
	g := gated(s)
	w := s.secure(t, "api.github.com")
	w.say("GET /repos/acme/web HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
	<-g.entered
	w.Conn.(*tls.Conn).CloseWrite()
	all, err := io.ReadAll(w.in)
	close(g.open)
	if len(all) > 0 && !strings.Contains(string(all), `"full_name"`) {
		t.Errorf("it got %q, %v", all, err)
	}
}

// An answer that breaks off at GitHub breaks off at the client, by whatever protocol it
// comes, and is not stored.
func TestAnswerThatBreaksOff(t *testing.T) {
	half := noise(100 << 10)
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		var conditions atomic.Int32
		s := start(t, fixed(t, version, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != "" {
				conditions.Add(1)
			}
			w.Header().Set("Etag", `"abc"`)
			if r.URL.Query().Has("length") {
				w.Header().Set("Content-Length", strconv.Itoa(2*len(half)))
			}
			w.Write(half)
			flush(w)
			panic(http.ErrAbortHandler)
		}))
		for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
			for _, ask := range []struct{ method, url string }{
				{http.MethodGet, "https://api.github.com/repos/acme/web"},
				{http.MethodGet, "https://api.github.com/repos/acme/web?length"},
				{http.MethodPost, "https://api.github.com/repos/acme/web/issues"},
				{http.MethodPost, "https://api.github.com/repos/acme/web/issues?length"},
				{http.MethodGet, "https://github.com/acme/web/archive/main.tar.gz"},
				{http.MethodGet, "https://github.com/acme/web/archive/main.tar.gz?length"},
			} {
				for range 2 {
					if got, err := try(c, ask.method, ask.url, ""); err == nil {
						t.Errorf("GitHub's %s, %s: %s %s is a whole answer of %d bytes", version, name, ask.method, ask.url, len(got.body))
					}
				}
			}
		}
		if n := conditions.Load(); n > 0 {
			t.Errorf("%d conditions: half an answer was stored", n)
		}
		if !strings.Contains(s.logged(), "level=WARN") || !strings.Contains(s.logged(), `err="the answer broke off`) {
			t.Errorf("the log does not tell of it:\n%s", s.logged())
		}
	}
}

// Clients that vanish at any moment leave nothing behind.
func TestClientsVanish(t *testing.T) {
	s := start(t, anywhere)
	large := noise(4 << 20)
	s.github.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		io.Copy(io.Discard, r.Body)
		w.Write(large)
		return true
	})
	sink := listen(t, func(conn *net.TCPConn) { io.Copy(io.Discard, conn) })
	const head = "Host: api.github.com\nAuthorization: token " + ciToken + "\n"
	moments := map[string]func(){
		"in a CONNECT":      func() { s.wire(t).vanish("CONNECT api.gith") },
		"before its answer": func() { s.wire(t).vanish("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n") },
		"before a hello": func() {
			w, _ := s.connect(t, "api.github.com:443")
			w.vanish("")
		},
		"in a hello": func() {
			w, _ := s.connect(t, "api.github.com:443")
			w.vanish("\x16\x03\x01\x02\x00\x01")
		},
		"before a request": func() { s.secure(t, "api.github.com").vanish("") },
		"in a header":      func() { s.secure(t, "api.github.com").vanish("GET / HTTP/1.1\nHost:") },
		"in a held body": func() {
			s.secure(t, "api.github.com").vanish("POST /repos/acme/web/issues HTTP/1.1\n" + head + "Content-Length: 1000\n\n{")
		},
		"in a streamed body": func() {
			s.secure(t, "github.com").vanish("POST /acme/web.git/git-receive-pack HTTP/1.1\n" + strings.Replace(head, "api.", "", 1) + "Transfer-Encoding: chunked\n\n4\n0000\n")
		},
		"in an answer": func() {
			w := s.secure(t, "api.github.com")
			w.say("GET /repos/acme/web HTTP/1.1\n" + head + "\n")
			io.ReadFull(w.in, make([]byte, 100))
			w.vanish("")
		},
		"in a tunnel": func() {
			w, _ := s.connect(t, sink)
			w.vanish("some bytes")
		},
		"as a tunnel opens": func() { s.wire(t).vanish("CONNECT " + sink + " HTTP/1.1\nHost: x\n\n") },
	}
	quiet := func() bool {
		m := s.metrics()
		return strings.Contains(m, `octopool_connections_active{listener="intercepted"} 0`) &&
			strings.Contains(m, `octopool_connections_active{listener="proxy"} 0`) && strings.Contains(m, "octopool_tunnels_active 0")
	}
	for name, vanish := range moments {
		vanish() // once, so that what stays for good is there before the count
		eventually(t, name+": nothing is open", quiet)
		before := runtime.NumGoroutine()
		for range 20 {
			vanish()
		}
		eventually(t, name+": nothing is open", quiet)
		eventually(t, name+": nothing is left behind", func() bool { return runtime.NumGoroutine() <= before+2 })
	}
}

// vanish says a last thing and resets the connection.
func (w *wire) vanish(last string) {
	w.say(last)
	conn := w.Conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
