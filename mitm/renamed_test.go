package mitm_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// nextPage is where an answer's Link leads, "" when it does not.
func nextPage(r reply) string {
	if found := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(r.header.Get("Link")); found != nil {
		return found[1]
	}
	return ""
}

// told is what GitHub was asked that is not of the pool itself, a line each: method, path
// and status.
func told(g *githubtest.Server) string {
	var b strings.Builder
	for _, one := range g.Seen() {
		fmt.Fprintf(&b, "%s %s %d, ", one.Method, one.Path, one.Status)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

const apiHost = "https://api.github.com"

// GitHub's own Links go by number. A client's scopes hold on each page, whatever it is of.
func TestScopesOnPagesByNumber(t *testing.T) {
	s := start(t, withScopes("read /repos/acme/web/**", "read /orgs/acme/**", "read /users/octo-bot/repos"), func(p *plan) {
		for range 3 {
			p.github.AddIssue("acme/web", "Trouble")
			p.github.AddIssue("acme/api", "Trouble")
		}
		for _, repo := range []string{"octo-bot/a", "octo-bot/b", "octo-bot/c", "globex/a", "globex/b"} {
			p.github.AddRepo(repo, false)
		}
	})
	c := s.client(ciToken)
	for _, path := range []string{"/repos/acme/web/issues", "/orgs/acme/repos", "/users/octo-bot/repos"} {
		pages := 0
		for next := apiHost + path + "?per_page=1"; next != ""; pages++ {
			page := get(t, c, next)
			if page.status != http.StatusOK || pages > 5 {
				t.Fatalf("%s: %s", next, page.text())
			}
			if next = nextPage(page); next != "" && strings.Contains(next, path) {
				t.Fatalf("%s goes by name: the stand-in is not like GitHub", next)
			}
		}
		if pages < 2 {
			t.Errorf("%s has %d pages", path, pages)
		}
	}
	ops := s.client(opsToken) // may do everything, and so learns the numbers
	for _, path := range []string{"/repos/acme/api/issues", "/orgs/globex/repos"} {
		next := nextPage(get(t, ops, apiHost+path+"?per_page=1"))
		if got := get(t, c, next); next == "" || got.status != http.StatusForbidden || strings.Contains(got.body, "Trouble") {
			t.Errorf("%s, which is page 2 of %s: %s", next, path, got.text())
		}
	}
}

// A repository that is renamed keeps its number and loses its name: a scope is for who has
// the name now. What was stored under a name is no answer once somebody else has it.
func TestRename(t *testing.T) {
	s := start(t, withScopes("* /repos/acme/web/**", "git:read acme/web"), func(p *plan) { p.github.AddIssue("acme/web", "Of the first") })
	c, ops := s.client(ciToken), s.client(opsToken)
	before := get(t, c, apiHost+"/repos/acme/web/issues")
	number := regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(get(t, c, apiHost+"/repos/acme/web").body)[1]
	byNumber := apiHost + "/repositories/" + number
	if got := get(t, c, byNumber+"/issues"); got.status != http.StatusOK || got.body != before.body {
		t.Fatalf("by number: %s", got.text())
	}

	s.github.Rename("acme/web", "acme/site")
	s.github.ResetSeen()
	for _, tt := range []struct {
		who          *http.Client
		method, url  string
		status       int
		location, of string
	}{
		{c, "GET", apiHost + "/repos/acme/web", 301, byNumber, "a read is led to the number"},
		{c, "GET", apiHost + "/repos/acme/web/issues", 301, byNumber + "/issues", "and what was stored is no answer"},
		{c, "POST", apiHost + "/repos/acme/web/issues", 307, byNumber + "/issues", "a write too"},
		{c, "GET", byNumber, 403, "", "but the number is now acme/site, which no scope names"},
		{c, "GET", byNumber + "/issues", 403, "", "with all that is below"},
		{c, "POST", byNumber + "/issues", 403, "", "for writes"},
		{c, "GET", apiHost + "/repos/acme/site", 403, "", "as under its name"},
		{c, "GET", "https://github.com/acme/web/info/refs?service=git-upload-pack", 301, "https://github.com/acme/site.git/info/refs?service=git-upload-pack", "git is led to the new name"},
		{c, "GET", "https://github.com/acme/site.git/info/refs?service=git-upload-pack", 403, "", "which no scope names"},
		{ops, "GET", byNumber + "/issues", 200, "", "who has no scopes goes on"},
		{ops, "POST", byNumber + "/issues", 201, "", "with writes, too"},
	} {
		body := ""
		if tt.method == "POST" {
			body = `{"title":"One more"}`
		}
		got := do(t, tt.who, tt.method, tt.url, body)
		if got.status != tt.status || tt.location != "" && got.header.Get("Location") != tt.location || tt.status == 403 && strings.Contains(got.body, "Of the first") {
			t.Errorf("%s: %s %s: %s", tt.of, tt.method, tt.url, got.text("Location"))
		}
	}
	for _, one := range s.github.Seen() {
		if one.Method == "POST" && one.Status == 403 || strings.Contains(one.Path, "acme/site") && one.Host == "api.github.com" {
			t.Errorf("GitHub was asked for what is out of scope: %v", one)
		}
	}

	// Another takes the name.
	s.github.AddRepo("acme/web", false)
	s.github.Grant("octo-bot", "acme/web")
	if got := get(t, c, apiHost+"/repos/acme/web/issues"); got.status != http.StatusOK || got.body != "[]" {
		t.Errorf("the issues of who has the name now: %s", got.text("Cache-Status"))
	}
	if got := get(t, c, byNumber+"/issues"); got.status != http.StatusForbidden {
		t.Errorf("the number is still the first one's: %s", got.text())
	}
}

// A repository that is transferred is its new owner's, for scopes and for the cache.
func TestTransfer(t *testing.T) {
	s := start(t, withScopes("read /repos/{acme,globex}/api/**"), withRules(func(r *policy.Rules) {
		scope, err := policy.ParseScope("read /repos/acme/**")
		if err != nil {
			t.Fatal(err)
		}
		r.Clients[1].Scopes = []policy.Scope{scope}
	}), func(p *plan) { p.github.AddIssue("acme/api", "A secret") })
	c, ops := s.client(ciToken), s.client(opsToken)
	if got := get(t, c, apiHost+"/repos/acme/api/issues"); got.status != http.StatusOK {
		t.Fatal(got.text())
	}
	s.github.Rename("acme/api", "globex/api")
	s.github.ResetSeen()
	moved := get(t, c, apiHost+"/repos/acme/api/issues")
	if moved.status != http.StatusMovedPermanently {
		t.Fatalf("to who knew it: %s", moved.text())
	}
	there := moved.header.Get("Location")
	if got := get(t, c, there); got.status != http.StatusOK || !strings.Contains(got.body, "A secret") {
		t.Errorf("%s, of who may read both: %s", there, got.text())
	}
	if got := get(t, c, apiHost+"/repos/globex/api/issues"); got.status != http.StatusOK {
		t.Errorf("under its new name: %s", got.text())
	}
	if got := get(t, ops, there); got.status != http.StatusForbidden || strings.Contains(got.body, "A secret") {
		t.Errorf("%s, of who may read acme's: %s", there, got.text())
	}
	// The name behind a number is confirmed each time, for nothing.
	s.github.ResetSeen()
	get(t, c, there)
	if got, want := told(s.github), strings.TrimPrefix(strings.TrimSuffix(there, "/issues"), apiHost); got != "GET "+want+" 304, GET "+want+"/issues 304" {
		t.Errorf("GitHub saw %s", got)
	}
}
