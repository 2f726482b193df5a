package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What octopool leaves when it crashes in the middle of its work, the stacks of all its
// goroutines and what is on its disk, has no token in it.
func TestACrashTellsNoSecret(t *testing.T) {
	h := newHouse(t, build(t))
	arrived, leave := make(chan struct{}, 2), make(chan struct{})
	h.github.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/repos/acme/web/hold" || r.Method == http.MethodPost {
			arrived <- struct{}{}
			<-leave
		}
		return false
	})
	root, err := os.ReadFile(filepath.Join(h.data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	transport := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: h.daemon.proxyAt, User: url.UserPassword("ops", h.clients["ops"])}),
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	ask := func(method, path, body string) {
		r, err := http.NewRequest(method, "https://api.github.com"+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "token "+h.clients["ci"])
		if resp, err := transport.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}
	ask("GET", "/repos/acme/api", "")
	go ask("GET", "/repos/acme/web/hold", "")
	go ask("POST", "/repos/acme/web/issues", `{"title":"held"}`)
	<-arrived
	<-arrived
	if err := h.daemon.scrape(); err != nil {
		t.Error(err)
	}
	h.daemon.cmd.Process.Signal(syscall.SIGQUIT) // Go's own way to crash and tell
	<-h.daemon.exited
	close(leave)
	if log := h.daemon.log(); !strings.Contains(log, "SIGQUIT: quit") || strings.Count(log, "\ngoroutine ") < 5 || !strings.Contains(log, "exchange.(*Exchange)") {
		t.Fatalf("no stacks to look through:\n%s", log)
	}
	h.checkSecrets("")
}
