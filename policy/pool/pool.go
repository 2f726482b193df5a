// Package pool holds the credentials octopool presents to GitHub and knows what
// each may still spend. It chooses a credential for a request, reserves a point
// of its budget, and learns from every answer.
//
// It refuses to know connections, clients' tokens and stored answers: what a
// request is worth arrives as a [Want], what GitHub said arrives as a status and
// its headers.
package pool

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"octopool/policy"
)

// A Credential describes one credential of a pool. Its Token is a personal access
// token; it is the only secret here and is written to a request by [Lease] alone.
type Credential struct {
	Name   string        // unique; a metric label
	GitHub string        // the configured GitHub it belongs to, e.g. "github.com"
	Pool   string        // credentials of one pool may stand in for one another
	Token  policy.Secret // a personal access token
	Owners []string      // accounts it may be used for; none means all
}

// Pools are all credentials of one octopool. They are safe for concurrent use.
type Pools struct {
	now func() time.Time

	mu      sync.Mutex // guards everything reachable from here that a lease changes
	all     []*credential
	members map[member][]*credential
}

// member names one pool: pools of the same name on two GitHubs never mix.
type member struct{ github, pool string }

// credential is a Credential at work.
type credential struct {
	Credential
	bearer, basic string   // the two forms of Authorization
	identity      [32]byte // a digest that changes when the form sent to APIs does
	principal     *principal
	cooling       time.Time // a secondary limit asked for silence until then
	down          string    // why it is out of service; "" when it is not
	retry         time.Time // when a credential that is down may be tried again
}

// A principal is whose budgets a credential spends.
type principal struct {
	budgets map[string]*budget // by resource
}

// recheckAfter is how long a credential that GitHub refused is left alone. GitHub
// locks an account out after several bad logins in a short time, so it is long.
const recheckAfter = 10 * time.Minute

// New returns the pools of these credentials. It refuses two credentials of one
// name and a credential without a token.
func New(credentials []Credential) (*Pools, error) {
	p := &Pools{now: time.Now, members: map[member][]*credential{}}
	for _, c := range credentials {
		if c.Token.IsZero() {
			return nil, fmt.Errorf("credential %s: no token", c.Name)
		}
		if slices.ContainsFunc(p.all, func(other *credential) bool { return other.Name == c.Name }) {
			return nil, fmt.Errorf("credential %s: named twice", c.Name)
		}
		p.add(c)
	}
	slices.SortFunc(p.all, func(a, b *credential) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range p.all {
		m := member{c.GitHub, c.Pool}
		p.members[m] = append(p.members[m], c)
	}
	return p, nil
}

func (p *Pools) add(c Credential) {
	bearer, basic := authorizations(c.Token)
	p.all = append(p.all, &credential{
		Credential: c,
		bearer:     bearer,
		basic:      basic,
		identity:   identityOf(bearer),
		principal:  &principal{budgets: map[string]*budget{}},
	})
}

// A Want says what a lease is for.
type Want struct {
	GitHub   string
	Pool     string
	Owner    string // the account the request is about; "" when it names none
	Resource string // which budget it will spend; "" when it spends none

	// Steady, when set, keeps all requests with this text on one credential for
	// as long as that credential serves, so that a client's writes have one author.
	Steady string

	// Affinity says how much a credential is preferred for the request, more
	// being better: one that can vouch for what is stored costs nothing. It is
	// called with the name of the credential; nil means no preference.
	Affinity func(credential string) int
}

// Lease takes a credential for one request and reserves one point of its budget.
// The lease must be settled or released.
//
// The choice is deterministic: among the credentials of the pool that cover the
// owner, are in service, not cooling down and have budget left, the one with most
// affinity, then (a steady want) the one that belongs to the caller, then the one with
// the most budget per second until its reset, then the first by name.
//
// The error is a *[NotCovered], *[OutOfService], *[Exhausted] or *[Cooling].
func (p *Pools) Lease(w Want) (*Lease, error) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *credential
	var bestRank rank
	for _, c := range p.members[member{w.GitHub, w.Pool}] {
		if !c.serves(w, now) {
			continue
		}
		if r := c.rank(w, now); best == nil || r.above(bestRank) {
			best, bestRank = c, r
		}
	}
	if best == nil {
		return nil, p.whyNone(w, now)
	}
	if w.Resource != "" {
		best.principal.budget(w.Resource).reserved++
	}
	return &Lease{pools: p, c: best, resource: w.Resource}, nil
}

// serves reports whether c could be leased for w now.
func (c *credential) serves(w Want, now time.Time) bool {
	return c.covers(w.Owner) && c.up(now) && !now.Before(c.cooling) &&
		(w.Resource == "" || !c.principal.budget(w.Resource).spentAt(now))
}

// covers reports whether c may be used for what belongs to owner. GitHub's account
// names do not differ by case.
func (c *credential) covers(owner string) bool {
	if len(c.Owners) == 0 || owner == "" {
		return true
	}
	return slices.ContainsFunc(c.Owners, func(o string) bool { return strings.EqualFold(o, owner) })
}

// up reports whether c is in service, or out of it for long enough to be tried.
func (c *credential) up(now time.Time) bool { return c.down == "" || !now.Before(c.retry) }

// A rank orders the credentials that could serve a want.
type rank struct {
	affinity int
	steady   uint64
	pace     float64 // points per second until the reset
}

func (r rank) above(o rank) bool {
	return cmp.Or(
		cmp.Compare(r.affinity, o.affinity),
		cmp.Compare(r.steady, o.steady),
		cmp.Compare(r.pace, o.pace),
	) > 0
}

func (c *credential) rank(w Want, now time.Time) rank {
	var r rank
	if w.Affinity != nil {
		r.affinity = w.Affinity(c.Name)
	}
	if w.Steady != "" {
		r.steady = rendezvous(w.Steady, c.Name)
	}
	r.pace = math.Inf(1)
	if w.Resource != "" {
		r.pace = c.principal.budget(w.Resource).paceAt(w.Resource, now)
	}
	return r
}

// rendezvous is highest-random-weight hashing: each caller has an order of all
// credentials that does not change when one of them comes or goes.
func rendezvous(caller, credential string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(caller))
	h.Write([]byte{0})
	h.Write([]byte(credential))
	return h.Sum64()
}
