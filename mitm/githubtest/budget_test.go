package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A clock that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// What a request costs, and whom.
func TestPoints(t *testing.T) {
	s := start(t)
	bot := []string{"Authorization", asBot}
	known := etagOf(t, s, "/repos/acme/web", bot...)
	if points := s.Points(); points["octo-bot"]["core"] != 1 || len(points) != 1 {
		t.Fatalf("to begin with: %v", s.Points())
	}
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		login, resource          string
		cost                     int
	}{
		{"a read", "GET", "/repos/acme/web", "", bot, "octo-bot", "core", 1},
		{"another token of the same user", "GET", "/repos/acme/web", "", []string{"Authorization", "Bearer ghp_bot2"}, "octo-bot", "core", 1},
		{"HEAD", "HEAD", "/repos/acme/web", "", bot, "octo-bot", "core", 1},
		{"not found", "GET", "/repos/acme/none", "", bot, "octo-bot", "core", 1},
		{"a write", "POST", "/repos/acme/web/issues", `{"title":"x"}`, bot, "octo-bot", "core", 1},
		{"304", "GET", "/repos/acme/web/labels/bug", "", append(bot, "If-None-Match", etagOf(t, start(t), "/repos/acme/web/labels/bug", bot...)), "octo-bot", "core", 0},
		{"304 to HEAD", "HEAD", "/repos/acme/web/labels/bug", "", append(bot, "If-None-Match", etagOf(t, start(t), "/repos/acme/web/labels/bug", bot...)), "octo-bot", "core", 0},
		{"304 for the anonymous", "GET", "/repos/acme/web/labels/bug", "", []string{"If-None-Match", etagOf(t, start(t), "/repos/acme/web/labels/bug")}, "", "core", 1},
		{"a condition not met", "GET", "/repos/acme/web", "", append(bot, "If-None-Match", known+"x"), "octo-bot", "core", 1},
		{"search", "GET", "/search/issues?q=x", "", bot, "octo-bot", "search", 1},
		{"code search", "GET", "/search/code?q=x", "", bot, "octo-bot", "code_search", 1},
		{"GraphQL", "POST", "/graphql", `{"query":"{viewer{login}}"}`, bot, "octo-bot", "graphql", 1},
		{"rate limit", "GET", "/rate_limit", "", bot, "octo-bot", "core", 0},
		{"a bad token, at the address's expense", "GET", "/repos/acme/web", "", []string{"Authorization", "token ghp_wrong"}, "", "core", 1},
		{"no User-Agent", "GET", "/repos/acme/web", "", []string{"Authorization", asBot, "User-Agent", ""}, "", "", 0},
	} {
		s.ResetSeen()
		used := s.Used(tt.login, tt.resource)
		got := ask(t, s, tt.method, "https://api.github.com"+tt.path, tt.body, tt.headers...)
		if spent := s.Used(tt.login, tt.resource) - used; spent != tt.cost {
			t.Errorf("%s: %d points, want %d (%d)", tt.name, spent, tt.cost, got.StatusCode)
		}
		if seen := s.Seen()[0]; seen.Points != tt.cost || seen.Resource != tt.resource || seen.Status != got.StatusCode {
			t.Errorf("%s: logged as %v on %q", tt.name, seen, seen.Resource)
		}
		if tt.resource != "" && got.Header.Get("X-Ratelimit-Used") != strconv.Itoa(s.Used(tt.login, tt.resource)) {
			t.Errorf("%s: X-RateLimit-Used %q", tt.name, got.Header.Get("X-Ratelimit-Used"))
		}
	}
}

