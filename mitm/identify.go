package mitm

import (
	"context"
	"fmt"
	"time"

	"octopool/policy"
)

// A Verifier reads one kind of signed token. All methods may be called at once.
type Verifier interface {
	// Takes reports whether a token is of this kind, by its looks.
	Takes(token string) bool

	// Verify returns what a token proves. Its error says in words for the log why it proves
	// nothing, and does not hold it.
	Verify(ctx context.Context, token string) (policy.Proof, error)
}

// identify finds out whose a request is. A token of its own that is somebody's goes before
// the client that was named for all of its tunnel, and anything else there gives way to that
// name. Where nobody was named, it is as [policy.Policy.Identify] says.
func (p *Proxy) identify(ctx context.Context, rules *policy.Policy, named policy.Named, authorization []string) (policy.Caller, error) {
	own, err := p.recognize(ctx, rules, authorization)
	if err == nil {
		named = own
	}
	if named == (policy.Named{}) {
		caller, refused := rules.Identify(authorization)
		if refused != nil {
			return caller, err // which says more
		}
		return caller, nil
	}
	return rules.IdentifyNamed(named, time.Now())
}

// recognize finds the client whose token these values of an Authorization or
// Proxy-Authorization header hold: a registered one, or one that a verifier vouches for. Its
// errors are policy.ErrNoToken, and policy.ErrUnknownToken with the reason for the log.
func (p *Proxy) recognize(ctx context.Context, rules *policy.Policy, authorization []string) (policy.Named, error) {
	named, err := rules.Recognize(authorization)
	if err == nil || len(authorization) != 1 {
		return named, err
	}
	token, ok := policy.TokenFrom(authorization[0])
	if !ok {
		return named, err
	}
	for _, v := range p.Verifiers {
		if !v.Takes(token) {
			continue
		}
		proof, why := v.Verify(ctx, token)
		if why != nil {
			return named, fmt.Errorf("%w: %v", policy.ErrUnknownToken, why) // no more: what it wraps is no answer
		}
		return rules.RecognizeProof(proof, time.Now())
	}
	return named, err
}
