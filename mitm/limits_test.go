package mitm_test

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"octopool/policy"
)

// A spent budget is told as GitHub tells it: a 403 for REST, an error in a 200 for
// GraphQL, both with nothing remaining and the true reset.
func TestSpentBudget(t *testing.T) {
	s := start(t)
	reset := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	s.github.SetBudget("octo-bot", "core", 5000, 5000, reset)
	s.github.SetBudget("octo-bot", "graphql", 5000, 5000, reset)
	when := reset.UTC().Format(time.RFC3339)
	limits := func(resource string) string {
		return fmt.Sprintf("X-Ratelimit-Limit: 5000\nX-Ratelimit-Remaining: 0\nX-Ratelimit-Used: 5000\nX-Ratelimit-Reset: %d\nX-Ratelimit-Resource: %s\n", reset.Unix(), resource)
	}
	fields := []string{"Cache-Status", "Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Used", "X-Ratelimit-Reset", "X-Ratelimit-Resource"}
	for range 2 { // the first is refused by GitHub, the second by what was learned
		got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web")
		if want := "403\nCache-Status: octopool; detail=refused\n" + limits("core") +
			`{"message":"API rate limit exceeded for pool default: it has no core budget left until ` + when + `. (octopool)","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api","status":"403"}`; got.text(fields...) != want {
			t.Errorf("REST: %s\nwant %s", got.text(fields...), want)
		}
		s.checkSecrets(t, "REST", got)
		got = do(t, s.client(ciToken), http.MethodPost, "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`)
		if want := "200\nCache-Status: octopool; detail=refused\n" + limits("graphql") +
			`{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for pool default: it has no graphql budget left until ` + when + `. (octopool)"}]}`; got.text(fields...) != want {
			t.Errorf("GraphQL: %s\nwant %s", got.text(fields...), want)
		}
	}
	if got := len(s.github.Seen()); got != 2 {
		t.Errorf("GitHub was asked %d times, want once for each budget", got)
	}
	head := do(t, s.client(ciToken), http.MethodHead, "https://api.github.com/repos/acme/web", "")
	if head.status != 403 || head.body != "" || head.header.Get("X-Ratelimit-Remaining") != "0" {
		t.Errorf("HEAD: %s", head.text(fields...))
	}
}

// A secondary limit is told with the words and the Retry-After tools look for, and with
// something remaining, since the budget is not spent.
func TestSecondaryLimit(t *testing.T) {
	s := start(t)
	wait := 90 * time.Second
	s.github.Secondary("octo-bot", &wait, http.StatusForbidden)
	for range 2 {
		got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web")
		if got.status != http.StatusForbidden || !strings.HasPrefix(got.body, `{"message":"You have exceeded a secondary rate limit. (octopool: pool default is silent until `) ||
			!strings.HasSuffix(got.body, ` after a secondary limit) Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}`) {
			t.Errorf("answered %s", got.text())
		}
		if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 60 || after > 90 {
			t.Errorf("Retry-After: %s", got.header.Get("Retry-After"))
		}
		if left, err := strconv.Atoi(got.header.Get("X-Ratelimit-Remaining")); err != nil || left == 0 {
			t.Errorf("X-RateLimit-Remaining: %s", got.header.Get("X-Ratelimit-Remaining"))
		}
		s.checkSecrets(t, "secondary", got)
	}
	if got := len(s.github.Seen()); got != 1 {
		t.Errorf("GitHub was asked %d times in its silence", got)
	}
}

// What else a pool may lack.
func TestNoCredential(t *testing.T) {
	s := start(t, func(p *plan) { p.credentials[0].Owners = []string{"other"} }, withRules(func(r *policy.Rules) { r.Clients[1].Pool = "empty" }))
	for _, tt := range []struct {
		token, path string
		want        string
	}{
		{ciToken, "/repos/acme/web", refusedText(403, "octopool: no credential of pool default covers acme")},
		{opsToken, "/rate_limit_of_nobody", refusedText(403, "octopool: pool empty has no credential")},
	} {
		got := get(t, s.client(tt.token), "https://api.github.com"+tt.path)
		if got.refusal() != tt.want || got.header.Get("X-Ratelimit-Remaining") == "0" {
			t.Errorf("%s: %s", tt.path, got.text("Cache-Status", "X-Ratelimit-Remaining"))
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}

	s = start(t)
	s.github.Revoke("ghp_bot")
	for range 2 {
		got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web")
		if got.status != 503 || !strings.Contains(got.body, "octopool: no credential of pool default is in service") {
			t.Errorf("a revoked credential: %s", got.refusal())
		}
		s.checkSecrets(t, "revoked", got)
	}
	if got := len(s.github.Seen()); got != 1 {
		t.Errorf("GitHub saw the bad credential %d times: it locks accounts for less", got)
	}
}

// A GitHub that cannot be reached, or that does not prove to be one, is a 502 that tells
// nothing of where it was looked for.
func TestUnreachable(t *testing.T) {
	for name, change := range map[string]option{
		"nobody listens":         withUpstream(closedPort(t), nil),
		"nobody we trust":        func(p *plan) { p.config.GitHubs[0].Roots = nil },
		"nobody that speaks TLS": withUpstream(listen(t, func(*net.TCPConn) {}), nil),
	} {
		s := start(t, change)
		got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web")
		if got.refusal() != refusedText(502, "octopool: api.github.com gave no answer") {
			t.Errorf("%s: %s", name, got.refusal())
		}
		if left := got.header.Get("X-Ratelimit-Remaining"); left == "" || left == "0" {
			t.Errorf("%s: X-RateLimit-Remaining: %q", name, left)
		}
		if !strings.Contains(s.logged(), "level=ERROR msg=request client=ci method=GET host=api.github.com path=/repos/acme/web kind=rest status=502 outcome=refused") {
			t.Errorf("%s: the log:\n%s", name, s.logged())
		}
	}
}

// What one credential cannot, another of the pool can: the client is refused nothing.
func TestAnotherCredentialServes(t *testing.T) {
	s := start(t, withHub)
	s.github.SetBudget("octo-bot", "core", 5000, 5000, time.Now().Add(20*time.Minute))
	for range 3 {
		got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/api")
		if got.status != http.StatusOK || got.header.Get("X-Ratelimit-Remaining") == "0" {
			t.Errorf("answered %s", got.text("X-Ratelimit-Remaining"))
		}
	}
	if used := s.github.Used("hubot", "core"); used != 1 {
		t.Errorf("it cost %d points", used)
	}
}
