package conformance

import (
	"bytes"
	"context"
	"crypto/rsa"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// A way leads to GitHub.
type way struct {
	octopool bool // through octopool, as its client
	app      bool // as an installation of an App, else as the user octo-bot
	base     bool // with octopool's address as the base URL, else with it as the proxy
	kit
}

// A kit is what all runs share.
type kit struct {
	bin    string          // folder of programs of our own
	appKey *rsa.PrivateKey // of the App
}

// A house is the world of one run: a GitHub, an octopool in front of it or not, and
// the empty home of somebody who has a token.
type house struct {
	t           *testing.T
	github      *githubtest.Server
	folder      string
	bin         string
	variables   []string // of the world
	where       launch.Where
	credential  string // what GitHub knows; an installation's own when octopool has none of its tokens yet
	clientToken string // what the session has, through octopool
	login       string // whose the credential is at GitHub
	api         string // base URL of octopool's own; empty otherwise
	log         lockedBuffer
}

const (
	// A fine-grained token's prefix, or an installation's, as the kind of pool it stands for: tools
	// behave otherwise with each.
	userToken       = "github_pat_11OCTOBOT0_credentialOfOctoBot"
	userClientToken = "github_pat_11CLIENT000_tokenOfTheClientCI"
	appClientToken  = "ghs_tokenOfTheClientCIForAnAppsPool"
)

func newHouse(t *testing.T, way way, more func(*githubtest.Server) []string) *house {
	t.Helper()
	g := githubtest.New()
	t.Cleanup(g.Close)
	h := &house{t: t, github: g, folder: t.TempDir(), bin: way.bin, credential: userToken, clientToken: userClientToken, login: "octo-bot"}
	furnish(g)
	if more != nil {
		h.variables = more(g)
	}
	var app *githubtest.App
	if way.app {
		app = g.AddAppWithKey("octo-app", way.appKey)
		app.SetPermissions(map[string]string{"actions": "write", "checks": "write", "contents": "write", "issues": "write", "pull_requests": "write", "statuses": "write"})
		in := g.Install(app, "acme", "acme/web", "acme/api")
		h.login, h.clientToken = app.Login(), appClientToken
		if h.credential = ""; !way.octopool {
			h.credential = in.Mint()
		}
	}
	roots := g.CAPEM()
	if way.octopool {
		d := h.serve(app)
		h.where = d.Where()
		root, err := os.ReadFile(h.where.RootFile)
		if err != nil {
			t.Fatal(err)
		}
		roots = slices.Concat(roots, root)
		if way.base {
			h.api = h.where.ProxyURL
		}
	} else {
		h.clientToken = ""
		for _, o := range (mitm.GitHub{Host: "github.com", Git: true}).Origins() {
			h.where.Hosts = append(h.where.Hosts, o.Host)
		}
		h.where.GitHosts = []string{"github.com", "gist.github.com"}
	}
	if !way.octopool || way.base {
		var stop func()
		h.where.ProxyURL, stop = g.Relay()
		t.Cleanup(stop)
	}
	h.where.RootFile = filepath.Join(h.folder, "roots.pem")
	h.where.BundleFile = h.where.RootFile
	if err := os.WriteFile(h.where.RootFile, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// serve starts an octopool with one client, who may do everything, and one credential.
func (h *house) serve(app *githubtest.App) *daemon.Daemon {
	h.t.Helper()
	s, problems := config.NewSource("", "", nil).Settle([]string{"HOME=" + h.t.TempDir(), "GITHUB_TOKEN=" + userToken})
	if len(problems) > 0 {
		h.t.Fatal(problems)
	}
	s.ProxyListen, s.AdminListen = "127.0.0.1:0", ""
	s.GitHubs = []mitm.GitHub{{Host: "github.com", Git: true, Dial: h.github.Addr(), Roots: h.github.Roots()}}
	s.Cache.Backend, s.MaxWait = "memory", time.Minute
	credential := pool.Credential{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret(userToken)}
	if app != nil {
		credential.Token = policy.Secret{}
		credential.App = pool.App{Issuer: app.ClientID(), Key: policy.NewSecret(string(app.PEM()))}
	}
	s.Credentials = []pool.Credential{credential}
	s.Rules.Clients = []policy.Registration{{Name: "ci", Pool: "default", Token: policy.DigestOf(h.clientToken)}}
	d, err := daemon.Start(s, slog.New(slog.NewTextHandler(&h.log, nil)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			h.t.Error(err)
		}
		if log := h.log.String(); strings.Contains(log, "level=ERROR") {
			h.t.Errorf("octopool logged\n%s", log)
		}
	})
	return d
}

// A lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
