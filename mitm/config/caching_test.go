package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"octopool/mitm"
	"octopool/policy"
)

func TestBoundsOfTheBackends(t *testing.T) {
	for _, tt := range []struct {
		claim string
		cache map[string]any
		want  int64
	}{
		{"of the disk", nil, 2 << 30},
		{"of memory there is less", table("backend", "memory"), 256 << 20},
		{"as it is written", table("max_bytes", "1TiB"), 1 << 40},
		{"as it is written, of memory", table("backend", "memory", "max_bytes", "8MiB"), 8 << 20},
		{"Redis has its own", table("backend", "redis", "url", "redis://127.0.0.1"), 0},
		{"of nothing", table("backend", "off"), 0},
	} {
		s := settled(t, NewSource("", "", table("cache", tt.cache)), "GITHUB_TOKEN=a")
		if s.Cache.MaxBytes != tt.want {
			t.Errorf("%s: %d, want %d", tt.claim, s.Cache.MaxBytes, tt.want)
		}
	}
}

func TestWhereRedisIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "redis")
	if err := os.WriteFile(file, []byte("rediss://:p%40ss@host/2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for written, want := range map[string]string{
		"redis://127.0.0.1":   "redis://127.0.0.1",
		"valkeys://host:1":    "valkeys://host:1",
		"unix:///redis.sock":  "unix:///redis.sock",
		"redis://a?addr=b:1":  "redis://a?addr=b:1",
		"env:REDIS":           "redis://user:secret@host",
		"file:" + file:        "rediss://:p%40ss@host/2",
		"redis://[::1]:6379/": "redis://[::1]:6379/",
	} {
		s := settled(t, NewSource("", "", table("cache", table("backend", "redis", "url", written))), "GITHUB_TOKEN=a", "REDIS=redis://user:secret@host")
		if got := s.Cache.URL.Reveal(); got != want {
			t.Errorf("%s leads to %s, want %s", written, got, want)
		}
		if got := fmt.Sprintf("%+v", s.Cache); got != fmt.Sprintf("%+v", CacheSettings{
			Backend: "redis", URL: policy.NewSecret("x"), TTL: 720 * time.Hour, Tuning: mitm.Tuning{MaxEntry: 8 << 20},
		}) {
			t.Errorf("%s: %s", written, got)
		}
	}
}

func TestWhatIsFresh(t *testing.T) {
	s := settled(t, NewSource("", "", table("cache", table(
		"fresh_for", "1s", "stale_if_error", "2s", "negative_for", "3s", "graphql_fresh_for", "4s",
		"fresh", tables(table("path", "/repos/*/*/releases/**", "for", "30s"), table("path", "/user", "for", "0s")),
	))), "GITHUB_TOKEN=a")
	c := s.Cache
	if c.FreshFor != time.Second || c.StaleIfError != 2*time.Second || c.NegativeFor != 3*time.Second || c.GraphQLFreshFor != 4*time.Second {
		t.Errorf("%+v", c)
	}
	if len(c.Fresh) != 2 || c.Fresh[0].For != 30*time.Second || c.Fresh[1].For != 0 {
		t.Fatalf("%+v", c.Fresh)
	}
	for asked, want := range map[string]bool{
		"GET /repos/acme/web/releases": true, "GET /repos/acme/web/releases/latest": true, "HEAD /repos/Acme/web/Releases": true,
		"GET /repos/acme/web": false, "POST /repos/acme/web/releases": false, "GET /user": false,
	} {
		var method, path string
		fmt.Sscan(asked, &method, &path)
		r, err := policy.Read(policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}, method, path, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Fresh[0].Paths.Allows(r); got != want {
			t.Errorf("%s is fresh for %v: %v, want %v", asked, c.Fresh[0].For, got, want)
		}
	}
}
