package mitm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// The tokens of the clients that every setup registers.
const (
	ciToken  = "octo_ci_0123456789abcdefghijklmnopqrstuv"
	opsToken = "octo_ops_0123456789abcdefghijklmnopqrstu"
)

// A setup is a proxy that serves, with a GitHub stand-in behind it.
type setup struct {
	t         testing.TB
	github    *githubtest.Server // nil when the upstream option put something else there
	proxy     *mitm.Proxy
	authority *ca.Authority
	addr      string // of the proxy's listener
	log       *safeBuffer
	stop      func(context.Context) error // Shutdown, once; what Serve returned is checked
	gitHome   string                      // see git_test.go
}

// A plan is what start makes a setup of. Options change it.
type plan struct {
	rules       policy.Rules
	credentials []pool.Credential
	pools       pool.Config // but for its credentials; with a Transport it runs
	github      *githubtest.Server
	config      mitm.Config
}

type option func(*plan)

func newPlan() plan {
	return plan{
		rules: policy.Rules{Clients: []policy.Registration{
			{Name: "ci", Token: policy.DigestOf(ciToken)},
			{Name: "ops", Token: policy.DigestOf(opsToken)},
		}},
		credentials: []pool.Credential{credential("bot", "ghp_bot")},
		config: mitm.Config{
			GitHubs:   []mitm.GitHub{{Host: "github.com", Git: true}},
			Rules:     mitm.Rules{Egress: mitm.Egress{Allow: []string{"github"}, Ports: []int{443}}},
			UserAgent: "octopool/test",
		},
	}
}

// start runs a proxy until the test ends. Its world: user octo-bot is credential bot, who
// may read and write acme/web, which is public, and acme/api, which is not. Clients ci and
// ops may do everything in pool default.
func start(t testing.TB, options ...option) *setup {
	t.Helper()
	p := newPlan()
	p.github = githubtest.New()
	t.Cleanup(p.github.Close)
	p.github.AddUser("octo-bot", "ghp_bot")
	p.github.AddRepo("acme/web", false)
	p.github.AddRepo("acme/api", true)
	p.github.Grant("octo-bot", "acme/web")
	p.github.Grant("octo-bot", "acme/api")
	p.config.GitHubs[0].Dial, p.config.GitHubs[0].Roots = p.github.Addr(), p.github.Roots()
	for _, o := range options {
		o(&p)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return p.serve(t, listener)
}

// withHub adds user hubot, who may do the same as octo-bot, as credential hub.
func withHub(p *plan) {
	p.github.AddUser("hubot", "ghp_hubot")
	p.github.Grant("hubot", "acme/web")
	p.github.Grant("hubot", "acme/api")
	p.credentials = append(p.credentials, credential("hub", "ghp_hubot"))
}

// withStore keeps representations there. Closing it stays the test's business.
func withStore(s store.Store) option { return func(p *plan) { p.config.Store = s } }

// withRules changes the clients and what they may do.
func withRules(change func(*policy.Rules)) option { return func(p *plan) { change(&p.rules) } }

// withScopes limits client ci.
func withScopes(texts ...string) option {
	return withRules(func(r *policy.Rules) {
		for _, text := range texts {
			s, err := policy.ParseScope(text)
			if err != nil {
				panic(err)
			}
			r.Clients[0].Scopes = append(r.Clients[0].Scopes, s)
		}
	})
}

// withConfig changes what the proxy works with.
func withConfig(change func(*mitm.Config)) option { return func(p *plan) { change(&p.config) } }

// withEgress says where tunnels may go.
func withEgress(e mitm.Egress) option { return withConfig(func(c *mitm.Config) { c.Egress = e }) }

// withUpstream puts what listens at addr in the place of the stand-in, which is gone then.
func withUpstream(addr string, roots *x509.CertPool) option {
	return func(p *plan) {
		p.github = nil
		p.config.GitHubs[0].Dial, p.config.GitHubs[0].Roots = addr, roots
	}
}

func credential(name, token string) pool.Credential {
	return pool.Credential{Name: name, GitHub: "github.com", Pool: "default", Token: policy.NewSecret(token)}
}

func (p plan) serve(t testing.TB, listener net.Listener) *setup {
	t.Helper()
	s := &setup{t: t, github: p.github, addr: listener.Addr().String(), log: new(safeBuffer)}
	rules, err := policy.New(p.rules)
	if err != nil {
		t.Fatal(err)
	}
	p.pools.Credentials = p.credentials
	pools, err := pool.New(p.pools)
	if err != nil {
		t.Fatal(err)
	}
	if p.pools.Transport != nil {
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { pools.Run(ctx) })
		t.Cleanup(func() { stop(); running.Wait() })
	}
	if s.authority, err = ca.Open(t.TempDir()+"/ca", mitm.Hosts(p.config.GitHubs)); err != nil {
		t.Fatal(err)
	}
	p.config.Authority, p.config.Policy, p.config.Pools = s.authority, rules, pools
	if p.config.Store == nil {
		p.config.Store = store.NewMemory(64 << 20)
	}
	if p.config.Log == nil {
		p.config.Log = slog.New(slog.NewTextHandler(s.log, nil))
	}
	s.proxy = mitm.New(p.config)
	served := make(chan error, 1)
	go func() { served <- s.proxy.Serve(listener) }()
	var once sync.Once
	s.stop = func(ctx context.Context) (err error) {
		once.Do(func() {
			err = s.proxy.Shutdown(ctx)
			if end := <-served; end != nil {
				t.Errorf("Serve: %v", end)
			}
		})
		return err
	}
	t.Cleanup(func() {
		// Not t.Context(), which is over by now; clients' idle connections end at once.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.stop(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return s
}

// client goes through the proxy, trusts its CA and nothing else, sends the token with
// every request that has no Authorization, and follows no redirect. "" is no token.
func (s *setup) client(token string, options ...func(*http.Transport)) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.RootPEM())
	transport := &http.Transport{
		Proxy:              http.ProxyURL(&url.URL{Scheme: "http", Host: s.addr}),
		TLSClientConfig:    &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2:  true,
		DisableCompression: true,
	}
	for _, o := range options {
		o(transport)
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     withToken{transport, token},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// overHTTP1 makes a client speak HTTP/1.1 inside its tunnels; it is HTTP/2 else.
func overHTTP1(t *http.Transport) {
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
}

// withToken is a transport that presents a token.
type withToken struct {
	*http.Transport
	token string
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, sent := r.Header["Authorization"]; !sent && w.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	return w.Transport.RoundTrip(r)
}

// metrics is what a scrape shows now.
func (s *setup) metrics() string {
	var b bytes.Buffer
	s.proxy.WriteMetrics(&b)
	return b.String()
}

// logged is the log so far.
func (s *setup) logged() string { return s.log.String() }

// A reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
	proto  string // "HTTP/1.1" or "HTTP/2.0"
}

// get asks for a URL. Headers come as name, value pairs.
func get(t testing.TB, c *http.Client, url string, headers ...string) reply {
	t.Helper()
	return do(t, c, http.MethodGet, url, "", headers...)
}

// do sends one request and reads the answer whole.
func do(t testing.TB, c *http.Client, method, url, body string, headers ...string) reply {
	t.Helper()
	a, err := try(c, method, url, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// try is do for a request that may go wrong.
func try(c *http.Client, method, url, body string, headers ...string) (reply, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, url, content)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), resp.Proto}, err
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
