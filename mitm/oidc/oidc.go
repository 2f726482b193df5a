// Package oidc verifies the tokens of OpenID Connect issuers: those of GitHub Actions, GitLab
// CI, Buildkite and any other that publishes its keys. It says what a token proves, and knows
// no clients: whose claims they are, package policy decides.
package oidc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"octopool/policy"
)

// An Issuer is one whose tokens are read.
type Issuer struct {
	URL   string         // https; as in its tokens' iss
	Roots *x509.CertPool // nil for the system's
}

// A Verifier reads the tokens of some issuers. All methods may be called at once.
type Verifier struct {
	now    func() time.Time
	meters *meters

	mu      sync.RWMutex
	issuers map[string]*issuer // by URL
	proven  map[policy.Digest]*policy.Claims
}

type issuer struct {
	Issuer
	keys *keys
}

// maxProven is how many tokens are remembered. A job has one for some minutes.
const maxProven = 10_000

// New returns a verifier. No issuer is asked before a token of its own comes.
func New(issuers []Issuer) *Verifier {
	v := &Verifier{now: time.Now, meters: newMeters(), proven: map[policy.Digest]*policy.Claims{}}
	v.Change(issuers)
	return v
}

// Change has the verifier read the tokens of other issuers from now on. Of those that stay
// the keys stay known.
func (v *Verifier) Change(issuers []Issuer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := map[string]*issuer{}
	for _, i := range issuers {
		next[i.URL] = v.issuers[i.URL]
		if same := next[i.URL]; same == nil || !equal(same.Roots, i.Roots) {
			next[i.URL] = &issuer{i, newKeys(i, func() time.Time { return v.now() }, func(err error) { v.meters.fetched(i.URL, err) })}
		}
	}
	v.issuers = next
	clear(v.proven) // by issuers that may be none any more
}

func equal(a, b *x509.CertPool) bool { return a == b || a != nil && b != nil && a.Equal(b) }

// Takes reports whether a token looks like a JWT, if there is any issuer: JSON begins with a
// brace, which begins with ey in base64.
func (v *Verifier) Takes(token string) bool {
	if !strings.HasPrefix(token, "ey") || !strings.Contains(token, ".") {
		return false
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.issuers) > 0
}

// Verify returns what a token proves, from memory if it was here before and has not expired.
// Its error says why it proves nothing, and holds nothing of it but claims and names of keys.
func (v *Verifier) Verify(ctx context.Context, token string, digest policy.Digest) (policy.Proof, error) {
	v.mu.RLock()
	claims := v.proven[digest]
	v.mu.RUnlock()
	if claims != nil && v.now().Before(claims.Expires()) {
		return claims, nil
	}
	u, err := read(token)
	if err != nil {
		v.meters.token("", "refused")
		return nil, err
	}
	v.mu.RLock()
	from := v.issuers[u.issuer]
	v.mu.RUnlock()
	if from == nil {
		v.meters.token("", "refused")
		return nil, fmt.Errorf("no client is defined by its issuer, %.200q", u.issuer)
	}
	if claims, err = v.verify(ctx, from, token, u); err != nil {
		v.meters.token(from.URL, "refused")
		return nil, err
	}
	v.meters.token(from.URL, "verified")
	v.remember(from, digest, claims)
	return claims, nil
}

func (v *Verifier) verify(ctx context.Context, from *issuer, token string, u unread) (*policy.Claims, error) {
	if err := u.current(v.now()); err != nil { // before an issuer is asked for a key
		return nil, err
	}
	found, err := from.keys.of(ctx, u.kid)
	if err != nil {
		return nil, err
	}
	checked, err := oidc.NewVerifier(from.URL, &oidc.StaticKeySet{PublicKeys: found}, &oidc.Config{
		SupportedSigningAlgs: algorithms(),
		SkipClientIDCheck:    true, // the audience is each client's own: see policy.Holder
		Now:                  v.now,
	}).Verify(ctx, token)
	switch {
	case err != nil && strings.Contains(err.Error(), "failed to verify signature"):
		return nil, errors.New("its signature is not its issuer's")
	case err != nil:
		return nil, err
	case checked.Issuer != u.issuer || !checked.Expiry.Equal(u.expires):
		return nil, errors.New("it can be read in two ways")
	}
	return policy.NewClaims(from.URL, u.audience, u.values(), u.expires, told()...), nil
}

// told are the claims that say which job it was, in GitHub Actions, GitLab CI and Buildkite.
func told() []string {
	return []string{
		"repository", "workflow", "run_id",
		"project_path", "pipeline_id",
		"pipeline_slug", "build_number", "job_id",
	}
}

// remember keeps what a token has proven. When there are too many, those that have expired
// make room, or any other: it is read again then.
func (v *Verifier) remember(from *issuer, digest policy.Digest, claims *policy.Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.issuers[from.URL] != from {
		return // changed meanwhile
	}
	if len(v.proven) >= maxProven {
		now := v.now()
		for d, c := range v.proven {
			if !now.Before(c.Expires()) {
				delete(v.proven, d)
			}
		}
		for d := range v.proven {
			if len(v.proven) < maxProven*9/10 {
				break
			}
			delete(v.proven, d)
		}
	}
	v.proven[digest] = claims
}
