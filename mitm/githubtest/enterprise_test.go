package githubtest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"octopool/mitm/githubtest"
)

// Other GitHubs have their parts at other places, and name them so in all that they say.
func TestAs(t *testing.T) {
	for _, tt := range []struct{ host, api, raw, version string }{
		{"ghe.example", "https://ghe.example/api/v3", "https://ghe.example/raw", "3.17.4"},
		{"acme.ghe.com", "https://api.acme.ghe.com", "https://raw.acme.ghe.com", ""},
	} {
		s := githubtest.New(githubtest.As(tt.host))
		t.Cleanup(s.Close)
		s.AddUser("octo-bot", "ghp_bot")
		s.AddRepo("acme/web", false)
		s.AddIssue("acme/web", "One")
		s.AddIssue("acme/web", "Two")
		get := func(url string) (*http.Response, string) {
			r, err := http.NewRequest(http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "token ghp_bot")
			resp, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return resp, string(text)
		}
		resp, text := get(tt.api + "/repos/acme/web/issues?per_page=1")
		if resp.StatusCode != 200 || strings.Contains(text, "//github.com") || strings.Contains(text, "api.github.com") || !strings.Contains(text, `"url":"`+tt.api+`/repos/acme/web/issues/2"`) {
			t.Errorf("%s: %d %s", tt.host, resp.StatusCode, text)
		}
		if link := resp.Header.Get("Link"); !strings.HasPrefix(link, "<"+tt.api+"/repositories/") {
			t.Errorf("%s links to %s", tt.host, link)
		}
		if version := resp.Header.Get("X-Github-Enterprise-Version"); version != tt.version {
			t.Errorf("%s is version %q", tt.host, version)
		}
		limited := tt.version == ""
		if resp, _ := get(tt.api + "/rate_limit"); (resp.StatusCode == 200) != limited || (resp.Header.Get("X-Ratelimit-Limit") != "") != limited {
			t.Errorf("%s: /rate_limit is %d", tt.host, resp.StatusCode)
		}
		if resp, text := get(tt.raw + "/acme/web/main/README.md"); resp.StatusCode != 200 || !strings.HasPrefix(text, "# web") {
			t.Errorf("%s: %d %s", tt.host, resp.StatusCode, text)
		}
		if resp, _ := get(tt.api + "/repos/acme/web/tarball/main"); resp.StatusCode != 200 || !strings.Contains(resp.Request.URL.String(), tt.host) {
			t.Errorf("%s: an archive is %d at %s", tt.host, resp.StatusCode, resp.Request.URL)
		}
		if _, err := s.Client().Get("https://api.github.com/"); err == nil {
			t.Errorf("%s has a certificate for github.com", tt.host)
		}
	}
}
