package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy/pool"
)

func TestLimitsOfAGitHub(t *testing.T) {
	documented := pool.GitHubLimits()
	less := documented
	less.InFlight, less.Creations = 10, 0
	for _, tt := range []struct {
		claim string
		host  string
		table any
		want  pool.Limits
	}{
		{"github.com has those it documents", "github.com", nil, documented},
		{"a tenant has them too", "Acme.GHE.com", nil, documented},
		{"an Enterprise Server has none", "git.example.com", nil, pool.Limits{}},
		{"what is not written stays as it is; 0 is no limit", "github.com",
			table("in_flight", int64(10), "creations_per_minute", int64(0)), less},
		{"an Enterprise Server whose administrator sets some", "git.example.com",
			table("points_per_minute", int64(300)), pool.Limits{Points: 300}},
		{"all of them", "git.example.com",
			table("in_flight", int64(1), "points_per_minute", int64(2), "graphql_points_per_minute", int64(3), "creations_per_minute", int64(4), "creations_per_hour", int64(5)),
			pool.Limits{InFlight: 1, Points: 2, GraphQLPoints: 3, Creations: 4, CreationsPerHour: 5}},
	} {
		g := table("host", tt.host)
		if tt.table != nil {
			g["limits"] = tt.table
		}
		s := settled(t, NewSource("", "", table("github", tables(g))), "GITHUB_TOKEN=a")
		pools := s.Pools()
		if got := pools.GitHubs[strings.ToLower(tt.host)].Limits; got != tt.want || len(pools.GitHubs) != 1 {
			t.Errorf("%s: %+v, want %+v", tt.claim, got, tt.want)
		}
	}
}

// TestPools shows where each GitHub's API is, and that the rest is passed on.
func TestPools(t *testing.T) {
	s := settled(t, NewSource("", "", table(
		"github", tables(table("host", "github.com"), table("host", "acme.ghe.com"), table("host", "Git.example.com")),
		"credential", tables(table("name", "bot", "pat", "env:BOT", "github", "github.com")),
		"client", tables(table("name", "ci", "token", "env:CI")),
		"pool", table("max_wait", "3s"),
	)), "BOT=ghp_bot", "CI=x")
	pools := s.Pools()
	apis := map[string]string{}
	for host, g := range pools.GitHubs {
		apis[host] = g.API
	}
	if diff := cmp.Diff(map[string]string{
		"github.com":      "https://api.github.com",
		"acme.ghe.com":    "https://api.acme.ghe.com",
		"git.example.com": "https://git.example.com/api/v3",
	}, apis); diff != "" {
		t.Error(diff)
	}
	if len(pools.Credentials) != 1 || len(pools.Clients) != 1 || pools.MaxWait != 3*time.Second {
		t.Errorf("%+v", pools)
	}
	if got := settled(t, NewSource("", "", nil), "GITHUB_TOKEN=a").Pools().MaxWait; got != 10*time.Second {
		t.Errorf("a request waits for %v", got)
	}
}

func TestWhatClientsMaySpend(t *testing.T) {
	key := keyPEM(t)
	s := settled(t, NewSource("", "", table(
		"credential", tables(
			table("name", "bot", "pat", "env:BOT"),
			table("name", "app", "app_id", int64(1), "private_key", "env:KEY"),
		),
		"client", tables(
			table("name", "free", "token", "env:A"),
			table("name", "bound", "token", "env:B", "requests_per_hour", int64(2000), "concurrency", int64(20), "writes_as", "bot"),
			table("name", "narrow", "token", "env:C", "writes_as", "app", "repositories", []any{"acme/web", "Acme/a.b-c_d"}, "permissions", table("contents", "read", "pull_requests", "write")),
		),
	)), "BOT=ghp_bot", "KEY="+key, "A=a", "B=b", "C=c")
	want := []pool.Client{
		{Name: "free"},
		{Name: "bound", PointsPerHour: 2000, Concurrency: 20, WritesAs: "bot"},
		{Name: "narrow", WritesAs: "app", Repositories: []string{"acme/web", "Acme/a.b-c_d"}, Permissions: map[string]string{"contents": "read", "pull_requests": "write"}},
	}
	if diff := cmp.Diff(want, s.Pools().Clients); diff != "" {
		t.Error(diff)
	}
	summary := s.String()
	for _, line := range []string{
		"  credential   app, pool default, github.com, App 1, all installations\n",
		"  client       free, pool default: everything\n",
		"  client       bound, pool default, 2000 requests an hour, 20 at once, writes as bot: everything\n",
		"  client       narrow, pool default, writes as app, tokens for acme/web Acme/a.b-c_d contents=read pull_requests=write: everything\n",
	} {
		if !strings.Contains(summary, line) {
			t.Errorf("check does not say %sbut\n%s", line, summary)
		}
	}
}
