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

// Budget is what all credentials of a pool together may spend on a resource: what
// clients are told in place of one credential's headers. Its reset is the first at
// which some of it comes back. Remaining is 0 only when the next lease would be
// refused.
func (p *Pools) Budget(github, pool, resource string) Budget {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budgetOf(github, pool, resource, now)
}

func (p *Pools) budgetOf(github, pool, resource string, now time.Time) Budget {
	sum := Budget{Reset: now.Add(window(resource))}
	counted := make([]*principal, 0, 8)
	for _, c := range p.members[member{github, pool}] {
		if !c.up(now) || slices.Contains(counted, c.principal) {
			continue
		}
		counted = append(counted, c.principal)
		b := c.principal.standing(resource, now)
		sum.Limit += b.Limit
		sum.Remaining += b.Remaining
		if b.Reset.Before(sum.Reset) {
			sum.Reset = b.Reset
		}
	}
	sum.Used = sum.Limit - sum.Remaining
	return sum
}

// standing is one principal's budget as it may be told: full when it is unheard of or
// past its reset.
func (p *principal) standing(resource string, now time.Time) Budget {
	b, heard := p.budgets[resource]
	if !heard || b.reset.IsZero() {
		limit := usualLimit(resource)
		return Budget{Limit: limit, Remaining: limit, Reset: now.Add(window(resource))}
	}
	out := Budget{Limit: b.limit, Remaining: max(0, min(b.limit, b.leftAt(now))), Reset: b.reset}
	if !now.Before(b.reset) {
		out.Reset = now.Add(window(resource))
	}
	out.Used = out.Limit - out.Remaining
	return out
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
		if s.Up && now.Before(c.cooling) {
			s.Up, s.Reason = false, "silent after a secondary limit"
		}
		for resource, b := range c.principal.budgets {
			if !b.reset.IsZero() {
				s.Budgets[resource] = c.principal.standing(resource, now)
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
		for resource := range c.principal.budgets {
			if resource != "" && !slices.Contains(out, resource) {
				out = append(out, resource)
			}
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

// Ready reports whether a pool's name is known and at least one of its credentials
// is in service.
func (p *Pools) Ready() bool {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.all, func(c *credential) bool { return c.up(now) })
}
