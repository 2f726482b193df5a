package githubtest

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Every form that GitHub documents, or tools were seen to send.
func TestFormsOfAuthorization(t *testing.T) {
	s := start(t)
	for _, tt := range []struct {
		name, value string
		status      int
	}{
		{"token", "token ghp_bot", 200},
		{"Bearer", "Bearer ghp_bot", 200},
		{"bearer", "bearer ghp_bot", 200},
		{"Basic, as password", basic("x-access-token", "ghp_bot"), 200},
		{"Basic, as user", basic("ghp_bot", ""), 200},
		{"Basic, as user with x-oauth-basic", basic("ghp_bot", "x-oauth-basic"), 200},
		{"basic, as actions/checkout sends it", "basic " + basic("x-access-token", "ghp_bot")[6:], 200},
		{"no scheme", "ghp_bot", 401},
		{"an unknown scheme", "Digest ghp_bot", 401},
		{"empty", "", 401},
		{"not base64", "Basic ghp_bot", 401},
		{"a token nobody has", "token ghp_other", 401},
		{"an App's JWT: there are no Apps here", "Bearer eyJh.eyJp.c2ln", 401},
	} {
		if got := get(t, s, "/user", "Authorization", tt.value); got.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, got.StatusCode, tt.status)
		}
	}
}

func TestRefusedCredentials(t *testing.T) {
	now := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s := start(t, WithClock(now.Now))
	const bad = `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}`
	refused := func(name, path string, headers ...string) {
		t.Helper()
		if got := get(t, s, path, headers...); got.StatusCode != 401 || got.body != bad || got.Header.Get("X-Ratelimit-Limit") != "60" {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	refused("unknown, even for what is public", "/repos/acme/web", "Authorization", "token ghp_wrong")
	s.SetExpiry("ghp_bot", now.Now().Add(time.Hour))
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 200 || got.Header.Get("Github-Authentication-Token-Expiration") != "2026-11-23 13:00:00 UTC" {
		t.Errorf("about to expire: %d %v", got.StatusCode, got.Header)
	}
	now.advance(time.Hour)
	refused("expired", "/user", "Authorization", asBot)
	s.Revoke("ghp_bot2")
	refused("revoked", "/user", "Authorization", "token ghp_bot2")
	if got := get(t, s, "/user"); got.StatusCode != 401 || messageOf(t, got).Message != "Requires authentication" {
		t.Errorf("none: %d %s", got.StatusCode, got.body)
	}
}

// A request without User-Agent gets no further than the door.
func TestUserAgentIsRequired(t *testing.T) {
	s := start(t)
	got := get(t, s, "/user", "Authorization", asBot, "User-Agent", "")
	if got.StatusCode != 403 || !strings.HasPrefix(got.body, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header") || got.Header.Get("X-Ratelimit-Limit") != "" {
		t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
	}
}

// Whoever sends a user's dead token often locks out that user, with good tokens too, and for a while.
func TestFailedLoginsLockTheUserOut(t *testing.T) {
	now := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s := start(t, WithClock(now.Now))
	s.Revoke("ghp_bot2")
	for range failedLogins {
		if got := get(t, s, "/user", "Authorization", "token ghp_bot2"); got.StatusCode != 401 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
	}
	locked := get(t, s, "/user", "Authorization", asBot)
	if locked.StatusCode != 403 || messageOf(t, locked).Message != "Maximum number of login attempts exceeded. Please try again later." {
		t.Errorf("%d %s", locked.StatusCode, locked.body)
	}
	if got := ask(t, s, "GET", "https://github.com/acme/api/info/refs?service=git-upload-pack", "", "Authorization", basic("x", "ghp_bot")); got.StatusCode != 403 {
		t.Errorf("git: %d", got.StatusCode)
	}
	if got := get(t, s, "/user", "Authorization", "token github_pat_hubot"); got.StatusCode != 200 {
		t.Errorf("another user: %d", got.StatusCode)
	}
	now.advance(failedWindow)
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("later: %d", got.StatusCode)
	}
	for range failedLogins { // named by Basic, though the password is nobody's
		get(t, s, "/user", "Authorization", basic("octo-bot", "guess"))
	}
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 403 {
		t.Errorf("after guesses: %d", got.StatusCode)
	}
}

// Only classic tokens have scopes to show.
func TestScopesAreThoseOfClassicTokens(t *testing.T) {
	s := start(t)
	s.SetScopes("ghp_bot", "repo")
	classic := get(t, s, "/", "Authorization", asBot).Header
	fine := get(t, s, "/", "Authorization", "token github_pat_hubot").Header
	if classic.Get("X-Oauth-Scopes") != "repo" || classic["X-Accepted-Oauth-Scopes"] == nil {
		t.Errorf("classic: %v", classic)
	}
	if fine["X-Oauth-Scopes"] != nil || fine["X-Accepted-Oauth-Scopes"] != nil {
		t.Errorf("fine-grained: %v", fine)
	}
}

// What a header is read as depends on nothing else, and nothing is read from what has no token.
func FuzzParseAuthorization(f *testing.F) {
	for _, seed := range []string{"token x", "Bearer x", basic("a", "b"), basic("a", ""), basic("", "x-oauth-basic"), "basic", "Basic ====", " ", "token  x "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := parseAuthorization(value)
		if ok && c.token == "" {
			t.Errorf("%q: accepted without a token", value)
		}
		if ok && c.scheme != "basic" && c.scheme != "bearer" && c.scheme != "token" {
			t.Errorf("%q: scheme %q", value, c.scheme)
		}
	})
}
