package githubtest

import (
	"fmt"
	"strings"
	"testing"
)

// An IP allow list keeps one credential out of one organization, in all its ways.
func TestIPAllowList(t *testing.T) {
	s, _, in := startApp(t)
	s.Grant("octo-bot", "globex/plans")
	s.DenyIP("acme", "octo-bot")
	const text = "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."
	bot := []string{"Authorization", asBot}
	for _, path := range []string{"/repos/acme/api", "/repos/acme/web/issues", fmt.Sprintf("/repositories/%d", s.repos["acme/api"].id), "/orgs/acme", "/orgs/acme/repos"} {
		got := get(t, s, path, bot...)
		if m := messageOf(t, got); got.StatusCode != 403 || m.Message != text || got.Header.Get("X-Ratelimit-Remaining") == "0" || got.Header["Retry-After"] != nil {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
		if got := get(t, s, path, as(in.Mint())...); got.StatusCode != 200 {
			t.Errorf("%s for another: %d", path, got.StatusCode)
		}
	}
	for _, tt := range []struct{ query, has string }{
		{`{repository(owner:\"acme\",name:\"api\"){id}}`, `"type":"FORBIDDEN"`},
		{`{organization(login:\"acme\"){id}}`, `"type":"FORBIDDEN"`},
		{`{repository(owner:\"globex\",name:\"plans\"){isPrivate}}`, `{"data":{"repository":{"isPrivate":true}}}`},
	} {
		got := ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"`+tt.query+`"}`, bot...)
		if got.StatusCode != 200 || !strings.Contains(got.body, tt.has) {
			t.Errorf("%s: %d %s", tt.query, got.StatusCode, got.body)
		}
	}
	git := ask(t, s, "GET", "https://github.com/acme/api/info/refs?service=git-upload-pack", "", "Authorization", basic("x", "ghp_bot"))
	if git.StatusCode != 403 || git.body != "The repository owner has an IP allow list enabled, and 127.0.0.1 is not permitted to access this repository.\n" {
		t.Errorf("git: %d %s", git.StatusCode, git.body)
	}
	if got := get(t, s, "/repos/globex/plans", bot...); got.StatusCode != 200 {
		t.Errorf("another organization: %d", got.StatusCode)
	}
	s.AllowIP("acme", "octo-bot")
	if got := get(t, s, "/repos/acme/api", bot...); got.StatusCode != 200 {
		t.Errorf("allowed: %d", got.StatusCode)
	}
}

// SAML keeps one token out of an organization until it is authorized, and lists leave it out.
func TestSAML(t *testing.T) {
	s, _, _ := startApp(t)
	s.Grant("octo-bot", "globex/plans")
	s.RequireSSO("acme", "ghp_bot")
	bot := []string{"Authorization", asBot}
	got := get(t, s, "/repos/acme/api", bot...)
	if m := messageOf(t, got); got.StatusCode != 403 || !strings.HasPrefix(m.Message, "Resource protected by organization SAML enforcement.") ||
		!strings.HasPrefix(got.Header.Get("X-Github-Sso"), "required; url=https://github.com/orgs/acme/sso?authorization_request=") {
		t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
	}
	partial := fmt.Sprintf("partial-results; organizations=%d", s.account("acme").id)
	for _, path := range []string{"/user/repos", "/search/repositories?q=plans"} {
		got := get(t, s, path, bot...)
		if got.StatusCode != 200 || got.Header.Get("X-Github-Sso") != partial || strings.Contains(got.body, "acme/") || !strings.Contains(got.body, "globex/plans") {
			t.Errorf("%s: %d %v %s", path, got.StatusCode, got.Header, got.body)
		}
	}
	git := ask(t, s, "GET", "https://github.com/acme/api/info/refs?service=git-upload-pack", "", "Authorization", basic("x", "ghp_bot"))
	if git.StatusCode != 403 || !strings.HasPrefix(git.body, "The `acme' organization has enabled or enforced SAML SSO.") {
		t.Errorf("git: %d %s", git.StatusCode, git.body)
	}
	for name, headers := range map[string][]string{"another token of the same user": {"Authorization", "token ghp_bot2"}, "authorized": bot} {
		if name == "authorized" {
			s.AuthorizeSSO("acme", "ghp_bot")
		}
		if got := get(t, s, "/repos/acme/api", headers...); got.StatusCode != 200 || got.Header["X-Github-Sso"] != nil {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
	}
}
