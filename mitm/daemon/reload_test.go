package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
)

// A live octopool is one that follows settings of the test's.
type live struct {
	*Daemon
	t      *testing.T
	github *githubtest.Server
	hup    chan os.Signal
	log    *shared

	mu   sync.Mutex // guards what follows
	next config.Settings
	err  error
}

// shared is a buffer for several goroutines.
type shared struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// follow starts an octopool that reads its settings anew; they are changed by use.
func follow(t *testing.T, g *githubtest.Server, s config.Settings) *live {
	t.Helper()
	l := &live{t: t, github: g, hup: make(chan os.Signal), log: new(shared), next: s}
	d, err := Start(s, slog.New(slog.NewTextHandler(l.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.Daemon = d
	d.Follow(func() (config.Settings, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.next, l.err
	}, l.hup)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is open belongs to clients of a test that is over
		d.Stop(ctx)
	})
	return l
}

// use changes the settings that are read next, and has them read.
func (l *live) use(change func(*config.Settings)) admin.Reloaded {
	l.t.Helper()
	l.mu.Lock()
	l.next.Rules.Clients = slices.Clone(l.next.Rules.Clients)
	l.next.Credentials = slices.Clone(l.next.Credentials)
	l.next.GitHubs = slices.Clone(l.next.GitHubs)
	change(&l.next)
	l.err = nil
	l.mu.Unlock()
	return l.ask()
}

// ask reloads as an operator does.
func (l *live) ask() (done admin.Reloaded) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.AdminURL()+"/api/reload", strings.NewReader("{}"))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := direct().Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil || (resp.StatusCode == 200) != (len(done.Problems) == 0) {
		l.t.Fatalf("%s: %+v %v", resp.Status, done, err)
	}
	return done
}

func direct() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

// shows reports whether the admin listener's page has this text.
func (l *live) shows(path, text string) {
	l.t.Helper()
	if _, body := get(l.t, direct(), l.AdminURL()+path, ""); !strings.Contains(body, text) {
		l.t.Errorf("%s has no %s:\n%s", path, text, body)
	}
}

// broken is an error as it comes of a file.
func (l *live) broken(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next, l.err = config.Settings{}, config.Wrong(lines)
}

const web = "https://api.github.com/repos/acme/web"

// shop is a GitHub with a repository that octo-bot and hubot see.
func shop(t *testing.T) *githubtest.Server {
	g := gitHub(t)
	g.AddUser("hubot", "ghp_hub")
	g.AddRepo("acme/web", true)
	g.Grant("octo-bot", "acme/web")
	g.Grant("hubot", "acme/web")
	return g
}

func registered(name, token string) policy.Registration {
	return policy.Registration{Name: name, Pool: "default", Token: policy.DigestOf(token)}
}

// A client that was revoked is a stranger from its next request on, on the connection it
// has had open all the time; another's goes on.
func TestARevokedClientOnAnOpenConnection(t *testing.T) {
	g := shop(t)
	s := settings(t, g)
	s.Rules.Clients = append(s.Rules.Clients, registered("ops", "ops-token"))
	l := follow(t, g, s)
	c := client(t, l.Where())
	dials := 0
	c.Transport.(*http.Transport).DialContext = countedDial(&dials)
	for _, token := range []string{"client-token", "ops-token"} {
		if status, _ := get(t, c, web, token); status != 200 {
			t.Fatalf("%s: %d", token, status)
		}
	}
	done := l.use(func(s *config.Settings) { s.Rules.Clients = s.Rules.Clients[1:] })
	if !slices.Equal(done.Changed, []string{"client ci removed"}) {
		t.Errorf("changed: %q", done.Changed)
	}
	if status, _ := get(t, c, web, "client-token"); status != http.StatusUnauthorized {
		t.Errorf("the revoked client is answered %d", status)
	}
	if status, _ := get(t, c, web, "ops-token"); status != 200 {
		t.Errorf("the other one is answered %d", status)
	}
	if dials != 1 {
		t.Errorf("the connection was made %d times", dials)
	}
	// And back again, under a scope.
	read, err := policy.ParseScope("read /repos/acme/api")
	if err != nil {
		t.Fatal(err)
	}
	l.use(func(s *config.Settings) {
		ci := registered("ci", "client-token")
		ci.Scopes = []policy.Scope{read}
		s.Rules.Clients = append(s.Rules.Clients, ci)
	})
	if status, body := get(t, c, web, "client-token"); status != http.StatusForbidden || !strings.Contains(body, "client ci may not GET") {
		t.Errorf("out of its new scope: %d %s", status, body)
	}
}

