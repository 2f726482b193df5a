package clients

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"

	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
)

// answered sends a request with go-github, whatever it is answered. A body is JSON.
func answered(t *testing.T, c *github.Client, method, path, body, etag string) *github.Response {
	t.Helper()
	var sent any
	if body != "" {
		sent = json.RawMessage(body)
	}
	req, err := c.NewRequest(t.Context(), method, path, sent)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	r, err := c.Do(req, nil)
	if r == nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// checkTold checks that an answer tells of a resource what /rate_limit does, and nothing of
// one credential.
func checkTold(t *testing.T, c *github.Client, r *github.Response, resource string, limit, used int) {
	t.Helper()
	asked := r.Request.Method + " " + r.Request.URL.Path
	told := r.Rate
	if told.Limit != limit || told.Used != used || told.Remaining != limit-used || told.Resource != resource {
		t.Errorf("%s: %s, with %v, want %d of %d used", asked, r.Status, told, used, limit)
	}
	if left := time.Until(told.Reset.Time); left <= 0 || left > time.Hour+time.Second {
		t.Errorf("%s: a reset in %v", asked, left)
	}
	limits, _, err := c.RateLimit.Get(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", asked, err)
	}
	pool := map[string]*github.Rate{"core": limits.Core, "graphql": limits.GraphQL, "search": limits.Search, "code_search": limits.CodeSearch}[resource]
	if pool == nil || pool.Limit != told.Limit || pool.Used != told.Used || pool.Remaining != told.Remaining {
		t.Errorf("%s: its header tells %v, /rate_limit %v", asked, told, pool)
	}
	// What nothing was spent of has no reset yet: it would be an hour after the next request.
	if pool != nil && used > 0 && !pool.Reset.Equal(told.Reset) {
		t.Errorf("%s: its header tells of a reset at %v, /rate_limit at %v", asked, told.Reset, pool.Reset)
	}
	for _, name := range []string{"X-Oauth-Scopes", "X-Accepted-Oauth-Scopes", "Github-Authentication-Token-Expiration", "X-Github-Sso"} {
		if values := r.Header.Values(name); values != nil {
			t.Errorf("%s: the client is told %s: %q", asked, name, values)
		}
	}
}

// What every kind of answer tells is the pool's, the same that /rate_limit tells, and
// never nothing: go-github would take that for a limit of 0.
func TestEveryAnswerTellsOfOneBudget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*githubtest.Server, *config.Settings)
		want   string // what GitHub saw of four reads
	}{
		{"of two users", func(*githubtest.Server, *config.Settings) {}, "200 304 304 304"},
		{"of two users, served from memory", servedFromMemory, "200"},
		{"of two installations", twoInstallations, "200 304 304 304"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.change)
			c := h.goGitHub(ciToken)
			web := func(method, etag string) *github.Response { return answered(t, c, method, "repos/acme/web", "", etag) }
			first := web("GET", "")
			checkTold(t, c, first, "core", 10000, 1)
			checkTold(t, c, web("GET", ""), "core", 10000, 1)
			same := web("GET", first.Header.Get("Etag"))
			if same.StatusCode != http.StatusNotModified {
				t.Errorf("what was told as its ETag: %s", same.Status)
			}
			checkTold(t, c, same, "core", 10000, 1)
			checkTold(t, c, web("HEAD", ""), "core", 10000, 1)
			if got := statuses(h, "/repos/acme/web"); got != tt.want {
				t.Errorf("GitHub answered %s, want %s", got, tt.want)
			}
			checkTold(t, c, answered(t, c, "GET", "rate_limit", "", ""), "core", 10000, 1)
			checkTold(t, c, answered(t, c, "GET", "repos/acme/vault", "", ""), "core", 10000, 2)
			checkTold(t, c, answered(t, c, "POST", "repos/acme/web/issues", `{"title":"Slow"}`, ""), "core", 10000, 3)
			checkTold(t, c, answered(t, c, "POST", "repos/acme/web/issues", `{}`, ""), "core", 10000, 4)
			checkTold(t, c, answered(t, c, "GET", "search/issues?q=repo:acme/api+late", "", ""), "search", 60, 1)
			checkTold(t, c, answered(t, c, "POST", "graphql", `{"query":"{repository(owner:\"acme\",name:\"web\"){id}}"}`, ""), "graphql", 10000, 1)
		})
	}
}

// servedFromMemory lets answers be served again without asking GitHub.
func servedFromMemory(_ *githubtest.Server, s *config.Settings) { s.Cache.FreshFor = time.Hour }

// statuses are those of GitHub's answers for a path.
func statuses(h *house, path string) string {
	var out []string
	for _, one := range h.github.Seen() {
		if one.Path == path {
			out = append(out, strconv.Itoa(one.Status))
		}
	}
	return strings.Join(out, " ")
}

// twoInstallations makes the pool one of an App that is installed on acme and on octo-org.
func twoInstallations(g *githubtest.Server, s *config.Settings) {
	g.AddRepo("octo-org/site", true)
	app := g.AddApp("octo-app")
	g.Install(app, "acme")
	g.Install(app, "octo-org")
	use(app, s)
}

func use(app *githubtest.App, s *config.Settings) {
	s.Credentials = []pool.Credential{{
		Name: "app", GitHub: "github.com", Pool: "default",
		App: pool.App{Issuer: app.ClientID(), Key: policy.NewSecret(string(app.PEM()))},
	}}
	s.MaxWait = time.Minute // until GitHub has said where it is installed
}

// oneInstallation makes the pool one of an App that is installed on acme and may only read.
func oneInstallation(g *githubtest.Server, s *config.Settings) *githubtest.Installation {
	app := g.AddApp("octo-app")
	app.SetPermissions(map[string]string{"contents": "read", "issues": "read"})
	use(app, s)
	return g.Install(app, "acme")
}
