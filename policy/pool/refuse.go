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

// whyNone explains why no credential could be leased; p.mu is held.
func (p *Pools) whyNone(w Want, now time.Time) error {
	var down string
	var spent []*principal
	var covered bool
	var cooling time.Time
	for _, c := range p.members[member{w.GitHub, w.Pool}] {
		if !c.covers(w.Owner) {
			continue
		}
		covered = true
		switch until := c.principal.cooling; {
		case !c.up(now):
			down = c.down
		case c.principal.budget(w.Resource).spentAt(now):
			spent = append(spent, c.principal)
		case cooling.IsZero() || until.Before(cooling):
			cooling = until
		}
	}
	switch {
	case !covered:
		return &NotCovered{w.Pool, w.Owner}
	case !cooling.IsZero():
		return &Cooling{w.Pool, cooling}
	case len(spent) > 0:
		return &Exhausted{w.Pool, w.Resource, sum(spent, w.Resource, now)}
	}
	return &OutOfService{w.Pool, down}
}