// All five headers are on every answer of the API, whatever its status.
func TestRateLimitHeaders(t *testing.T) {
	now := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s := start(t, WithClock(now.Now))
	etag := etagOf(t, s, "/repos/acme/web", "Authorization", asBot)
	reset := strconv.FormatInt(now.Now().Add(time.Hour).Unix(), 10)
	for i, tt := range []struct {
		status        int
		path          string
		authorization string
		condition     string
		want          string // limit, remaining, used, reset, resource
	}{
		{200, "/repos/acme/web", asBot, "", "5000 4998 2 " + reset + " core"},
		{304, "/repos/acme/web", asBot, etag, "5000 4998 2 " + reset + " core"},
		{404, "/repos/acme/none", asBot, "", "5000 4997 3 " + reset + " core"},
		{401, "/repos/acme/web", "token ghp_wrong", "", "60 59 1 " + reset + " core"},
		{200, "/search/issues?q=x", asBot, "", "30 29 1 " + strconv.FormatInt(now.Now().Add(time.Minute).Unix(), 10) + " search"},
	} {
		got := get(t, s, tt.path, "Authorization", tt.authorization, "If-None-Match", tt.condition)
		var values []string
		for _, name := range []string{"Limit", "Remaining", "Used", "Reset", "Resource"} {
			values = append(values, got.Header.Get("X-Ratelimit-"+name))
		}
		if line := strings.Join(values, " "); got.StatusCode != tt.status || line != tt.want {
			t.Errorf("%d: %d, %s, want %s", i, got.StatusCode, line, tt.want)
		}
	}
	now.advance(time.Hour)
	if used := s.Used("octo-bot", "core"); used != 0 {
		t.Errorf("%d points used after the reset", used)
	}
}

// uploads, codeload, raw files, signed downloads and git know no rate limit headers.
func TestNoRateLimitHeadersOffTheAPI(t *testing.T) {
	s := start(t)
	s.AddRelease("acme/web", "v1", map[string][]byte{"a.txt": []byte("hello")})
	asset := ask(t, s, "GET", "https://github.com/acme/web/releases/download/v1/a.txt", "").Header.Get("Location")
	for _, url := range []string{
		"https://uploads.github.com/repos/acme/web/releases/1/assets?name=a", "https://codeload.github.com/acme/web/tar.gz/main",
		"https://raw.githubusercontent.com/acme/web/main/README.md", asset, "https://github.com/acme/web/info/refs?service=git-upload-pack",
	} {
		got := ask(t, s, "GET", url, "")
		for name := range got.Header {
			if strings.HasPrefix(name, "X-Ratelimit") {
				t.Errorf("%s: %s", url, name)
			}
		}
	}
	if points := s.Points(); len(points) != 0 {
		t.Errorf("points: %v", points)
	}
}

type message struct {
	Message string
	Doc     string `json:"documentation_url"`
	Status  string
}

func messageOf(t *testing.T, got exchange) message {
	t.Helper()
	var m message
	if err := json.Unmarshal([]byte(got.body), &m); err != nil {
		t.Fatalf("%d: %s: %v", got.StatusCode, got.body, err)
	}
	return m
}

// A spent budget is a 403 in the words that tools look for, and costs nothing more.
func TestPrimaryLimit(t *testing.T) {
	s := start(t)
	end := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	s.SetBudget("octo-bot", "core", 5000, 5000, end)
	got := get(t, s, "/repos/acme/web", "Authorization", asBot)
	m := messageOf(t, got)
	if got.StatusCode != 403 || !strings.HasPrefix(m.Message, fmt.Sprintf("API rate limit exceeded for user ID %d.", s.account("octo-bot").id)) ||
		m.Doc != "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api" || m.Status != "403" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if h := got.Header; h.Get("X-Ratelimit-Remaining") != "0" || h.Get("X-Ratelimit-Reset") != strconv.FormatInt(end.Unix(), 10) || h.Get("Retry-After") != "" {
		t.Errorf("headers %v", h)
	}
	if used := s.Used("octo-bot", "core"); used != 5000 {
		t.Errorf("%d points used", used)
	}
	if other := get(t, s, "/repos/acme/web", "Authorization", "token github_pat_hubot"); other.StatusCode != 200 {
		t.Errorf("another user: %d", other.StatusCode)
	}
	if free := get(t, s, "/rate_limit", "Authorization", asBot); free.StatusCode != 200 || !strings.Contains(free.body, `"core":{"limit":5000,"used":5000,"remaining":0,`) {
		t.Errorf("/rate_limit: %d %s", free.StatusCode, free.body)
	}
	s.SetBudget("", "core", 60, 60, time.Time{})
	anonymous := get(t, s, "/repos/acme/web")
	if m := messageOf(t, anonymous); anonymous.StatusCode != 403 || !strings.HasPrefix(m.Message, "API rate limit exceeded for 127.0.0.1. (But here's the good news:") {
		t.Errorf("anonymous: %d %s", anonymous.StatusCode, anonymous.body)
	}
}

