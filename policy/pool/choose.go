package pool

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// A Want says what a lease is for.
type Want struct {
	GitHub   string
	Pool     string
	Owner    string // the account the request is about; "" when it names none
	Resource string // which budget it will spend; "" when it spends none

	// Steady, when set, keeps all requests with this text on one credential for
	// as long as that credential serves, so that a client's writes have one author
	// and its pages are of one user.
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
// owner, are in service, not cooling down and have budget left, (for a steady want) the
// one that belongs to the caller, then the one with most affinity, then the one with
// the most budget per second until its reset, then the first by name. A steady want
// comes before affinity, since what another client's credential can vouch for may be
// another user's page.
//
// The error is a *[NotCovered], *[OutOfService], *[Exhausted] or *[Cooling].
func (p *Pools) Lease(w Want) (*Lease, error) {
	members := p.members[member{w.GitHub, w.Pool}]
	var room [16]rank
	ranks := slices.Grow(room[:0], len(members))
	for _, c := range members {
		ranks = append(ranks, w.rank(c.Name)) // not under the lock: affinity is the caller's
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, c := range members {
		b := c.principal.budget(w.Resource)
		if !c.serves(w.Owner, b, now) {
			continue
		}
		ranks[i].pace = b.paceAt(now)
		if best < 0 || ranks[i].above(ranks[best]) {
			best = i
		}
	}
	if best < 0 {
		return nil, p.whyNone(w, now)
	}
	return p.take(members[best], w, now), nil
}

// take reserves c's point. One request at a time finds out whether a credential that
// GitHub refused is known again: the others find it out of service as before.
func (p *Pools) take(c *credential, w Want, now time.Time) *Lease {
	l := &Lease{pools: p, c: c, resource: w.Resource, budget: c.principal.budget(w.Resource)}
	l.budget.reserve()
	if c.down != "" {
		l.recheck, c.retry = true, now.Add(recheckAfter)
	}
	return l
}

// A rank orders the credentials that could serve a want.
type rank struct {
	steady   uint64
	affinity int
	pace     float64 // points per second until the reset
}

// rank is all of a credential's rank that does not change with time.
func (w *Want) rank(credential string) rank {
	var r rank
	if w.Steady != "" {
		r.steady = rendezvous(w.Steady, credential)
	}
	if w.Affinity != nil {
		r.affinity = w.Affinity(credential)
	}
	return r
}

func (r rank) above(o rank) bool {
	return cmp.Or(
		cmp.Compare(r.steady, o.steady),
		cmp.Compare(r.affinity, o.affinity),
		cmp.Compare(r.pace, o.pace),
	) > 0
}

// rendezvous is highest-random-weight hashing: each caller has an order of all
// credentials that does not change when one of them comes or goes.
func rendezvous(caller, credential string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(caller))
	h.Write([]byte{0})
	h.Write([]byte(credential))
	return mix(h.Sum64())
}

// mix is the last step of MurmurHash3. Without it the last letter of a name hardly
// reaches FNV's high bits, and of bot-1, bot-2 and bot-3 one would get half of all
// callers.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
