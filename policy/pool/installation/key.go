package installation

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"

	"octopool/policy"
)

// minKeyBits is the least RS256 allows (RFC 7518, section 3.3), and what GitHub makes.
const minKeyBits = 2048

// readKey reads an App's private key as GitHub hands it out (PKCS#1), or as key stores
// convert it (PKCS#8). What else a text is, the error says, and nothing of what is in it.
func readKey(secret policy.Secret) (*rsa.PrivateKey, error) {
	key, kind := keyIn(secret.Reveal())
	if key == nil {
		return nil, fmt.Errorf("an App signs with the RSA private key that GitHub made for it, in PEM; this is %s", kind)
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("an App's RSA key has %d bits or more; this one has %d", minKeyBits, bits)
	}
	return key, nil
}

// keyIn is the key in a text, or else what kind of thing the text is.
func keyIn(text string) (key *rsa.PrivateKey, kind string) {
	block, _ := pem.Decode([]byte(text))
	switch {
	case strings.TrimSpace(text) == "":
		return nil, "empty"
	case block == nil && strings.Contains(text, "-----BEGIN") && strings.Contains(text, `\n`):
		return nil, `a PEM on one line, with \n where its lines should end`
	case block == nil && strings.Contains(text, "-----BEGIN"):
		return nil, "a damaged PEM"
	case block == nil:
		return nil, "no PEM"
	case block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, "encrypted with a passphrase"
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, "a damaged RSA private key"
		}
		return key, ""
	case "PRIVATE KEY":
		return keyInPKCS8(block.Bytes)
	case "EC PRIVATE KEY", "EC PARAMETERS":
		return nil, "an EC key"
	case "OPENSSH PRIVATE KEY":
		return nil, "an OpenSSH key"
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, "a public key"
	case "CERTIFICATE":
		return nil, "a certificate"
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return nil, "a certificate request"
	}
	return nil, "another kind of PEM"
}

func keyInPKCS8(der []byte) (key *rsa.PrivateKey, kind string) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, "a damaged private key"
	}
	switch parsed := parsed.(type) {
	case *rsa.PrivateKey:
		return parsed, ""
	case *ecdsa.PrivateKey:
		return nil, "an EC key"
	case ed25519.PrivateKey:
		return nil, "an Ed25519 key"
	}
	return nil, "another kind of key"
}

// A JWT is valid from issuedAgo before now to expiresIn after it. GitHub refuses one from
// its future, one that has expired, and one that expires more than 10 minutes ahead, each
// by its own clock. So one that is issuedAgo behind ours or expiresIn ahead of it accepts it.
const (
	issuedAgo = 4 * time.Minute
	expiresIn = 5 * time.Minute
)

var signingMethod = jwt.SigningMethodRS256

// A signer makes the JWTs of one App.
type signer struct {
	issuer string
	key    *ghinstallation.RSASigner
	now    func() time.Time
}

// Sign signs claims of its own: those of the library have the system's clock, little
// patience with it, and no room for a client id. NumericDate is in whole seconds, as
// GitHub wants them.
func (s signer) Sign(jwt.Claims) (string, error) {
	now := s.now()
	return s.key.Sign(&jwt.RegisteredClaims{
		Issuer:    s.issuer,
		IssuedAt:  jwt.NewNumericDate(now.Add(-issuedAgo)),
		ExpiresAt: jwt.NewNumericDate(now.Add(expiresIn)),
	})
}
