package githubtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
)

type issuerKey struct {
	id     string
	signer crypto.Signer
	alg    string
}

// Sign signs any payload with the key that signs now, under its header with changes, where a
// nil takes a member away. With alg none there is no signature; with HS256 the secret is the
// public key as PEM, which a careless reader would check it by.
func (i *Issuer) Sign(header map[string]any, payload []byte) string {
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	head := map[string]any{"alg": key.alg, "kid": key.id, "typ": "JWT", "x5t": key.id}
	for name, value := range header {
		if head[name] = value; value == nil {
			delete(head, name)
		}
	}
	return i.SignRaw(string(marshal(head)), payload)
}

// SignRaw is Sign under a header that is written out.
func (i *Issuer) SignRaw(header string, payload []byte) string {
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	signed := base64url([]byte(header)) + "." + base64url(payload)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	switch {
	case strings.Contains(header, `"none"`):
	case strings.Contains(header, `"HS256"`):
		mac := hmac.New(sha256.New, publicPEM(key.signer))
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	default:
		signature = key.sign(digest[:])
	}
	return signed + "." + base64url(signature)
}

func (k *issuerKey) sign(digest []byte) (signature []byte) {
	var err error
	switch signer := k.signer.(type) {
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, signer, digest); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, signer, crypto.SHA256, digest)
	}
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return signature
}

func publicPEM(signer crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// published is the key set.
func (i *Issuer) published() any {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set []map[string]any
	for _, k := range i.keys {
		set = append(set, k.published())
	}
	if i.keySet != nil {
		return i.keySet(set)
	}
	return map[string]any{"keys": set}
}

// published is the key as a JWK (RFC 7517, RFC 7518 section 6).
func (k *issuerKey) published() map[string]any {
	number := func(n *big.Int, size int) string {
		return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
	}
	jwk := map[string]any{"kid": k.id, "use": "sig", "alg": k.alg}
	switch public := k.signer.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", number(public.N, public.Size()), number(big.NewInt(int64(public.E)), 3)
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, X, Y
		if err != nil {
			panic(fmt.Sprintf("githubtest: %v", err))
		}
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", base64url(point[1:33]), base64url(point[33:])
	}
	return jwk
}
