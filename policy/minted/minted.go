// Package minted is the form of the tokens that octopool signs for its clients: what a
// client may do, narrowed to less and for a while. It is pure: keys, time and randomness
// are arguments, and it refuses to know where keys lie, what was revoked, and who asks.
//
// A token is a macaroon (Birgisson and others, "Macaroons: Cookies with Contextual Caveats
// for Decentralized Authorization in the Cloud", 2014), by gopkg.in/macaroon.v2: a chain of
// HMAC-SHA256, in which each condition is keyed with the signature before it. So whoever
// holds a token can append a condition without any key, and nobody can take one away.
// Chains of Ed25519 signatures, as biscuits are, could be verified with a public key too,
// at 96 bytes for each narrowing instead of a few. Only octopool verifies these, with a key
// that it needs anyway to make them, and they have to fit where tools keep tokens.
package minted

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	macaroon "gopkg.in/macaroon.v2"

	"octopool/policy"
)

// Prefix is how these tokens begin. Others of octopool's begin with octopool_ and have
// letters and digits behind it.
const Prefix = "octopool_mt_"

// MaxLength is how long a token may be, in bytes. What is longer is not looked at.
const MaxLength = 1023

// A Key signs tokens and verifies them. The zero Key does neither.
type Key struct {
	secret policy.Secret
	id     keyID
}

// keyID says in a token which key it was signed with.
type keyID [4]byte

// minKey is the least length of a key's text: 32 hexadecimal digits hold 128 bits.
const minKey = 32

// NewKey makes a key of a text that was chosen at random. Its error does not repeat it.
func NewKey(secret policy.Secret) (Key, error) {
	if n := len(secret.Reveal()); n < minKey {
		return Key{}, fmt.Errorf("a key for minted tokens has %d random characters or more, this one has %d; make one with: openssl rand -hex 32", minKey, n)
	}
	k := Key{secret: secret}
	digest := policy.DigestOf("octopool minted key id " + secret.Reveal())
	copy(k.id[:], digest[:])
	return k, nil
}

// A Made is a token that was just made, with what may be told of it.
type Made struct {
	Token policy.Secret
	ID    string // to revoke it by
}

// Mint signs a token for a client. It is good until expires; what it may do is what the
// client may, narrowed.
func (k Key) Mint(client string, stamp policy.Stamp, expires time.Time, by Narrowing) (Made, error) {
	id := newID()
	m, err := macaroon.New([]byte(k.secret.Reveal()), head{k.id, id, stamp, client}.bytes(), "", macaroon.V2)
	if err != nil {
		return Made{}, err
	}
	m.AddFirstPartyCaveat([]byte(conditionUntil(expires))) // it never fails
	if err := add(m, by); err != nil {
		return Made{}, err
	}
	return made(m, id)
}

// Narrow makes another token of one, which can do less: neither a key nor an octopool is
// needed. The new one has an id of its own, and ends with the old one too. Whether the
// old one is good only octopool knows.
func Narrow(token policy.Secret, by Narrowing) (Made, error) {
	m, err := decode(token.Reveal())
	if err != nil {
		return Made{}, err
	}
	id := newID()
	m.AddFirstPartyCaveat([]byte(wordID + " " + id.String()))
	if err := add(m, by); err != nil {
		return Made{}, err
	}
	return made(m, id)
}

func add(m *macaroon.Macaroon, by Narrowing) error {
	conditions, err := by.conditions()
	for _, c := range conditions {
		m.AddFirstPartyCaveat([]byte(c))
	}
	return err
}

func made(m *macaroon.Macaroon, id tokenID) (Made, error) {
	raw, err := m.MarshalBinary()
	if err != nil {
		return Made{}, err
	}
	text := Prefix + base64.RawURLEncoding.EncodeToString(raw)
	if len(text) > MaxLength {
		return Made{}, fmt.Errorf("the token would have %d bytes, and tools take %d: name fewer or shorter scopes, with * and {a,b}", len(text), MaxLength)
	}
	return Made{policy.NewSecret(text), id.String()}, nil
}

// errForm is all that is told of a text that is no token: it may be one that was cut short.
var errForm = errors.New("it is no token that octopool minted, or not all of one")

// decode reads a token's form. One token has one spelling: what is written in another is
// none.
func decode(token string) (*macaroon.Macaroon, error) {
	text, ok := strings.CutPrefix(token, Prefix)
	if !ok || len(token) > MaxLength {
		return nil, errForm
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 || raw[0] != byte(macaroon.V2) {
		return nil, errForm
	}
	var m macaroon.Macaroon
	if m.UnmarshalBinary(raw) != nil || m.Location() != "" {
		return nil, errForm
	}
	for _, c := range m.Caveats() {
		if len(c.VerificationId) > 0 || c.Location != "" { // a third party's
			return nil, errForm
		}
	}
	if again, err := m.MarshalBinary(); err != nil || !bytes.Equal(again, raw) {
		return nil, errForm
	}
	return &m, nil
}

// A head is the signed identifier of a token.
type head struct {
	key    keyID
	id     tokenID
	stamp  policy.Stamp
	client string
}

const (
	headVersion = 1
	headLength  = 1 + 4 + 16 + 8
)

func (h head) bytes() []byte {
	b := append([]byte{headVersion}, h.key[:]...)
	b = append(b, h.id[:]...)
	b = append(b, h.stamp[:]...)
	return append(b, h.client...)
}

func parseHead(b []byte) (h head, ok bool) {
	if len(b) < headLength || b[0] != headVersion {
		return head{}, false
	}
	b = b[1:]
	b = b[copy(h.key[:], b):]
	b = b[copy(h.id[:], b):]
	b = b[copy(h.stamp[:], b):]
	h.client = string(b)
	return h, policy.IsName(h.client)
}

// A tokenID names a token where it is revoked or told of.
type tokenID [16]byte

func newID() (id tokenID) {
	rand.Read(id[:]) // it never fails
	return id
}

func (id tokenID) String() string { return hex.EncodeToString(id[:]) }

// IsID reports whether text can be the id of a token.
func IsID(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 32 && text == strings.ToLower(text)
}

// ID tells keys apart. It is in every token, and tells nothing of the key.
func (k Key) ID() string { return hex.EncodeToString(k.id[:]) }
