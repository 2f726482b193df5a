package ca

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
)

// systemRootFiles are where systems keep their roots in one file; the first that
// is there is used. The same places as Go's crypto/x509, and macOS's.
var systemRootFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Alpine with ca-certificates
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/pki/tls/cacert.pem",                           // OpenELEC
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
	"/etc/ssl/cert.pem",                                 // Alpine, macOS, the BSDs
}

// The files that clients trust.
const (
	rootName   = "ca.pem"
	bundleName = "ca-bundle.pem"
)

// writeTrust brings ca.pem and ca-bundle.pem in dir up to date. It returns the file whose
// roots are in the bundle besides own, or "".
func writeTrust(dir string, own []byte) (systemRoots string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	rootFile, bundleFile := filepath.Join(dir, rootName), filepath.Join(dir, bundleName)
	places, env := systemRootFiles, os.Getenv("SSL_CERT_FILE")
	switch {
	case env == "", sameFile(env, rootFile):
	case !sameFile(env, bundleFile):
		places = append([]string{env}, places...)
	default:
		// A shell that uses octopool no longer knows what roots there are beside ours.
		// Who made the bundle did, and the next start outside such a shell will.
		if old, err := os.ReadFile(bundleFile); err == nil && bytes.HasPrefix(old, own) {
			return bundleFile, writeChanged(rootFile, own)
		}
	}
	roots, from := readRoots(places, own)
	// The bundle first: who sees ca.pem change finds both changed.
	return from, errors.Join(writeChanged(bundleFile, append(bytes.Clone(own), roots...)), writeChanged(rootFile, own))
}

// readRoots returns the certificates of the first of places that has any other
// than those of own, and which place that was. Only certificates are taken over: such
// files also hold comments in any encoding, and own when octopool's root was
// installed in the system.
func readRoots(places []string, own []byte) (roots []byte, from string) {
	for _, place := range places {
		data, err := os.ReadFile(place)
		if err != nil {
			continue
		}
		var b bytes.Buffer
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})
			if !bytes.Contains(own, c) {
				b.Write(c)
			}
		}
		if b.Len() > 0 {
			return b.Bytes(), place
		}
	}
	return nil, ""
}

// sameFile reports whether two paths lead to one file; SSL_CERT_FILE is often our
// own bundle.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// writeChanged leaves a file alone that is right already, so that its time says
// when trust last changed and a read-only disk does not matter.
func writeChanged(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return writeFile(path, data, 0o644)
}
