package installation_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/policy"
	"octopool/policy/pool/installation"
)

// appKey is an App's key; one for all tests, since making one takes a while.
var appKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// inPEM writes bytes as GitHub, openssl and others do.
func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs1(key *rsa.PrivateKey) string {
	return inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

// pkcs8 writes any private key.
func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("PRIVATE KEY", der)
}

// A sender is a way to a GitHub of which one test needs one answer.
type sender func(*http.Request) (*http.Response, error)

func (s sender) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// answering sends back status, header lines and body, whatever is asked.
func answering(status int, body string, header ...string) sender {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			h.Add(name, value)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewBufferString(body))}, nil
	}
}

// noon is the time on this machine's clock where a test says no other.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// appBy is an App whose requests go to transport.
func appBy(t testing.TB, transport http.RoundTripper) *installation.App {
	t.Helper()
	return newApp(t, installation.Config{Transport: transport})
}

// newApp is an App as c says, with what c leaves out.
func newApp(t testing.TB, c installation.Config) *installation.App {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = "Iv23octopool"
	}
	if c.Key.IsZero() {
		c.Key = policy.NewSecret(pkcs1(appKey()))
	}
	if c.API == "" {
		c.API = "https://api.github.com"
	}
	if c.Now == nil {
		c.Now = func() time.Time { return noon }
	}
	app, err := installation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return app
}
