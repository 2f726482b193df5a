package mitm_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"octopool/mitm"
)

// Each host of GitHub that is to be intercepted is: with a certificate of our CA for
// this one name, and with its requests sent to this host.
func TestInterceptedHosts(t *testing.T) {
	s := start(t)
	hosts := mitm.Hosts([]mitm.GitHub{{Host: "github.com", Git: true}})
	for _, must := range []string{"api.github.com", "uploads.github.com", "github.com"} {
		if !slices.Contains(hosts, must) {
			t.Errorf("%s is not intercepted", must)
		}
	}
	for _, host := range hosts {
		w := s.secure(t, host)
		leaf := w.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		if !slices.Equal(leaf.DNSNames, []string{host}) || len(leaf.IPAddresses) > 0 {
			t.Errorf("the leaf of %s is for %v", host, leaf.DNSNames)
		}
		w.say("GET /acme/web/info/lfs/x HTTP/1.1\nHost: " + host + "\nAuthorization: token " + ciToken + "\n\n")
		w.hear(http.MethodGet)
		seen := s.github.Seen()
		if last := seen[len(seen)-1]; last.Host != host || last.Login != "octo-bot" && last.Header.Get("Authorization") == "" {
			t.Errorf("what was asked of %s came to GitHub as %v", host, last)
		}
	}
	if found := s.github.Contains(ciToken); found != nil {
		t.Error(found)
	}
}

// A CONNECT has one spelling that matters: hosts in any case and with a dot at the end
// are intercepted and do not slip by as tunnels.
func TestSpellingsOfInterceptedHosts(t *testing.T) {
	s := start(t, withEgress(mitm.Egress{Allow: []string{"*"}}))
	for _, target := range []string{"API.GitHub.COM:443", "api.github.com.:443", "api.github.com:0443"} {
		w, granted := s.connect(t, target)
		if granted.status != http.StatusOK {
			t.Fatalf("%s: %s", target, granted.text())
		}
		if err := tls.Client(w.Conn, s.tlsConfig("api.github.com")).Handshake(); err != nil {
			t.Errorf("%s is not intercepted: %v", target, err)
		}
	}
}

