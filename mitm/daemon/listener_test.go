package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"octopool/mitm/config"
)

// certify writes a certificate for a name, and its key, and dates the file.
func certify(t *testing.T, p config.Places, written time.Time, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{p.ProxyCert: {Type: "CERTIFICATE", Bytes: der}, p.ProxyKey: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(p.ProxyCert, written, written); err != nil {
		t.Fatal(err)
	}
}

// A certificate that is written anew is what the next client is shown; one that is broken, or
// half written, leaves the last in place.
func TestTheListenersCertificateIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	p := config.Places{ProxyListen: "127.0.0.1:0", ProxyCert: filepath.Join(dir, "c.pem"), ProxyKey: filepath.Join(dir, "k.pem")}
	noon := time.Now().Add(-time.Hour)
	certify(t, p, noon, "one.internal")
	plain, secure, err := listenProxy(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, secure)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				conn.(*tls.Conn).Handshake()
				conn.Close()
			}()
		}
	}()
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
			t.Errorf("it speaks %q", got)
		}
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := shown(); got != "one.internal" {
		t.Errorf("at first: %s", got)
	}
	certify(t, p, noon.Add(time.Minute), "two.internal")
	if got := shown(); got != "two.internal" {
		t.Errorf("written anew: %s", got)
	}
	if err := os.WriteFile(p.ProxyCert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "two.internal" {
		t.Errorf("half written: %s", got)
	}
	if err := os.Remove(p.ProxyCert); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "two.internal" {
		t.Errorf("gone: %s", got)
	}
	if _, _, err := listenProxy(nil, p); err == nil {
		t.Error("a listener without its certificate")
	}
}

// Programs are told of a name that the certificate is for.
func TestTheURLOfAProxyBehindTLS(t *testing.T) {
	dir := t.TempDir()
	p := config.Places{ProxyCert: filepath.Join(dir, "c.pem"), ProxyKey: filepath.Join(dir, "k.pem")}
	certify(t, p, time.Now(), "*.internal", "octopool.internal", "other.internal")
	for listen, want := range map[string]string{
		"0.0.0.0:3128":          "https://octopool.internal:3128",
		"127.0.0.1:3128":        "https://octopool.internal:3128",
		"other.internal:3128":   "https://other.internal:3128",
		"any.internal:3128":     "https://any.internal:3128",
		"[::]:3128":             "https://octopool.internal:3128",
		"octopool.internal:443": "https://octopool.internal:443",
	} {
		if got := proxyURL(p, listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
	if got := proxyURL(config.Places{}, "0.0.0.0:3128"); got != "http://127.0.0.1:3128" {
		t.Errorf("without TLS: %s", got)
	}
}
