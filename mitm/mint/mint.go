// Package mint gives out minted tokens (see package minted), knows those that come back,
// and remembers which were revoked. It refuses to know how it is asked, and what a
// token's bearer asks for.
package mint

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"octopool/policy"
	"octopool/policy/minted"
)

// Longest is how long any minted token may live, whatever is configured. What was revoked
// is remembered for so long.
const Longest = 30 * 24 * time.Hour

// Settings are what an operator says of minted tokens.
type Settings struct {
	Off    bool          // none is made, and none is taken
	MaxTTL time.Duration // at most Longest
	Keys   []minted.Key  // the first signs, all verify
}

// A Mint makes and verifies tokens. All methods may be called at once.
type Mint struct {
	settings atomic.Pointer[Settings]
	revoked  *revocations
	known    verified
	now      func() time.Time

	made atomic.Int64
}

// New returns a mint that keeps what is revoked in a file, which need not be there yet.
func New(s Settings, file string) (*Mint, error) {
	m := &Mint{now: time.Now}
	var err error
	if m.revoked, err = openRevocations(file, m.now()); err != nil {
		return nil, err
	}
	m.settings.Store(&s)
	return m, nil
}

// Change gives the mint other settings. They hold from the next request on, for tokens
// that are in use too.
func (m *Mint) Change(s Settings) { m.settings.Store(&s) }

// Made is how many tokens were made since the start, and Revoked how many are remembered
// as revoked.
func (m *Mint) Made() int    { return int(m.made.Load()) }
func (m *Mint) Revoked() int { return m.revoked.len() }

// Takes reports whether a token is a minted one, by its looks.
func (m *Mint) Takes(token string) bool { return strings.HasPrefix(token, minted.Prefix) }

// Verify returns what a token of this digest proves. It is verified once, and then known by its
// digest; whether it is expired, revoked or signed with a key that is no more in use is
// asked each time that the proof is used.
func (m *Mint) Verify(_ context.Context, token string, digest policy.Digest) (policy.Proof, error) {
	if len(token) > minted.MaxLength {
		return nil, errors.New("it is too long for one that octopool minted")
	}
	if r := m.known.get(digest); r != nil {
		return &r.Minted, nil
	}
	r, err := minted.Verify(token, m.settings.Load().Keys)
	if err != nil {
		return nil, err
	}
	r.Check = func() error { return m.check(r) }
	m.known.put(digest, r)
	return &r.Minted, nil
}

// check says why a token that was good is so no more.
func (m *Mint) check(r *minted.Read) error {
	switch s := m.settings.Load(); {
	case s.Off:
		return errors.New("minted tokens are not taken: mint.enabled is false")
	case !r.SignedWith(s.Keys):
		return errors.New("it was minted with a key that is not in use any more")
	case m.revoked.any(r.IDs):
		return errors.New("it was revoked")
	}
	return nil
}

// verified are tokens that were verified lately, by digest: at most twice generation. When
// the young are as many, they are the old, and the old are gone.
type verified struct {
	mu         sync.Mutex // guards both
	young, old map[policy.Digest]*minted.Read
}

const generation = 4096

func (v *verified) get(d policy.Digest) *minted.Read {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r := v.young[d]; r != nil {
		return r
	}
	r := v.old[d]
	if r != nil {
		v.add(d, r)
	}
	return r
}

func (v *verified) put(d policy.Digest, r *minted.Read) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(d, r)
}

func (v *verified) add(d policy.Digest, r *minted.Read) {
	if v.young == nil || len(v.young) >= generation {
		v.young, v.old = map[policy.Digest]*minted.Read{}, v.young
	}
	v.young[d] = r
}

// Settings are those of now.
func (m *Mint) Settings() Settings { return *m.settings.Load() }
