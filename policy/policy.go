// Package policy decides who may ask for what: it knows a client by the token it
// sends, reads a request, and grants it or not. It does no I/O, knows no clock,
// and refuses to know what a credential is, what was stored, and what HTTP
// answer a refusal becomes. Where it is in doubt it refuses.
package policy

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The names under which requests without a registered token are counted. No
// client may be called so.
const (
	AnonymousClient    = "anonymous"
	UnregisteredClient = "unregistered"
)

// A Registration is one client of the configuration. Without scopes it may do
// everything but reach the endpoints that make or show credentials.
type Registration struct {
	Name   string // IsName; it becomes a metric label
	Token  Digest
	Holder *Holder // instead of Token: the client is who an issuer says it is
	Pool   string  // "" is "default"
	Scopes []Scope

	// ReportOnly lets it do what its scopes do not name, and has that told.
	ReportOnly bool
}

// Rules are what New makes a Policy of.
type Rules struct {
	Clients   []Registration
	Anonymous string // no token: "passthrough" (the default), "reject", or "client:NAME"
	Unknown   string // unregistered token: "reject" (the default), or "passthrough"

	// ReportOnly is that of every client.
	ReportOnly bool
}

// A Policy answers two questions about each request: whose is it, and may it be.
// It never changes; a new configuration makes a new one. All methods may be
// called at once.
type Policy struct {
	clients          map[Digest]*client
	byName           map[string]*client
	holders          []*client // those of a Holder
	anonymous        Caller    // the zero Caller: rejected
	unknownPassesOut bool
}

type client struct {
	name   string
	pool   string
	digest Digest
	holder *Holder
	scopes []Scope
	bounds [][]Scope // scopes, if there are any
	stamp  Stamp

	reportOnly bool
}

// Errors of Identify. Both are answered with a challenge: git asks its credential
// helper for a token only then.
var (
	ErrNoToken      = errors.New("no token: this octopool answers registered clients only")
	ErrUnknownToken = errors.New("the token is not registered with this octopool")
)

// New checks the rules. Its error names the client or the value it is about.
func New(rules Rules) (*Policy, error) {
	byName := make(map[string]*client, len(rules.Clients))
	p := &Policy{clients: make(map[Digest]*client, len(rules.Clients)), byName: byName}
	for _, reg := range rules.Clients {
		c, err := newClient(reg)
		if err != nil {
			return nil, fmt.Errorf("client %q: %w", reg.Name, err)
		}
		if byName[c.name] != nil {
			return nil, fmt.Errorf("client %q: there are two of this name", c.name)
		}
		if other := p.clients[c.digest]; other != nil {
			return nil, fmt.Errorf("client %q: it has the same token as client %q", c.name, other.name)
		}
		c.reportOnly = reg.ReportOnly || rules.ReportOnly
		byName[c.name] = c
		if c.holder != nil {
			p.holders = append(p.holders, c)
			continue
		}
		p.clients[c.digest] = c
	}
	switch name, isClient := strings.CutPrefix(rules.Anonymous, "client:"); {
	case rules.Anonymous == "", rules.Anonymous == "passthrough":
		p.anonymous = Caller{name: AnonymousClient, presents: Bare}
	case rules.Anonymous == "reject":
	case isClient && byName[name] != nil:
		p.anonymous = callerFor(byName[name])
		p.anonymous.standsIn = true
	case isClient:
		return nil, fmt.Errorf("anonymous %q: there is no client %q", rules.Anonymous, name)
	default:
		return nil, fmt.Errorf("anonymous %q: want passthrough, reject or client:NAME", rules.Anonymous)
	}
	switch rules.Unknown {
	case "", "reject":
	case "passthrough":
		p.unknownPassesOut = true
	default:
		return nil, fmt.Errorf("unknown %q: want reject or passthrough", rules.Unknown)
	}
	return p, nil
}

func newClient(reg Registration) (*client, error) {
	c := &client{name: reg.Name, pool: reg.Pool, digest: reg.Token, holder: reg.Holder, scopes: slices.Clone(reg.Scopes)}
	c.stamp = stampOf(c)
	if len(c.scopes) > 0 {
		c.bounds = [][]Scope{c.scopes}
	}
	if c.pool == "" {
		c.pool = "default"
	}
	switch {
	case c.name == AnonymousClient, c.name == UnregisteredClient:
		return nil, errors.New("this name is taken: requests without a registered token go by it")
	case !IsName(c.name):
		return nil, errors.New("want a name of 1 to 64 letters, digits, dots, dashes and underscores")
	case c.digest == Digest{} && c.holder == nil:
		return nil, errors.New("it has no token")
	case c.digest != Digest{} && c.holder != nil:
		return nil, errors.New("it has a token and an issuer: keep one")
	}
	if c.holder != nil {
		if err := c.holder.Check(); err != nil {
			return nil, err
		}
	}
	for i, s := range c.scopes {
		if s.service == nothing {
			return nil, fmt.Errorf("scope %d is empty", i+1)
		}
	}
	return c, nil
}

// A Caller is who asks, as Identify found it. The zero Caller is nobody and may do
// nothing. Identify each request anew: a Caller keeps the scopes it had.
type Caller struct {
	client   *client // nil for those who pass through
	name     string
	presents Presentation
	standsIn bool
	proof    Proof     // nil for a registered token
	bounds   [][]Scope // each of these lists must allow what is asked: the client's own, if it has any, and a minted token's
}

func callerFor(c *client) Caller {
	return Caller{client: c, name: c.name, presents: Pooled, bounds: c.bounds}
}

// StandsIn reports whether nobody was named, and this is the client of anonymous =
// "client:NAME": whoever it is may have a token to come again with.
func (c Caller) StandsIn() bool { return c.standsIn }

// Client returns the registered name, or "anonymous" or "unregistered" for those
// who pass through, or "" for the zero Caller.
func (c Caller) Client() string { return c.name }

// Pool returns the pool of a registered client, "" for anybody else.
func (c Caller) Pool() string {
	if c.client == nil {
		return ""
	}
	return c.client.pool
}

// Identify finds out who sends these values of the Authorization header. Its
// errors are ErrNoToken and ErrUnknownToken, and never hold the token.
//
// A header from which no token can be read is an unknown token and not the lack of
// one, and so are two headers, be they equal: who reads the other one would
// see somebody else.
func (p *Policy) Identify(authorization []string) (Caller, error) {
	if len(authorization) == 0 {
		if p.anonymous.name == "" {
			return Caller{}, ErrNoToken
		}
		return p.anonymous, nil
	}
	token, ok := TokenFrom(authorization[0])
	if !ok || len(authorization) > 1 {
		return Caller{}, ErrUnknownToken
	}
	if c := p.registered(DigestOf(token)); c != nil {
		return callerFor(c), nil
	}
	if p.unknownPassesOut && shapedLikeGitHubs(token) {
		return Caller{name: UnregisteredClient, presents: Own}, nil
	}
	return Caller{}, ErrUnknownToken
}

// registered is the client with this token, or nil. The map compares in a time that
// depends on the digest, which nobody can steer byte by byte without breaking SHA-256; the
// comparison that decides is one of constant time all the same.
func (p *Policy) registered(token Digest) *client {
	if c := p.clients[token]; c != nil && subtle.ConstantTimeCompare(c.digest[:], token[:]) == 1 {
		return c
	}
	return nil
}
