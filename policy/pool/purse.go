package pool

import (
	"maps"
	"sync"
	"time"

	"octopool/policy"
)

// Purses count what minted tokens spend of the allowances that are written in them,
// besides what their clients do. The zero Purses is ready, and several octopools keep one
// each.
type Purses struct {
	mu sync.Mutex                          // guards all below
	of map[string]map[policy.Digest]*tally // by client and place
}

// mostPurses is how many of one client are counted at once. A holder can narrow a token as
// often as it likes, without anybody's knowing; those beyond are refused until an
// hour has passed for others.
const mostPurses = 1000

type tally struct {
	used, reserved int
	reset          time.Time
}

// Taken is a point of each allowance of a token, reserved for one request.
type Taken struct {
	purses *Purses
	from   []*tally
}

// Take reserves a point of each allowance of a caller's token for one request. Its error is
// an *Overspent. What it returns is settled once; for a caller without allowances it is nil,
// and may be settled as well.
func (p *Purses) Take(caller policy.Caller, resource string, now time.Time) (*Taken, error) {
	m, ok := caller.Proof().(*policy.Minted)
	if !ok || len(m.Allowances) == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &Taken{purses: p}
	for _, a := range m.Allowances {
		one := p.tally(m.Client, a.Place, now)
		if one == nil || one.used+one.reserved >= a.Points {
			reset := now.Add(time.Hour)
			if one != nil {
				reset = one.reset
			}
			return nil, &Overspent{
				Client: m.Client, Resource: resource, Until: reset,
				Budget: Budget{Limit: max(a.Points, 1), Used: a.Points, Reset: reset},
			}
		}
		t.from = append(t.from, one)
	}
	for _, one := range t.from {
		one.reserved++
	}
	return t, nil
}

// tally is that of a place, or nil where there is no room for another.
func (p *Purses) tally(client string, place policy.Digest, now time.Time) *tally {
	one := p.of[client][place]
	if one == nil {
		if p.of == nil {
			p.of = map[string]map[policy.Digest]*tally{}
		}
		all := p.of[client]
		if all == nil {
			all = map[policy.Digest]*tally{}
			p.of[client] = all
		}
		if len(all) >= mostPurses {
			maps.DeleteFunc(all, func(_ policy.Digest, old *tally) bool { return old.reserved == 0 && !now.Before(old.reset) })
		}
		if len(all) >= mostPurses {
			return nil
		}
		one = &tally{}
		all[place] = one
	}
	if !now.Before(one.reset) {
		one.used, one.reset = 0, now.Add(time.Hour)
	}
	return one
}

// Settle says what the request cost in the end, 0 if nothing.
func (t *Taken) Settle(points int) {
	if t == nil {
		return
	}
	t.purses.mu.Lock()
	defer t.purses.mu.Unlock()
	for _, one := range t.from {
		one.reserved--
		one.used += points
	}
	t.from = nil
}
