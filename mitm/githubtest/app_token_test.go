package githubtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// minted is the answer of the mint call.
type minted struct {
	Token        string
	ExpiresAt    time.Time `json:"expires_at"`
	Permissions  map[string]string
	Selection    string `json:"repository_selection"`
	Repositories []struct {
		Name        string
		Permissions map[string]bool
	}
}

func mint(t *testing.T, s *Server, app *App, in *Installation, body string) (exchange, minted) {
	t.Helper()
	got := ask(t, s, http.MethodPost, fmt.Sprintf("https://api.github.com/app/installations/%d/access_tokens", in.ID()), body, as(app.JWT())...)
	var m minted
	if err := json.Unmarshal([]byte(got.body), &m); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return got, m
}

// A token is long, has dots, begins as all of its App do, and lives for an hour by the server's clock.
func TestTokens(t *testing.T) {
	now := &clock{now: noon}
	s, app, in := startApp(t, WithClock(now.Now))
	got, first := mint(t, s, app, in, "")
	_, second := mint(t, s, app, in, "{}")
	form := regexp.MustCompile(fmt.Sprintf(`^ghs_%d_[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`, app.ID()))
	for _, token := range []string{first.Token, second.Token, in.Mint()} {
		if !form.MatchString(token) || len(token) < 520 || len(token) > 600 || token[:46] != first.Token[:46] {
			t.Errorf("%d bytes: %s", len(token), token)
		}
	}
	if got.StatusCode != 201 || first.Token == second.Token || !first.ExpiresAt.Equal(noon.Add(time.Hour)) || first.Selection != "all" || first.Repositories != nil ||
		!maps.Equal(first.Permissions, defaultPermissions()) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	now.advance(time.Hour - time.Second)
	if got := get(t, s, "/repos/acme/api", as(first.Token)...); got.StatusCode != 200 {
		t.Errorf("in its last second: %d", got.StatusCode)
	}
	now.advance(time.Second)
	for range failedLogins + 1 { // and there is no user to lock out
		if got := get(t, s, "/repos/acme/api", as(first.Token)...); got.StatusCode != 401 || messageOf(t, got).Message != "Bad credentials" {
			t.Errorf("expired: %d %s", got.StatusCode, got.body)
		}
	}
	app.SetTokenLife(time.Minute)
	_, short := mint(t, s, app, in, "")
	if want := now.Now().Add(time.Minute); !short.ExpiresAt.Equal(want) {
		t.Errorf("a life of a minute ends %v, not %v", short.ExpiresAt, want)
	}
}

