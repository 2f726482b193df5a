package pool

import (
	"context"
	"time"

	"octopool/policy"
)

// A Want says what a lease is for.
type Want struct {
	GitHub   string
	Pool     string
	Client   string // whose allowance it spends, and whose narrowing it has
	Audience string // what Pools.Audience told when the question was put; "" for what it tells now
	Owner    string // the account the request is about; "" when it names none
	Number   string // what stands for the owner where it is named by number, "repositories/1296269"
	Resource string // which budget it will spend; "" when it spends none
	Write    bool   // it may change something
	Creates  bool   // it makes content, of which GitHub wants less than of other writes

	// Steady, when set, keeps all requests with this text on one credential for
	// as long as that credential serves, so that a client's writes have one author
	// and its pages are of one user.
	Steady string

	// App prefers installations: only the App that made a check run may change it.
	App bool

	// Prefer are names of credentials that come before others, equal among themselves: one
	// that can vouch for what is stored costs nothing.
	Prefer []string

	// RateLimit is where a query's result will tell what it cost; nil when it will not.
	RateLimit *policy.RateLimit
	// Hidden is set when a 404 may be for want of a credential that sees what is asked for:
	// the next one that covers the owner is to be asked.
	Hidden bool

	// Except are names of credentials that have been asked and do not see it.
	Except []string
}

// Lease takes a credential for one request and reserves one point of its budget.
// The lease must be settled or released.
//
// The choice is deterministic: among the credentials of the pool that cover the owner,
// are in service, not cooling down, have budget left and a place within GitHub's limits,
// (for a steady want) the one that belongs to the caller, then one that is preferred, then
// the one with the most budget per second until its reset, then the first by name. A
// steady want comes before what is preferred, since what another client's credential can
// vouch for may be another user's page.
//
// When none can serve at once but one may within MaxWait, Lease waits for it; what
// became free goes to the client that has been served least.
//
// The error is a *[NotCovered], *[OutOfService], *[Exhausted], *[Cooling], *[Crowded] or
// *[Overspent], or ctx's.
func (p *Pools) Lease(ctx context.Context, w Want) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if w.Owner == "" && w.Number != "" {
		w.Owner = p.numbers[numbered{w.GitHub, w.Number}]
	}
	members := p.members[member{w.GitHub, w.Pool}]
	p.mu.Unlock()
	r := request{want: w}
	r.order(members)
	l, waiting, err := p.arrive(&r)
	if waiting != nil {
		return p.wait(ctx, waiting)
	}
	return l, err
}

// arrive serves a request at once, refuses it, or queues it: behind others, as nobody
// overtakes, or because there is hope that it can be served in time.
func (p *Pools) arrive(r *request) (*Lease, *waiter, error) {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	if r.client = p.as(&r.want); r.client == nil {
		return nil, nil, &OutOfService{r.want.Pool, "the configuration has changed while the request was under way"}
	}
	if p.queue.length == 0 {
		l, h := p.try(r, now)
		if l != nil {
			return l, nil, nil
		}
		if !h.before(now.Add(p.MaxWait)) {
			l, err := p.lastTry(r, now)
			return l, nil, err
		}
	}
	return nil, p.enqueue(r, now), nil
}

// try leases the best of the credentials that can serve now. When none can, it says when
// one may.
func (p *Pools) try(r *request, now time.Time) (*Lease, hope) {
	c, s, h := p.find(r, now)
	if c == nil {
		return nil, h
	}
	return p.take(c, s, r, now), hope{}
}

