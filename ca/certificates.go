package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"time"
)

const (
	// caLife is that of root and intermediate alike: with the root's key gone
	// the intermediate cannot be renewed, so it must last as long as the root.
	// Ten years because every end of a CA is a day on which each runner image
	// must be rebuilt. Clients limit the life of leaves (Apple to 825 days even
	// under a private root), not that of a CA.
	caLife = 10 * 365 * 24 * time.Hour

	// leafLife is short enough that a leaf is never worth revoking (there is no
	// CRL and no OCSP), long enough to be renewed days ahead, so that neither a
	// client's clock a day off nor a laptop's weekend asleep meets an expired one.
	leafLife = 7 * 24 * time.Hour

	// skew is how far a client's clock may be from ours, either way.
	skew = 5 * time.Minute
)

// newCA makes a root and the intermediate it signs. The root's key does not
// leave this function: nobody, octopool included, can sign a second intermediate.
// names are the only ones, with their subdomains, that clients will accept.
func newCA(names []string, now time.Time) (root, intermediate *x509.Certificate, key *ecdsa.PrivateKey, err error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	// In a list of trusted roots people see the subject only, and verifiers look
	// issuers up by it: two CAs must not share one.
	id := hex.EncodeToString(keyID(&rootKey.PublicKey)[:4])

	rootTemplate := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{Organization: []string{"octopool"}, CommonName: "octopool root " + id},
		// A day early: a CA is made once and soon read by machines with odd clocks.
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1, // the intermediate and nothing below it
		SubjectKeyId:          keyID(&rootKey.PublicKey),
	}
	constrain(rootTemplate, names)
	root, err = sign(rootTemplate, rootTemplate, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, nil, nil, err
	}

	intermediateTemplate := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{Organization: []string{"octopool"}, CommonName: "octopool intermediate " + id},
		NotBefore:             root.NotBefore,
		NotAfter:              root.NotAfter,
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, // so no code, no mail, no client certificates either
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // leaves only
		SubjectKeyId:          keyID(&key.PublicKey),
	}
	// Again, because all that path validation must take from a trust anchor is
	// its name and key (RFC 5280, section 6.1.1): Java ignores the root's constraints.
	constrain(intermediateTemplate, names)
	intermediate, err = sign(intermediateTemplate, root, &key.PublicKey, rootKey)
	return root, intermediate, key, err
}

// constrain limits c to names and their subdomains. Names carry no leading dot:
// RFC 5280 gives it no meaning for DNS names, and clients differ on it.
func constrain(c *x509.Certificate, names []string) {
	c.PermittedDNSDomainsCritical = true // a client that does not know constraints must refuse, not ignore
	c.PermittedDNSDomains = names
	// Permitted DNS names say nothing about IP addresses, so those are all excluded.
	c.ExcludedIPRanges = []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
}

// issue signs a new leaf for host, which is folded and known to be in the set.
func (a *Authority) issue(s *signer, host string, now time.Time) (*tls.Certificate, error) {
	notAfter := now.Add(leafLife)
	if s.notAfter.Before(notAfter) {
		notAfter = s.notAfter // a leaf that outlives its issuer is refused by some clients and useless in all
	}
	leaf, err := sign(&x509.Certificate{
		SerialNumber: newSerial(),
		// No common name. Clients match the SAN alone (RFC 9525), a
		// common name holds 64 characters where a host may have 253, and
		// a client that did read it might skip the constraints, which speak of
		// SANs. The organization tells who looks who is really speaking, and
		// keeps the subject from being empty.
		Subject:               pkix.Name{Organization: []string{"octopool"}},
		DNSNames:              []string{host}, // one, or an HTTP/2 client could reuse this connection for another host (RFC 9113, section 9.1.1)
		NotBefore:             now.Add(-skew), // for clients whose clocks are slow
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature, // all that ECDSA can do in TLS
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		SubjectKeyId:          keyID(&a.leafKey.PublicKey),
	}, s.chain[0], &a.leafKey.PublicKey, s.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{
		Certificate: append([][]byte{leaf.Raw}, s.sent...),
		PrivateKey:  a.leafKey,
		Leaf:        leaf,
	}, nil
}

// sign returns the certificate that template asks for, as clients will parse it.
// The authority key id is the parent's subject key id.
func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key any) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newSerial returns 128 random bits: no two octopools need to agree, and
// RFC 5280 (section 4.1.2.2) allows 20 octets.
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return new(big.Int).SetBytes(b)
}

// keyID is the subject key id of RFC 7093, section 2, method 1.
func keyID(public *ecdsa.PublicKey) []byte {
	point, err := public.Bytes()
	if err != nil {
		panic(err) // only for a curve that is not the one we generated
	}
	sum := sha256.Sum256(point)
	return sum[:20]
}
