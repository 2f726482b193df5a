package minted

import (
	"errors"
	"fmt"

	"octopool/policy"
)

// A Read is a token that was signed with one of some keys.
type Read struct {
	policy.Minted
	key keyID
}

// SignedWith reports whether its key is among these.
func (r *Read) SignedWith(keys []Key) bool { return keyOf(keys, r.key) != nil }

// Verify reads a token that was signed with one of these keys. Its errors are for the log:
// they say what is wrong, and do not hold the token. Whether the token is expired is for
// who asks at the time. [policy.Minted.Check] is left for the caller to set.
func Verify(token string, keys []Key) (*Read, error) {
	m, err := decode(token)
	if err != nil {
		return nil, err
	}
	h, ok := parseHead(m.Id())
	if !ok {
		return nil, errForm
	}
	key := keyOf(keys, h.key)
	if key == nil {
		return nil, errors.New("it was minted with a key that is not this octopool's")
	}
	conditions, err := m.VerifySignature([]byte(key.secret.Reveal()), nil)
	if err != nil {
		return nil, errors.New("its signature is wrong")
	}
	r := &Read{policy.Minted{Client: h.client, Stamp: h.stamp, IDs: []string{h.id.String()}}, h.key}
	said := string(m.Id())
	for _, condition := range conditions {
		said += fmt.Sprintf("%d %s", len(condition), condition)
		if err := take(&r.Minted, condition, said); err != nil {
			return nil, err
		}
	}
	if r.Until.IsZero() {
		return nil, errForm // Mint makes none without an end
	}
	return r, nil
}

func keyOf(keys []Key, id keyID) *Key {
	for i := range keys {
		if keys[i].id == id && !keys[i].secret.IsZero() {
			return &keys[i]
		}
	}
	return nil
}
