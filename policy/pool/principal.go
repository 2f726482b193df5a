package pool

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Limits are those that GitHub documents besides budgets and does not report on ("Rate
// limits for the REST API", secondary limits; github-facts 1.6). They hold for each
// principal, and are kept in advance. 0 is no limit.
type Limits struct {
	InFlight         int // requests to the API at once
	Points           int // of REST, a minute: a read is 1, a write 5
	GraphQLPoints    int // a minute: a query is 1, a mutation 5
	Creations        int // requests a minute that make content
	CreationsPerHour int
}

// GitHubLimits are GitHub's own, with room left for whoever else uses the credentials.
func GitHubLimits() Limits {
	return Limits{InFlight: 80, Points: 900, GraphQLPoints: 2000, Creations: 80, CreationsPerHour: 500}
}

// A principal is whose budgets a credential spends, and whom GitHub asks for silence: a
// user, or an installation.
type principal struct {
	github  string
	name    string             // "user octocat" or "installation 42 of acme"; "" while it is not known
	heir    *principal         // who it turned out to be; nil when it is itself
	budgets map[string]*budget // by resource
	last    *budget            // the one that was asked for last, mostly asked for next
	cooling time.Time          // a secondary limit asked for silence until then
	strikes int                // secondary limits in a row that did not say for how long

	inFlight, most  int // requests now, and at most; 0 for any number
	elsewhere       int // requests that other octopools have in flight
	rest, graphql   *pace
	minutely, hours *pace // creations
}

func newPrincipal(github string, l Limits) *principal {
	return &principal{
		github: github, budgets: map[string]*budget{}, most: l.InFlight,
		rest:     newPace(l.Points, time.Minute),
		graphql:  newPace(l.GraphQLPoints, time.Minute),
		minutely: newPace(l.Creations, time.Minute),
		hours:    newPace(l.CreationsPerHour, time.Hour),
	}
}

// limit makes its limits these, from now on.
func (p *principal) limit(l Limits, now time.Time) {
	p.most = l.InFlight
	p.rest = p.rest.become(newPace(l.Points, time.Minute), now)
	p.graphql = p.graphql.become(newPace(l.GraphQLPoints, time.Minute), now)
	p.minutely = p.minutely.become(newPace(l.Creations, time.Minute), now)
	p.hours = p.hours.become(newPace(l.CreationsPerHour, time.Hour), now)
}

// itself is who p is by now.
func (p *principal) itself() *principal {
	for p.heir != nil {
		p = p.heir
	}
	return p
}

// inherit makes of two principals one: they turned out to be the same user. Of what was
// heard of a budget the tighter is kept, as of two windows of one token.
func (p *principal) inherit(other *principal, now time.Time) {
	for resource, b := range other.budgets {
		mine := p.budget(resource)
		mine.reserved += b.reserved
		if b.heard() {
			mine.learn(Report{resource, b.limit, b.used, b.left, b.reset}, now)
		}
	}
	p.inFlight += other.inFlight
	p.cool(other.cooling)
	p.strikes = max(p.strikes, other.strikes)
	p.rest.inherit(other.rest, now)
	p.graphql.inherit(other.graphql, now)
	p.minutely.inherit(other.minutely, now)
	p.hours.inherit(other.hours, now)
	other.heir = p
}

// budget returns the principal's budget for a resource, made on first use; nil for
// the resource "" of what spends none.
func (p *principal) budget(resource string) *budget {
	if p.last != nil && p.last.resource == resource {
		return p.last
	}
	b, ok := p.budgets[resource]
	switch {
	case ok:
		p.last = b
	case resource != "":
		b = newBudget(resource)
		b.resource = resource
		p.budgets[resource], p.last = b, b
	}
	return b
}

// cool keeps silence until then. A shorter one does not end a longer one.
func (p *principal) cool(until time.Time) {
	if until.After(p.cooling) {
		p.cooling = until
	}
}

// points is the pace of points that a want has to keep.
func (p *principal) points(w *Want) *pace {
	switch w.Resource {
	case "":
		return nil // git and files: not the API's business
	case "graphql":
		return p.graphql
	}
	return p.rest
}

// cost is what a want takes of a minute's points (GitHub's documentation, "Calculating
// points for the secondary rate limit").
func (w *Want) cost() int {
	if w.Write {
		return 5
	}
	return 1
}

// paces are all of them, in an order that octopools agree on. They may be nil.
func (p *principal) paces() [4]*pace { return [4]*pace{p.rest, p.graphql, p.minutely, p.hours} }

// full reports whether there is no room for another request.
func (p *principal) full() bool { return p.most > 0 && p.inFlight+p.elsewhere >= p.most }

// open is when the paces let a want through: not after now if they do at once.
func (p *principal) open(w *Want, now time.Time) time.Time {
	at := p.points(w).at(w.cost(), now)
	if w.Creates {
		at = later(at, later(p.minutely.at(1, now), p.hours.at(1, now)))
	}
	return at
}

// enter takes a place for a want.
func (p *principal) enter(w *Want, now time.Time) {
	p.points(w).take(w.cost(), now)
	if w.Creates {
		p.minutely.take(1, now)
		p.hours.take(1, now)
	}
	if w.Resource != "" {
		p.inFlight++
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// A pace keeps to so much in a window, wherever the window begins. It is a token bucket
// that is a sixth of the window's limit deep and refills with the other five sixths in
// the course of it. A counter of the window would let one client's burst take all of
// it, and everybody else wait for the window to end; a bucket never makes anybody wait
// for longer than what its turn costs. A nil pace lets everything through.
type pace struct {
	*rate.Limiter
	all int // ever taken
}

func newPace(limit int, window time.Duration) *pace {
	if limit <= 0 {
		return nil
	}
	depth := max(1, limit/6)
	return &pace{Limiter: rate.NewLimiter(rate.Limit(float64(max(1, limit-depth))/window.Seconds()), depth)}
}

// at is when n may be taken: not after now if it may at once. What is more than the
// bucket can hold may be taken when it is full.
func (p *pace) at(n int, now time.Time) time.Time {
	if p == nil {
		return now
	}
	missing := float64(min(n, p.Burst())) - p.TokensAt(now)
	if missing <= 0 {
		return now
	}
	return now.Add(time.Duration(math.Ceil(missing / float64(p.Limit()) * float64(time.Second))))
}

func (p *pace) take(n int, now time.Time) {
	if p != nil {
		p.all += n
		p.AllowN(now, min(n, p.Burst()))
	}
}

// taken is how much was ever taken.
func (p *pace) taken() int {
	if p == nil {
		return 0
	}
	return p.all
}

// lose takes what somebody else has taken already, be it there or not.
func (p *pace) lose(n int, now time.Time) {
	for p != nil && n > 0 {
		part := min(n, p.Burst())
		p.ReserveN(now, part)
		n -= part
	}
}

// become is the pace with the limits of another. What was taken of it stays taken.
func (p *pace) become(other *pace, now time.Time) *pace {
	if p == nil || other == nil {
		return other
	}
	p.SetLimitAt(now, other.Limit())
	p.SetBurstAt(now, other.Burst())
	return p
}

// inherit loses what another pace is short of.
func (p *pace) inherit(other *pace, now time.Time) {
	if other != nil {
		p.lose(int(math.Ceil(float64(other.Burst())-other.TokensAt(now))), now)
	}
}
