package installation_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"octopool/policy"
	"octopool/policy/pool/installation"
)

// What is not the private key of an App is refused, and called what it is.
func TestWrongKeyIsNamed(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&appKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &appKey().PublicKey, appKey())
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs1(appKey())
	locked := string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("sealed"),
	}))
	const wants = "an App signs with the RSA private key that GitHub made for it, in PEM; this is "
	for _, tt := range []struct{ name, key, want string }{
		{"nothing", "", wants + "empty"},
		{"a blank line", " \n", wants + "empty"},
		{"garbage", "hunter2", wants + "no PEM"},
		{"a token", "ghs_" + strings.Repeat("x", 36), wants + "no PEM"},
		{"one line from an environment", strings.ReplaceAll(good, "\n", `\n`), wants + `a PEM on one line, with \n where its lines should end`},
		{"half a key", good[:len(good)/2], wants + "a damaged PEM"},
		{"a key with bytes changed", inPEM("RSA PRIVATE KEY", []byte("not a key")), wants + "a damaged RSA private key"},
		{"a PKCS#8 key with bytes changed", inPEM("PRIVATE KEY", []byte("not a key")), wants + "a damaged private key"},
		{"a locked key", locked, wants + "encrypted with a passphrase"},
		{"a locked PKCS#8 key", inPEM("ENCRYPTED PRIVATE KEY", []byte("sealed")), wants + "encrypted with a passphrase"},
		{"an EC key", inPEM("EC PRIVATE KEY", ecDER), wants + "an EC key"},
		{"an EC key in PKCS#8", pkcs8(t, ec), wants + "an EC key"},
		{"an EC key after its curve", inPEM("EC PARAMETERS", []byte("curve")) + inPEM("EC PRIVATE KEY", ecDER), wants + "an EC key"},
		{"an Ed25519 key", pkcs8(t, ed), wants + "an Ed25519 key"},
		{"a deploy key", inPEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")), wants + "an OpenSSH key"},
		{"its public half", inPEM("PUBLIC KEY", public), wants + "a public key"},
		{"its public half in PKCS#1", inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&appKey().PublicKey)), wants + "a public key"},
		{"a certificate", inPEM("CERTIFICATE", certificate), wants + "a certificate"},
		{"a certificate request", inPEM("CERTIFICATE REQUEST", []byte("request")), wants + "a certificate request"},
		{"something else", inPEM("HUNTER2", []byte("hunter2")), wants + "another kind of PEM"},
		{"a short key", pkcs1(newKey(1024)), "an App's RSA key has 2048 bits or more; this one has 1024"},
	} {
		_, err := installation.New(configWith(tt.key))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// An App that could sign for nobody, or where others can read along, is not made.
func TestConfigIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*installation.Config)
		want   string
	}{
		{"no id", func(c *installation.Config) { c.Issuer = "" }, "an App needs its client id or app id"},
		{"no transport", func(c *installation.Config) { c.Transport = nil }, "an App needs a way to its GitHub"},
		{"no API", func(c *installation.Config) { c.API = "" }, "an App needs the URL of a GitHub's API"},
		{"a host", func(c *installation.Config) { c.API = "api.github.com" }, "an App needs the URL of a GitHub's API"},
		{"a password", func(c *installation.Config) { c.API = "https://me:hunter2@ghe.example/api/v3" }, "an App needs the URL of a GitHub's API"},
		{"in clear", func(c *installation.Config) { c.API = "http://ghe.example/api/v3" }, "an App signs for https only"},
	} {
		c := configWith(pkcs1(appKey()))
		tt.change(&c)
		if _, err := installation.New(c); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// Whatever stands in place of a key, New makes an App or calls the thing what it is, in
// words of its own.
func FuzzKey(f *testing.F) {
	good := pkcs1(appKey())
	for _, seed := range []string{
		"", "hunter2", good, good[:200], pkcs8(f, appKey()), strings.ReplaceAll(good, "\n", `\n`),
		inPEM("PRIVATE KEY", []byte("x")), inPEM("CERTIFICATE", []byte("x")), "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		f.Add(seed)
	}
	own := regexp.MustCompile(`^an App signs with the RSA private key that GitHub made for it, in PEM; this is (empty|no PEM|a damaged PEM|` +
		`a PEM on one line, with \\n where its lines should end|encrypted with a passphrase|a damaged (RSA )?private key|an? (EC|Ed25519|OpenSSH|public) key|` +
		`a certificate( request)?|another kind of (PEM|key))$|^an App's RSA key has 2048 bits or more; this one has \d+$`)
	f.Fuzz(func(t *testing.T, text string) {
		app, err := installation.New(configWith(text))
		if (app == nil) != (err != nil) {
			t.Fatalf("New = %v, %v", app, err)
		}
		if err != nil && !own.MatchString(err.Error()) {
			t.Errorf("New says %q", err)
		}
	})
}

func configWith(key string) installation.Config {
	return installation.Config{
		Issuer: "Iv23octopool", Key: policy.NewSecret(key), API: "https://api.github.com",
		Transport: answering(http.StatusTeapot, ""),
	}
}
