package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A leaf is for one name, and a client that trusts ca.pem alone accepts it.
func TestLeafIsAccepted(t *testing.T) {
	a := openTemp(t)
	for _, host := range testHosts {
		cert := mustLeaf(t, a, host)
		if err := verify(cert, a.RootPEM(), host, time.Now()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if !slices.Equal(cert.Leaf.DNSNames, []string{host}) || len(cert.Leaf.IPAddresses) > 0 {
			t.Errorf("%s: names %v %v", host, cert.Leaf.DNSNames, cert.Leaf.IPAddresses)
		}
		if len(cert.Certificate) != 2 || !bytes.Equal(cert.Certificate[1], a.signer().chain[0].Raw) {
			t.Errorf("%s: a server would send %d certificates, want leaf and intermediate", host, len(cert.Certificate))
		}
	}
}

// Whoever steals the intermediate's key cannot pose as other sites: clients refuse it.
func TestStolenKeyIsOfNoUseElsewhere(t *testing.T) {
	a := openTemp(t)
	name := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{name} }
	}
	ip := func(ip string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(ip)} }
	}
	for _, tt := range []struct {
		host   string
		change func(*x509.Certificate)
		want   string
	}{
		{"github.com", name("github.com"), ""},
		{"gist.github.com", name("gist.github.com"), ""}, // RFC 5280: a permitted name permits its subdomains
		{"example.com", name("example.com"), "not permitted by any constraint"},
		{"evilgithub.com", name("evilgithub.com"), "not permitted by any constraint"},
		{"com", name("com"), "not permitted by any constraint"},
		{"github.com.example.com", name("github.com.example.com"), "not permitted by any constraint"},
		{"127.0.0.1", ip("127.0.0.1"), "excluded by constraint"},
		{"::1", ip("::1"), "excluded by constraint"},
		{"github.com", func(c *x509.Certificate) { // one good name does not carry a bad one
			c.DNSNames = []string{"github.com", "example.com"}
		}, "not permitted by any constraint"},
		{"api.github.com", func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"api.github.com"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}, "incompatible key usage"},
	} {
		err := verify(forge(t, a, tt.change), a.RootPEM(), tt.host, time.Now())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.host, err, tt.want)
		}
	}

	under := *a.signer()
	sub := &Authority{leafKey: a.leafKey, now: time.Now}
	sub.kept.Store(&kept{current: &under})
	below := forge(t, sub, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	under.chain, under.key = []*x509.Certificate{below.Leaf}, a.leafKey
	under.sent = below.Certificate
	err := verify(forge(t, sub, name("github.com")), a.RootPEM(), "github.com", time.Now())
	if err == nil || !strings.Contains(err.Error(), "too many intermediates") {
		t.Errorf("an intermediate below the intermediate: %v", err)
	}
}

