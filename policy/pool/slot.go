package pool

import "time"

// A slot holds one token: of a personal access token the only one, of an installation
// the one for everybody or one that is narrowed. Guarded by Pools.mu.
type slot struct {
	narrowing *narrowing
	auth      *authorization // nil until there is one
	made      time.Time
	expires   time.Time // zero: never
	used      time.Time // last leased

	wanted  bool      // somebody waits for it
	minting bool      // one is on its way
	doubted bool      // made because GitHub did not know the last one, and not tried yet
	failed  int       // times in a row
	problem string    // why there is none; "" when that is not known
	retry   time.Time // when to try again
}

const (
	// A token is not leased in its last seconds: the request has to arrive.
	tooLate = 30 * time.Second
	// renewAhead is how long before its end a token is renewed, if it is in use.
	renewAhead = 15 * time.Minute
	// A token that has not been leased for so long is not in use.
	idleAfter = 30 * time.Minute
)

// slot is c's token for clients that are narrowed so, made on first use.
func (c *credential) slot(n *narrowing) *slot {
	if n == nil {
		return &c.token
	}
	s := c.narrowed[n.id]
	if s == nil {
		s = &slot{narrowing: n}
		c.narrowed[n.id] = s
	}
	return s
}

// usable reports whether the token can be presented to GitHub.
func (s *slot) usable(now time.Time) bool {
	return s.auth != nil && (s.expires.IsZero() || now.Before(s.before(tooLate)))
}

// due is when the token has to be made or renewed; zero when it has not. One that is not
// in use is left to end.
func (s *slot) due(now time.Time) time.Time {
	switch {
	case s.minting:
		return time.Time{}
	case !s.usable(now) && s.wanted:
		return later(now, s.retry)
	case s.auth == nil, s.expires.IsZero():
		return time.Time{}
	case s.ending(now) && now.Sub(s.used) > idleAfter:
		return time.Time{}
	}
	return later(s.before(renewAhead), s.retry)
}

// ending reports whether the token should be renewed if it is in use.
func (s *slot) ending(now time.Time) bool {
	return !s.expires.IsZero() && !now.Before(s.before(renewAhead))
}

// before is so long before the token's end, but not before three quarters of its life are
// over: GitHub's tokens live for an hour, but who would rely on that.
func (s *slot) before(long time.Duration) time.Time {
	return s.expires.Add(-min(long, s.expires.Sub(s.made)/4))
}

// backOff is how long to wait after so many failures in a row.
func backOff(failed int) time.Duration {
	return min(time.Second<<min(failed, 10), time.Minute)
}
