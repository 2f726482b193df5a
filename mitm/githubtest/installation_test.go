package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What an installation's tokens open: what they were made for, as far as they were
// granted it, and what is public.
func TestWhatTokensOpen(t *testing.T) {
	s, app, in := startApp(t)
	s.AddIssue("acme/api", "Private")
	s.AddIssue("globex/site", "Public")
	_, api := mint(t, s, app, in, `{"repositories":["api"]}`)
	_, web := mint(t, s, app, in, `{"repositories":["web"]}`)
	_, reader := mint(t, s, app, in, `{"permissions":{"contents":"read"}}`)
	_, issues := mint(t, s, app, in, `{"permissions":{"issues":"write"}}`)
	sha := between(get(t, s, "/repos/acme/api/branches/main", as(in.Mint())...).body, `"sha":"`, `"`)
	const issue = `{"title":"x"}`
	for _, tt := range []struct {
		name, method, path, body, token string
		status                          int
		needs                           string // X-Accepted-GitHub-Permissions
	}{
		{"what is private", "GET", "/repos/acme/api", "", in.Mint(), 200, ""},
		{"a token made for it", "GET", "/repos/acme/api", "", api.Token, 200, ""},
		{"a token made for another", "GET", "/repos/acme/api", "", web.Token, 404, ""},
		{"by number", "GET", fmt.Sprintf("/repositories/%d/issues", s.repos["acme/api"].id), "", web.Token, 404, ""},
		{"another account's", "GET", "/repos/globex/plans", "", in.Mint(), 404, ""},
		{"what is public, of anybody", "GET", "/repos/globex/site/issues", "", web.Token, 200, ""},
		{"contents with contents=read", "GET", "/repos/acme/api/contents/README.md", "", reader.Token, 200, ""},
		{"issues with contents=read", "GET", "/repos/acme/api/issues", "", reader.Token, 403, "issues=read"},
		{"contents with issues=write", "GET", "/repos/acme/api/contents/README.md", "", issues.Token, 403, "contents=read"},
		{"public issues with contents=read", "GET", "/repos/acme/web/issues", "", reader.Token, 200, ""},
		{"an issue", "POST", "/repos/acme/api/issues", issue, issues.Token, 201, ""},
		{"an issue, with contents=read", "POST", "/repos/acme/api/issues", issue, reader.Token, 403, "issues=write"},
		{"an issue in somebody's public repository", "POST", "/repos/globex/site/issues", issue, in.Mint(), 403, "issues=write"},
		{"a comment", "POST", "/repos/acme/api/issues/1/comments", `{"body":"x"}`, issues.Token, 201, ""},
		{"a comment, with contents=read", "POST", "/repos/acme/web/issues/1/comments", `{"body":"x"}`, reader.Token, 404, ""},
		{"closing", "PATCH", "/repos/acme/api/issues/1", `{"state":"closed"}`, issues.Token, 200, ""},
		{"a ref with contents=read", "POST", "/repos/acme/api/git/refs", `{"ref":"refs/heads/x","sha":"` + sha + `"}`, reader.Token, 403, "contents=write"},
		{"a status", "POST", "/repos/acme/api/statuses/" + sha, `{"state":"success"}`, in.Mint(), 201, ""},
		{"a status with issues=write", "POST", "/repos/acme/api/statuses/" + sha, `{"state":"success"}`, issues.Token, 403, "statuses=write"},
		{"settings", "PATCH", "/repos/acme/api", `{"description":"x"}`, in.Mint(), 403, "administration=write"},
		{"the user", "GET", "/user", "", in.Mint(), 403, "allows_permissionless_access=true"},
		{"the user's repositories", "GET", "/user/repos", "", in.Mint(), 403, "allows_permissionless_access=true"},
		{"its notifications", "GET", "/notifications", "", in.Mint(), 403, "allows_permissionless_access=true"},
		{"the App", "GET", "/app", "", in.Mint(), 401, ""},
		{"its bot", "GET", "/users/acme-ci%5Bbot%5D", "", in.Mint(), 200, ""},
	} {
		got := ask(t, s, tt.method, "https://api.github.com"+tt.path, tt.body, as(tt.token)...)
		if got.StatusCode != tt.status || got.Header.Get("X-Accepted-Github-Permissions") != tt.needs {
			t.Errorf("%s: %d, needs %q: %.300s", tt.name, got.StatusCode, got.Header.Get("X-Accepted-Github-Permissions"), got.body)
		}
		if tt.needs != "" && messageOf(t, got).Message != notForIntegrations {
			t.Errorf("%s: %s", tt.name, got.body)
		}
		if got.Header["X-Oauth-Scopes"] != nil || got.Header["Github-Authentication-Token-Expiration"] != nil {
			t.Errorf("%s: tells of the token: %v", tt.name, got.Header)
		}
	}
	in.SetRepos("acme/web")
	if got := get(t, s, "/repos/acme/api", as(api.Token)...); got.StatusCode != 404 {
		t.Errorf("a repository taken from the installation: %d", got.StatusCode)
	}
	in.SetPermissions(map[string]string{"contents": "read"})
	if got := ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues", issue, as(issues.Token)...); got.StatusCode != 403 {
		t.Errorf("a permission taken from the installation: %d", got.StatusCode)
	}
}