// Both certificates are as their comments say; a change here is a change of what
// clients are asked to trust.
func TestShapeOfCertificates(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	a, err := open(filepath.Join(t.TempDir(), "ca"), testHosts, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	intermediate, root := a.signer().chain[0], a.signer().chain[1]
	for _, c := range a.signer().chain {
		if !c.PermittedDNSDomainsCritical || !slices.Equal(c.PermittedDNSDomains, []string{"api.github.com", "github.com", "uploads.github.com"}) {
			t.Errorf("%s permits %v", c.Subject, c.PermittedDNSDomains)
		}
		var excluded []string
		for _, ip := range c.ExcludedIPRanges {
			excluded = append(excluded, ip.String())
		}
		if !slices.Equal(excluded, []string{"0.0.0.0/0", "::/0"}) {
			t.Errorf("%s excludes %v", c.Subject, excluded)
		}
		if c.KeyUsage != x509.KeyUsageCertSign {
			t.Errorf("%s: key usage %b", c.Subject, c.KeyUsage)
		}
		if want := now.Add(10 * 365 * 24 * time.Hour); !c.NotAfter.Equal(want) {
			t.Errorf("%s ends %s, want %s", c.Subject, c.NotAfter, want)
		}
	}
	if !a.NotAfter().Equal(root.NotAfter) {
		t.Errorf("NotAfter = %s", a.NotAfter())
	}
	if root.MaxPathLen != 1 || intermediate.MaxPathLen != 0 || !intermediate.MaxPathLenZero {
		t.Errorf("path lengths %d, %d", root.MaxPathLen, intermediate.MaxPathLen)
	}
	if root.Subject.String() == intermediate.Subject.String() {
		t.Error("root and intermediate share a subject")
	}

	leaf := mustLeaf(t, a, "api.github.com").Leaf
	if got, want := leaf.NotAfter, now.Add(7*24*time.Hour); !got.Equal(want) {
		t.Errorf("leaf ends %s, want %s", got, want)
	}
	if got, want := leaf.NotBefore, now.Add(-5*time.Minute); !got.Equal(want) {
		t.Errorf("leaf begins %s, want %s", got, want)
	}
	if leaf.Subject.CommonName != "" || leaf.Subject.String() == "" {
		t.Errorf("leaf subject %q", leaf.Subject)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("leaf usage: CA %v, %b, %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	above := map[*x509.Certificate]*x509.Certificate{leaf: intermediate, intermediate: root, root: root}
	serials := map[string]bool{}
	for c, issuer := range above {
		if len(c.SubjectKeyId) != 20 || !bytes.Equal(c.SubjectKeyId, keyID(c.PublicKey.(*ecdsa.PublicKey))) {
			t.Errorf("%s: subject key id %x", c.Subject, c.SubjectKeyId)
		}
		if c != root && !bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId) {
			t.Errorf("%s: authority key id %x, issuer is %x", c.Subject, c.AuthorityKeyId, issuer.SubjectKeyId)
		}
		if c.SerialNumber.BitLen() < 90 { // of 128 random bits, 38 leading zeros are not chance
			t.Errorf("%s: serial %x", c.Subject, c.SerialNumber)
		}
		serials[c.SerialNumber.String()] = true
	}
	if len(serials) != 3 {
		t.Error("serials repeat")
	}
}

// What was made once is kept: clients trusted it.
func TestOpenKeepsTheCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "ca")
	first, err := Open(dir, testHosts)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir, []string{"API.github.com.", "gist.github.com"})
	if err != nil {
		t.Fatalf("other spelling, and a subdomain of a permitted name: %v", err)
	}
	if !bytes.Equal(first.RootPEM(), second.RootPEM()) || !bytes.Equal(first.RootPEM(), mustRead(t, second.RootFile())) {
		t.Error("the root changed")
	}
	if err := verify(mustLeaf(t, second, "gist.github.com"), first.RootPEM(), "gist.github.com", time.Now()); err != nil {
		t.Error(err)
	}
}

// A host that the constraints leave out is named, and the remedy too.
func TestNotCovered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := Open(dir, testHosts); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, []string{"ghes.example.com", "github.com", "acme.ghe.com"})
	missing, ok := errors.AsType[*NotCovered](err)
	if !ok || !slices.Equal(missing.Hosts, []string{"acme.ghe.com", "ghes.example.com"}) {
		t.Fatalf("Open = %v", err)
	}
	if !strings.Contains(err.Error(), "ghes.example.com: a new CA is needed, which every client must then trust") {
		t.Error(err)
	}
	if _, err := Open(dir, testHosts); err != nil {
		t.Errorf("after the refusal: %v", err)
	}
}

// An expired CA, and one from the future, are refused at start, not by the first client.
func TestOpenOutsideTheCAsLife(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	a, err := Open(dir, testHosts)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{a.NotAfter().Add(time.Second), "expired on"},
		{time.Now().Add(-25 * time.Hour), "is the clock right?"},
	} {
		if _, err := open(dir, testHosts, func() time.Time { return tt.at }); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("at %s: %v, want %q", tt.at, err, tt.want)
		}
	}
}

// Whatever shape a company's CA has, clients that trust its anchor accept the leaves.
func TestLoad(t *testing.T) {
	root := newCompany(t, "root", nil, nil)
	middle := newCompany(t, "middle", root, nil)
	short := newCompany(t, "short", middle, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) })
	for _, tt := range []struct {
		name   string
		signer *company
		above  []*company
		anchor *company
		sent   int
	}{
		{"a root alone", root, nil, root, 1},
		{"an intermediate and its root", middle, []*company{root}, root, 2},
		{"an intermediate whose root clients need not know", middle, nil, middle, 2},
		{"two intermediates", short, []*company{middle, root}, root, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "trust")
			certFile, keyFile := tt.signer.files(t, tt.above...)
			a, err := Load(dir, certFile, keyFile, testHosts)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.RootPEM(), encodeChain(tt.anchor.cert)) || !bytes.Equal(a.RootPEM(), mustRead(t, a.RootFile())) {
				t.Error("ca.pem is not the anchor")
			}
			if !bytes.HasPrefix(mustRead(t, a.BundleFile()), a.RootPEM()) {
				t.Error("ca-bundle.pem does not begin with the anchor")
			}
			cert := mustLeaf(t, a, "api.github.com")
			if len(cert.Certificate) != tt.sent {
				t.Errorf("a server sends %d certificates, want %d", len(cert.Certificate), tt.sent)
			}
			if err := verify(cert, a.RootPEM(), "api.github.com", time.Now()); err != nil {
				t.Error(err)
			}
			if !a.NotAfter().Equal(tt.signer.cert.NotAfter) || cert.Leaf.NotAfter.After(a.NotAfter()) {
				t.Errorf("NotAfter = %s, leaf %s", a.NotAfter(), cert.Leaf.NotAfter)
			}
		})
	}
}

