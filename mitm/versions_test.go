package mitm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Each version of the API and each media type is a representation of its own: kept apart,
// confirmed for nothing, and never given for another.
func TestVersionsAndMediaTypes(t *testing.T) {
	s := start(t, func(p *plan) {
		p.github.AddIssue("acme/web", "Trouble")
		p.github.AddPull("acme/web", "Change it")
	})
	c := s.client(ciToken)
	direct := s.github.Client()
	type header = map[string]string
	questions := []struct {
		path   string
		header header
	}{
		{"/repos/acme/web/issues/1", header{"X-GitHub-Api-Version": "2022-11-28"}},
		{"/repos/acme/web/issues/1", header{"X-GitHub-Api-Version": "2026-03-10"}},
		{"/repos/acme/web/issues/1", header{"Accept": "application/vnd.github.html+json"}},
		{"/repos/acme/web/issues/1", header{"Accept": "application/vnd.github.full+json", "X-GitHub-Api-Version": "2026-03-10"}},
		{"/repos/acme/web/pulls/2", header{"Accept": "application/vnd.github+json"}},
		{"/repos/acme/web/pulls/2", header{"Accept": "application/vnd.github.diff"}},
		{"/repos/acme/web/pulls/2", header{"Accept": "application/vnd.github.patch"}},
		{"/repos/acme/web/contents/README.md", header{}},
		{"/repos/acme/web/contents/README.md", header{"Accept": "application/vnd.github.raw"}},
		{"/repos/acme/web/contents/README.md", header{"Accept": "application/vnd.github.raw+json"}},
		{"/repos/acme/web/contents/README.md", header{"Accept": "application/vnd.github.html"}},
	}
	for round := range 3 {
		spent := s.github.SpentEver("octo-bot", "core")
		for _, q := range questions {
			var pairs []string
			for name, value := range q.header {
				pairs = append(pairs, name, value)
			}
			what := fmt.Sprint(q.path, q.header)
			before := s.github.SpentEver("octo-bot", "core")
			got := get(t, c, apiHost+q.path, pairs...)
			cost := s.github.SpentEver("octo-bot", "core") - before
			want := get(t, direct, apiHost+q.path, append(pairs, "Authorization", "token ghp_bot", "User-Agent", "octopool/test")...)
			spent += s.github.SpentEver("octo-bot", "core") - before - cost
			if got.status != http.StatusOK || got.body != want.body {
				t.Errorf("%s, round %d: %s, directly it is\n%s", what, round+1, got.text("Cache-Status"), want.body)
			}
			for _, name := range []string{"Content-Type", "X-Github-Media-Type", "X-Github-Api-Version-Selected"} {
				if got.header.Get(name) != want.header.Get(name) {
					t.Errorf("%s, round %d: %s is %q, directly %q", what, round+1, name, got.header.Get(name), want.header.Get(name))
				}
			}
			if round > 0 && cost != 0 {
				t.Errorf("%s, round %d: it cost %d, and nothing has changed", what, round+1, cost)
			}
		}
	}
	for version, status := range map[string]int{"2019-01-01": 400, "tomorrow": 400} {
		if got := get(t, c, apiHost+"/repos/acme/web", "X-GitHub-Api-Version", version); got.status != status || !strings.Contains(got.body, "not a supported version") {
			t.Errorf("version %s: %s", version, got.text())
		}
	}
}

// What is deprecated says so each time, also when nothing has changed; and who polls is
// told how often, whatever GitHub's 304 leaves out.
func TestDeprecationAndPolling(t *testing.T) {
	s := start(t)
	c := s.client(ciToken)
	want := get(t, s.github.Client(), apiHost+"/teams/7", "Authorization", "token ghp_bot", "User-Agent", "x")
	for range 3 {
		got := get(t, c, apiHost+"/teams/7")
		for _, name := range []string{"Deprecation", "Sunset", "Link"} {
			if want.header.Get(name) == "" || got.header.Get(name) != want.header.Get(name) {
				t.Errorf("%s is %q, GitHub says %q", name, got.header.Get(name), want.header.Get(name))
			}
		}
	}
	first := get(t, c, apiHost+"/repos/acme/web/events")
	for _, condition := range []string{"", first.header.Get("Etag")} {
		got := get(t, c, apiHost+"/repos/acme/web/events", "If-None-Match", condition)
		if got.header.Get("X-Poll-Interval") != "60" || !strings.Contains(got.header.Get("Cache-Status"), "fwd-status=304") {
			t.Errorf("events, with condition %q: %s", condition, got.text("X-Poll-Interval", "Cache-Status"))
		}
	}
}
