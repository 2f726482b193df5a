package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxToken is the longest token that is looked at. GitHub's have some 2 KB.
const maxToken = 16 << 10

// leeway is how much earlier than ours an issuer's clock may be ahead.
const leeway = 60 * time.Second

// algorithms are those of a signature that only the issuer can have made. None of them is
// symmetric: with HS256, the issuer's public key would be the secret.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// unread is what a token says of itself, before anybody has checked the signature. It has
// been read strictly: JSON libraries take the last of two members of one name, others the
// first, and so two readers of one token would see two senders.
type unread struct {
	kid       string
	issuer    string
	audience  []string
	expires   time.Time
	notBefore time.Time // zero for none
	issued    time.Time // zero for none
	claims    map[string]json.RawMessage
}

// read reads a JWT in its compact form (RFC 7519, RFC 7515).
func read(token string) (unread, error) {
	var u unread
	if len(token) > maxToken {
		return u, fmt.Errorf("it has %d bytes, and no more than %d are read", len(token), maxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return u, fmt.Errorf("it has %d parts, and a signed JWT has 3", len(parts))
	}
	header, err := part(parts[0])
	if err != nil {
		return u, fmt.Errorf("its header: %w", err)
	}
	if u.claims, err = part(parts[1]); err != nil {
		return u, fmt.Errorf("its claims: %w", err)
	}
	if err := u.readHeader(header); err != nil {
		return u, fmt.Errorf("its header: %w", err)
	}
	if err := u.readClaims(); err != nil {
		return u, fmt.Errorf("its claims: %w", err)
	}
	return u, nil
}

func part(encoded string) (map[string]json.RawMessage, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, errors.New("this is no base64url")
	}
	return object(text)
}

// readHeader refuses what it does not know the meaning of where that changes how a token is
// to be read: extensions (crit), other contents such as a token in the token (cty), and
// keys that the token brings along.
func (u *unread) readHeader(h map[string]json.RawMessage) error {
	alg, err := text(h, "alg")
	if err != nil {
		return err
	}
	if !slices.Contains(algorithms(), alg) {
		return fmt.Errorf("alg %.20q is not one of %s", alg, strings.Join(algorithms(), ", "))
	}
	if u.kid, err = text(h, "kid"); err != nil {
		return err
	}
	for _, name := range []string{"cty", "crit", "zip", "b64", "enc", "jwk", "jku", "x5u"} {
		if _, found := h[name]; found {
			return fmt.Errorf("%s is not for tokens of an issuer's", name)
		}
	}
	if _, found := h["typ"]; found {
		if typ, err := text(h, "typ"); err != nil || !strings.EqualFold(typ, "JWT") {
			return fmt.Errorf("typ %.20q is not JWT", typ)
		}
	}
	return nil
}

func (u *unread) readClaims() (err error) {
	if u.issuer, err = text(u.claims, "iss"); err != nil {
		return err
	}
	aud, found := u.claims["aud"]
	if !found {
		return errors.New("there is no aud")
	}
	var one string
	switch {
	case json.Unmarshal(aud, &one) == nil && one != "":
		u.audience = []string{one}
	case json.Unmarshal(aud, &u.audience) != nil || len(u.audience) == 0 || slices.Contains(u.audience, ""):
		return errors.New("aud is no text and no list of texts")
	}
	for name, into := range map[string]*time.Time{"exp": &u.expires, "nbf": &u.notBefore, "iat": &u.issued} {
		value, found := u.claims[name]
		if !found && name != "exp" {
			continue
		}
		var seconds *float64
		if json.Unmarshal(value, &seconds) != nil || seconds == nil || *seconds < 0 || *seconds > 1<<37 {
			return fmt.Errorf("%s is no time in seconds since 1970", name)
		}
		*into = time.Unix(int64(*seconds), 0)
	}
	return nil
}

// current says why a token is not for this time.
func (u *unread) current(now time.Time) error {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case !now.Before(u.expires):
		return fmt.Errorf("it expired at %s", stamp(u.expires))
	case u.notBefore.After(now.Add(leeway)):
		return fmt.Errorf("it is not valid before %s", stamp(u.notBefore))
	case u.issued.After(now.Add(leeway)):
		return fmt.Errorf("it says it was issued at %s, which is yet to come", stamp(u.issued))
	}
	return nil
}

// values are the claims that are one value each, as text.
func (u *unread) values() map[string]string {
	out := make(map[string]string, len(u.claims))
	for name, raw := range u.claims {
		switch raw[0] {
		case '{', '[', 'n': // an object, a list, null
		case '"':
			var value string
			if json.Unmarshal(raw, &value) == nil {
				out[name] = value
			}
		default:
			out[name] = string(raw)
		}
	}
	return out
}

// text is a member that must be a text and not empty.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw, found := members[name]
	if !found {
		return "", fmt.Errorf("there is no %s", name)
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil || *s == "" || len(*s) > 1024 {
		return "", fmt.Errorf("%s is no text of 1 to 1024 bytes", name)
	}
	return *s, nil
}

// object reads one JSON object with nothing behind it, in which no object, at any depth, has
// two members of one name. Names that differ in case only count as one: encoding/json, which
// reads the token again, would take the one for the other.
func object(data []byte) (map[string]json.RawMessage, error) {
	switch {
	case !utf8.Valid(data):
		return nil, errors.New("this is not UTF-8")
	case !json.Valid(data):
		return nil, errors.New("this is no JSON")
	case bytes.TrimLeft(data, " \t\r\n")[0] != '{':
		return nil, errors.New("this is no JSON object")
	}
	r := reader{data, json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	members := map[string]json.RawMessage{}
	if err := r.value(members, 0); err != nil {
		return nil, err
	}
	return members, nil
}

// A reader goes through JSON that is valid.
type reader struct {
	data []byte
	*json.Decoder
}

// maxDepth is how deep values may be nested.
const maxDepth = 16

// value reads one value, and notes the members of an object in into, if that is not nil.
func (r reader) value(into map[string]json.RawMessage, depth int) error {
	token, err := r.Token()
	if err != nil {
		return err
	}
	opened, nested := token.(json.Delim)
	switch {
	case !nested:
		return nil
	case depth == maxDepth:
		return fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	seen := map[string]bool{}
	for r.More() {
		name := ""
		if opened == '{' {
			token, err := r.Token()
			if err != nil {
				return err
			}
			name = token.(string)
			if seen[fold(name)] {
				return fmt.Errorf("there are two members %.40q", name)
			}
			seen[fold(name)] = true
		}
		from := r.InputOffset()
		if err := r.value(nil, depth+1); err != nil {
			return err
		}
		if into != nil {
			into[name] = bytes.TrimLeft(r.data[from:r.InputOffset()], ": \t\r\n")
		}
	}
	_, err = r.Token() // that closes it
	return err
}

// fold is a name as encoding/json compares it: ſ is an s there, and K (the Kelvin sign) a k.
func fold(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) < 0 {
		return name // as nearly all are
	}
	return strings.ToLower(strings.ToUpper(name))
}
