package exchange

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// Clients of the test world, by their tokens. ci and ops share a pool of one
// credential; solo has a pool, and with it a credential and a GitHub user, of its own.
const (
	ci   = "github_pat_ci"
	ops  = "github_pat_ops"
	solo = "github_pat_solo"
	both = "github_pat_both" // a pool of both credentials
)

// world is a GitHub, and an exchange before it without any connection to clients.
type world struct {
	t      *testing.T
	github *githubtest.Server
	x      *Exchange
	policy *policy.Policy
	log    *bytes.Buffer

	mu   sync.Mutex // guards sent
	sent []Sent
}

// setting changes what a world is made of.
type setting func(*Config)

func with(s store.Store) setting       { return func(c *Config) { c.Store = s } }
func freshFor(d time.Duration) setting { return func(c *Config) { c.FreshFor = d } }
func maxEntry(n int64) setting         { return func(c *Config) { c.MaxEntry = n } }

// credentials are those of every world: two users, and a pool of each and of both.
func credentials(botToken string) []pool.Credential {
	bot, hub := policy.NewSecret(botToken), policy.NewSecret("ghp_hubot")
	return []pool.Credential{
		{Name: "bot", GitHub: "github.com", Pool: "default", Token: bot},
		{Name: "hub", GitHub: "github.com", Pool: "solo", Token: hub},
		{Name: "bot-too", GitHub: "github.com", Pool: "both", Token: bot},
		{Name: "hub-too", GitHub: "github.com", Pool: "both", Token: hub},
	}
}

// newGitHub has a public repository with a few issues and a private one, both open to
// octo-bot; hubot sees the public one.
func newGitHub(t *testing.T, options ...githubtest.Option) *githubtest.Server {
	t.Helper()
	github := githubtest.New(options...)
	t.Cleanup(github.Close)
	github.AddUser("octo-bot", "ghp_bot", "ghp_renewed")
	github.AddUser("hubot", "ghp_hubot")
	github.AddRepo("acme/web", false)
	github.AddRepo("acme/api", true)
	github.Grant("octo-bot", "acme/web")
	github.Grant("octo-bot", "acme/api")
	github.AddIssue("acme/web", "first")
	return github
}

func newWorld(t *testing.T, settings ...setting) *world {
	t.Helper()
	return worldOf(t, newGitHub(t), "ghp_bot", settings...)
}

// worldOf is another octopool before a GitHub that exists.
func worldOf(t *testing.T, github *githubtest.Server, botToken string, settings ...setting) *world {
	t.Helper()
	w := &world{t: t, github: github, log: &bytes.Buffer{}}
	var err error
	w.policy, err = policy.New(policy.Rules{Unknown: "passthrough", Clients: []policy.Registration{
		{Name: "ci", Token: policy.DigestOf(ci), Pool: "default"},
		{Name: "ops", Token: policy.DigestOf(ops), Pool: "default"},
		{Name: "solo", Token: policy.DigestOf(solo), Pool: "solo"},
		{Name: "both", Token: policy.DigestOf(both), Pool: "both"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	pools, err := pool.New(pool.Config{Credentials: credentials(botToken)})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Store: store.NewMemory(0), Pools: pools, Upstream: github.Client().Transport,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), UserAgent: "octopool/test",
		Sent: func(s Sent) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sent = append(w.sent, s)
		},
	}
	for _, set := range settings {
		set(&c)
	}
	w.x = New(c)
	w.x.began = w.x.began.Add(-time.Minute) // or nothing is fresh for a second: vouching times are kept to the second
	return w
}

// got is an answer, read whole.
type got struct {
	*Answer
	body string
}

// ask sends one request of a client to api.github.com. Headers come as name, value
// pairs.
func (w *world) ask(token, method, target, body string, headers ...string) (got, error) {
	w.t.Helper()
	in := request(w.t, method, target, body, headers...)
	a, err := w.x.Do(w.t.Context(), w.grant(token, in), in)
	if err != nil {
		return got{}, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return got{a, string(text)}, err
}

// get is ask for a GET that has to be answered.
func (w *world) get(token, target string, headers ...string) got {
	w.t.Helper()
	a, err := w.ask(token, http.MethodGet, target, "", headers...)
	if err != nil {
		w.t.Fatalf("GET %s: %v", target, err)
	}
	return a
}

func request(t testing.TB, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	in := &http.Request{Method: method, URL: u, Header: http.Header{}, Body: http.NoBody}
	if body != "" {
		in.Body, in.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	for i := 0; i < len(headers); i += 2 {
		in.Header.Add(headers[i], headers[i+1])
	}
	return in
}

func (w *world) grant(token string, in *http.Request) policy.Grant {
	w.t.Helper()
	return grant(w.t, w.policy, token, in)
}

func grant(t testing.TB, p *policy.Policy, token string, in *http.Request) policy.Grant {
	t.Helper()
	origin := policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}
	asked, err := policy.Read(origin, in.Method, in.URL.EscapedPath(), in.URL.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	if asked, err = ReadDocument(asked, in); err != nil {
		t.Fatal(err)
	}
	var authorization []string
	if token != "" {
		authorization = []string{"token " + token}
	}
	caller, err := p.Identify(authorization)
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Authorize(caller, asked)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// points is what both users have spent on a resource.
func (w *world) points(resource string) int {
	return w.github.Used("octo-bot", resource) + w.github.Used("hubot", resource)
}

// costs fails the test unless f spends so many core points at GitHub.
func (w *world) costs(points int, f func()) {
	w.t.Helper()
	before := w.points("core")
	f()
	if spent := w.points("core") - before; spent != points {
		w.t.Errorf("cost %d points, want %d", spent, points)
	}
}

// last is the latest request GitHub saw.
func (w *world) last() githubtest.Seen {
	w.t.Helper()
	seen := w.github.Seen()
	if len(seen) == 0 {
		w.t.Fatal("GitHub saw nothing")
	}
	return seen[len(seen)-1]
}

// direct is what GitHub answers a token itself.
func (w *world) direct(token, target string, headers ...string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://api.github.com"+target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.github.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
