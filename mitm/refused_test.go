package mitm_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"octopool/policy"
)

// refusedText is a refusal as it should come: JSON like GitHub's own errors.
func refusedText(status int, message string) string {
	return fmt.Sprintf("%d\nCache-Status: octopool; detail=refused\nContent-Type: application/json; charset=utf-8\n"+
		`{"message":%q,"documentation_url":"https://docs.github.com/rest","status":"%d"}`, status, message, status)
}

// refusedToGit is a refusal as git shows it to its user, who is shown plain text only.
func refusedToGit(status int, message string) string {
	return fmt.Sprintf("%d\nCache-Status: octopool; detail=refused\nContent-Type: text/plain; charset=utf-8\n%s\n", status, message)
}

func (r reply) refusal() string { return r.text("Cache-Status", "Content-Type") }

// checkSecrets looks for what no refusal may hold.
func (s *setup) checkSecrets(t *testing.T, name string, r reply) {
	t.Helper()
	whole := fmt.Sprint(r.header) + r.body
	for _, secret := range []string{ciToken, "ghp_bot", "ghp_hubot", s.github.Addr(), "127.0.0.1"} {
		if strings.Contains(whole, secret) {
			t.Errorf("%s: the answer holds %s: %s", name, secret, whole)
		}
	}
}

