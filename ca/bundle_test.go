package ca

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The bundle follows the system's roots from one start to the next.
func TestBundleFollowsTheSystem(t *testing.T) {
	system := filepath.Join(t.TempDir(), "roots.pem")
	t.Setenv("SSL_CERT_FILE", system)
	one, two := newCompany(t, "one", nil, nil), newCompany(t, "two", nil, nil)
	dir := filepath.Join(t.TempDir(), "ca")
	for _, roots := range [][]byte{encodeChain(one.cert), encodeChain(one.cert, two.cert), encodeChain(two.cert)} {
		mustWrite(t, system, roots, 0o644)
		a, err := Open(dir, testHosts)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := mustRead(t, a.BundleFile()), append(a.RootPEM(), roots...); !bytes.Equal(got, want) {
			t.Errorf("bundle is\n%swant\n%s", got, want)
		}
		if a.SystemRoots() != system {
			t.Errorf("SystemRoots = %q", a.SystemRoots())
		}
	}
}

// Files that are right are left alone: their times say when trust changed.
func TestTrustFilesAreWrittenOnChange(t *testing.T) {
	a := openTemp(t)
	then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, path := range []string{a.RootFile(), a.BundleFile()} {
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(filepath.Dir(a.RootFile()), testHosts); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{a.RootFile(), a.BundleFile()} {
		if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(then) {
			t.Errorf("%s was rewritten: %v", path, err)
		}
	}
}

// octopool runs with the variables it sets for others. The bundle is not made of itself
// then: it is left as it is, since who made it knew what roots there are beside ours.
func TestBundleIsNotItsOwnSource(t *testing.T) {
	one, two := newCompany(t, "one", nil, nil), newCompany(t, "two", nil, nil)
	other := filepath.Join(t.TempDir(), "roots.pem")
	mustWrite(t, other, encodeChain(one.cert), 0o644)
	t.Setenv("SSL_CERT_FILE", other)
	a := openTemp(t)
	dir := filepath.Dir(a.RootFile())

	link := filepath.Join(t.TempDir(), "link.pem")
	if err := os.Symlink(a.BundleFile(), link); err != nil {
		t.Fatal(err)
	}
	made := mustRead(t, a.BundleFile())
	for _, ours := range []string{a.BundleFile(), link} {
		t.Setenv("SSL_CERT_FILE", ours)
		again, err := Open(dir, testHosts)
		if err != nil {
			t.Fatal(err)
		}
		if again.SystemRoots() != a.BundleFile() || !bytes.Equal(mustRead(t, a.BundleFile()), made) {
			t.Errorf("SSL_CERT_FILE=%s: the bundle was made anew, from %s", ours, again.SystemRoots())
		}
	}
	// The root alone says nothing of other roots, nor does a bundle of another root.
	t.Setenv("SSL_CERT_FILE", a.RootFile())
	if _, err := Open(dir, testHosts); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mustRead(t, a.BundleFile()), encodeChain(one.cert)) {
		t.Error("the root alone: the bundle was left as it is")
	}
	mustWrite(t, a.BundleFile(), encodeChain(one.cert), 0o644)
	t.Setenv("SSL_CERT_FILE", a.BundleFile())
	if _, err := Open(dir, testHosts); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(mustRead(t, a.BundleFile()), a.RootPEM()) {
		t.Error("another root's bundle was left as it is")
	}

	// octopool's root installed in the system is not there twice.
	mustWrite(t, other, append(a.RootPEM(), encodeChain(two.cert)...), 0o644)
	t.Setenv("SSL_CERT_FILE", other)
	if _, err := Open(dir, testHosts); err != nil {
		t.Fatal(err)
	}
	if got, want := mustRead(t, a.BundleFile()), append(a.RootPEM(), encodeChain(two.cert)...); !bytes.Equal(got, want) {
		t.Errorf("bundle is\n%swant\n%s", got, want)
	}
}

func TestReadRoots(t *testing.T) {
	dir := t.TempDir()
	own := encodeChain(newCompany(t, "own", nil, nil).cert)
	good := encodeChain(newCompany(t, "good", nil, nil).cert)
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		mustWrite(t, path, data, 0o644)
		return path
	}
	_, keyFile := newCompany(t, "leaky", nil, nil).files(t)
	comments := file("comments", append([]byte("# Gr\xfc\xdfe\n"), append(good, mustRead(t, keyFile)...)...))
	plain := file("plain", good)
	for _, tt := range []struct {
		name   string
		places []string
		roots  []byte
		from   string
	}{
		{"nothing anywhere", []string{filepath.Join(dir, "not"), dir, file("empty", nil), file("text", []byte("hello"))}, nil, ""},
		{"the first that has any", []string{filepath.Join(dir, "not"), file("own", own), plain, comments}, good, plain},
		{"certificates and nothing else", []string{comments}, good, comments},
	} {
		roots, from := readRoots(tt.places, own)
		if !bytes.Equal(roots, tt.roots) || from != tt.from {
			t.Errorf("%s: from %q, %d bytes, want %q, %d", tt.name, from, len(roots), tt.from, len(tt.roots))
		}
	}
}

// On this system at least, the bundle holds what the system trusts.
func TestBundleHoldsTheSystemsRoots(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "")
	a := openTemp(t)
	if a.SystemRoots() == "" {
		t.Fatalf("no system roots found in %q: install ca-certificates (scripts/test does)", systemRootFiles)
	}
	bundle := x509.NewCertPool()
	bundle.AppendCertsFromPEM(mustRead(t, a.BundleFile()))
	want := x509.NewCertPool()
	want.AppendCertsFromPEM(a.RootPEM())
	want.AppendCertsFromPEM(mustRead(t, a.SystemRoots()))
	if !bundle.Equal(want) {
		t.Error("the bundle is not the root and the system's roots")
	}
}
