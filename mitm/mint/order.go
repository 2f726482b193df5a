package mint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"octopool/policy"
	"octopool/policy/minted"
)

// An Order asks for a token. Its JSON is what is sent to /api/mint and /-/mint.
type Order struct {
	Client        string   `json:"client,omitempty"` // whose part it is; who asks for itself leaves it out
	Scopes        []string `json:"scopes,omitempty"` // a request must be in one of them
	Repositories  []string `json:"repositories,omitempty"`
	PointsPerHour int      `json:"points_per_hour,omitempty"`
	TTL           string   `json:"ttl,omitempty"` // "1h", which is also what is assumed
}

// A Token is what was ordered, for its bearer alone.
type Token struct {
	Token   string    `json:"token"`
	ID      string    `json:"id"` // to revoke it by
	Client  string    `json:"client"`
	Expires time.Time `json:"expires"`
}

// usualTTL is how long a token lives when nothing is said.
const usualTTL = time.Hour

// A Refusal says why no token is made. It may be told to who asked.
type Refusal struct{ Reason string }

func (e *Refusal) Error() string { return e.Reason }

// ErrOff is the refusal where there are no minted tokens.
var ErrOff = errors.New("no tokens are minted here: mint.enabled is false")

// ReadOrder reads the JSON of an order. Its error is a *Refusal.
func ReadOrder(body io.Reader) (o Order, err error) {
	in := json.NewDecoder(body)
	in.DisallowUnknownFields()
	err = in.Decode(&o)
	if _, more := in.Token(); err == nil && more != io.EOF {
		err = errors.New("more than one value")
	}
	if err != nil {
		return Order{}, &Refusal{"this is not JSON that asks for a token: " + err.Error()}
	}
	return o, nil
}

// Issue makes a token for a client of these rules. Its errors are ErrOff and *Refusal.
func (m *Mint) Issue(rules *policy.Policy, o Order) (Token, error) {
	s, by, err := m.read(o)
	if err != nil {
		return Token{}, err
	}
	stamp, ok := rules.StampOf(o.Client)
	if !ok {
		return Token{}, &Refusal{fmt.Sprintf("there is no client %.64q", o.Client)}
	}
	if len(s.Keys) == 0 {
		return Token{}, ErrOff
	}
	until := by.Until
	by.Until = time.Time{} // which a new token has anyway
	made, err := s.Keys[0].Mint(o.Client, stamp, until, by)
	return m.done(made, o.Client, until, err)
}

// Part makes a token for a caller of these rules that asks for itself and sent this one:
// never one that outlives what it was identified by. Its errors are ErrOff and *Refusal.
func (m *Mint) Part(rules *policy.Policy, caller policy.Caller, sent policy.Secret, o Order) (Token, error) {
	if o.Client != "" && o.Client != caller.Client() {
		return Token{}, &Refusal{"a client mints tokens for itself only: leave out client"}
	}
	o.Client = caller.Client()
	proof := caller.Proof()
	if proof == nil {
		return m.Issue(rules, o)
	}
	_, by, err := m.read(o)
	if err != nil {
		return Token{}, err
	}
	by.Until = earlier(by.Until, proof.Expires())
	if _, ok := proof.(*policy.Minted); ok {
		made, err := minted.Narrow(sent, by)
		return m.done(made, o.Client, by.Until, err)
	}
	o.TTL = by.Until.Sub(m.now()).String()
	return m.Issue(rules, o)
}

// done is a token that was made, or why it was not.
func (m *Mint) done(made minted.Made, client string, until time.Time, err error) (Token, error) {
	if err != nil {
		return Token{}, &Refusal{err.Error()}
	}
	m.made.Add(1)
	return Token{made.Token.Reveal(), made.ID, client, until}, nil
}

// read is what an order says, under the settings of now.
func (m *Mint) read(o Order) (*Settings, minted.Narrowing, error) {
	s := m.settings.Load()
	if s.Off {
		return nil, minted.Narrowing{}, ErrOff
	}
	by, err := NarrowingOf(o, s.MaxTTL, m.now())
	return s, by, err
}

// NarrowingOf is what an order says at this time, where a token may live for max. Its
// error is a *Refusal.
func NarrowingOf(o Order, max time.Duration, now time.Time) (by minted.Narrowing, err error) {
	ttl := min(usualTTL, max)
	if o.TTL != "" {
		if ttl, err = time.ParseDuration(o.TTL); err != nil {
			return by, &Refusal{fmt.Sprintf("ttl %.20q: want a duration such as 30m or 12h", o.TTL)}
		}
	}
	switch {
	case ttl < time.Second:
		return by, &Refusal{"ttl: want a second or more"}
	case ttl > max:
		return by, &Refusal{fmt.Sprintf("ttl: a minted token lives for %v at most (mint.max_ttl)", max)}
	case o.PointsPerHour < 0:
		return by, &Refusal{"points_per_hour: want a number above 0, or leave it out"}
	}
	by = minted.Narrowing{Repositories: slices.Clone(o.Repositories), PointsPerHour: o.PointsPerHour, Until: now.Add(ttl).UTC().Truncate(time.Second)}
	for _, text := range o.Scopes {
		scope, err := policy.ParseScope(text)
		if err != nil {
			return by, &Refusal{err.Error()}
		}
		by.Scopes = append(by.Scopes, scope)
	}
	return by, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
