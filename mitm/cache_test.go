package mitm_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/store"
)

// keeping makes a proxy keep all that one can keep.
func keeping(c *mitm.Config) { c.NegativeFor, c.GraphQLFreshFor = time.Hour, time.Hour }

const (
	web     = "https://api.github.com/repos/acme/web"
	titles  = `{"query":"{repository(owner:\"acme\",name:\"api\"){issues(first:1){nodes{title}}}}"}`
	queries = "POST https://api.github.com/graphql"
)

// reads asks for each URL, and returns the lines of GitHub's log of what cost a point.
func (s *setup) reads(t *testing.T, urls ...string) (paid []string) {
	t.Helper()
	c := s.client(ciToken)
	before := len(s.github.Seen())
	for _, url := range urls {
		if url == queries {
			do(t, c, "POST", "https://api.github.com/graphql", titles)
		} else {
			get(t, c, url)
		}
	}
	for _, one := range s.github.Seen()[before:] {
		if one.Points > 0 {
			paid = append(paid, one.Method+" "+one.Host+one.Path)
		}
	}
	return paid
}

func (s *setup) purge(t *testing.T, pattern string) admin.Purged {
	t.Helper()
	var p admin.Pattern
	if pattern != "" {
		var err error
		if p, err = admin.ParsePattern(pattern); err != nil {
			t.Fatal(err)
		}
	}
	purged, err := s.proxy.Purge(p)
	if err != nil {
		t.Fatal(err)
	}
	return purged
}

// What was purged costs its point again, and nothing else does: whatever it was stored
// under, and wherever it was kept.
func TestPurge(t *testing.T) {
	s := start(t, withConfig(keeping))
	s.github.AddIssue("acme/web", "one")
	s.github.AddIssue("acme/web", "two")
	var repo struct{ ID json.Number }
	if err := json.Unmarshal([]byte(get(t, s.client(ciToken), web).body), &repo); err != nil {
		t.Fatal(err)
	}
	numbered := "https://api.github.com/repositories/" + repo.ID.String() + "/issues?per_page=1&page=2"
	all := []string{web, web + "/issues", web + "/issues/99", numbered, "https://api.github.com/repos/acme/api", "https://api.github.com/orgs/acme", queries}
	s.reads(t, all...)
	if paid := s.reads(t, all...); paid != nil {
		t.Fatalf("read again: %q", paid)
	}
	for _, tt := range []struct {
		pattern string
		n       int
		paid    []string
	}{
		{"/repos/acme/web/issues", 3, []string{"GET api.github.com/repos/acme/web/issues", "GET api.github.com/repositories/ID/issues", "POST api.github.com/graphql"}},
		{"api.github.com/repos/ACME/web/issues/*", 2, []string{"GET api.github.com/repos/acme/web/issues/99", "POST api.github.com/graphql"}},
		{"/repos/acme/w*/**", 5, []string{"GET api.github.com/repos/acme/web", "GET api.github.com/repos/acme/web/issues", "GET api.github.com/repos/acme/web/issues/99",
			"GET api.github.com/repositories/ID/issues", "POST api.github.com/graphql"}},
		{"/orgs/*", 2, []string{"GET api.github.com/orgs/acme", "POST api.github.com/graphql"}},
		{"/repos/acme", 1, []string{"POST api.github.com/graphql"}},
		{"", 7, []string{"GET api.github.com/orgs/acme", "GET api.github.com/repos/acme/api", "GET api.github.com/repos/acme/web", "GET api.github.com/repos/acme/web/issues",
			"GET api.github.com/repos/acme/web/issues/99", "GET api.github.com/repositories/ID/issues", "POST api.github.com/graphql"}},
	} {
		if purged := s.purge(t, tt.pattern); purged != (admin.Purged{Purged: tt.n}) {
			t.Errorf("%q: %+v", tt.pattern, purged)
		}
		paid := s.reads(t, all...)
		for i := range paid {
			paid[i] = regexp.MustCompile(`ies/\d+`).ReplaceAllString(paid[i], "ies/ID")
		}
		slices.Sort(paid)
		if diff := cmp.Diff(tt.paid, paid); diff != "" {
			t.Errorf("after %q these cost a point (-want +got):\n%s", tt.pattern, diff)
		}
		if paid := s.reads(t, all...); paid != nil {
			t.Errorf("after %q, read again: %q", tt.pattern, paid)
		}
	}
	if !strings.Contains(s.logged(), `msg=purged pattern=/repos/acme answers=1 errors=0`) {
		t.Errorf("it is not logged:\n%s", s.logged())
	}
}

// A host that is none of octopool's is a mistake, and not a purge of nothing.
func TestPurgeOfAnotherHost(t *testing.T) {
	s := start(t, withConfig(func(c *mitm.Config) {
		c.GitHubs = append(c.GitHubs, mitm.GitHub{Host: "ghe.example", Dial: c.GitHubs[0].Dial, Roots: c.GitHubs[0].Roots})
	}))
	s.reads(t, web)
	for pattern, want := range map[string]string{
		"api.github.com/repos/**": "",
		"ghe.example/repos/**":    "",
		"github.com/repos/**":     `"github.com" is no API of this octopool's: name api.github.com or ghe.example, or no host for all of them`,
		"repos/acme/**":           `"repos" is no API of this octopool's: name api.github.com or ghe.example, or no host for all of them`,
	} {
		p, err := admin.ParsePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.proxy.Purge(p); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// A failing store is a store that fails whenever something is purged.
type failing struct {
	store.Store
	errors uint64
}

func (f *failing) Purge(func(store.Key) bool) int { f.errors += 2; return 1 }
func (f *failing) Stats() store.Stats             { return store.Stats{Errors: f.errors} }

// A purge that may have left something says so.
func TestPurgeOfAFailingStore(t *testing.T) {
	s := start(t, withStore(&failing{store.NewMemory(1 << 20), 40}))
	if purged := s.purge(t, "/repos/**"); purged != (admin.Purged{Purged: 1, Errors: 2}) {
		t.Errorf("%+v", purged)
	}
}

// What operators are told of the cache is what the metrics count.
func TestCacheStatus(t *testing.T) {
	s := start(t)
	s.reads(t, web, web, "https://api.github.com/orgs/acme", web, queries)
	do(t, s.client(opsToken), "POST", web+"/issues", `{"title":"x"}`)
	do(t, s.client("ghp_nobody"), "GET", web, "")
	eventually(t, "everything is counted", func() bool { return strings.Count(s.logged(), "msg=request ") == 7 })
	c := s.proxy.CacheStatus()
	if c.Now.IsZero() || c.Store.Entries != 2 || c.Store.Bytes == 0 {
		t.Errorf("%+v", c)
	}
	c.Now, c.Store = time.Time{}, admin.Store{}
	share := 0.5
	want := admin.Cache{
		Formula: admin.Formula{Match: 2}, HitShare: &share,
		Outcomes:    map[string]uint64{"fetched": 2, "revalidated": 2, "forwarded": 2, "refused": 1},
		PointsSpent: map[string]uint64{"core": 3, "graphql": 1}, PointsSaved: map[string]uint64{"core": 2, "graphql": 0},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
