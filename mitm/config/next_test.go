package config

import (
	"strings"
	"testing"
)

// The next proxy is what is written or referred to, and never octopool itself.
func TestTheNextProxy(t *testing.T) {
	environ := []string{"HOME=/home/x", "GITHUB_TOKEN=a", "HTTPS_PROXY=http://u:hunter2@proxy.example:3128", "LOOP=http://localhost:8080"}
	for written, want := range map[string]string{
		"":                                   "",
		"http://proxy.example:3128":          "proxy.example:3128",
		"env:HTTPS_PROXY":                    "proxy.example:3128",
		"http://127.0.0.1:3128":              "127.0.0.1:3128",
		"http://u:hunter2@proxy.example:1":   "proxy.upstream: its user and password are secrets: write env:NAME or file:PATH, where the whole URL is",
		"socks5://proxy.example:1":           "proxy.upstream: want http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where it asks for them; special characters of a password must be percent-encoded",
		"env:NOTHING":                        "proxy.upstream: the environment variable NOTHING is not set",
		"http://127.0.0.1:8080":              "proxy.upstream: this is proxy.listen, octopool itself",
		"env:LOOP":                           "proxy.upstream: this is proxy.listen, octopool itself",
		"http://proxy.example:3128/?hunter2": "proxy.upstream: want http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where it asks for them; special characters of a password must be percent-encoded",
	} {
		s, problems := NewSource("", "", table("proxy", table("upstream", written))).Settle(environ)
		got := s.Next.Address()
		if len(problems) > 0 {
			got = problems[0].Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%q: the password is told", written)
		}
	}
}

// GitHub is not where octopool itself listens.
func TestDialIsNotOctopoolItself(t *testing.T) {
	for listen, want := range map[string]bool{"127.0.0.1:8080": true, ":8080": true, "0.0.0.0:8080": true, "127.0.0.1:8081": false, "192.0.2.1:8080": false} {
		_, problems := NewSource("", "", table("proxy", table("listen", listen), "github", tables(table("host", "github.com", "dial", "localhost:8080")))).Settle([]string{"HOME=/home/x", "GITHUB_TOKEN=a"})
		told := len(problems) == 1 && problems[0].Error() == "github[0].dial: this is proxy.listen, octopool itself"
		if told != want {
			t.Errorf("with proxy.listen %s: %v", listen, problems)
		}
	}
}

// No limit is less than none.
func TestClientLimits(t *testing.T) {
	s := settled(t, NewSource("", "", table("limits", table("documents", int64(0)))), "GITHUB_TOKEN=a")
	if s.ClientLimits.Documents != 0 || s.ClientLimits.Connections != defaultLimits.Connections {
		t.Errorf("%+v", s.ClientLimits)
	}
	_, problems := NewSource("", "", table("limits", table("connections", int64(-1)))).Settle([]string{"HOME=/home/x", "GITHUB_TOKEN=a"})
	if len(problems) != 1 || problems[0].Error() != "limits.connections: want a number from 0, which is no limit" {
		t.Error(problems)
	}
}
