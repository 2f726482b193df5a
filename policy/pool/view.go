package pool

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Budget is what may still be spent on a resource, until its reset.
type Budget struct {
	Limit, Used, Remaining int
	Reset                  time.Time
}

// Tell writes the budget into an answer's headers as GitHub does.
func (b Budget) Tell(h http.Header, resource string) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(b.Limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(b.Remaining))
	h.Set("X-Ratelimit-Used", strconv.Itoa(b.Used))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(b.Reset.Unix(), 10))
	h.Set("X-Ratelimit-Resource", resource)
}

// Budget is what all credentials of a pool that are in service may together spend on a
// resource: what clients are told in place of one credential's headers. Its reset is
// the first at which some of it comes back. Remaining is 0 only when the next lease
// would be refused, be it for lack of budget or of a credential in service.
func (p *Pools) Budget(github, pool, resource string) Budget {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var serving []*principal
	var back time.Time // when the first that is out of service may be tried again
	for _, c := range p.members[member{github, pool}] {
		switch {
		case c.up(now):
			serving = append(serving, c.principal)
		case back.IsZero() || c.retry.Before(back):
			back = c.retry
		}
	}
	b := sum(serving, resource, now)
	if len(serving) == 0 && !back.IsZero() {
		b.Reset = back
	}
	return b
}

// sum adds the budgets of principals, each once, however many credentials it has.
func sum(principals []*principal, resource string, now time.Time) Budget {
	total := Budget{Reset: now.Add(newBudget(resource).window)}
	for i, p := range principals {
		held := p.budget(resource)
		if held == nil || slices.Contains(principals[:i], p) {
			continue
		}
		b := held.standing(now)
		total.Limit += b.Limit
		total.Used += b.Used
		total.Remaining += b.Remaining
		if b.Reset.Before(total.Reset) {
			total.Reset = b.Reset
		}
	}
	return total
}

// Standing is one credential as an operator sees it.
type Standing struct {
	Name, GitHub, Pool string
	Up                 bool
	Reason             string            // why it is not up
	Budgets            map[string]Budget // by resource, those heard of
}

// Standings are all credentials by name.
func (p *Pools) Standings() []Standing {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Standing, 0, len(p.all))
	for _, c := range p.all {
		s := Standing{Name: c.Name, GitHub: c.GitHub, Pool: c.Pool, Up: c.down == "", Reason: c.down, Budgets: map[string]Budget{}}
		if s.Up && now.Before(c.principal.cooling) {
			s.Up, s.Reason = false, "silent after a secondary limit"
		}
		for resource, b := range c.principal.budgets {
			if b.heard() {
				s.Budgets[resource] = b.standing(now)
			}
		}
		out = append(out, s)
	}
	return out
}

// Resources are the resources a client can be told of: those every GitHub has, and
// what its pool has heard of besides.
func (p *Pools) Resources(github, pool string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []string{"code_search", "core", "graphql", "search"}
	for _, c := range p.members[member{github, pool}] {
		for resource, b := range c.principal.budgets {
			if b.heard() && !slices.Contains(out, resource) {
				out = append(out, resource)
			}
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

// Ready reports whether any credential is in service, or may be tried again.
func (p *Pools) Ready() bool {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.all, func(c *credential) bool { return c.up(now) })
}