// A token may be narrowed, and not widened.
func TestNarrowedTokens(t *testing.T) {
	s, app, in := startApp(t)
	narrow := s.Install(app, "globex", "globex/plans")
	id := func(fullName string) int { return s.repos[fullName].id }
	for _, tt := range []struct {
		name, body  string
		in          *Installation
		status      int
		message     string
		repos       []string
		permissions string
	}{
		{"one repository", `{"repositories":["api"]}`, in, 201, "", []string{"api"}, ""},
		{"by id", fmt.Sprintf(`{"repository_ids":[%d]}`, id("acme/web")), in, 201, "", []string{"web"}, ""},
		{"by both", fmt.Sprintf(`{"repositories":["API"],"repository_ids":[%d]}`, id("acme/web")), in, 201, "", []string{"web", "api"}, ""},
		{"permissions", `{"permissions":{"contents":"read"}}`, in, 201, "", nil, "map[contents:read metadata:read]"},
		{"both kinds", `{"repositories":["api"],"permissions":{"issues":"write","metadata":"read"}}`, in, 201, "", []string{"api"}, "map[issues:write metadata:read]"},
		{"of a narrow installation", `{"repositories":["plans"]}`, narrow, 201, "", []string{"plans"}, ""},
		{"nothing asked", `{"repositories":[],"permissions":{}}`, in, 201, "", nil, fmt.Sprint(defaultPermissions())},
		{"a repository that is not there", `{"repositories":["none"]}`, in, 422, "There is at least one repository that does not exist or is not accessible to the parent installation.", nil, ""},
		{"one beyond the installation", `{"repositories":["site"]}`, narrow, 422, "There is at least one repository that does not exist or is not accessible to the parent installation.", nil, ""},
		{"one of another account, by id", fmt.Sprintf(`{"repository_ids":[%d]}`, id("globex/plans")), in, 422, "There is at least one repository that does not exist or is not accessible to the parent installation.", nil, ""},
		{"a permission beyond", `{"permissions":{"administration":"read"}}`, in, 422, "The permissions requested are not granted to this installation.", nil, ""},
		{"a level beyond", `{"permissions":{"actions":"write"}}`, in, 422, "The permissions requested are not granted to this installation.", nil, ""},
		{"a permission nobody knows", `{"permissions":{"contnets":"read"}}`, in, 422, "Invalid request.\n\n\"contnets\" is not a permitted key.", nil, ""},
		{"a level nobody knows", `{"permissions":{"contents":"all"}}`, in, 422, "Invalid request.\n\n\"all\" is not a permitted value for \"contents\".", nil, ""},
		{"no JSON", `{"permissions"`, in, 400, "Problems parsing JSON", nil, ""},
	} {
		got, m := mint(t, s, app, tt.in, tt.body)
		if got.StatusCode != tt.status || tt.status != 201 && messageOf(t, got).Message != tt.message {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
			continue
		}
		var names []string
		for _, r := range m.Repositories {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, tt.repos) || tt.repos != nil && m.Selection != "selected" {
			t.Errorf("%s: %s of %v", tt.name, m.Selection, names)
		}
		if tt.permissions != "" && fmt.Sprint(m.Permissions) != tt.permissions {
			t.Errorf("%s: may %v", tt.name, m.Permissions)
		}
	}
	var many strings.Builder
	for range 501 {
		many.WriteString(`"api",`)
	}
	if got, _ := mint(t, s, app, in, `{"repositories":[`+strings.TrimSuffix(many.String(), ",")+`]}`); got.StatusCode != 422 {
		t.Errorf("501 repositories: %d", got.StatusCode)
	}
}

// A token asks what it opens, and ends itself.
func TestInstallationAsksAboutItself(t *testing.T) {
	s, app, in := startApp(t)
	whole := in.Mint()
	_, narrow := mint(t, s, app, in, `{"repositories":["api"],"permissions":{"contents":"read"}}`)
	for _, tt := range []struct{ token, want string }{
		{whole, `{"total_count":2,"repository_selection":"all",`},
		{narrow.Token, `{"total_count":1,"repository_selection":"selected",`},
	} {
		if got := get(t, s, "/installation/repositories", as(tt.token)...); got.StatusCode != 200 || !strings.HasPrefix(got.body, tt.want) {
			t.Errorf("%d %.200s", got.StatusCode, got.body)
		}
	}
	paged := get(t, s, "/installation/repositories?per_page=1", as(whole)...)
	if !strings.Contains(paged.Header.Get("Link"), `<https://api.github.com/installation/repositories?per_page=1&page=2>; rel="next"`) {
		t.Errorf("Link %q", paged.Header.Get("Link"))
	}
	for name, tt := range map[string]struct {
		headers []string
		status  int
	}{"a user": {[]string{"Authorization", asBot}, 403}, "nobody": {nil, 401}, "the App": {as(app.JWT()), 403}} {
		if got := get(t, s, "/installation/repositories", tt.headers...); got.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := ask(t, s, http.MethodDelete, "https://api.github.com/installation/token", "", as(whole)...); got.StatusCode != 204 {
		t.Errorf("DELETE: %d %s", got.StatusCode, got.body)
	}
	if got := get(t, s, "/repos/acme/web", as(whole)...); got.StatusCode != 401 || messageOf(t, got).Message != "Bad credentials" {
		t.Errorf("revoked: %d %s", got.StatusCode, got.body)
	}
	if got := get(t, s, "/repos/acme/api", as(narrow.Token)...); got.StatusCode != 200 {
		t.Errorf("the other: %d", got.StatusCode)
	}
}
