package policy

import "time"

// Named is a client that was recognized before it is known for what it may do, as the
// credentials of a proxy's URL name one for a whole tunnel. It holds the digest of the
// client's token, or what a signed one proved, and no Caller, since a tunnel may outlive a
// registration: who has lost it is nobody from the next request on. The zero Named is that
// nobody was named.
type Named struct {
	digest Digest
	proof  Proof
}

// Recognize finds the registered client whose token these values of an Authorization or
// Proxy-Authorization header hold. Its errors are ErrNoToken and ErrUnknownToken, and never
// hold the token. What Rules say of anonymous and unknown callers does not hold here.
//
// Of NAME:TOKEN only the token counts, as it does at GitHub: NAME is for those who read
// the URL.
func (p *Policy) Recognize(authorization []string) (Named, error) {
	if len(authorization) == 0 {
		return Named{}, ErrNoToken
	}
	token, ok := TokenFrom(authorization[0])
	if !ok || len(authorization) > 1 {
		return Named{}, ErrUnknownToken
	}
	return p.RecognizeDigest(DigestOf(token))
}

// RecognizeDigest is Recognize for a token that has been read.
func (p *Policy) RecognizeDigest(token Digest) (Named, error) {
	if p.registered(token) == nil {
		return Named{}, ErrUnknownToken
	}
	return Named{digest: token}, nil
}

// RecognizeProof is Recognize for a token that was verified. Its errors are those of
// IdentifyProof.
func (p *Policy) RecognizeProof(proof Proof, now time.Time) (Named, error) {
	if _, err := p.IdentifyProof(proof, now); err != nil {
		return Named{}, err
	}
	return Named{proof: proof}, nil
}

// IdentifyNamed finds out who a name is now, under these Rules. Its error is
// ErrUnknownToken; of a proof, with the reason.
func (p *Policy) IdentifyNamed(named Named, now time.Time) (Caller, error) {
	if named.proof != nil {
		return p.IdentifyProof(named.proof, now)
	}
	c := p.registered(named.digest)
	if c == nil {
		return Caller{}, ErrUnknownToken
	}
	return callerFor(c), nil
}

// Proof is what a name rests on, nil for a registered token and for nobody.
func (n Named) Proof() Proof { return n.proof }
