package pool

import (
	"fmt"
	"time"
)

// NotCovered is returned when no credential of the pool may be used for an owner.
type NotCovered struct{ Pool, Owner string }

func (e *NotCovered) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("pool %s has no credential", e.Pool)
	}
	return fmt.Sprintf("no credential of pool %s covers %s", e.Pool, e.Owner)
}

// OutOfService is returned when GitHub has refused every credential that could serve.
type OutOfService struct{ Pool, Reason string }

func (e *OutOfService) Error() string {
	return fmt.Sprintf("no credential of pool %s is in service: %s", e.Pool, e.Reason)
}

// Exhausted is returned when every budget that could serve is spent.
type Exhausted struct {
	Pool, Resource string
	Budget         Budget // of all that could serve: nothing remains; with the first reset
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("pool %s has no %s budget left until %s", e.Pool, e.Resource, e.Budget.Reset.UTC().Format(time.RFC3339))
}

// Cooling is returned when GitHub asked every credential that could serve, and still
// has budget, to be silent for a while.
type Cooling struct {
	Pool  string
	Until time.Time
}

func (e *Cooling) Error() string {
	return fmt.Sprintf("pool %s is silent until %s after a secondary limit", e.Pool, e.Until.UTC().Format(time.RFC3339))
}

// Crowded is returned when every credential that could serve has its hands full: GitHub's
// own limits are kept, and there was no place within MaxWait.
type Crowded struct {
	Pool  string
	Until time.Time // when it is worth asking again
}

func (e *Crowded) Error() string {
	return fmt.Sprintf("pool %s has no place within GitHub's limits until %s", e.Pool, e.Until.UTC().Format(time.RFC3339))
}

// Overspent is returned when a client has used up its own allowance.
type Overspent struct {
	Client   string
	Resource string // what it was asked for
	Budget   Budget // its allowance: nothing remains; zero when it was for too many requests at once
	Until    time.Time
}

func (e *Overspent) Error() string {
	if e.Budget.Limit == 0 {
		return fmt.Sprintf("client %s has as many requests on their way as it may have", e.Client)
	}
	return fmt.Sprintf("client %s has spent its allowance of %d an hour until %s", e.Client, e.Budget.Limit, e.Budget.Reset.UTC().Format(time.RFC3339))
}

// whyNone explains why no credential could be leased; p.mu is held.
func (p *Pools) whyNone(r *request, now time.Time) error {
	w := &r.want
	switch {
	case w.Resource != "" && r.client.spentAt(now):
		b := r.client.standing(now)
		return &Overspent{Client: w.Client, Resource: w.Resource, Budget: b, Until: b.Reset}
	case r.client.busy(w, now).there:
		return &Overspent{Client: w.Client, Resource: w.Resource, Until: now.Add(time.Second)}
	}
	var down string
	var spent []*principal
	var cooling, crowded hope
	reached := outside
	for _, c := range r.members {
		reached = max(reached, c.reach(w, r.client))
	}
	if reached == outside {
		return p.uncovered(r)
	}
	for _, c := range r.members {
		if c.reach(w, r.client) != reached {
			continue
		}
		switch o, hope := p.hurdle(c, c.principal.budget(w.Resource), r, now); o {
		case unfit:
			down = c.down
			if s := c.slot(r.client.narrowing); down == "" {
				down = s.problem
			}
		case emptied:
			spent = append(spent, c.principal)
		case hushed:
			cooling.add(hope)
		case shunned:
			down = w.Owner + " turns it away: by its IP allow list, or for want of single sign-on"
		case engaged:
			crowded.add(hope)
		}
	}
	atLeast := func(h hope) time.Time { return later(h.when, now.Add(time.Second)) }
	switch {
	case crowded.there:
		return &Crowded{w.Pool, atLeast(crowded)}
	case cooling.there:
		return &Cooling{w.Pool, cooling.when}
	case len(spent) > 0:
		return &Exhausted{w.Pool, w.Resource, sum(spent, w.Resource, now)}
	}
	return &OutOfService{w.Pool, down}
}

// uncovered is the error for a request that no credential reaches. It may be that no
// credential is known yet.
func (p *Pools) uncovered(r *request) error {
	for _, a := range p.apps {
		if a.isFor(&r.want) && !a.found {
			why := a.problem
			if why == "" {
				why = "GitHub has not yet told where " + a.Name + " is installed"
			}
			return &OutOfService{r.want.Pool, why}
		}
	}
	return &NotCovered{r.want.Pool, r.want.Owner}
}
