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
	"slices"
	"strings"
	"sync"
	"time"

	"octopool/policy"
)

// A Credential describes one credential of a pool. Its Token is a personal access
// token; it is the only secret here and is written to a request by [Lease] alone.
type Credential struct {
	Name   string        // unique, and policy.IsName: it is a metric label
	GitHub string        // the configured GitHub it belongs to, e.g. "github.com"
	Pool   string        // credentials of one pool may stand in for one another
	Token  policy.Secret // a personal access token
	Owners []string      // accounts it may be used for; none means all
}

// Pools are all credentials of one octopool. They are safe for concurrent use.
type Pools struct {
	now func() time.Time

	all     []*credential // by name; neither changes after New
	members map[member][]*credential

	mu sync.Mutex // guards what a lease changes: principals, and whether credentials are in service
}

// member names one pool: pools of the same name on two GitHubs never mix.
type member struct{ github, pool string }

// credential is a Credential at work.
type credential struct {
	Credential
	bearer, basic string   // the two forms of Authorization
	identity      [32]byte // a digest that changes when the form sent to APIs does
	principal     *principal
	down          string    // why it is out of service; "" when it is not
	retry         time.Time // when a credential that is down may be tried again
}

// A principal is whose budgets a credential spends, and whom GitHub asks for silence.
type principal struct {
	budgets map[string]*budget // by resource
	cooling time.Time          // a secondary limit asked for silence until then
}

// whose tells principals apart. All tokens of one user share its budgets. Whose a token
// is, GitHub alone knows; that the same token twice is the same user's needs no asking.
type whose struct {
	github   string
	identity [32]byte
}

// budget returns the principal's budget for a resource, made on first use; nil for
// the resource "" of what spends none.
func (p *principal) budget(resource string) *budget {
	b, ok := p.budgets[resource]
	if !ok && resource != "" {
		b = newBudget(resource)
		p.budgets[resource] = b
	}
	return b
}

// cool keeps silence until then. A shorter one does not end a longer one.
func (p *principal) cool(until time.Time) {
	if until.After(p.cooling) {
		p.cooling = until
	}
}

// recheckAfter is how long a credential that GitHub refused is left alone. GitHub
// locks an account out after several bad logins in a short time, so it is long, and
// then one request finds out.
const recheckAfter = 10 * time.Minute

// New returns the pools of these credentials. It refuses two credentials of one
// name, a name that is none (see [policy.IsName]) and a credential without a token.
func New(credentials []Credential) (*Pools, error) {
	p := &Pools{now: time.Now, members: map[member][]*credential{}}
	principals := map[whose]*principal{}
	for _, c := range credentials {
		switch {
		case !policy.IsName(c.Name):
			return nil, fmt.Errorf("credential %q: this is no name", c.Name)
		case c.Token.IsZero():
			return nil, fmt.Errorf("credential %s: no token", c.Name)
		case slices.ContainsFunc(p.all, func(other *credential) bool { return other.Name == c.Name }):
			return nil, fmt.Errorf("credential %s: named twice", c.Name)
		}
		bearer, basic := authorizations(c.Token)
		w := whose{c.GitHub, identityOf(bearer)}
		if principals[w] == nil {
			principals[w] = &principal{budgets: map[string]*budget{}}
		}
		p.all = append(p.all, &credential{
			Credential: c,
			bearer:     bearer,
			basic:      basic,
			identity:   w.identity,
			principal:  principals[w],
		})
	}
	slices.SortFunc(p.all, func(a, b *credential) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range p.all {
		m := member{c.GitHub, c.Pool}
		p.members[m] = append(p.members[m], c)
	}
	return p, nil
}

// serves reports whether c could be leased for what owner has and b pays.
func (c *credential) serves(owner string, b *budget, now time.Time) bool {
	return c.covers(owner) && c.up(now) && !now.Before(c.principal.cooling) && !b.spentAt(now)
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
