package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// ownPrefix is that of a token which does not pretend to be GitHub's.
const ownPrefix = "octopool_"

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewToken makes a client's token. It has at least 190 bits from random, which
// must be cryptographic (crypto/rand.Reader), and the shape GitHub gives to the
// prefix, because tools look at it: gh asks for scopes only with "ghp_" and
// "gho_", Renovate and octokit take "ghs_" for an App. prefix is one of ghp_,
// github_pat_, gho_, ghu_, ghs_ and octopool_.
func NewToken(prefix string, random io.Reader) (string, error) {
	switch {
	case prefix == ownPrefix:
		return spell(random, prefix, 36)
	case prefix == "github_pat_": // 22 characters, an underscore, 59 characters
		return spell(random, prefix+mark, 22-len(mark), 59)
	case slices.Contains(prefixes, prefix): // 36 characters
		return spell(random, prefix+mark, 36-len(mark))
	}
	return "", fmt.Errorf("no token begins with %q: want one of %s, %s", prefix, strings.Join(prefixes, ", "), ownPrefix)
}

// spell appends words of random base62 characters to head, with underscores
// between them.
func spell(random io.Reader, head string, words ...int) (string, error) {
	token := []byte(head)
	for i, n := range words {
		if i > 0 {
			token = append(token, '_')
		}
		for range n {
			c, err := draw(random)
			if err != nil {
				return "", err
			}
			token = append(token, c)
		}
	}
	return string(token), nil
}

// draw takes one character. Bytes above the last multiple of 62 are thrown
// away: with them the first characters would come more often.
func draw(random io.Reader) (byte, error) {
	const fair = 256 / len(base62) * len(base62)
	var b [1]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("random bytes for a token: %w", err)
		}
		if int(b[0]) < fair {
			return base62[int(b[0])%len(base62)], nil
		}
	}
}