// Every form of Authorization that carries an installation's token is taken, but for the token as user name.
func TestFormsOfInstallationAuthorization(t *testing.T) {
	s, _, in := startApp(t)
	token := in.Mint()
	for _, tt := range []struct {
		value  string
		status int
	}{
		{"token " + token, 200}, {"Bearer " + token, 200}, {"bearer " + token, 200}, {basic("x-access-token", token), 200},
		{basic(token, ""), 401}, {basic(token, "x-oauth-basic"), 401}, {"Bearer " + token[:520], 401},
	} {
		if got := get(t, s, "/repos/acme/api", "Authorization", tt.value); got.StatusCode != tt.status {
			t.Errorf("%.30s…: %d, want %d", tt.value, got.StatusCode, tt.status)
		}
	}
}

// All tokens of an installation spend its budget, and no other's.
func TestInstallationBudget(t *testing.T) {
	now := &clock{now: noon}
	s, app, in := startApp(t, WithClock(now.Now))
	other := s.Install(app, "globex")
	_, narrow := mint(t, s, app, in, `{"repositories":["api"]}`)
	for _, token := range []string{in.Mint(), in.Mint(), narrow.Token} {
		get(t, s, "/repos/acme/api", as(token)...)
	}
	got := get(t, s, "/repos/acme/api", as(in.Mint())...)
	if h := got.Header; h.Get("X-Ratelimit-Limit") != "5000" || h.Get("X-Ratelimit-Used") != "4" || s.Used(other.Principal(), "core") != 0 {
		t.Errorf("%v, other %d", h, s.Used(other.Principal(), "core"))
	}
	if seen := s.Seen(); seen[len(seen)-1].String() != "GET api.github.com/repos/acme/api 200 acme-ci[bot] 1" || seen[len(seen)-1].Principal != in.Principal() {
		t.Errorf("%v", seen[len(seen)-1])
	}
	s.SetBudget(in.Principal(), "core", 12500, 12500, noon.Add(time.Minute))
	if b := s.Budget(in.Principal(), "core"); b != (Budget{12500, 12500, noon.Add(time.Minute)}) {
		t.Errorf("%+v", b)
	}
	got = get(t, s, "/repos/acme/api", as(narrow.Token)...)
	if m := messageOf(t, got); got.StatusCode != 403 || !strings.HasPrefix(m.Message, fmt.Sprintf("API rate limit exceeded for installation ID %d.", in.ID())) || s.PrimaryRefusals() != 1 {
		t.Errorf("spent: %d %s", got.StatusCode, got.body)
	}
	if got := get(t, s, "/repos/globex/plans", as(other.Mint())...); got.StatusCode != 200 {
		t.Errorf("the other: %d", got.StatusCode)
	}
	now.advance(time.Minute)
	if got := get(t, s, "/repos/acme/api", as(narrow.Token)...); got.StatusCode != 200 {
		t.Errorf("after the reset: %d", got.StatusCode)
	}
	etag := etagOf(t, s, "/repos/acme/api", "Authorization", "Bearer "+narrow.Token)
	if got := get(t, s, "/repos/acme/api", "Authorization", "Bearer "+narrow.Token, "If-None-Match", etag); got.StatusCode != 304 || s.Used(in.Principal(), "core") != 2 || s.SpentEver(in.Principal(), "core") != 6 {
		t.Errorf("unchanged: %d, %d used, %d ever", got.StatusCode, s.Used(in.Principal(), "core"), s.SpentEver(in.Principal(), "core"))
	}
	for name, f := range map[string]func(){
		"no user acme-ci[bot]":     func() { s.Used("acme-ci[bot]", "core") },
		"no user installation:999": func() { s.Used("installation:999", "core") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no complaint", name)
				}
			}()
			f()
		}()
	}
	in.Uninstall()
	if s.Used(in.Principal(), "core") != 2 {
		t.Errorf("what an uninstalled one used: %d", s.Used(in.Principal(), "core"))
	}
}

