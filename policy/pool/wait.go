package pool

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A hope is when a request that cannot be served may be. There may be none.
type hope struct {
	there bool
	when  time.Time // at the earliest
	rings time.Time // when it has to be looked at again; zero when something will happen first
}

// at is the hope for a time, and soon that for something that may happen at any moment:
// a lease that ends, a token that comes.
func at(when time.Time) hope  { return hope{true, when, when} }
func soon(now time.Time) hope { return hope{true, now, time.Time{}} }

// add takes in another hope. What may happen at any moment does not hide what will
// come at its time.
func (h *hope) add(other hope) {
	switch {
	case !other.there:
	case !h.there:
		*h = other
	default:
		h.when, h.rings = earlier(h.when, other.when), earlier(h.rings, other.rings)
	}
}

// earlier is the earlier of two times, of which the zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (h hope) before(deadline time.Time) bool { return h.there && h.when.Before(deadline) }

// A waiter is a request that waits for its place.
type waiter struct {
	*request
	patience time.Duration // MaxWait, as it was
	deadline time.Time
	served   chan served // has room for one
}

// served is how a wait ended.
type served struct {
	lease *Lease
	err   error
}

// A queue is who waits; guarded by Pools.mu.
type queue struct {
	length int
	turn   float64 // of the last that was served
	timer  *time.Timer
	alarm  time.Time // what the timer is set to; zero when it is not
}

// enqueue queues a request, behind those of its client. A client that was not waiting
// starts where all others are: it has no turns saved up.
func (p *Pools) enqueue(r *request, now time.Time) *waiter {
	own := *r // r lives on its caller's stack
	w := &waiter{
		request:  &own,
		patience: p.MaxWait,
		deadline: now.Add(p.MaxWait),
		served:   make(chan served, 1),
	}
	if c := w.client; len(c.waiting) == 0 {
		c.served = max(c.served, p.queue.turn)
	}
	w.client.waiting = append(w.client.waiting, w)
	p.queue.length++
	p.dispatch(now)
	return w
}

// wait waits until a queued request is leased, nothing can be hoped for any more, MaxWait
// is over or ctx done.
func (p *Pools) wait(ctx context.Context, w *waiter) (*Lease, error) {
	timeout := time.NewTimer(w.patience)
	defer timeout.Stop()
	select {
	case s := <-w.served:
		return s.lease, s.err
	case <-timeout.C:
		return p.giveUp(w, nil)
	case <-ctx.Done():
		return p.giveUp(w, ctx.Err())
	}
}

// giveUp ends a wait, with cause if there is one.
func (p *Pools) giveUp(w *waiter, cause error) (*Lease, error) {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	if !p.leave(w) { // it was served at this very moment
		s := <-w.served
		if s.lease != nil && cause != nil {
			s.lease.release(now)
			return nil, cause
		}
		return s.lease, s.err
	}
	if cause != nil {
		return nil, cause
	}
	return p.lastTry(w.request, now)
}

// lastTry is for who has waited long enough: another credential will do, though a steady
// want would rather have had its own.
func (p *Pools) lastTry(r *request, now time.Time) (*Lease, error) {
	r.want.Steady = ""
	if l, _ := p.try(r, now); l != nil {
		return l, nil
	}
	return nil, p.whyNone(r, now)
}

// leave takes a waiter out of its queue. It is false when it is no longer there.
func (p *Pools) leave(w *waiter) bool {
	i := slices.Index(w.client.waiting, w)
	if i < 0 {
		return false
	}
	w.client.waiting = slices.Delete(w.client.waiting, i, i+1)
	p.queue.length--
	return true
}

// end serves a waiter, with a lease or without.
func (p *Pools) end(w *waiter, s served) {
	p.leave(w)
	w.served <- s
}

// A lane is all that requests have in common which may be served by the same
// credentials: where one of them cannot be served, none can.
type lane struct {
	github, pool, client, owner, resource, steady, except string
	write, creates, app                                   bool
}

func (w *waiter) lane() lane {
	a := &w.want
	return lane{a.GitHub, a.Pool, a.Client, a.Owner, a.Resource, a.Steady, strings.Join(a.Except, " "), a.Write, a.Creates, a.App}
}

// dispatch serves those who wait, in the order of what their clients have been served,
// and sets the timer for the next moment at which that can change by itself. It is
// called whenever something has become free. The lock is held.
func (p *Pools) dispatch(now time.Time) {
	if p.queue.length == 0 {
		return
	}
	var next time.Time
	blocked := map[lane]bool{}
	for {
		w := p.next(blocked)
		if w == nil {
			break
		}
		p.refreshMembers(w.request)
		l, h := p.try(w.request, now)
		switch {
		case l != nil:
			p.queue.turn = w.client.served
			w.client.served += float64(w.want.cost())
			p.end(w, served{lease: l})
		case !h.before(w.deadline):
			l, err := p.lastTry(w.request, now)
			p.end(w, served{l, err})
		default:
			blocked[w.lane()] = true
			if h.rings.After(now) {
				next = earlier(next, h.rings)
			}
		}
	}
	p.setAlarm(next, now)
}

// next is the first waiter, of the client that has been served least, that is in no
// blocked lane; nil when there is none.
func (p *Pools) next(blocked map[lane]bool) *waiter {
	var found *waiter
	for _, c := range p.clients {
		if found != nil && (c.served > found.client.served || c.served == found.client.served && c.Name > found.client.Name) {
			continue
		}
		if i := slices.IndexFunc(c.waiting, func(w *waiter) bool { return !blocked[w.lane()] }); i >= 0 {
			found = c.waiting[i]
		}
	}
	return found
}

// refreshMembers ranks the credentials anew if some have come or gone.
func (p *Pools) refreshMembers(r *request) {
	members := p.members[member{r.want.GitHub, r.want.Pool}]
	if slices.Equal(members, r.members) {
		return
	}
	r.order(members)
}

// setAlarm sets the timer.
func (p *Pools) setAlarm(next, now time.Time) {
	if next.IsZero() || p.queue.length == 0 {
		return
	}
	if !p.queue.alarm.IsZero() && !next.Before(p.queue.alarm) {
		return // it rings earlier
	}
	if p.queue.timer != nil {
		p.queue.timer.Stop()
	}
	p.queue.alarm = next
	p.queue.timer = time.AfterFunc(next.Sub(now), func() {
		p.mu.Lock()
		defer p.unlock()
		p.queue.alarm = time.Time{}
		p.dispatch(p.now())
	})
}
