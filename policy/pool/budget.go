package pool

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"octopool/policy"
)

// A budget is what a principal may still spend on one resource, as GitHub last told it.
// One that GitHub has told nothing of is taken as full, and so is one past its reset.
//
// A nil budget is that of requests that spend none. It is never spent.
type budget struct {
	resource string
	limit    int           // the usual one until GitHub tells another
	window   time.Duration // how long it lasts
	used     int
	left     int       // what remained when GitHub last told, leases in flight aside
	reset    time.Time // zero: unheard of
	ends     int64     // reset in nanoseconds, of which hundreds are compared for one lease
	reserved int       // points leased and not settled

	// unlimited is set when GitHub answers and tells of no limit, as an Enterprise
	// Server without limits does.
	unlimited bool
}

// Report is one set of X-RateLimit headers. GitHub's documentation, "Rate limits for
// the REST API", names them; the reset is in UTC epoch seconds.
type Report struct {
	Resource               string // "" when it is not told, as by older Enterprise Servers
	Limit, Used, Remaining int
	Reset                  time.Time
}

// ReportFrom reads the rate-limit headers of an answer. It is false when the answer
// has none, as uploads, archives, git and an Enterprise Server without limits have,
// or when they make no sense.
func ReportFrom(h http.Header) (Report, bool) {
	var r Report
	var ok [4]bool
	r.Limit, ok[0] = count(h.Get("X-Ratelimit-Limit"))
	r.Remaining, ok[1] = count(h.Get("X-Ratelimit-Remaining"))
	r.Used, ok[2] = count(h.Get("X-Ratelimit-Used"))
	reset, err := strconv.ParseUint(strings.TrimSpace(h.Get("X-Ratelimit-Reset")), 10, 48)
	ok[3] = err == nil
	if !ok[0] || !ok[1] || !ok[3] {
		return Report{}, false
	}
	if !ok[2] {
		r.Used = max(0, r.Limit-r.Remaining) // older Enterprise Servers do not send it
	}
	r.Reset = time.Unix(int64(reset), 0).UTC()
	if name := h.Get("X-Ratelimit-Resource"); policy.IsName(name) { // it becomes a metric label
		r.Resource = name
	}
	return r, true
}

// count reads a number as GitHub writes it: decimal, not negative, small enough to
// be added to.
func count(text string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 30)
	return int(n), err == nil
}

// farthest is how far away a reset can be. GitHub's windows last an hour at most, and a
// second one is for clocks that disagree. What claims to be farther is no reset in
// seconds (recordings have milliseconds) and would lock a credential out for years.
const farthest = 2 * time.Hour

// learn takes in what an answer said. Answers arrive out of order, so within one
// window only a growing use is believed, and nothing of a window that has ended.
//
// GitHub has been seen to count one token in two windows in turn. The tighter one is
// kept until it ends, since it is the one that will refuse.
//
// It returns by how much the use has grown within a window; what was the first thing
// heard of one tells nothing of that.
func (b *budget) learn(r Report, now time.Time) (grown int) {
	switch {
	case !now.Before(r.Reset), r.Reset.Sub(now) > farthest:
		return 0
	case !now.Before(b.reset): // nothing is known that still counts
	case r.Reset.Equal(b.reset):
		if r.Used < b.used {
			return 0
		}
		grown = r.Used - b.used
	case r.Remaining >= b.left:
		return 0
	}
	b.limit, b.used, b.left, b.reset = max(r.Limit, 1), r.Used, r.Remaining, r.Reset
	b.ends = r.Reset.UnixNano()
	b.unlimited = false
	return grown
}

// untold takes in an answer that told no limit.
func (b *budget) untold() {
	if b != nil && !b.heard() {
		b.unlimited = true
	}
}

func (b *budget) heard() bool { return !b.reset.IsZero() }

// reserve takes a point for a lease, and free gives it back.
func (b *budget) reserve() {
	if b != nil {
		b.reserved++
	}
}

func (b *budget) free() {
	if b != nil {
		b.reserved--
	}
}

// spentAt reports whether nothing is left to lease at now.
func (b *budget) spentAt(now time.Time) bool {
	return b != nil && !b.unlimited && b.leftAt(now) <= 0
}

// refusedAt reports whether GitHub itself has said that nothing is left.
func (b *budget) refusedAt(now time.Time) bool {
	return b != nil && now.Before(b.reset) && b.left <= 0
}

// leftAt is what may still be leased at now, with leased points taken off.
func (b *budget) leftAt(now time.Time) int {
	if now.Before(b.reset) {
		return b.left - b.reserved
	}
	return b.limit - b.reserved // GitHub has refilled it, whatever we last heard
}

// resetAt is when the budget is full next, as far as is known at now.
func (b *budget) resetAt(now time.Time) time.Time {
	if now.Before(b.reset) {
		return b.reset
	}
	return now.Add(b.window)
}

// paceAt is the points per second that would use the budget up exactly at its reset. Now is
// in nanoseconds.
func (b *budget) paceAt(now int64) float64 {
	if b == nil {
		return 0
	}
	left, lasts := b.limit, int64(b.window)
	if now < b.ends {
		left, lasts = b.left, b.ends-now
	}
	return float64(left-b.reserved) / float64(max(lasts, int64(time.Second))) * float64(time.Second)
}

// standing is the budget as it may be told: nothing is below zero, and what is used and
// what remains are the limit.
func (b *budget) standing(now time.Time) Budget {
	left := b.limit
	if !b.unlimited {
		left = max(0, min(b.limit, b.leftAt(now)))
	}
	return Budget{Limit: b.limit, Used: b.limit - left, Remaining: left, Reset: b.resetAt(now), Unlimited: b.unlimited}
}
