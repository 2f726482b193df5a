package installation

import (
	"context"
	"errors"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"octopool/policy"
)

// A Token is one of an installation's, good for REST, GraphQL and git.
type Token struct {
	Text    policy.Secret // opaque; up to a few KB of printable ASCII without spaces
	Expires time.Time     // by this machine's clock, even where that is a little behind GitHub's; always ahead
}

// maxToken is more than any token has had, and less than servers allow a header.
const maxToken = 16 << 10

// Mint makes a new token of an installation, limited as n says. GitHub lets a token live
// for an hour.
//
// An error is a *Refused when GitHub answered no, and wraps that of ctx when ctx ended.
// No error holds a part of a token.
func (a *App) Mint(ctx context.Context, installation int64, n Narrowing) (Token, error) {
	options, err := n.options()
	if err != nil {
		return Token{}, err
	}
	c := &call{app: a, installation: installation, begins: '{'}
	apps, err := c.apps()
	if err != nil {
		return Token{}, err
	}
	// The library would keep the token and renew it while requests wait for its lock,
	// whatever has become of their contexts: so each of its transports mints once.
	minter := ghinstallation.NewFromAppsTransport(apps, installation)
	minter.InstallationTokenOptions = options
	text, err := minter.Token(ctx)
	if err != nil {
		return Token{}, c.failed("a token")
	}
	expires, _, err := minter.Expiry()
	if err != nil || !isToken(text) {
		return Token{}, errors.New("GitHub's answer is not a token")
	}
	// GitHub's clock ends the token's life. Where ours is behind, within what a JWT
	// bears, ours will read less at that moment.
	if -expiresIn <= c.ahead && c.ahead < 0 {
		expires = expires.Add(c.ahead)
	}
	if !expires.After(a.now()) {
		return Token{}, errors.New("GitHub's answer is a token that has expired")
	}
	return Token{policy.NewSecret(text), expires}, nil
}

// isToken reports whether text can be sent in a header as it is.
func isToken(text string) bool {
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxToken
}
