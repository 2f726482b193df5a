package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is also the other process of the tests that need one: with
// OCTOPOOL_CA_TEST_OPEN set it opens that folder, or with a %d in it one folder
// after the other until it is killed, and prints the root of each.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OCTOPOOL_CA_TEST_OPEN"); dir != "" {
		openForParent(dir)
		return
	}
	if dir := os.Getenv("OCTOPOOL_CA_TEST_ROTATE"); dir != "" {
		rotateForParent(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func openForParent(pattern string) {
	for i := 0; ; i++ {
		dir := pattern
		if filepath.Base(pattern) == "%d" {
			dir = fmt.Sprintf(pattern, i)
		}
		a, err := Open(dir, testHosts)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%x\n", keyID(a.signer().chain[1].PublicKey.(*ecdsa.PublicKey)))
		if dir == pattern {
			return
		}
	}
}

var testHosts = []string{"github.com", "api.github.com", "uploads.github.com"}

// openTemp returns an authority for testHosts in a folder of its own.
func openTemp(t testing.TB) *Authority {
	t.Helper()
	a, err := Open(filepath.Join(t.TempDir(), "ca"), testHosts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustLeaf(t testing.TB, a *Authority, host string) *tls.Certificate {
	t.Helper()
	leaf, err := a.Leaf(host)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// verify checks what a server would send as a client would that trusts root.
func verify(cert *tls.Certificate, root []byte, name string, at time.Time) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	for _, der := range cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		intermediates.AddCert(c)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return err
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: intermediates, CurrentTime: at})
	return err
}

// forge signs what the authority never would, as a thief of its key could.
func forge(t testing.TB, a *Authority, change func(leaf *x509.Certificate)) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{Organization: []string{"thief"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	leaf, err := sign(template, a.signer().chain[0], &a.leafKey.PublicKey, a.signer().key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: append([][]byte{leaf.Raw}, a.signer().sent...), PrivateKey: a.leafKey, Leaf: leaf}
}

// A company is a CA that octopool did not make.
type company struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newCompany makes a CA below parent, or a root if parent is nil. change may
// spoil it.
func newCompany(t testing.TB, name string, parent *company, change func(*x509.Certificate)) *company {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(90 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if change != nil {
		change(template)
	}
	issuer, issuerKey := template, crypto.Signer(key)
	if parent != nil {
		issuer, issuerKey = parent.cert, parent.key
	}
	cert, err := sign(template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	return &company{cert, key}
}

// files writes the key of c and the chain that begins with it.
func (c *company) files(t testing.TB, above ...*company) (certFile, keyFile string) {
	t.Helper()
	chain := []*x509.Certificate{c.cert}
	for _, up := range above {
		chain = append(chain, up.cert)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	mustWrite(t, certFile, encodeChain(chain...), 0o644)
	mustWrite(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	return certFile, keyFile
}

func mustWrite(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func BenchmarkLeafIssue(b *testing.B) {
	a := openTemp(b)
	for b.Loop() {
		if _, err := a.issue(a.signer(), "api.github.com", time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafCached(b *testing.B) {
	a := openTemp(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Leaf("api.github.com"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