// GraphQL knows the bot, shows what the token sees, and changes what it may.
func TestGraphQLAsInstallation(t *testing.T) {
	s, app, in := startApp(t)
	s.AddIssue("acme/api", "Private")
	_, reader := mint(t, s, app, in, `{"permissions":{"contents":"read"}}`)
	_, web := mint(t, s, app, in, `{"repositories":["web"]}`)
	id := nodeID("R", s.repos["acme/api"].id)
	create := `mutation{createIssue(input:{repositoryId:"` + id + `",title:"x"}){issue{author{__typename login}}}}`
	for _, tt := range []struct{ name, token, query, want string }{
		{"viewer", in.Mint(), `{viewer{login}}`, `{"data":{"viewer":{"login":"acme-ci[bot]"}}}`},
		{"private", in.Mint(), `{repository(owner:"acme",name:"api"){viewerPermission}}`, `{"data":{"repository":{"viewerPermission":"WRITE"}}}`},
		{"read only", reader.Token, `{repository(owner:"acme",name:"api"){viewerPermission}}`, `{"data":{"repository":{"viewerPermission":"READ"}}}`},
		{"not made for it", web.Token, `{repository(owner:"acme",name:"api"){id}}`, `"type":"NOT_FOUND"`},
		{"create", in.Mint(), create, `{"data":{"createIssue":{"issue":{"author":{"__typename":"Bot","login":"acme-ci"}}}}}`},
		{"create, not granted", reader.Token, create, `"type":"FORBIDDEN","path":["createIssue"],"locations":[{"line":1,"column":10}],"message":"Resource not accessible by integration"`},
	} {
		query, _ := json.Marshal(map[string]string{"query": tt.query})
		got := ask(t, s, "POST", "https://api.github.com/graphql", string(query), as(tt.token)...)
		if got.StatusCode != 200 || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
	if used := s.Used(in.Principal(), "graphql"); used != 6 {
		t.Errorf("%d points", used)
	}
}

// A repository's permissions are those of the token that asks.
func TestPermissionsShownAreTheTokens(t *testing.T) {
	s, app, in := startApp(t)
	_, reader := mint(t, s, app, in, `{"permissions":{"contents":"read"}}`)
	for token, want := range map[string]string{
		in.Mint():    `"permissions":{"admin":false,"maintain":false,"push":true,"triage":true,"pull":true}`,
		reader.Token: `"permissions":{"admin":false,"maintain":false,"push":false,"triage":false,"pull":true}`,
	} {
		if got := get(t, s, "/repos/acme/api", as(token)...); !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
}

// git takes x-access-token and the token, and is refused what the token is.
func TestGitAsInstallation(t *testing.T) {
	s, app, in := startApp(t)
	_, reader := mint(t, s, app, in, `{"permissions":{"contents":"read"}}`)
	_, web := mint(t, s, app, in, `{"repositories":["web"]}`)
	relay, stop := s.Relay()
	defer stop()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	git := func(token string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "HTTPS_PROXY=" + relay, "GIT_SSL_CAINFO=" + ca, "GIT_TERMINAL_PROMPT=0",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: " + basic("x-access-token", token)}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	clone := filepath.Join(dir, "api")
	if out, err := git(reader.Token, "clone", "--quiet", "https://github.com/acme/api.git", clone); err != nil {
		t.Fatalf("clone: %v %s", err, out)
	}
	if out, err := git(reader.Token, "-C", clone, "push", "origin", "HEAD:refs/heads/x"); err == nil {
		t.Errorf("pushed with contents=read: %s", out)
	}
	if out, err := git(in.Mint(), "-C", clone, "push", "origin", "HEAD:refs/heads/x"); err != nil {
		t.Errorf("push: %v %s", err, out)
	}
	if got := get(t, s, "/repos/acme/api/branches/x", as(reader.Token)...); got.StatusCode != 200 {
		t.Errorf("the branch: %d", got.StatusCode)
	}
	const refs = "https://github.com/acme/api/info/refs?service=git-upload-pack"
	for _, tt := range []struct {
		name, token string
		status      int
		text        string
	}{
		{"made for another", web.Token, 404, gitNoRepository},
		{"not a token", "ghs_1_x.y.z", 401, gitBadCredentials},
	} {
		if got := ask(t, s, http.MethodGet, refs, "", "Authorization", basic("x-access-token", tt.token)); got.StatusCode != tt.status || got.body != tt.text+"\n" {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
	in.Suspend()
	if got := ask(t, s, http.MethodGet, refs, "", "Authorization", basic("x-access-token", reader.Token)); got.StatusCode != 403 || got.body != "This installation has been suspended\n" {
		t.Errorf("suspended: %d %s", got.StatusCode, got.body)
	}
}