// Without a registered token there is a challenge and nothing else, and GitHub does not
// hear of it.
func TestNoOrUnknownToken(t *testing.T) {
	s := start(t, withRules(func(r *policy.Rules) { r.Anonymous = "reject" }))
	const stranger = "ghp_0123456789012345678901234567890123456789"
	basic := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	c := s.client("")
	for _, url := range []string{"https://api.github.com/user", "https://api.github.com/graphql", "https://github.com/acme/web.git/info/refs?service=git-upload-pack", "https://uploads.github.com/x"} {
		told := refusedText
		if strings.Contains(url, "/info/refs") {
			told = refusedToGit
		}
		unknown := told(401, "Bad credentials (octopool: no client is registered with this token)")
		got := get(t, c, url)
		if got.refusal() != told(401, "Requires authentication (octopool: send the token of a registered client)") {
			t.Errorf("no token, %s: %s", url, got.refusal())
		}
		if got.header.Get("Www-Authenticate") != `Basic realm="GitHub"` {
			t.Errorf("no token, %s: no challenge for git", url)
		}
		for _, value := range []string{
			"token " + stranger, "Bearer " + stranger, "bearer " + stranger, "Basic " + basic("x-access-token:"+stranger), "basic " + basic(stranger+":x-oauth-basic"),
			"Basic " + basic(stranger+":"), "Basic " + basic(stranger), "Basic %%%", "Bearer", "Bearer ", "", stranger, "Negotiate " + stranger, "token " + ciToken + "x", "token " + strings.ToUpper(ciToken),
			"token ghp_bot", "Bearer ghp_bot", // a credential of the pool is nobody's token
		} {
			got := get(t, c, url, "Authorization", value)
			if got.refusal() != unknown || got.header.Get("Www-Authenticate") != `Basic realm="GitHub"` {
				t.Errorf("Authorization %q, %s: %s", value, url, got.refusal())
			}
			s.checkSecrets(t, value, got)
			if strings.Contains(fmt.Sprint(got), stranger) {
				t.Errorf("Authorization %q: the answer holds the token", value)
			}
		}
		if got := get(t, c, url, "Authorization", "token "+ciToken, "Authorization", "token "+ciToken); got.refusal() != unknown {
			t.Errorf("two headers, %s: %s", url, got.refusal())
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	if strings.Contains(s.logged(), stranger) || strings.Contains(s.logged(), "ghp_bot") {
		t.Errorf("the log holds a token:\n%s", s.logged())
	}
	if !strings.Contains(s.logged(), `level=INFO msg=request client=- method=GET host=api.github.com path=/user kind=rest status=401 outcome=refused`) {
		t.Errorf("the log does not tell of it:\n%s", s.logged())
	}
}

// Who is registered gets through with every form of Authorization.
func TestKnownToken(t *testing.T) {
	s := start(t, withRules(func(r *policy.Rules) { r.Anonymous = "reject" }))
	basic := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, value := range []string{
		"token " + ciToken, "Bearer " + ciToken, "bearer " + ciToken, "Token  " + ciToken, "Basic " + basic("x-access-token:"+ciToken),
		"basic " + basic(ciToken+":x-oauth-basic"), "Basic " + basic(ciToken+":"), "Basic " + strings.TrimRight(basic("anyone:"+ciToken), "="),
	} {
		if got := get(t, s.client(""), "https://api.github.com/repos/acme/api", "Authorization", value); got.status != http.StatusOK {
			t.Errorf("Authorization %q: %s", value, got.text())
		}
	}
	if found := s.github.Contains(ciToken); found != nil {
		t.Error(found)
	}
}

// A client gets what its scopes name, in whatever spelling it asks for more.
func TestOutOfScopeInEverySpelling(t *testing.T) {
	s := start(t, withScopes("read /repos/acme/web/**"))
	ids := map[string]int{}
	for _, name := range []string{"web", "api"} {
		var repo struct{ ID int }
		got := get(t, s.client(opsToken), "https://api.github.com/repos/acme/"+name)
		if err := json.Unmarshal([]byte(got.body), &repo); err != nil {
			t.Fatal(err)
		}
		ids[name] = repo.ID
	}
	s.github.ResetSeen()
	c := s.client(ciToken)
	for _, path := range []string{"/repos/acme/web", "/REPOS/Acme/WEB/issues", "/repos/acme/web/issues/?state=all", "/repos/acme/%77eb", fmt.Sprintf("/repositories/%d/issues", ids["web"])} {
		if got := get(t, c, "https://api.github.com"+path); strings.Contains(got.refusal(), "refused") {
			t.Errorf("GET %s, which is in scope: %s", path, got.text())
		}
	}
	s.github.ResetSeen()
	lookup := "/repositories/" + strconv.Itoa(ids["api"])
	for _, tt := range []struct {
		line   string
		status int
	}{
		{"GET /repos/acme/api", 403},
		{"HEAD /repos/acme/api", 403},
		{"GET /REPOS/ACME/API", 403},
		{"GET /repos/acme/api/", 403},
		{"GET /repos/acme/ap%69", 403},
		{"GET /repos/acme/web-secret", 403},
		{"GET /repos/acme/web.git", 403},
		{"GET /repos/acme", 403},
		{"GET /repos/acme/api?/repos/acme/web", 403},
		{"GET /api/v3/repos/acme/web", 403},
		{"GET /user", 403},
		{"GET /", 403},
		{"POST /graphql", 403},
		{"DELETE /repos/acme/web", 403},
		{"PATCH /repos/acme/web", 403},
		{"get /repos/acme/web", 403},
		{"PROPFIND /repos/acme/web", 403},
		{"GET " + lookup, 403},
		{"GET " + lookup + "/issues", 403},
		{"GET /REPOSITORIES/" + strconv.Itoa(ids["api"]), 403},
		{"GET /repositories/0" + strconv.Itoa(ids["api"]), 403},
		{"GET /repositories/acme", 403},
		{"GET /repos/acme/web/../api", 400},
		{"GET /repos/acme/web/./../api", 400},
		{"GET /repos/acme/web/%2e%2e/api", 400},
		{"GET /repos/acme/web/%2E./api", 400},
		{"GET /repos/acme/web/.%2e/api", 400},
		{"GET /repos/acme/web/%252e%252e/api", 400},
		{"GET /repos/acme/web/issues%2f..%2f..%2fapi", 400},
		{"GET /repos/acme%2fapi", 400},
		{"GET /repos%2Facme%2Fapi", 400},
		{"GET /repos//acme/api", 400},
		{"GET //repos/acme/api", 400},
		{"GET /repos/acme/web//", 400},
		{`GET /repos/acme/web\..\api`, 400},
		{"GET /repos/acme/web/%5c..%5capi", 400},
		{"GET /repos/acme/web%00", 400},
		{"GET /repos/acme/web%0d%0aX:%20y", 400},
		{"GET /repos/acme/web/%ff", 400},
		{"GET /repos/acme/web/%", 400},
		{"GET /repos/acme/web/..", 400},
		{"GET /repos/acme/web/..;/api", 404}, // no dot segment to GitHub either: it is in scope, and not there
	} {
		w := s.secure(t, "api.github.com")
		method, _, _ := strings.Cut(tt.line, " ")
		w.say(tt.line + " HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
		got := w.hear(method)
		if got.status != tt.status {
			t.Errorf("%s: %s", tt.line, got.text())
		}
		if tt.status == 403 && method == http.MethodGet {
			if !strings.Contains(got.body, `"message":"octopool: client ci may not GET /`) || got.header.Get("Retry-After") != "" {
				t.Errorf("%s: %s", tt.line, got.text("Retry-After"))
			}
		}
		if method == http.MethodHead && got.body != "" {
			t.Errorf("HEAD has a body: %s", got.body)
		}
		s.checkSecrets(t, tt.line, got)
	}
	for _, seen := range s.github.Seen() {
		// A number is looked up to know whose it is. That is all GitHub hears.
		if seen.Method == http.MethodGet && (seen.Path == lookup || strings.HasPrefix(seen.Path, "/REPOSITORIES/") || strings.HasPrefix(seen.Path, "/repositories/0") || seen.Path == "/repos/acme/web/..;/api") {
			continue
		}
		t.Errorf("GitHub saw %v", seen)
	}
	if got := get(t, c, "https://api.github.com/repos/acme/api"); got.refusal() != refusedText(403, "octopool: client ci may not GET /repos/acme/api") {
		t.Errorf("the answer is %s", got.refusal())
	}
	if got := get(t, c, "https://api.github.com/repos/acme/web/.."); got.refusal() != refusedText(400, "octopool: bad path: a dot segment") {
		t.Errorf("the answer is %s", got.refusal())
	}
	if got := get(t, c, "https://github.com/acme/api.git/info/refs?service=git-upload-pack"); got.refusal() != refusedToGit(403, "octopool: client ci may not GET /acme/api.git/info/refs: it needs the scope git:read acme/api") {
		t.Errorf("git: %s", got.refusal())
	}
}

// A token in the query is not read and not sent on.
func TestTokenInQuery(t *testing.T) {
	s := start(t)
	for _, query := range []string{"access_token=" + ciToken, "page=2&Access_Token=" + ciToken, "access%5Ftoken=" + ciToken} {
		got := get(t, s.client(ciToken), "https://api.github.com/user?"+query)
		if got.refusal() != refusedText(400, "octopool: a token in the query is not read; send an Authorization header") {
			t.Errorf("%s: %s", query, got.refusal())
		}
		s.checkSecrets(t, query, got)
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	if strings.Contains(s.logged(), ciToken) {
		t.Errorf("the log holds the token:\n%s", s.logged())
	}
}
