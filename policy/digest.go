package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Digest is the SHA-256 of a token. Clients are registered by it, so that
// neither the configuration nor the memory of a running octopool holds what a
// client sends. It says nothing about a token as long as NewToken's.
type Digest [sha256.Size]byte

// DigestOf returns the digest of token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// ParseDigest reads 64 hexadecimal digits of either case. Its error never
// repeats the text, which may be the token itself, put in the wrong place.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if LooksLikeToken(text) {
		return d, fmt.Errorf("this looks like a token, not like its SHA-256: write the %d hexadecimal digits, and take the token for known to all who could read it here", hex.EncodedLen(len(d)))
	}
	if len(text) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("want the %d hexadecimal digits of a token's SHA-256, have %d characters", hex.EncodedLen(len(d)), len(text))
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil {
		return Digest{}, fmt.Errorf("want the %d hexadecimal digits of a token's SHA-256, have something else among them", hex.EncodedLen(len(d)))
	}
	return d, nil
}

// String returns 64 small hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns String's digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDigest.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
