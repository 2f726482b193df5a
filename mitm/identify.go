package mitm

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"octopool/policy"
)

// A Verifier reads one kind of signed token. All methods may be called at once.
type Verifier interface {
	// Takes reports whether a token is of this kind, by its looks.
	Takes(token string) bool

	// Verify returns what a token of this digest proves. Its error says in words for the log
	// why it proves nothing, and does not hold it.
	Verify(ctx context.Context, token string, digest policy.Digest) (policy.Proof, error)
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
	if len(authorization) == 0 {
		return policy.Named{}, policy.ErrNoToken
	}
	token, ok := policy.TokenFrom(authorization[0])
	if !ok || len(authorization) > 1 {
		return policy.Named{}, policy.ErrUnknownToken
	}
	digest := policy.DigestOf(token)
	named, err := rules.RecognizeDigest(digest)
	if err == nil {
		return named, nil
	}
	for _, v := range p.Verifiers {
		if !v.Takes(token) {
			continue
		}
		proof, why := v.Verify(ctx, token, digest)
		if why != nil {
			return named, fmt.Errorf("%w: %v", policy.ErrUnknownToken, why) // no more: what it wraps is no answer
		}
		return rules.RecognizeProof(proof, time.Now())
	}
	return named, err
}

// lastAnswers is how long before the end of a proof the connections of its tunnel are ended,
// each with an answer: longer than one may be idle, so that none is left when it ends.
const lastAnswers = innerIdle + 30*time.Second

// endInTime ends a connection whose tunnel was named by a proof that soon proves nothing: in
// HTTP/1.1 the client opens another one for what it asks next, and in HTTP/2, where net/http
// sends GOAWAY, too. It would be refused on this one.
func endInTime(h http.Header, r *http.Request) {
	tunnel, ok := tunnelOf(r.Context())
	if !ok {
		return
	}
	if proof := tunnel.named.Proof(); proof != nil && time.Until(proof.Expires()) < lastAnswers {
		h.Set("Connection", "close")
	}
}