// find looks for the best credential that can serve at now, and for its token.
//
// What is another account's is asked only where nobody covers the owner. A steady want
// whose credential is merely busy waits for it.
func (p *Pools) find(r *request, now time.Time) (*credential, *slot, hope) {
	w := &r.want
	if at := r.client.busy(w, now); at.there {
		return nil, nil, at
	}
	ch := choice{now: now.UnixNano()}
	for _, c := range r.preferred {
		p.weigh(&ch, c, r, now)
	}
	if !ch.settled(w) {
		for _, c := range r.members {
			p.weigh(&ch, c, r, now)
		}
	}
	switch {
	case ch.best != nil && ch.engaged.there: // the steady one is busy
		ch.h.add(ch.engaged)
		return nil, nil, ch.h
	case ch.best != nil:
		return ch.best, ch.best.slot(r.client.narrowing), hope{}
	}
	if ch.reached != covers && p.search(r, ch.reached, now) {
		ch.h.add(soon(now))
	}
	return nil, nil, ch.h
}

// An obstacle is why a credential cannot serve.
type obstacle uint8

const (
	none    obstacle = iota
	engaged          // it has no token yet, or no place within GitHub's limits
	shunned          // the owner will not have it
	emptied          // its budget is spent
	hushed           // GitHub asked it for silence
	unfit            // it is out of service
)

// hurdle is what keeps c from serving a request, and when it may be over. For want of a
// token one is asked for. b is the budget that pays.
func (p *Pools) hurdle(c *credential, b *budget, r *request, now time.Time) (obstacle, hope) {
	w := &r.want
	if !c.up(now) {
		return unfit, at(c.retry)
	}
	if c.app != nil && c.account == "" { // GitHub has not told whose it is
		if c.app.problem != "" && now.Before(c.app.retry) {
			return unfit, at(c.app.retry)
		}
		p.wake()
		return engaged, soon(now)
	}
	if until := c.barredBy(w.Owner); now.Before(until) {
		return shunned, at(until)
	}
	if b.spentAt(now) {
		h := at(later(b.resetAt(now), c.principal.cooling))
		if b.reserved > 0 && !b.refusedAt(now) {
			h.add(soon(now)) // what is in flight may turn out to be free
		}
		return emptied, h
	}
	if until := c.principal.cooling; now.Before(until) {
		return hushed, at(until)
	}
	if s := c.slot(r.client.narrowing); !s.usable(now) {
		if s.problem != "" && now.Before(s.retry) {
			return unfit, at(s.retry)
		}
		s.wanted = true
		p.wake()
		return engaged, soon(now)
	}
	if w.Resource == "" {
		return none, hope{}
	}
	if c.principal.full() {
		return engaged, soon(now)
	}
	if open := c.principal.open(w, now); open.After(now) {
		return engaged, at(open)
	}
	return none, hope{}
}

// busy is when a client may have its next request: at once where there is no hope to
// speak of.
func (c *client) busy(w *Want, now time.Time) hope {
	switch {
	case c.Concurrency > 0 && c.inFlight+c.inFlightElsewhere >= c.Concurrency:
		return soon(now)
	case w.Resource != "" && c.spentAt(now):
		h := at(later(c.reset, now.Add(time.Second)))
		if c.reserved > 0 && c.usedAt(now) < c.PointsPerHour {
			h.add(soon(now)) // what is in flight may turn out to be free
		}
		return h
	}
	return hope{}
}

// take reserves c's point. One request at a time finds out whether a credential that
// GitHub refused is known again: the others find it out of service as before.
func (p *Pools) take(c *credential, s *slot, r *request, now time.Time) *Lease {
	w := &r.want
	l := &Lease{
		pools: p, c: c, client: r.client, slot: s, auth: s.auth, principal: c.principal,
		resource: w.Resource, owner: w.Owner, number: w.Number, hidden: w.Hidden, sought: len(w.Except) > 0, beyond: c.reach(w, r.client) == beyond, rateLimit: w.RateLimit,
	}
	c.principal.budget(w.Resource).reserve()
	c.principal.enter(w, now)
	r.client.inFlight++
	if w.Resource != "" {
		r.client.reserved++
	}
	s.used = now
	if !c.asked || s.ending(now) {
		c.asked = true
		p.wake()
	}
	if c.down != "" {
		l.recheck, c.retry = true, now.Add(recheckAfter)
	}
	return l
}