// What no rule allows is refused on the CONNECT, in GitHub's shape and with the rule.
func TestRefusedConnects(t *testing.T) {
	s := start(t, withEgress(mitm.Egress{Allow: []string{"*"}, Deny: []string{"*.evil.example"}, Ports: []int{443}}))
	const forbidden = "403\nContent-Type: application/json; charset=utf-8\nCache-Status: octopool; detail=refused\n" +
		`{"message":"octopool: RULE","documentation_url":"https://docs.github.com/rest","status":"403"}`
	const bad = "400\nContent-Type: application/json; charset=utf-8\nCache-Status: octopool; detail=refused\n" +
		`{"message":"octopool: the target of a CONNECT is HOST:PORT, and RULE","documentation_url":"https://docs.github.com/rest","status":"400"}`
	for _, tt := range []struct{ target, answer, rule string }{
		{"api.github.com:80", forbidden, "api.github.com is intercepted on port 443 only"},
		{"github.com:22", forbidden, "github.com is intercepted on port 443 only"},
		{"GitHub.com.:8443", forbidden, "github.com is intercepted on port 443 only"},
		{"example.com:22", forbidden, "tunnel.ports does not list 22"},
		{"www.evil.example:443", forbidden, "tunnel.deny names www.evil.example"},
		{"127.0.0.1:443", forbidden, "tunnel.private is false and 127.0.0.1 is not a public address"},
		{"[::1]:443", forbidden, "tunnel.private is false and ::1 is not a public address"},
		{"[::ffff:127.0.0.1]:443", forbidden, "tunnel.private is false and 127.0.0.1 is not a public address"},
		{"169.254.169.254:443", forbidden, "tunnel.private is false and 169.254.169.254 is not a public address"},
		{"localhost:443", forbidden, "tunnel.private is false and localhost has an address that is not public"},

		{"example.com", bad, "this is not"},
		{"/example.com:443", bad, "this is not a host name"},
		{"example.com:0", bad, "a port is a number from 1 to 65535"},
		{"example.com:99999", bad, "a port is a number from 1 to 65535"},
		{"example.com:443/path", bad, "a port is a number from 1 to 65535"},
		{"example.com:443?query", bad, "a port is a number from 1 to 65535"},
		{"user:ghp_secret@example.com:443", bad, "this is not"},
		{"ghp_secret@api.github.com:443", bad, "this is not a host name"},
		{"[fe80::1%25eth0]:443", bad, "brackets are for IPv6 addresses without a zone"},
		{"127.1:443", bad, "an IPv4 address is four decimal numbers"},
		{"0x7f000001:443", bad, "an IPv4 address is four decimal numbers"},
		{"ex..ample:443", bad, "each part of a host name has 1 to 63 characters"},
	} {
		w, got := s.connect(t, tt.target)
		if got, want := got.text("Content-Type", "Cache-Status"), strings.Replace(tt.answer, "RULE", tt.rule, 1); got != want {
			t.Errorf("CONNECT %s: %s\nwant %s", tt.target, got, want)
		}
		if !w.ended() {
			t.Errorf("CONNECT %s: the connection stays open", tt.target)
		}
	}
	if log := s.logged(); strings.Contains(log, "ghp_secret") {
		t.Errorf("the log has the secret:\n%s", log)
	}
	if log := s.logged(); !strings.Contains(log, `level=WARN msg="refused a tunnel" target=example.com:22 err="octopool: tunnel.ports does not list 22"`) {
		t.Errorf("the log does not say what was refused:\n%s", log)
	}
	if got := s.metrics(); !strings.Contains(got, `octopool_refused_total{client="-",reason="tunnel"} 10`) || !strings.Contains(got, `octopool_refused_total{client="-",reason="target"} 12`) {
		t.Errorf("metrics:\n%s", got)
	}
	// Some of these net/http itself refuses to read.
	for _, target := range []string{"api.github.com:443 x", "api%2egithub.com:443", "api.github.com:https", "[::1:443", "a\x00b:443", ""} {
		w := s.wire(t)
		w.say("CONNECT " + target + " HTTP/1.1\nHost: x\n\n")
		if got := w.hear(http.MethodGet); got.status != http.StatusBadRequest {
			t.Errorf("CONNECT %q: %d", target, got.status)
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// An intercepted host is never spoken to in clear, however it is spelled: the request
// holds a token.
func TestPlainRequestsToInterceptedHosts(t *testing.T) {
	s := start(t, withEgress(mitm.Egress{Allow: []string{"*"}, Private: true}))
	for _, url := range []string{
		"http://api.github.com/user", "http://API.GitHub.com./user", "http://api.github.com:443/user", "http://api.github.com:8080/user",
		"https://api.github.com/user", "http://u:p@github.com/acme/web", "ftp://github.com/", "https://example.com/",
	} {
		w := s.wire(t)
		w.say("GET " + url + " HTTP/1.1\nHost: x\nAuthorization: Bearer " + ciToken + "\n\n")
		got := w.hear(http.MethodGet)
		if got.status != http.StatusForbidden || !strings.Contains(got.body, "is reached by CONNECT only, so that no token travels in clear") {
			t.Errorf("GET %s: %s", url, got.text())
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	if strings.Contains(s.logged(), ciToken) {
		t.Error("the log has the token")
	}
}

// Plain requests to other hosts go by the tunnels' rules, and are passed on as they are.
func TestPlainRequestsToOtherHosts(t *testing.T) {
	asked := make(chan *http.Request, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("X-Own", "as it is")
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("short and stout"))
	}))
	defer web.Close()
	_, port, _ := net.SplitHostPort(web.Listener.Addr().String())

	closed := start(t, withEgress(mitm.Egress{Allow: []string{"*"}}))
	w := closed.wire(t)
	w.say("GET http://127.0.0.1:" + port + "/ HTTP/1.1\nHost: x\n\n")
	if got := w.hear("GET"); got.status != 403 || !strings.Contains(got.body, "tunnel.private is false and 127.0.0.1 is not a public address") {
		t.Errorf("an address: %s", got.text())
	}
	w.say("HEAD http://localhost:" + port + "/ HTTP/1.1\nHost: x\n\n")
	if got := w.hear("HEAD"); got.status != 403 || got.header.Get("Cache-Status") != "octopool; detail=refused" {
		t.Errorf("a name: %s", got.text())
	}

	open := start(t, withEgress(mitm.Egress{Allow: []string{"127.0.0.1"}, Private: true}))
	w = open.wire(t)
	w.say("GET http://localhost:" + port + "/ HTTP/1.1\nHost: x\n\n")
	if got := w.hear("GET"); got.status != 403 || !strings.Contains(got.body, "tunnel.allow does not name localhost") {
		t.Errorf("a name that is not allowed: %s", got.text())
	}
	w.say("PUT http://127.0.0.1:" + port + "/a%2Fb?z=1&a=;2 HTTP/1.1\nHost: evil.example\nProxy-Connection: keep-alive\n" +
		"Proxy-Authorization: Bearer " + opsToken + "\nConnection: X-Mine\nX-Mine: 1\nX-Kept: 2\nContent-Length: 2\n\nhi")
	if got := w.hear("PUT"); got.text("X-Own") != "418\nX-Own: as it is\nshort and stout" {
		t.Errorf("answered %s", got.text("X-Own"))
	}
	r := <-asked
	if r.RequestURI != "/a%2Fb?z=1&a=;2" || r.Host != "127.0.0.1:"+port || r.Header.Get("X-Kept") != "2" {
		t.Errorf("the host saw %s %s %v", r.RequestURI, r.Host, r.Header)
	}
	for _, name := range []string{"Proxy-Connection", "Proxy-Authorization", "X-Mine", "X-Forwarded-For", "Via"} {
		if r.Header.Get(name) != "" {
			t.Errorf("the host saw %s", name)
		}
	}
}

// A plain request whose host cannot be reached is answered with 502, one that breaks off
// with a cut.
func TestPlainRequestsThatFail(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("the beginning"))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer web.Close()
	s := start(t, withEgress(mitm.Egress{Allow: []string{"127.0.0.1"}, Private: true}))
	w := s.wire(t)
	w.say("GET http://" + closedPort(t) + "/ HTTP/1.1\nHost: x\n\n")
	if got := w.hear("GET"); got.text() != "502\n"+`{"message":"octopool: cannot connect: connect: connection refused","documentation_url":"https://docs.github.com/rest","status":"502"}` {
		t.Errorf("a host that does not listen: %s", got.text())
	}
	w.say("GET " + web.URL + "/ HTTP/1.1\nHost: x\n\n")
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "the beginning" || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v", body, err)
	}
	if !w.ended() {
		t.Error("the connection stays open")
	}
}

