package daemon

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"octopool/policy"
)

// NewRegistration makes a client's token, and the TOML that registers it, which holds
// only a digest of the token.
func NewRegistration(name, prefix string, scopes []string) (toml string, token policy.Secret, err error) {
	switch {
	case !policy.IsName(name):
		return "", policy.Secret{}, fmt.Errorf("%q: a client's name has 1 to 64 letters, digits, dots, dashes and underscores", name)
	case name == policy.AnonymousClient, name == policy.UnregisteredClient:
		return "", policy.Secret{}, fmt.Errorf("%s: this name is taken by requests without a registered token", name)
	}
	quoted := make([]string, len(scopes))
	for i, text := range scopes {
		scope, err := policy.ParseScope(text)
		if err != nil {
			return "", policy.Secret{}, err
		}
		quoted[i] = strconv.Quote(scope.String()) // TOML's escapes are among Go's; a scope holds no others
	}
	text, err := policy.NewToken(prefix, rand.Reader)
	if err != nil {
		return "", policy.Secret{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[[client]]\nname = %q\ntoken_sha256 = %q\n", name, policy.DigestOf(text))
	if len(scopes) > 0 {
		fmt.Fprintf(&b, "scopes = [%s]\n", strings.Join(quoted, ", "))
	}
	return b.String(), policy.NewSecret(text), nil
}
