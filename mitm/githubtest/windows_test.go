package githubtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// told is what an answer's headers say is used, and when that ends.
func told(got exchange) string {
	return got.Header.Get("X-Ratelimit-Used") + "@" + got.Header.Get("X-Ratelimit-Reset")
}

// Two windows take turns, each with its own counter, reset and end.
func TestInterleavedWindows(t *testing.T) {
	now := &clock{now: noon}
	s, _, in := startApp(t, WithClock(now.Now))
	token := in.Mint()
	first, second := noon.Add(time.Hour), noon.Add(10*time.Minute)
	s.Interleave(in.Principal(), "core", Budget{Limit: 5000, Used: 100, Reset: second})
	var all []string
	for range 4 {
		all = append(all, told(get(t, s, "/repos/acme/api", as(token)...)))
	}
	want := fmt.Sprintf("1@%d 101@%d 2@%d 102@%d", first.Unix(), second.Unix(), first.Unix(), second.Unix())
	if got := strings.Join(all, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if used, ever := s.Used(in.Principal(), "core"), s.SpentEver(in.Principal(), "core"); used != 104 || ever != 4 {
		t.Errorf("%d used, %d ever", used, ever)
	}
	now.advance(10 * time.Minute)
	get(t, s, "/repos/acme/api", as(token)...)
	if got, want := told(get(t, s, "/repos/acme/api", as(token)...)), fmt.Sprintf("1@%d", second.Add(time.Hour).Unix()); got != want {
		t.Errorf("after the second's reset: %s, want %s", got, want)
	}
	s.SetBudget(in.Principal(), "core", 5000, 5000, time.Time{})
	if one, two := get(t, s, "/repos/acme/api", as(token)...), get(t, s, "/repos/acme/api", as(token)...); one.StatusCode != 403 || two.StatusCode != 200 {
		t.Errorf("with the first spent: %d %d", one.StatusCode, two.StatusCode)
	}
	s.Interleave(in.Principal(), "core", Budget{})
	for range 2 {
		if got := get(t, s, "/repos/acme/api", as(token)...); got.StatusCode != 403 {
			t.Errorf("with one window: %d", got.StatusCode)
		}
	}
}

// Headers may be behind, in turn, though what is left is exact.
func TestCountersOutOfOrder(t *testing.T) {
	s, _, in := startApp(t)
	token := in.Mint()
	s.LagUsed(in.Principal(), "core", 0, 2, 1)
	var all []string
	for range 6 {
		got := get(t, s, "/repos/acme/api", as(token)...)
		all = append(all, got.Header.Get("X-Ratelimit-Used")+"/"+got.Header.Get("X-Ratelimit-Remaining"))
	}
	if got := strings.Join(all, " "); got != "1/4999 0/5000 2/4998 4/4996 3/4997 5/4995" || s.Used(in.Principal(), "core") != 6 {
		t.Errorf("%s, %d used", got, s.Used(in.Principal(), "core"))
	}
	s.LagUsed(in.Principal(), "core")
	if got := get(t, s, "/repos/acme/api", as(token)...); got.Header.Get("X-Ratelimit-Used") != "7" {
		t.Errorf("%v", got.Header)
	}
}

// GET /rate_limit may not know what everybody else does.
func TestFullReadings(t *testing.T) {
	s, _, in := startApp(t)
	token := in.Mint()
	s.SetFullReadings(true)
	got := get(t, s, "/repos/acme/api", as(token)...)
	reading := get(t, s, "/rate_limit", as(token)...)
	if got.Header.Get("X-Ratelimit-Used") != "1" || !strings.Contains(reading.body, `"core":{"limit":5000,"used":0,"remaining":5000,`) || s.Used(in.Principal(), "core") != 1 {
		t.Errorf("%v %s", got.Header, reading.body)
	}
}

// Without limits nothing tells of them, and nothing is refused for them.
func TestWithoutRateLimits(t *testing.T) {
	s, _, in := startApp(t)
	token := in.Mint()
	s.SetRateLimits(false)
	s.SetBudget(in.Principal(), "core", 1, 1, time.Time{})
	s.SetBudget(in.Principal(), "graphql", 1, 1, time.Time{})
	for _, got := range []exchange{
		get(t, s, "/repos/acme/api", as(token)...), get(t, s, "/repos/acme/none", as(token)...),
		ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, as(token)...),
	} {
		if got.StatusCode == 403 || strings.Contains(got.body, "RATE_LIMITED") {
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
		for name := range got.Header {
			if strings.HasPrefix(name, "X-Ratelimit") {
				t.Errorf("%s", name)
			}
		}
	}
	if got := get(t, s, "/rate_limit", as(token)...); got.StatusCode != 404 || messageOf(t, got).Message != "Rate limiting is not enabled." {
		t.Errorf("/rate_limit: %d %s", got.StatusCode, got.body)
	}
	if used := s.Used(in.Principal(), "core"); used != 3 {
		t.Errorf("%d used", used)
	}
	s.SetRateLimits(true)
	if got := get(t, s, "/repos/acme/api", as(token)...); got.StatusCode != 403 || got.Header.Get("X-Ratelimit-Limit") != "1" {
		t.Errorf("with limits again: %d", got.StatusCode)
	}
}
