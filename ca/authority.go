// Package ca is octopool's certificate authority. It holds one signing
// certificate, issues short-lived leaves for a closed set of hosts, and writes
// the files that clients are told to trust.
//
// A CA that a runner trusts is dangerous: whoever holds its key could pose as
// any site. So the authority made here can sign for the intercepted hosts alone,
// and it is the clients that enforce it: root and intermediate both carry
// critical name constraints (RFC 5280, section 4.2.1.10), and the root's key is
// discarded as soon as it has signed the intermediate. A permitted name also
// permits its subdomains, as the RFC has it: github.com covers
// anything.github.com. The set of hosts, not the constraints, keeps octopool
// from signing for those.
//
// The package knows nothing of connections, requests or GitHub.
package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// An Authority signs leaves for a closed set of hosts. It is safe for
// concurrent use and needs no closing.
type Authority struct {
	kept atomic.Pointer[kept] // what signs, now and later; see Reread

	// One key serves every leaf of this process and never touches a disk.
	// A key per leaf would protect nothing: they would all live and die in the
	// same memory.
	leafKey *ecdsa.PrivateKey
	slots   map[string]*slot // by host; the map itself never changes

	names       []string // of slots, sorted
	dir         string   // where the files are
	systemRoots string   // whose roots are in the bundle
	loaded      bool     // it is an operator's own, which octopool cannot rotate
	now         func() time.Time
}

// A signer is what leaves are signed with.
type signer struct {
	chain    []*x509.Certificate // what signs leaves first, the trust anchor last
	key      crypto.Signer       // of chain[0]
	sent     [][]byte            // what a server sends after the leaf
	notAfter time.Time           // when the first of chain ends
}

// root is the trust anchor.
func (s *signer) root() *x509.Certificate { return s.chain[len(s.chain)-1] }

// signer is what signs now.
func (a *Authority) signer() *signer { return a.kept.Load().at(a.now()) }

// Open returns the authority kept in dir, making root, intermediate and keys on
// first use. dir must be a folder of its own; it is made with mode 0700, and an
// existing one that group or others can enter is refused, as is a key they can
// read. Any number of processes may Open one dir at once: they agree on one CA.
//
// hosts is the closed set of names the authority will ever sign for, whatever
// their case and with or without a trailing dot. When the stored CA's
// constraints leave some of them out the error is a *NotCovered.
func Open(dir string, hosts []string) (*Authority, error) {
	return open(dir, hosts, time.Now)
}

