package ca

import (
	"crypto/tls"
	"fmt"
	"sync"
	"time"
)

// renewAhead is when a leaf in use is replaced, behind the back of whoever asks
// for it: early enough that a busy host never waits and an idle weekend does not matter.
const renewAhead = 48 * time.Hour

// A slot holds what is kept for one host.
type slot struct {
	host   string
	config *tls.Config // never written after newSlot

	mu       sync.Mutex       // guards what follows; held while issuing a leaf that cannot wait, so that a second caller waits for the first
	leaf     *tls.Certificate // nil until asked for
	by       *signer          // of leaf
	renewing bool             // a goroutine is issuing the next leaf
}

// Leaf returns a certificate for host, with host as its single name and the
// chain a server must send. The leaf is kept in memory and shared: it must not be
// modified. It is valid for at least five minutes more, short of the CA's own
// end. A host outside the set is an error.
func (a *Authority) Leaf(host string) (*tls.Certificate, error) {
	s := a.slots[fold(host)]
	if s == nil {
		return nil, fmt.Errorf("no certificate for %q: not an intercepted host", host)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, by := a.now(), a.signer()
	switch {
	case s.leaf == nil, s.by != by:
	case by.freshAt(s.leaf, now):
		return s.leaf, nil
	case s.leaf.Leaf.NotAfter.Sub(now) > skew:
		if !s.renewing {
			s.renewing = true
			go a.renew(s)
		}
		return s.leaf, nil
	}
	if !now.Before(by.notAfter) {
		return nil, fmt.Errorf("no certificate for %s: the CA expired on %s", s.host, by.notAfter.Format(time.DateOnly))
	}
	leaf, err := a.issue(by, s.host, now)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate for %s: %w", s.host, err)
	}
	s.leaf, s.by = leaf, by
	return leaf, nil
}

// freshAt reports whether nothing is to be gained from a new leaf at now: the old
// one has long to go, or as long as the CA itself.
func (by *signer) freshAt(leaf *tls.Certificate, now time.Time) bool {
	end := leaf.Leaf.NotAfter
	return end.Sub(now) > renewAhead || now.Before(end) && !end.Before(by.notAfter)
}

// renew replaces the leaf of s. An error is not lost: the next caller tries
// again, and once the old leaf is of no use that caller is told.
func (a *Authority) renew(s *slot) {
	by := a.signer()
	leaf, err := a.issue(by, s.host, a.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewing = false
	if err == nil {
		s.leaf, s.by = leaf, by
	}
}

// TLSConfig returns the server side of TLS for one tunnel to host: HTTP/2 and
// HTTP/1.1, TLS 1.2 at least. A client that asks for another name than host, or
// any client if host is outside the set, gets a handshake error. Every call for
// a host returns the same config, so that a session begun in one tunnel can be
// resumed in the next; it must not be modified.
func (a *Authority) TLSConfig(host string) *tls.Config {
	if s := a.slots[fold(host)]; s != nil {
		return s.config
	}
	return a.newSlot(host).config // Leaf refuses it; not kept, or strangers could fill memory with names
}

func (a *Authority) newSlot(host string) *slot {
	onlyHost := func(hello *tls.ClientHelloInfo) error {
		if hello.ServerName != "" && fold(hello.ServerName) != fold(host) {
			return fmt.Errorf("the client asks for %q in a tunnel to %q", hello.ServerName, host)
		}
		return nil
	}
	return &slot{host: host, config: &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		Time:       a.now,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if err := onlyHost(hello); err != nil {
				return nil, err
			}
			return a.Leaf(host)
		},
		// A resumed session never asks for a certificate, so the name is checked
		// here too. A nil config means: go on with this one and its tickets.
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return nil, onlyHost(hello)
		},
	}}
}
