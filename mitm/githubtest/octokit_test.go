package githubtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every recorded answer comes back to a real octokit byte for byte, with all
// its header fields and no other, through a CONNECT proxy that changes nothing.
func TestOctokitPlaysEveryScenario(t *testing.T) {
	dirs, err := ScenarioDirs()
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) != 22 {
		t.Errorf("%d scenarios, want the 22 of @octokit/fixtures", len(dirs))
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			scenario, err := LoadScenario(dir)
			if err != nil {
				t.Fatal(err)
			}
			upstream, caFile := playbackServer(t, scenario)
			client := Octokit{Proxy: connectRelay(t, upstream), CAFile: caFile, Token: "ghp_of_the_client"}
			answers, err := client.Play(t.Context(), scenario.Exchanges())
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range scenario.Exchanges() {
				digest := sha256.Sum256(e.Body)
				want := OctokitAnswer{Status: e.Status, Header: e.Header, Length: len(e.Body), SHA256: hex.EncodeToString(digest[:])}
				if diff := cmp.Diff(want, answers[i]); diff != "" {
					t.Errorf("%s %s (- GitHub's, + octokit's):\n%s", e.Method, e.Path, diff)
				}
			}
			for i, asked := range scenario.Played() {
				if asked.Exchange != i {
					t.Errorf("request %d, %s %s, was answered by exchange %d", i, asked.Method, asked.Path, asked.Exchange)
					continue
				}
				e := scenario.Exchanges()[i]
				if got := asked.Header.Get("Authorization"); got != "token ghp_of_the_client" {
					t.Errorf("%s %s came with Authorization %q", e.Method, e.Path, got)
				}
				if got := asked.Header.Get("Accept"); got != e.Accept {
					t.Errorf("%s %s came with Accept %q, want %q", e.Method, e.Path, got, e.Accept)
				}
			}
			if left := scenario.Unplayed(); len(left) > 0 {
				t.Errorf("nobody asked for %v", left)
			}
		})
	}
}

// Without the packages a test does not pass in silence: it says who brings them.
func TestOctokitNeedsItsPackages(t *testing.T) {
	t.Setenv("OCTOPOOL_NODE_MODULES", "")
	const want = "OCTOPOOL_NODE_MODULES is not set: scripts/test installs octokit and its recordings and sets it"
	if _, err := ScenarioDirs(); err == nil || err.Error() != want {
		t.Errorf("ScenarioDirs: %v, want %s", err, want)
	}
	if _, err := (Octokit{}).Play(t.Context(), nil); err == nil || err.Error() != want {
		t.Errorf("Play: %v, want %s", err, want)
	}
	empty := t.TempDir()
	t.Setenv("OCTOPOOL_NODE_MODULES", empty)
	if _, err := ScenarioDirs(); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("an empty folder: %v", err)
	}
}

// An error of the server is an answer, asked for once: octokit's retries are off.
func TestOctokitRetriesNothing(t *testing.T) {
	scenario := loadText(t, `[]`)
	upstream, caFile := playbackServer(t, scenario)
	answers, err := Octokit{Proxy: connectRelay(t, upstream), CAFile: caFile, Token: "t"}.
		Play(t.Context(), []Exchange{{Host: "api.github.com", Method: "GET", Path: "/user"}})
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Status != http.StatusInternalServerError || len(scenario.Played()) != 1 {
		t.Errorf("got %+v after %d requests, want 500 after 1", answers[0], len(scenario.Played()))
	}
}

// octokit reports a proxy that does not answer; it is no answer of status 500.
func TestOctokitSaysWhenThereIsNoAnswer(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	_, caFile := playbackServer(t, loadText(t, `[]`))
	answers, err := Octokit{Proxy: "http://" + gone.Addr().String(), CAFile: caFile, Token: "t"}.
		Play(t.Context(), []Exchange{{Host: "api.github.com", Method: "GET", Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Status != 0 || !strings.Contains(answers[0].Err, "ECONNREFUSED") {
		t.Errorf("got %+v", answers[0])
	}
}

// playbackServer serves a scenario under the names of its hosts and returns its
// address and the file with its certificate.
func playbackServer(t *testing.T, scenario *Scenario) (address, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"api.github.com", "uploads.github.com", "codeload.github.com"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(scenario.Handler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), caFile
}

// connectRelay is a proxy that leads every CONNECT to one address, byte for byte.
func connectRelay(t *testing.T, to string) (proxy string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		upstream, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer upstream.Close()
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Close()
		io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			io.Copy(client, upstream)
			client.Close()
		}()
		io.Copy(upstream, buffered)
		upstream.Close()
		<-returned
	}))
	t.Cleanup(server.Close)
	return server.URL
}