func open(dir string, hosts []string, now func() time.Time) (*Authority, error) {
	names, err := foldAll(hosts)
	if err != nil {
		return nil, err
	}
	if exists(dir, lockName) {
		unlock, err := lock(dir)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	k, err := readKept(dir, now())
	if errors.Is(err, fs.ErrNotExist) {
		// Losing the race against another process is no error, so what matters
		// is whether there is a CA afterwards, not why this one was not kept.
		makeErr := makeStored(dir, names, now())
		k, err = readKept(dir, now())
		if errors.Is(err, fs.ErrNotExist) {
			err = makeErr
		}
	}
	if err != nil {
		return nil, err
	}
	a, err := newAuthority(dir, k, names, now)
	if err != nil {
		return nil, fmt.Errorf("the CA in %s: %w", dir, err)
	}
	return a, nil
}

// Load returns an authority that signs with an existing CA or intermediate: a
// company's own, or one shared by several octopools. certFile holds the signing
// certificate first, then what leads from it to the trust anchor, which is the
// last certificate in the file; keyFile the signing certificate's key, unencrypted
// and readable by its owner only, or root's and readable by its group where octopool is
// not root. ca.pem and ca-bundle.pem are written to dir.
//
// Load refuses a certificate that cannot do the work: not a CA, expired, not of
// this key, or constrained to other names than hosts.
func Load(dir, certFile, keyFile string, hosts []string) (*Authority, error) {
	return load(dir, certFile, keyFile, hosts, time.Now)
}

func load(dir, certFile, keyFile string, hosts []string, now func() time.Time) (*Authority, error) {
	names, err := foldAll(hosts)
	if err != nil {
		return nil, err
	}
	chain, key, err := readSigner(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	a, err := newAuthority(dir, &kept{current: newSigner(chain, key)}, names, now)
	if missing, ok := errors.AsType[*NotCovered](err); ok {
		return nil, fmt.Errorf("%s may not sign for %s: its name constraints do not permit it",
			certFile, strings.Join(missing.Hosts, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	a.loaded = true
	return a, nil
}

// NotCovered says that the stored CA's name constraints do not permit Hosts.
// Constraints are part of what clients trust and cannot be widened, so only a
// new CA, trusted anew by every client, can sign for these hosts.
type NotCovered struct{ Hosts []string }

func (e *NotCovered) Error() string {
	return fmt.Sprintf("name constraints do not permit %s: a new CA is needed, which every client must then trust",
		strings.Join(e.Hosts, ", "))
}

// newSigner signs with the first of chain, whose key this is.
func newSigner(chain []*x509.Certificate, key crypto.Signer) *signer {
	s := &signer{chain: chain, key: key, notAfter: chain[0].NotAfter}
	for _, c := range chain {
		if c.NotAfter.Before(s.notAfter) {
			s.notAfter = c.NotAfter
		}
		if !selfSigned(c) { // a root in the chain is ignored by every client: they have it or they do not
			s.sent = append(s.sent, c.Raw)
		}
	}
	return s
}

// newAuthority refuses what clients would refuse, and writes what they trust. names are
// folded.
func newAuthority(dir string, k *kept, names []string, now func() time.Time) (*Authority, error) {
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{leafKey: leafKey, slots: make(map[string]*slot), names: names, dir: dir, now: now}
	for _, name := range names {
		a.slots[name] = a.newSlot(name)
	}
	if err := a.take(k); err != nil {
		return nil, err
	}
	return a, nil
}

// take has a sign with k from now on, unless clients would refuse that.
func (a *Authority) take(k *kept) (err error) {
	for _, s := range k.signers() {
		if err := checkChain(s.chain, a.now()); err != nil {
			return err
		}
		if err := a.tryAll(s); err != nil {
			return err
		}
	}
	if a.systemRoots, err = writeTrust(a.dir, k.rootsPEM()); err != nil {
		return err
	}
	if err := k.date(a.dir, a.now()); err != nil { // it is published only now
		return err
	}
	a.kept.Store(k)
	return nil
}

// tryAll issues a leaf for each name and verifies it as a client would, so that
// a CA that cannot do its work is found at start and not by the first client.
func (a *Authority) tryAll(s *signer) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.root())
	for _, c := range s.chain[:len(s.chain)-1] {
		intermediates.AddCert(c)
	}
	missing := &NotCovered{}
	for _, name := range a.names {
		leaf, err := a.issue(s, name, a.now())
		if err != nil {
			return err
		}
		_, err = leaf.Leaf.Verify(x509.VerifyOptions{
			DNSName: name, Roots: roots, Intermediates: intermediates, CurrentTime: a.now(),
		})
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.CANotAuthorizedForThisName {
			missing.Hosts = append(missing.Hosts, name)
			continue
		}
		if err != nil {
			return fmt.Errorf("a leaf for %s would be refused: %w", name, err)
		}
	}
	if len(missing.Hosts) > 0 {
		return missing
	}
	return nil
}

// checkChain names what is wrong with a chain in the operator's words; tryAll
// would catch the same, less clearly.
func checkChain(chain []*x509.Certificate, now time.Time) error {
	for i, c := range chain {
		switch {
		case !c.BasicConstraintsValid || !c.IsCA:
			return fmt.Errorf("certificate %q is not a CA", c.Subject)
		case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
			return fmt.Errorf("certificate %q may not sign certificates (key usage)", c.Subject)
		case now.After(c.NotAfter):
			return fmt.Errorf("certificate %q expired on %s", c.Subject, c.NotAfter.Format(time.DateOnly))
		case now.Before(c.NotBefore):
			return fmt.Errorf("certificate %q is not valid before %s; is the clock right?", c.Subject, c.NotBefore.Format(time.RFC3339))
		}
		if i > 0 {
			if err := chain[i-1].CheckSignatureFrom(c); err != nil {
				return fmt.Errorf("certificate %q did not sign the one before it, %q: %w", c.Subject, chain[i-1].Subject, err)
			}
		}
	}
	return nil
}

// selfSigned goes by names and key ids. It does not verify: many a company's root
// is old enough to be signed with SHA-1, which is refused anywhere but in a root.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) &&
		(len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// RootPEM returns what clients must trust, PEM encoded: the trust anchor, and while the
// CA is rotated both, the new one first.
func (a *Authority) RootPEM() []byte { return a.kept.Load().rootsPEM() }

// RootFile returns the path of ca.pem, which holds RootPEM alone: for variables
// that add to a client's trust, such as NODE_EXTRA_CA_CERTS.
func (a *Authority) RootFile() string { return filepath.Join(a.dir, rootName) }

// BundleFile returns the path of ca-bundle.pem, which holds RootPEM and the
// system's roots: for variables that replace a client's trust, such as
// REQUESTS_CA_BUNDLE. It is brought up to date by Open and Load.
func (a *Authority) BundleFile() string { return filepath.Join(a.dir, bundleName) }

// SystemRoots returns the file whose roots are in the bundle, or "" when none
// was found. A client given such a bundle trusts intercepted hosts only, which
// is worth a warning.
func (a *Authority) SystemRoots() string { return a.systemRoots }

// NotAfter returns when the root or the intermediate ends that sign now, whichever is
// first. No leaf outlives it, and after it Leaf fails.
func (a *Authority) NotAfter() time.Time { return a.signer().notAfter }
