// Package door shows the ways in that are no plain HTTPS_PROXY, with the programs that take
// them: a base URL, a client named by the proxy's URL, and a proxy that is TLS itself.
package door

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/githubtest"
	"octopool/mitm/launch"
	"octopool/policy"
	"octopool/policy/pool"
)

// The tokens of octopool's client, of nobody, and of octopool itself.
const (
	ciToken = "github_pat_the_clients_ci"
	nobodys = "ghp_0123456789012345678901234567890123456789"
	botPAT  = "ghp_of_octo_bot"
)

// A house is a GitHub with acme/web, which is public, and acme/api, which is not, and an
// octopool in front of it with the client ci, who may do everything.
type house struct {
	t      *testing.T
	github *githubtest.Server
	where  launch.Where
	folder string
	log    *safeBuffer
}

func newHouse(t *testing.T, change func(*house, *config.Settings)) *house {
	t.Helper()
	g := githubtest.New()
	t.Cleanup(g.Close)
	h := &house{t: t, github: g, folder: t.TempDir(), log: new(safeBuffer)}
	g.AddUser("octo-bot", botPAT)
	g.AddRepo("acme/web", false)
	g.AddRepo("acme/api", true)
	g.Grant("octo-bot", "acme/web")
	g.Grant("octo-bot", "acme/api")
	for n := range 5 {
		g.AddIssue("acme/api", fmt.Sprintf("Endpoint %d answers too late", n+1))
	}
	s, problems := config.NewSource("", "", nil).Settle([]string{"HOME=" + t.TempDir(), "GITHUB_TOKEN=" + botPAT})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.ProxyListen, s.AdminListen, s.Cache.Backend = "127.0.0.1:0", "", "memory"
	s.GitHubs = []mitm.GitHub{{Host: "github.com", Git: true, Dial: g.Addr(), Roots: g.Roots()}}
	s.Credentials = []pool.Credential{{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret(botPAT)}}
	s.Rules.Clients = []policy.Registration{{Name: "ci", Pool: "default", Token: policy.DigestOf(ciToken)}}
	change(h, &s)
	d, err := daemon.Start(s, slog.New(slog.NewTextHandler(h.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
		for _, token := range []string{ciToken, nobodys} {
			if places := g.Contains(token); len(places) > 0 {
				t.Errorf("GitHub saw a client's token: %v", places)
			}
			if strings.Contains(h.log.String(), token) {
				t.Errorf("the log has a client's token:\n%s", h.log.String())
			}
		}
	})
	h.where = d.Where()
	return h
}

// asItComes changes nothing.
func asItComes(*house, *config.Settings) {}

// closed lets in who names a client in the proxy's URL.
func closed(_ *house, s *config.Settings) { s.Door.RequireAuth = true }

// behindTLS gives the listener a certificate of its own, which proxy.pem is the root of.
func behindTLS(h *house, s *config.Settings) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A proxy of somebody's"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	s.ProxyCert, s.ProxyKey = filepath.Join(h.folder, "proxy.pem"), filepath.Join(h.folder, "proxy-key.pem")
	h.write(s.ProxyCert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	h.write(s.ProxyKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func (h *house) write(path string, content []byte) {
	h.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// named is the proxy's URL with a client's name and token.
func (h *house) named(token string) string {
	u, err := url.Parse(h.where.ProxyURL)
	if err != nil {
		h.t.Fatal(err)
	}
	u.User = url.UserPassword("ci", token)
	return u.String()
}

// base is what tools take for a base URL.
func (h *house) base() string { return h.where.ProxyURL }

// run lets a shell run some commands, with what octopool tells programs to use but for the
// proxy, and returns what they printed and whether they went well.
func (h *house) run(script string, environ ...string) (string, bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	var set []launch.Setting
	for _, s := range h.where.Settings(nil) {
		if !strings.HasSuffix(strings.ToLower(s.Name), "_proxy") {
			set = append(set, s)
		}
	}
	home := filepath.Join(h.folder, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Env = append(launch.Environ([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"OCTOPOOL_NODE_MODULES=" + os.Getenv("OCTOPOOL_NODE_MODULES"), "CI=" + ciToken, "BASE=" + h.base(), "NAMED=" + h.named(ciToken), "NOBODY=" + h.named(nobodys),
		"CERT=" + filepath.Join(h.folder, "proxy.pem"),
	}, set, nil), environ...)
	if cmd.Dir = "."; !strings.Contains(script, "testdata/") {
		cmd.Dir = home
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); err != nil && !ended || ctx.Err() != nil {
		h.t.Fatalf("%s: %v\n%s", script, cmp.Or(context.Cause(ctx), err), out.String())
	}
	return out.String(), err == nil
}

// prints checks that a script goes well and what it prints.
func (h *house) prints(want, script string, environ ...string) {
	h.t.Helper()
	if got, ok := h.run(script, environ...); !ok || got != want {
		h.t.Errorf("%s\nprints %s\nwant   %s", script, got, want)
	}
}

// fails checks that a script does not go well, and what it says.
func (h *house) fails(want, script string, environ ...string) {
	h.t.Helper()
	if got, ok := h.run(script, environ...); ok || !strings.Contains(got, want) {
		h.t.Errorf("%s\nsays %s\nwant %s", script, got, want)
	}
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