// Several octopools share one CA by sharing the folder that holds it.
func TestLoadWhatOpenMade(t *testing.T) {
	made := openTemp(t)
	folder := filepath.Join(filepath.Dir(made.RootFile()), "intermediate")
	a, err := Load(t.TempDir(), filepath.Join(folder, "chain.pem"), filepath.Join(folder, "key.pem"), testHosts)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(mustLeaf(t, a, "github.com"), made.RootPEM(), "github.com", time.Now()); err != nil {
		t.Error(err)
	}
}

// A CA that cannot do the work is refused at start, with its fault.
func TestLoadRefuses(t *testing.T) {
	root := newCompany(t, "root", nil, nil)
	spoilt := func(change func(*x509.Certificate)) func(t *testing.T) (string, string) {
		return func(t *testing.T) (string, string) { return newCompany(t, "spoilt", root, change).files(t, root) }
	}
	for _, tt := range []struct {
		name  string
		files func(t *testing.T) (certFile, keyFile string)
		want  string
	}{
		{"not a CA", spoilt(func(c *x509.Certificate) { c.IsCA = false }), `"CN=spoilt" is not a CA`},
		{"may not sign", spoilt(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), "may not sign certificates"},
		{"expired", spoilt(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), `"CN=spoilt" expired on`},
		{"from the future", spoilt(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), "not valid before"},
		{"for other names", spoilt(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"api.github.com", "example.com"} }),
			"may not sign for github.com, uploads.github.com: its name constraints"},
		{"for clients only", spoilt(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "incompatible key usage"},
		{"too deep", func(t *testing.T) (string, string) {
			shallow := newCompany(t, "shallow", nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			return newCompany(t, "deep", shallow, nil).files(t, shallow)
		}, "too many intermediates"},
		{"chain out of order", func(t *testing.T) (string, string) {
			middle := newCompany(t, "middle", root, nil)
			return newCompany(t, "signer", middle, nil).files(t, root, middle)
		}, "did not sign the one before it"},
		{"another's key", func(t *testing.T) (string, string) {
			certFile, _ := root.files(t)
			_, keyFile := newCompany(t, "other", nil, nil).files(t)
			return certFile, keyFile
		}, "private key does not match public key"},
		{"no certificate", func(t *testing.T) (string, string) {
			certFile, keyFile := root.files(t)
			mustWrite(t, certFile, mustRead(t, keyFile), 0o644)
			return certFile, keyFile
		}, "failed to find certificate PEM data"},
		{"cut short", func(t *testing.T) (string, string) {
			certFile, keyFile := newCompany(t, "middle", root, nil).files(t, root)
			data := mustRead(t, certFile)
			mustWrite(t, certFile, data[:len(data)-40], 0o644)
			return certFile, keyFile
		}, "is damaged: 2 certificates begin in it, 1 can be read"},
		{"encrypted key", func(t *testing.T) (string, string) {
			certFile, keyFile := root.files(t)
			mustWrite(t, keyFile, bytes.ReplaceAll(mustRead(t, keyFile), []byte("PRIVATE"), []byte("ENCRYPTED PRIVATE")), 0o600)
			return certFile, keyFile
		}, "is encrypted"},
		{"readable key", func(t *testing.T) (string, string) {
			certFile, keyFile := root.files(t)
			mustWrite(t, keyFile, mustRead(t, keyFile), 0o640)
			return certFile, keyFile
		}, "key.pem has mode 0640: others than its owner can reach the CA's key; run: chmod 600 /"},
		{"missing", func(t *testing.T) (string, string) {
			certFile, keyFile := root.files(t)
			return certFile + ".not", keyFile
		}, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "trust")
			certFile, keyFile := tt.files(t)
			_, err := Load(dir, certFile, keyFile, testHosts)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, want %q", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), ".pem") {
				t.Errorf("%v names no file", err)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("a refused CA left its trust files")
			}
		})
	}
}
