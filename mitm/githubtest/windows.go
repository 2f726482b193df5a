package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file is how what GitHub tells of budgets misleads: two windows for one budget, counters
// that are behind, readings that are full, and nothing at all.

// Interleave makes a principal's requests for a resource be counted, in turn, in its
// budget and in this other one, each with its own reset: one token was seen
// to alternate between two windows. A zero Budget ends it. SetBudget is about the first,
// Used and Points about both.
func (s *Server) Interleave(principal, resource string, other Budget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(principal), resource)
	if b.other != nil {
		b.ever += b.other.ever
	}
	b.other, b.turn = nil, false
	if other != (Budget{}) {
		b.other = &budget{limit: other.Limit, used: other.Used, reset: other.Reset, window: b.window}
	}
}

// LagUsed makes the headers of a principal's answers for a resource tell what was used
// so many requests earlier, as answers that overtake one another do: the first
// answer from now on is behind by the first number, and so on, over and over. No numbers
// end it. What is really left stays exact.
func (s *Server) LagUsed(principal, resource string, behind ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(principal), resource)
	b.behind, b.answered = behind, 0
}

// SetRateLimits switches the primary limits off and on again. Without them the server is as
// GitHub Enterprise Server comes: no header tells of limits, GET /rate_limit is
// a 404 (observed), and nothing is refused for a spent budget. Points are counted
// all the same.
func (s *Server) SetRateLimits(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlimited = !on
}

// SetFullReadings makes GET /rate_limit say of every budget that nothing was used, whatever
// the headers of other answers say, as was observed in 2026.
func (s *Server) SetFullReadings(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fullReadings = on
}

// reading is a budget as GET /rate_limit shows it.
func (s *Server) reading(owner, resource string) object {
	b := *s.budget(owner, resource)
	if s.fullReadings {
		b.used = 0
	}
	return object{{"limit", b.limit}, {"used", b.used}, {"remaining", b.remaining()}, {"reset", b.reset.Unix()}}
}

// refill starts a budget's window anew when its reset has passed.
func (b *budget) refill(now time.Time) {
	if now.Before(b.reset) {
		return
	}
	b.used = 0
	b.reset = now.Add(b.window).Truncate(time.Second)
}

// next is the window that counts the next request.
func (b *budget) next() *budget {
	if b.other == nil {
		return b
	}
	b.turn = !b.turn
	if b.turn {
		return b
	}
	return b.other
}

// spent is what was used in all windows.
func (b *budget) spent() int {
	if b.other != nil {
		return b.used + b.other.used
	}
	return b.used
}

// shown is used as the next answer's headers tell it.
func (b *budget) shown() int {
	if len(b.behind) == 0 {
		return b.used
	}
	b.answered++
	return max(0, b.used-b.behind[(b.answered-1)%len(b.behind)])
}

// limitHeaders writes the X-RateLimit headers of an answer, if there are limits.
func (s *Server) limitHeaders(h http.Header, a *answer, b *budget, resource string) {
	if s.unlimited {
		return
	}
	used := b.shown()
	if a.spent {
		used = b.limit
	}
	set(h, "X-RateLimit-Limit", strconv.Itoa(b.limit))
	set(h, "X-RateLimit-Remaining", strconv.Itoa(max(0, b.limit-used)))
	set(h, "X-RateLimit-Used", strconv.Itoa(used))
	set(h, "X-RateLimit-Reset", strconv.FormatInt(b.reset.Unix(), 10))
	set(h, "X-RateLimit-Resource", resource)
}

// withoutLimits is what GET /rate_limit answers where there are no limits (observed).
func withoutLimits() *answer {
	return refuse(http.StatusNotFound, "Rate limiting is not enabled.", docREST+"/rate-limit/rate-limit")
}

// setLast writes the headers that a Rejection wants as they are, in place of what is there.
func setLast(h http.Header, last map[string]string) {
	for name, value := range last {
		for other := range h {
			if strings.EqualFold(other, name) {
				delete(h, other)
			}
		}
		set(h, name, value)
	}
}
