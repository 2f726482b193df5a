package admin

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Cache is what a running octopool keeps and what that has saved: what GET /api/cache
// answers, as JSON, with the promises of [Status]. All is counted since start.
type Cache struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`

	Backend string  `json:"backend"` // badger, redis, memory or off
	Store   Store   `json:"store"`   // of a shared one, what this octopool has put there
	Formula Formula `json:"formula"`

	// HitShare is how many of the answers that may be stored were had without fetching them
	// anew, from 0 to 1; null while there was none.
	HitShare    *float64          `json:"hit_share"`
	Outcomes    map[string]uint64 `json:"outcomes"`     // requests, by how they were answered
	PointsSpent map[string]uint64 `json:"points_spent"` // by resource
	PointsSaved map[string]uint64 `json:"points_saved"`
}

// Count adds up what was counted of clients.
func (c *Cache) Count(clients []Client) {
	c.Outcomes, c.PointsSpent, c.PointsSaved = map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for _, one := range clients {
		add(c.Outcomes, one.Requests)
		add(c.PointsSpent, one.PointsSpent)
		add(c.PointsSaved, one.PointsSaved)
	}
	hits := c.Outcomes["hit"] + c.Outcomes["revalidated"] + c.Outcomes["coalesced"] + c.Outcomes["stale"]
	if all := hits + c.Outcomes["fetched"]; all > 0 {
		share := float64(hits) / float64(all)
		c.HitShare = &share
	}
}

func add(sums, counts map[string]uint64) {
	for key, n := range counts {
		sums[key] += n
	}
}

// WriteTable writes it for people.
func (c Cache) WriteTable(to io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "octopool %s, started %s ago\n\n", printable(c.Version), span(c.Now.Sub(c.Started)))
	whose := ""
	if c.Backend == "redis" {
		whose = " put by this octopool"
	}
	fmt.Fprintf(&out, "Store: %s, %s%s, %s\n", printable(c.Backend), c.Store.kept(), whose, c.Store.troubles())
	fmt.Fprintf(&out, "ETags: %s\n", c.Formula)
	fmt.Fprintf(&out, "Points: %d spent, %d saved\n", total(c.PointsSpent), total(c.PointsSaved))
	share := "-"
	if c.HitShare != nil {
		share = fmt.Sprintf("%.1f%%", 100**c.HitShare)
	}
	fmt.Fprintf(&out, "Hit share: %s\n\n", share)
	t := newTable()
	t.row("OUTCOME", "REQUESTS")
	most := func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Outcomes[b], c.Outcomes[a]), strings.Compare(a, b))
	}
	for _, outcome := range slices.SortedFunc(maps.Keys(c.Outcomes), most) {
		t.row(outcome, number(c.Outcomes[outcome]))
	}
	out.WriteString(t.text())
	_, err := io.WriteString(to, out.String())
	return err
}