// GraphQL says it in a 200.
func TestGraphQLLimit(t *testing.T) {
	s := start(t)
	s.SetBudget("octo-bot", "graphql", 5000, 5000, time.Time{})
	got := ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, "Authorization", asBot)
	if got.StatusCode != 200 || !strings.HasPrefix(got.body, `{"errors":[{"type":"RATE_LIMITED"`) || got.Header.Get("X-Ratelimit-Remaining") != "0" || got.Header.Get("X-Ratelimit-Resource") != "graphql" {
		t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
	}
	if rest := get(t, s, "/user", "Authorization", asBot); rest.StatusCode != 200 {
		t.Errorf("REST: %d", rest.StatusCode)
	}
}

// A secondary limit refuses REST and GraphQL of one user, leaves what remains,
// and says when to come back, or does not.
func TestSecondaryLimit(t *testing.T) {
	now := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s := start(t, WithClock(now.Now))
	check := func(status int, retryAfter string) {
		t.Helper()
		for _, got := range []exchange{
			get(t, s, "/repos/acme/web", "Authorization", asBot),
			ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, "Authorization", asBot),
		} {
			m := messageOf(t, got)
			if got.StatusCode != status || !strings.HasPrefix(m.Message, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.") ||
				!strings.HasSuffix(m.Doc, "#about-secondary-rate-limits") || got.Header.Get("Retry-After") != retryAfter || got.Header.Get("X-Ratelimit-Remaining") == "0" {
				t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
			}
		}
		if other := get(t, s, "/repos/acme/web", "Authorization", "token github_pat_hubot"); other.StatusCode != 200 {
			t.Errorf("another user: %d", other.StatusCode)
		}
	}
	wait := 30 * time.Second
	s.Secondary("octo-bot", &wait, http.StatusForbidden)
	check(403, "30")
	now.advance(10500 * time.Millisecond)
	check(403, "20")
	now.advance(20 * time.Second)
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("when it has ended: %d", got.StatusCode)
	}
	s.Secondary("octo-bot", nil, http.StatusTooManyRequests)
	check(429, "")
	now.advance(time.Minute)
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("a minute after one without Retry-After: %d", got.StatusCode)
	}
	s.Secondary("octo-bot", &wait, http.StatusForbidden)
	s.Secondary("octo-bot", nil, 0)
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("after status 0: %d", got.StatusCode)
	}
}

// /rate_limit shows every resource; version 2026-03-10 has no copy of core.
func TestRateLimitEndpoint(t *testing.T) {
	s := start(t)
	get(t, s, "/search/issues?q=x", "Authorization", asBot)
	var shown struct {
		Resources map[string]struct{ Limit, Used, Remaining, Reset int }
		Rate      *struct{ Limit int }
	}
	got := get(t, s, "/rate_limit", "Authorization", asBot)
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Resources) != len(limits) || shown.Resources["search"].Used != 1 || shown.Resources["search"].Remaining != 29 || shown.Rate == nil || shown.Rate.Limit != 5000 {
		t.Errorf("%s", got.body)
	}
	newer := get(t, s, "/rate_limit", "Authorization", asBot, "X-GitHub-Api-Version", "2026-03-10")
	if strings.Contains(newer.body, `"rate"`) || newer.Header.Get("X-Github-Api-Version-Selected") != "2026-03-10" {
		t.Errorf("%s", newer.body)
	}
}

func TestABudgetOfNobodyIsAMistake(t *testing.T) {
	s := start(t)
	for name, f := range map[string]func(){
		"SetBudget": func() { s.SetBudget("octobot", "core", 1, 1, time.Time{}) },
		"Used":      func() { s.Used("octobot", "core") },
		"Secondary": func() { s.Secondary("octobot", nil, 403) },
	} {
		func() {
			defer func() {
				if complaint, _ := recover().(string); complaint != "githubtest: no user octobot" {
					t.Errorf("%s: %q", name, complaint)
				}
			}()
			f()
		}()
	}
}
