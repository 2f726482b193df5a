package policy

// Named is a client that was recognized before its requests came, as the credentials of
// a proxy's URL name one for a whole tunnel. It holds the digest of the client's token and
// no Caller, since a tunnel may outlive a registration: who has lost it is nobody from the
// next request on. The zero Named is that nobody was named.
type Named struct{ digest Digest }

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
	named := Named{DigestOf(token)}
	if p.registered(named.digest) == nil {
		return Named{}, ErrUnknownToken
	}
	return named, nil
}

// IdentifyNamed is Identify where a client may have been named: a registered token that
// the request carries itself goes before the name, and anything else there gives way to it.
func (p *Policy) IdentifyNamed(named Named, authorization []string) (Caller, error) {
	if named == (Named{}) {
		return p.Identify(authorization)
	}
	if own, err := p.Recognize(authorization); err == nil {
		named = own
	}
	c := p.registered(named.digest)
	if c == nil {
		return Caller{}, ErrUnknownToken
	}
	return callerFor(c), nil
}
