package mitm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy"
	"octopool/policy/pool"
)

// withTeam gives the pools more to tell of: two tokens of one user and an App that GitHub
// does not know in pool default, one that it does in pool apps, a token that it does not
// know in pool spare, which client ops uses, and limits for client ci.
func withTeam(p *plan) {
	p.github.AddUser("octo-bot", "ghp_again")
	app := p.github.AddApp("octo-app")
	p.github.Install(app, "acme")
	again, gone := credential("bot-again", "ghp_again"), credential("gone", "ghp_gone")
	gone.Pool = "spare"
	key := policy.NewSecret(string(app.PEM()))
	p.credentials = append(p.credentials, again, gone,
		pool.Credential{Name: "app", GitHub: "github.com", Pool: "apps", App: pool.App{Issuer: app.ClientID(), Key: key}},
		pool.Credential{Name: "wrong-app", GitHub: "github.com", Pool: "default", App: pool.App{Issuer: "12", Key: key}})
	p.rules.Clients[1].Pool = "spare"
	p.pools.Clients = []pool.Client{{Name: "ci", PointsPerHour: 3}}
	p.pools.GitHubs = map[string]pool.GitHub{"github.com": {API: "https://api.github.com"}}
	p.pools.Transport, p.pools.UserAgent = p.github.Transport(), "octopool/test"
}

// spend makes client ci spend its allowance and be refused for it, client ops wear out its
// only credential, and a stranger come. It ends when all is counted and GitHub has told
// whose the credentials are.
func (s *setup) spend(t *testing.T) {
	t.Helper()
	ci := s.client(ciToken)
	ask := func(want int, c *http.Client, method, path, body string) {
		t.Helper()
		if r := do(t, c, method, "https://api.github.com"+path, body); r.status != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, r.status, r.body, want)
		}
	}
	ask(200, ci, "GET", "/repos/acme/web", "")
	ask(200, ci, "GET", "/repos/acme/web", "")
	ask(200, ci, "GET", "/users/octo-bot", "")
	ask(201, ci, "POST", "/repos/acme/web/issues", `{"title":"x"}`)
	ask(403, ci, "GET", "/repos/acme/api", "")
	ask(503, s.client(opsToken), "GET", "/repos/acme/web", "")
	ask(401, s.client("ghp_nobody"), "GET", "/user", "")
	s.connect(t, "evil.example:443")
	eventually(t, "everything is counted and told", func() bool {
		known := 0
		for _, p := range s.proxy.PoolStatus() {
			for _, c := range p.Credentials {
				if c.Principal != "" || c.Retry != nil {
					known++
				}
			}
		}
		return known == 5 && strings.Count(s.logged(), "msg=request ") == 7
	})
}

