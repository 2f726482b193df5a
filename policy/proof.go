package policy

import (
	"fmt"
	"time"
)

// A Proof is what a signed token says of its sender, made by who has verified it. It is
// no Caller: which client that is, and what it may do, the Rules of each request say
// anew, so that a client that is gone or narrowed is so on open connections too.
//
// Proofs are pointers: two are equal when they are one.
type Proof interface {
	// Expires is from when on it proves nothing.
	Expires() time.Time

	// About are facts for the log and the audit, in a fixed order; none is a secret, and none
	// becomes a metric label.
	About() []Fact

	// caller finds who it is under p's Rules. Its errors are ErrUnknownToken, with the
	// reason for the log.
	caller(p *Policy) (Caller, error)
}

// A Fact is something known of who asks besides the client's name.
type Fact struct{ Name, Value string }

// IdentifyProof finds out whose a proof is at this time. Its errors are ErrUnknownToken,
// wrapped in the reason, which is for the log.
func (p *Policy) IdentifyProof(proof Proof, now time.Time) (Caller, error) {
	if ends := proof.Expires(); !now.Before(ends) {
		return Caller{}, fmt.Errorf("%w: it expired at %s", ErrUnknownToken, ends.UTC().Format(time.RFC3339))
	}
	c, err := proof.caller(p)
	if err != nil {
		return Caller{}, err
	}
	c.proof = proof
	return c, nil
}

// Proof is what a caller was identified by, nil for a registered token and for nobody.
func (c Caller) Proof() Proof { return c.proof }

// About are facts for the log and the audit of a caller who was identified by a proof.
func (c Caller) About() []Fact {
	if c.proof == nil {
		return nil
	}
	return c.proof.About()
}
