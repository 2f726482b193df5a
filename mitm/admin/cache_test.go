package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kept is what an octopool has that was busy.
func kept() Cache {
	c := Cache{
		Version: "1.2.3", Started: in(-27 * time.Hour), Now: noon(), Backend: "badger",
		Store: Store{Entries: 1034, Bytes: 5 << 20, Evictions: 12}, Formula: Formula{Match: 1000, Mismatch: 1},
	}
	c.Count([]Client{
		{Name: "-", Requests: map[string]uint64{"refused": 2}, PointsSpent: map[string]uint64{"core": 1}},
		{Name: "ci", Requests: map[string]uint64{"fetched": 250, "revalidated": 600, "hit": 50, "coalesced": 90, "stale": 10, "forwarded": 40},
			PointsSpent: map[string]uint64{"core": 250, "graphql": 30}, PointsSaved: map[string]uint64{"core": 650}},
		{Name: "ops", Requests: map[string]uint64{"revalidated": 200}, PointsSaved: map[string]uint64{"core": 200}},
	})
	return c
}

func TestCacheIsJSON(t *testing.T) {
	status, header, body := ask(t, Config{Cache: kept}, "GET", "/api/cache", "")
	if status != 200 || header.Get("Content-Type") != "application/json; charset=utf-8" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", status, header)
	}
	const want = `{
  "version": "1.2.3",
  "started": "2026-11-22T09:00:00Z",
  "now": "2026-11-23T12:00:00Z",
  "backend": "badger",
  "store": {
    "entries": 1034,
    "bytes": 5242880,
    "errors": 0,
    "evictions": 12
  },
  "formula": {
    "match": 1000,
    "mismatch": 1
  },
  "hit_share": 0.7916666666666666,
  "outcomes": {
    "coalesced": 90,
    "fetched": 250,
    "forwarded": 40,
    "hit": 50,
    "refused": 2,
    "revalidated": 800,
    "stale": 10
  },
  "points_spent": {
    "core": 251,
    "graphql": 30
  },
  "points_saved": {
    "core": 850
  }
}
`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An octopool that nobody has asked yet has no share of hits.
func TestCacheOfNothing(t *testing.T) {
	empty := func() Cache {
		c := Cache{Version: "1", Started: noon(), Now: noon(), Backend: "off"}
		c.Count(nil)
		return c
	}
	_, _, body := ask(t, Config{Cache: empty}, "GET", "/api/cache", "")
	for _, want := range []string{`"hit_share": null,`, `"outcomes": {},`, `"points_spent": {},`, `"points_saved": {}`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	compareTable(t, empty(), `
octopool 1, started 0s ago

Store: off, 0 answers in 0 B, 0 errors, 0 evictions
ETags: 0 as computed, 0 not
Points: 0 spent, 0 saved
Hit share: -

OUTCOME  REQUESTS
`)
}

func TestCacheTable(t *testing.T) {
	compareTable(t, kept(), `
octopool 1.2.3, started 1d3h ago

Store: badger, 1034 answers in 5.0 MiB, 0 errors, 12 evictions
ETags: 1000 as computed, 1 not
Points: 281 spent, 850 saved
Hit share: 79.2%

OUTCOME      REQUESTS
revalidated  800
fetched      250
coalesced    90
hit          50
forwarded    40
stale        10
refused      2
`)
}

// What is in a shared Redis an octopool knows only as far as it has put it there.
func TestCacheTableOfRedis(t *testing.T) {
	c := kept()
	c.Backend = "redis"
	var out strings.Builder
	c.WriteTable(&out)
	if want := "Store: redis, 1034 answers in 5.0 MiB put by this octopool, 0 errors, 12 evictions\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no %s in\n%s", want, out.String())
	}
}

func compareTable(t *testing.T, c Cache, want string) {
	t.Helper()
	var out strings.Builder
	if err := c.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