// Status tells of each credential whether it is up and why not, of each principal its
// budgets once, of each client what it spent, saved and was refused. It holds no token.
func TestStatus(t *testing.T) {
	s := start(t, withTeam)
	s.spend(t)
	text, err := json.Marshal(s.proxy.Status())
	if err != nil {
		t.Fatal(err)
	}
	got := strings.NewReplacer(`{"github"`, "\n"+`{"github"`, `{"name"`, "\n  "+`{"name"`, `"clients"`, "\n"+`"clients"`, `"store"`, "\n"+`"store"`).Replace(string(text))
	got = regexp.MustCompile(`"20[^"]+Z"`).ReplaceAllString(got, `"TIME"`)
	got = regexp.MustCompile(`installation \d+`).ReplaceAllString(got, "installation N")
	got = regexp.MustCompile(`"bytes":[1-9]\d*`).ReplaceAllString(got, `"bytes":N`)
	const want = `{"version":"","started":"0001-01-01T00:00:00Z","now":"TIME","configuration":{"current":false,"loaded":"0001-01-01T00:00:00Z","read":"0001-01-01T00:00:00Z","problems":null,"restart":null},"pools":[
{"github":"github.com","name":"apps","ready":true,"credentials":[
  {"name":"app.acme","kind":"installation","owner":"acme","principal":"installation N of acme","up":true,"reason":"","retry":null,"in_flight":0,"budgets":{}}]},
{"github":"github.com","name":"default","ready":true,"credentials":[
  {"name":"bot","kind":"pat","owner":"","principal":"user octo-bot","up":true,"reason":"","retry":null,"in_flight":0,"budgets":{"core":{"limit":5000,"used":5,"remaining":4995,"reset":"TIME"}}},
  {"name":"bot-again","kind":"pat","owner":"","principal":"user octo-bot","up":true,"reason":"","retry":null,"in_flight":0,"budgets":{}},
  {"name":"wrong-app","kind":"installation","owner":"","principal":"","up":false,"reason":"GitHub knows no App by this client_id or app_id (GitHub answered 404: Integration not found)","retry":"TIME","in_flight":0,"budgets":{}}]},
{"github":"github.com","name":"spare","ready":false,"credentials":[
  {"name":"gone","kind":"pat","owner":"","principal":"","up":false,"reason":"GitHub answered 401 Bad credentials","retry":"TIME","in_flight":0,"budgets":{}}]}],
"clients":[
  {"name":"-","allowance":null,"in_flight":0,"waiting":0,"requests":{"refused":1},"points_spent":{"core":2},"points_saved":{},"refused":{"tunnel":1,"unknown_token":1},"would_refuse":{}},
  {"name":"ci","allowance":{"limit":3,"used":3,"remaining":0,"reset":"TIME"},"in_flight":0,"waiting":0,"requests":{"fetched":2,"forwarded":1,"refused":1,"revalidated":1},"points_spent":{"core":3},"points_saved":{"core":1},"refused":{"allowance":1},"would_refuse":{}},
  {"name":"ops","allowance":null,"in_flight":0,"waiting":0,"requests":{"refused":1},"points_spent":{},"points_saved":{},"refused":{"credential":1},"would_refuse":{}}],
"store":{"entries":2,"bytes":N,"errors":0,"evictions":0},"formula":{"match":2,"mismatch":0},"tunnels":{"active":0,"sent_bytes":0,"received_bytes":0}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, secret := range []string{ciToken, opsToken, "ghp_", "ghs_", "PRIVATE"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it holds %s", secret)
		}
	}
}

// Metrics tell the same: budgets once for each principal, allowances for those who have
// one, and why each client was refused.
func TestMetricsOfPoolsAndClients(t *testing.T) {
	s := start(t, withTeam)
	s.spend(t)
	s.families(t) // Prometheus can read them
	var got strings.Builder
	for line := range strings.Lines(s.metrics()) {
		name, _, _ := strings.Cut(line, "{")
		switch {
		case strings.HasPrefix(line, "octopool_credential_"), strings.HasPrefix(line, "octopool_budget_"), strings.HasPrefix(line, "octopool_client_"), name == "octopool_refused_total":
			got.WriteString(line)
		}
	}
	text := regexp.MustCompile(`(?m)(_seconds{.*}) [1-9][0-9.]*$`).ReplaceAllString(got.String(), "$1 N")
	text = regexp.MustCompile(`installation \d+`).ReplaceAllString(text, "installation N")
	const want = `
octopool_refused_total{client="-",reason="tunnel"} 1
octopool_refused_total{client="-",reason="unknown_token"} 1
octopool_refused_total{client="ci",reason="allowance"} 1
octopool_refused_total{client="ops",reason="credential"} 1
octopool_budget_limit{credential="bot",resource="core"} 5000
octopool_budget_remaining{credential="bot",resource="core"} 4995
octopool_budget_reset_seconds{credential="bot",resource="core"} N
octopool_client_allowance_limit{client="ci"} 3
octopool_client_allowance_remaining{client="ci"} 0
octopool_client_allowance_reset_seconds{client="ci"} N
octopool_client_requests_in_flight{client="ci"} 0
octopool_client_requests_in_flight{client="ops"} 0
octopool_client_requests_waiting{client="ci"} 0
octopool_client_requests_waiting{client="ops"} 0
octopool_credential_in_flight{credential="app.acme"} 0
octopool_credential_in_flight{credential="bot"} 0
octopool_credential_in_flight{credential="bot-again"} 0
octopool_credential_in_flight{credential="gone"} 0
octopool_credential_in_flight{credential="wrong-app"} 0
octopool_credential_info{credential="app.acme",pool="apps",github="github.com",kind="installation",principal="installation N of acme"} 1
octopool_credential_info{credential="bot",pool="default",github="github.com",kind="pat",principal="user octo-bot"} 1
octopool_credential_info{credential="bot-again",pool="default",github="github.com",kind="pat",principal="user octo-bot"} 1
octopool_credential_info{credential="gone",pool="spare",github="github.com",kind="pat",principal=""} 1
octopool_credential_info{credential="wrong-app",pool="default",github="github.com",kind="installation",principal=""} 1
octopool_credential_up{credential="app.acme"} 1
octopool_credential_up{credential="bot"} 1
octopool_credential_up{credential="bot-again"} 1
octopool_credential_up{credential="gone"} 0
octopool_credential_up{credential="wrong-app"} 0
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// While requests are on their way or wait for a place, metrics and status say so.
func TestRequestsOnTheirWay(t *testing.T) {
	s := start(t, func(p *plan) {
		p.pools.GitHubs = map[string]pool.GitHub{"github.com": {Limits: pool.Limits{InFlight: 1}}}
		p.pools.MaxWait = time.Minute
	})
	release := make(chan struct{})
	end := sync.OnceFunc(func() { close(release) })
	t.Cleanup(end)
	s.github.Intercept(func(http.ResponseWriter, *http.Request) bool {
		<-release
		return false
	})
	var all sync.WaitGroup
	for _, path := range []string{"/repos/acme/web", "/repos/acme/api", "/users/octo-bot"} {
		all.Go(func() {
			if r, err := try(s.client(ciToken), "GET", "https://api.github.com"+path, ""); err != nil || r.status != 200 {
				t.Errorf("%s: %v %+v", path, err, r)
			}
		})
	}
	tells := func(flying, waiting int) func() bool {
		return func() bool {
			status, metrics := s.proxy.Status(), s.metrics()
			says := func(name string, n int) bool { return strings.Contains(metrics, fmt.Sprintf("%s %d\n", name, n)) }
			return len(status.Clients) == 1 && status.Clients[0].InFlight == flying && status.Clients[0].Waiting == waiting &&
				status.Pools[0].Credentials[0].InFlight == flying &&
				says(`octopool_credential_in_flight{credential="bot"}`, flying) &&
				says(`octopool_client_requests_in_flight{client="ci"}`, flying) &&
				says(`octopool_client_requests_waiting{client="ci"}`, waiting)
		}
	}
	eventually(t, "one is on its way and two wait", tells(1, 2))
	end()
	all.Wait()
	eventually(t, "none is left", tells(0, 0))
}

// What GitHub calls accounts is a label for Prometheus to read, and no longer than names are.
func TestNamesOfAccountsAreLabels(t *testing.T) {
	s := start(t, withTeam, func(p *plan) {
		p.github.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/user" {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"id": 7, "login": "a\"} 1\n\x00\u202eb" + strings.Repeat("x", 500)})
			return true
		})
	})
	get(t, s.client(ciToken), "https://api.github.com/repos/acme/web")
	const want = `octopool_credential_info{credential="bot",pool="default",github="github.com",kind="pat",principal="user a__ 1___b`
	eventually(t, "it is a label", func() bool { return strings.Contains(s.metrics(), want) })
	for _, l := range series(s.families(t)["octopool_credential_info"]) {
		if len(l) > 200 {
			t.Errorf("a long label: %s", l)
		}
	}
}
