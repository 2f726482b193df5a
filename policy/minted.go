package policy

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// A Minted is a Proof: what octopool has signed for a client, and what the holders of that
// have narrowed it by. It opens what its client may open, as far as each narrowing allows
// it too, so there is nothing in it that could open more. It is made by package minted and
// not changed afterwards.
type Minted struct {
	Client string    // whose it is a part of
	Stamp  Stamp     // what that client was when it was made
	Until  time.Time // it proves nothing from then on

	// IDs are what it can be revoked by: that of the token octopool made and, behind it, one
	// for each time it was narrowed by who held it.
	IDs []string

	// Narrowings are scopes of which each list must allow a request; none is empty.
	Narrowings [][]Scope

	// Allowances are what it may spend, besides its client's; all of them hold.
	Allowances []MintedAllowance

	// Check says why it proves nothing any more, though it is not expired: it is revoked, or the
	// key it was signed with has been put aside. It is asked at each request.
	Check func() error
}

// A MintedAllowance is how many points an hour all tokens may spend together that have it
// from one place: the token that it was first written into, and those narrowed from that.
type MintedAllowance struct {
	Place  Digest // of all that the first of them says
	Points int
}

// Expires is when the token does.
func (m *Minted) Expires() time.Time { return m.Until }

// About is what the token can be revoked by. It is no secret. Its holder has chosen all
// ids but the first.
func (m *Minted) About() []Fact {
	facts := []Fact{{"token_id", m.IDs[0]}}
	if last := len(m.IDs) - 1; last > 0 {
		facts = append(facts, Fact{"narrowed_id", m.IDs[last]})
	}
	return facts
}

func (m *Minted) caller(p *Policy) (Caller, error) {
	if err := m.Check(); err != nil {
		return Caller{}, fmt.Errorf("%w: %w", ErrUnknownToken, err)
	}
	c := p.byName[m.Client]
	switch {
	case c == nil:
		return Caller{}, fmt.Errorf("%w: it was minted for client %s, which is gone", ErrUnknownToken, m.Client)
	case c.stamp != m.Stamp:
		return Caller{}, fmt.Errorf("%w: it was minted for client %s when that had another token", ErrUnknownToken, m.Client)
	}
	caller := callerFor(c)
	caller.bounds = slices.Concat(c.bounds, m.Narrowings)
	return caller, nil
}

// A Stamp tells registrations apart by who they are for. It changes when a client gets
// another token or another issuer, and what was minted for it ends with that. What a
// client may do is not in it: that holds for minted tokens as it is now.
type Stamp [8]byte

// StampOf returns the stamp of the client of this name, false if there is none.
func (p *Policy) StampOf(client string) (Stamp, bool) {
	c := p.byName[client]
	if c == nil {
		return Stamp{}, false
	}
	return c.stamp, true
}

// stampOf is a digest of a digest: who holds a minted token can read it there.
func stampOf(c *client) (s Stamp) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %x", c.name, c.digest)
	if c.holder != nil {
		fmt.Fprintf(h, " %q %q", c.holder.Issuer, c.holder.Audience)
		for _, claim := range c.holder.Claims {
			fmt.Fprintf(h, " %q %q %t", claim.name, claim.exact, claim.shape.rest)
		}
	}
	copy(s[:], h.Sum(nil))
	return s
}