// A new credential is used, one that is gone is not, and what stays keeps what is known
// of its budget.
func TestCredentialsAreReloaded(t *testing.T) {
	g := shop(t)
	l := follow(t, g, settings(t, g))
	c := client(t, l.Where())
	get(t, c, web, "client-token")
	l.shows("/metrics", `octopool_budget_remaining{credential="github-token",resource="core"} 4999`)
	l.use(func(s *config.Settings) {
		s.Credentials = append(s.Credentials, pool.Credential{Name: "hub", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_hub")})
		s.Credentials[0].Name = "bot"
	})
	l.shows("/metrics", `octopool_budget_remaining{credential="bot",resource="core"} 499`) // a point less once octopool has asked whose it is
	done := l.use(func(s *config.Settings) { s.Credentials = s.Credentials[1:] })
	if !slices.Equal(done.Changed, []string{"credential bot removed"}) {
		t.Errorf("changed: %q", done.Changed)
	}
	g.ResetSeen()
	if status, _ := get(t, c, web, "client-token"); status != 200 {
		t.Errorf("%d", status)
	}
	for _, seen := range g.Seen() {
		if seen.Login != "hubot" {
			t.Errorf("GitHub was asked by %s", seen.Login)
		}
	}
}

// A request that is under way ends as it began, though its client and its credential are
// gone when GitHub answers.
func TestAReloadLeavesRequestsAlone(t *testing.T) {
	g := shop(t)
	asked, release := make(chan struct{}), make(chan struct{})
	g.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/repos/acme/web" {
			close(asked)
			<-release
		}
		return false
	})
	l := follow(t, g, settings(t, g))
	c := client(t, l.Where())
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, c, web, "client-token")
		answered <- status
	}()
	<-asked
	l.use(func(s *config.Settings) {
		s.Rules.Clients = []policy.Registration{registered("other", "other-token")}
		s.Credentials = []pool.Credential{{Name: "hub", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_hub")}}
	})
	close(release)
	if status := <-answered; status != 200 {
		t.Errorf("it is answered %d", status)
	}
}

// What cannot be used changes nothing, and everybody is told; what comes next is tried
// again.
func TestABrokenConfigurationChangesNothing(t *testing.T) {
	g := shop(t)
	l := follow(t, g, settings(t, g))
	c := client(t, l.Where())
	l.shows("/metrics", "octopool_config_last_reload_successful 1\n")
	good := l.next
	l.broken("octopool.toml:3: client[0].scopes[0]: this is no scope", "octopool.toml:9: unknown key")
	done := l.ask()
	if !slices.Equal(done.Problems, l.err.(config.Wrong)) || len(done.Changed) > 0 {
		t.Errorf("%+v", done)
	}
	l.shows("/metrics", "octopool_config_last_reload_successful 0\n")
	l.shows("/api/status", "octopool.toml:9: unknown key")
	var table bytes.Buffer
	status, _, err := Status(t.Context(), config.AdminPlace{Listen: l.adminAt.String()})
	if err == nil {
		err = status.WriteTable(&table)
	}
	if err != nil || !strings.Contains(table.String(), "  octopool.toml:3: client[0].scopes[0]: this is no scope\n") {
		t.Errorf("octopool status: %v\n%s", err, table.String())
	}
	for _, problem := range done.Problems {
		if !strings.Contains(l.log.String(), `level=ERROR msg="configuration not reloaded; octopool goes on with the one it has" why="asked for" problem="`+problem) {
			t.Errorf("the log has no %s:\n%s", problem, l.log)
		}
	}
	if status, _ := get(t, c, web, "client-token"); status != 200 {
		t.Errorf("%d", status)
	}
	// The pools have the last word, and the policy had not changed when they said no.
	done = l.use(func(s *config.Settings) {
		*s = good
		s.Rules.Clients = nil
		s.Credentials = append(slices.Clone(s.Credentials), s.Credentials[0])
	})
	if !slices.Equal(done.Problems, []string{"credential github-token: named twice"}) {
		t.Errorf("%+v", done)
	}
	if status, _ := get(t, c, web, "client-token"); status != 200 {
		t.Errorf("%d", status)
	}
	if done = l.use(func(s *config.Settings) { *s = good }); len(done.Changed)+len(done.Problems) > 0 {
		t.Errorf("%+v", done)
	}
	l.shows("/metrics", "octopool_config_last_reload_successful 1\n")
	l.shows("/api/status", `"problems": []`)
}

// What needs a restart is told each time, the rest is used, and what the old listeners
// were protected with is not taken from them.
func TestWhatNeedsARestart(t *testing.T) {
	g := shop(t)
	l := follow(t, g, settings(t, g))
	done := l.use(func(s *config.Settings) {
		s.DataDir, s.CACert, s.Cache.Backend, s.Cache.TTL, s.Cache.MaxBytes = "/elsewhere", "/ca.pem", "memory", 1, 1
		s.ProxyListen, s.AdminListen = "0.0.0.0:1", "0.0.0.0:2"
		s.Egress, s.AdminToken = mitm.Egress{Allow: []string{"*"}, Private: true}, policy.NewSecret("secret")
		s.GitHubs = append(s.GitHubs, mitm.GitHub{Host: "ghe.example"})
		s.Credentials = append(s.Credentials, pool.Credential{Name: "ghe", GitHub: "ghe.example", Pool: "default", Token: policy.NewSecret("ghp_ghe")})
		s.Rules.Clients = append(s.Rules.Clients, registered("ops", "ops-token"))
	})
	want := admin.Reloaded{
		Changed: []string{"client ops added"}, Problems: []string{},
		Restart: []string{
			"data_dir", "ca", "proxy.listen, and tunnel with it", "admin.listen, and admin.token with it",
			"cache.backend", "cache.max_bytes", "cache.ttl", "github", "credential ghe, which is for ghe.example",
		},
	}
	if fmt.Sprint(done) != fmt.Sprint(want) {
		t.Errorf("%q\nwant %q", done, want)
	}
	if status, _ := get(t, client(t, l.Where()), web, "ops-token"); status != 200 {
		t.Errorf("the new client is answered %d", status)
	}
	l.shows("/api/status", `"admin.listen, and admin.token with it"`)
	if done := l.ask(); len(done.Changed) > 0 || fmt.Sprint(done.Restart) != fmt.Sprint(want.Restart) {
		t.Errorf("again: %q", done)
	}
}

// Tunnel rules, the log's level, the admin token and cache tuning are those of the file
// from then on.
func TestTheRestIsReloadedToo(t *testing.T) {
	g := shop(t)
	l := follow(t, g, settings(t, g))
	c := client(t, l.Where())
	get(t, c, web, "client-token")
	done := l.use(func(s *config.Settings) {
		s.Egress = mitm.Egress{Allow: []string{"github"}, Ports: []int{443}}
		s.LogLevel = slog.LevelWarn
		s.Cache.NegativeFor = 1 << 40
		s.MaxWait = 1
		s.Limits = map[string]pool.Limits{"github.com": {InFlight: 7}}
		s.Rules.Unknown = "passthrough"
	})
	if want := []string{"policy", "tunnel", "cache", "pool", "github.limits", "log"}; !slices.Equal(done.Changed, want) {
		t.Errorf("changed %q, want %q", done.Changed, want)
	}
	if _, err := c.Get("https://evil.example/"); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("a tunnel to evil.example: %v", err)
	}
	logged := strings.Count(l.log.String(), "msg=request")
	for range 2 {
		if status, _ := get(t, c, web+"/none", "client-token"); status != 404 {
			t.Errorf("%d", status)
		}
	}
	asked := 0
	for _, seen := range g.Seen() {
		if seen.Status == 404 {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("GitHub was asked %d times for what is not there", asked)
	}
	if now := strings.Count(l.log.String(), "msg=request"); now != logged {
		t.Errorf("%d requests were logged below the level", now-logged)
	}
	l.use(func(s *config.Settings) { s.AdminToken = policy.NewSecret("secret") })
	if status, _ := get(t, direct(), l.AdminURL()+"/metrics", ""); status != http.StatusUnauthorized {
		t.Errorf("without the new token: %d", status)
	}
	if status, _ := get(t, direct(), l.AdminURL()+"/metrics", "secret"); status != 200 {
		t.Errorf("with the new token: %d", status)
	}
}

// countedDial counts the connections that are made.
func countedDial(n *int) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		*n++
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
}
