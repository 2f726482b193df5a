package daemon

import (
	"crypto/rand"
	"fmt"
	"strings"

	"octopool/policy"
)

// NewRegistration makes a client's token, and the TOML that registers it, which holds
// only a digest of the token.
func NewRegistration(name, prefix string, scopes []string) (toml string, token policy.Secret, err error) {
	if !policy.IsName(name) {
		return "", policy.Secret{}, fmt.Errorf("%q: a client's name has letters, digits, dots, dashes and underscores", name)
	}
	for _, s := range scopes {
		if _, err := policy.ParseScope(s); err != nil {
			return "", policy.Secret{}, err
		}
	}
	text, err := policy.NewToken(prefix, rand.Reader)
	if err != nil {
		return "", policy.Secret{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[[client]]\nname = %q\ntoken_sha256 = %q\n", name, policy.DigestOf(text))
	if len(scopes) > 0 {
		quoted := make([]string, len(scopes))
		for i, s := range scopes {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		fmt.Fprintf(&b, "scopes = [%s]\n", strings.Join(quoted, ", "))
	}
	return b.String(), policy.NewSecret(text), nil
}
