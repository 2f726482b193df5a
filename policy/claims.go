package policy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Claims are a Proof: what an OpenID Connect issuer has signed of its bearer. What they
// hold has been verified but for the audience, which is each client's own.
type Claims struct {
	issuer   string
	audience []string
	values   map[string]string
	expires  time.Time
	about    []Fact

	found atomic.Pointer[finding] // the last, since looking is not cheap
}

// A finding is whose claims were under some Rules.
type finding struct {
	policy *Policy
	client *client
	err    error
}

// mostFact is how much of a claim is told, in bytes.
const mostFact = 256

// NewClaims are the verified claims of one token: strings as they are, numbers and
// booleans as JSON writes them. Of these, about are the names of the facts for the log.
func NewClaims(issuer string, audience []string, values map[string]string, expires time.Time, about ...string) *Claims {
	c := &Claims{issuer: issuer, audience: audience, values: values, expires: expires}
	for _, name := range about {
		if value, ok := values[name]; ok {
			value = strings.ToValidUTF8(value[:min(len(value), mostFact)], "")
			c.about = append(c.about, Fact{name, value})
		}
	}
	return c
}

// Expires is when the token does.
func (c *Claims) Expires() time.Time { return c.expires }

// About are some of the claims.
func (c *Claims) About() []Fact { return c.about }

func (c *Claims) caller(p *Policy) (Caller, error) {
	f := c.found.Load()
	if f == nil || f.policy != p {
		f = &finding{policy: p}
		f.client, f.err = p.holder(c)
		c.found.Store(f)
	}
	if f.err != nil {
		return Caller{}, f.err
	}
	return callerFor(f.client), nil
}

// holder is the one client that claims fit. Where they fit several, which one was meant
// is anybody's guess, so it is none.
func (p *Policy) holder(c *Claims) (*client, error) {
	var found *client
	heard := false // the token is for us, whoever sends it
	for _, one := range p.holders {
		if !one.holder.isFor(c) {
			continue
		}
		heard = true
		switch {
		case !one.holder.fits(c):
		case found != nil:
			return nil, fmt.Errorf("%w: its claims fit client %s and client %s; have them name different claims", ErrUnknownToken, found.name, one.name)
		default:
			found = one
		}
	}
	switch {
	case found != nil:
		return found, nil
	case !heard:
		return nil, fmt.Errorf("%w: no client of %s has the audience %.200q", ErrUnknownToken, c.issuer, c.audience)
	}
	return nil, fmt.Errorf("%w: no client of %s fits the claims of %.200q", ErrUnknownToken, c.issuer, c.values["sub"])
}

// A Holder is how a client is registered by what its issuer signs of it, instead of by a
// token. Issuer and audience are compared exactly.
type Holder struct {
	Issuer   string
	Audience string
	Claims   []Claim
}

func (h *Holder) isFor(c *Claims) bool {
	if h.Issuer != c.issuer {
		return false
	}
	for _, a := range c.audience {
		if a == h.Audience {
			return true
		}
	}
	return false
}

func (h *Holder) fits(c *Claims) bool {
	for i := range h.Claims {
		value, ok := c.values[h.Claims[i].name]
		if !ok || !h.Claims[i].matches(value) {
			return false
		}
	}
	return len(h.Claims) > 0
}

// A Claim is what one claim of a token must be.
type Claim struct {
	name  string
	shape pattern
	exact [][]string // of each segment of shape, its words as they were written
}

// ParseClaim reads what a claim must be: the patterns of scopes, in which "acme/*" is any
// repository of acme, but with regard to case: "refs/heads/main" and "refs/heads/Main" are
// two branches, and who may push the one need not be trusted with the other.
func ParseClaim(name, text string) (Claim, error) {
	c := Claim{name: name}
	switch {
	case name == "":
		return c, fmt.Errorf("a claim needs a name")
	case text == "":
		return c, fmt.Errorf("claim %s: it is empty; write what it must be", name)
	}
	var err error
	if c.shape, err = parsePattern("/" + text); err != nil {
		return c, fmt.Errorf("claim %s: %w", name, err)
	}
	for i, segment := range strings.Split(text, "/") {
		if i == len(c.shape.segments) {
			break // the ** at the end
		}
		words, err := expand(segment)
		if err != nil {
			return c, fmt.Errorf("claim %s: %w", name, err)
		}
		c.exact = append(c.exact, words)
	}
	return c, nil
}

func (c *Claim) matches(value string) bool {
	segments := strings.Split(value, "/")
	for _, s := range segments {
		if s == "" {
			return false // no star stands for nothing at all
		}
	}
	if !c.shape.matches(segments) {
		return false
	}
	for i, words := range c.exact {
		if !anyFits(words, segments[i]) {
			return false
		}
	}
	return true
}

func anyFits(words []string, segment string) bool {
	for _, word := range words {
		if fitsExactly(word, segment) {
			return true
		}
	}
	return false
}

// fitsExactly compares a word, of which each star is any text, with a segment.
func fitsExactly(word, segment string) bool {
	parts := strings.Split(word, "*")
	if len(parts) == 1 {
		return word == segment
	}
	rest, ok := strings.CutPrefix(segment, parts[0])
	if !ok {
		return false
	}
	for _, middle := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, middle)
		if at < 0 {
			return false
		}
		rest = rest[at+len(middle):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
