package githubtest

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every host has a certificate of its own, and no other host has one.
func TestCertificates(t *testing.T) {
	s := start(t)
	for _, host := range Hosts() {
		conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: s.Roots(), ServerName: host, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		state := conn.ConnectionState()
		if names := state.PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != host || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %v, %s", host, names, state.NegotiatedProtocol)
		}
		conn.Close()
	}
	if conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: s.Roots(), ServerName: "example.com"}); err == nil {
		conn.Close()
		t.Error("a certificate for example.com")
	}
}

// A request for another host than the connection was made for is misdirected.
func TestMisdirectedRequest(t *testing.T) {
	s := start(t)
	for host, status := range map[string]int{"api.github.com": 200, "API.GitHub.com": 200, "api.github.com:443": 200, "github.com": 421, "evil.example": 421} {
		r, _ := http.NewRequest("GET", "https://api.github.com/zen", nil)
		r.Host = host
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s: %d", host, resp.StatusCode)
		}
	}
}

// An HTTP/1.1 client sees header names as GitHub spells them.
func TestHeaderSpelling(t *testing.T) {
	s := start(t)
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: s.Roots(), ServerName: hostAPI})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\nUser-Agent: t\r\nAuthorization: token ghp_bot\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	head, _, _ := strings.Cut(string(answer), "\r\n\r\n")
	for _, name := range []string{"ETag: ", "X-RateLimit-Remaining: ", "X-GitHub-Request-Id: ", "X-OAuth-Scopes: ", "x-github-api-version-selected: ", "Cache-Control: ", "Last-Modified: "} {
		if !strings.Contains(head, "\r\n"+name) {
			t.Errorf("no %q in\n%s", name, head)
		}
	}
}

// Close leaves nothing behind, and WithGitRoot leaves what it was told to.
func TestClose(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := New()
	s.AddRepo("acme/web", false)
	if got := ask(t, s, "GET", "https://github.com/acme/web/info/refs?service=git-upload-pack", ""); got.StatusCode != 200 {
		t.Fatalf("%d", got.StatusCode)
	}
	s.Close()
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := s.Client().Get("https://api.github.com/zen"); err == nil {
		t.Error("answers after Close")
	}
	root := t.TempDir()
	kept := New(WithGitRoot(root))
	kept.AddRepo("Acme/Web", false)
	kept.Close()
	if out, err := runGit(nil, "-C", filepath.Join(root, "acme", "web.git"), "show", "main:README.md"); err != nil || !strings.HasPrefix(string(out), "# Web\n") {
		t.Errorf("%v: %s", err, out)
	}
}