// The proxy's own paths need no token and no tunnel.
func TestOwnPaths(t *testing.T) {
	s := start(t)
	c := &http.Client{Transport: new(http.Transport)}
	t.Cleanup(c.CloseIdleConnections)
	at := "http://" + s.addr
	if got := get(t, c, at+"/-/ca.pem"); got.text("Content-Type") != "200\nContent-Type: application/x-pem-file\n"+string(s.authority.RootPEM()) {
		t.Errorf("ca.pem: %s", got.text("Content-Type"))
	}
	if got := get(t, c, at+"/-/healthz"); got.text() != "200\noctopool\n" {
		t.Errorf("healthz: %s", got.text())
	}
	for _, path := range []string{"/-/", "/-/ca.key", "/-/ca.pem/", "/-/CA.pem", "/-/metrics"} {
		if got := get(t, c, at+path); got.status != http.StatusNotFound {
			t.Errorf("%s: %s", path, got.text())
		}
	}
	// Anything else is for those who use it as a base URL, and without that leads nowhere.
	for _, path := range []string{"/", "/user", "//-/ca.pem", "/metrics", "/debug/pprof/"} {
		if got := get(t, c, at+path, "Authorization", "Bearer "+ciToken); got.status != http.StatusForbidden || !strings.Contains(got.body, "set HTTPS_PROXY to this address") {
			t.Errorf("%s: %s", path, got.text())
		}
	}
	if got := do(t, c, http.MethodPost, at+"/-/ca.pem", "x"); got.text("Allow") != "405\nAllow: GET, HEAD\noctopool: this is for reading only\n" {
		t.Errorf("POST: %s", got.text("Allow"))
	}
	w := s.wire(t)
	w.say("OPTIONS * HTTP/1.1\nHost: x\n\n")
	if got := w.hear(http.MethodOptions); got.status != http.StatusForbidden {
		t.Errorf("OPTIONS *: %s", got.text())
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
