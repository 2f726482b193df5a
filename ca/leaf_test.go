package ca

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The set is closed: no spelling and no neighbour of a host gets a leaf.
func TestLeafOutsideTheSet(t *testing.T) {
	a := openTemp(t)
	for _, host := range []string{"", ".", "example.com", "gist.github.com", "*.github.com", "api.github.com:443", "api.github.com..", ".github.com", "127.0.0.1", "gıthub.com", "github.com\x00"} {
		if _, err := a.Leaf(host); err == nil || !strings.Contains(err.Error(), "not an intercepted host") {
			t.Errorf("Leaf(%q): %v", host, err)
		}
		if _, err := handshake(a.TLSConfig(host), &tls.Config{InsecureSkipVerify: true, ServerName: "x.example"}); err == nil {
			t.Errorf("a handshake for %q succeeded", host)
		}
	}
	if len(a.slots) != len(testHosts) {
		t.Errorf("%d slots: strangers' names are kept", len(a.slots))
	}
}

func TestLeafFoldsNames(t *testing.T) {
	a := openTemp(t)
	if mustLeaf(t, a, "API.GitHub.com.") != mustLeaf(t, a, "api.github.com") {
		t.Error("two leaves for two spellings of one host")
	}
	if a.TLSConfig("API.GitHub.com.") != a.TLSConfig("api.github.com") {
		t.Error("two configs for two spellings of one host")
	}
}

// A hundred callers make octopool issue one leaf: they wait for it when the old one
// is of no use, and are given the old one when it still is.
func TestOneLeafForAHundredCallers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		later time.Duration
		same  bool // as the leaf before
	}{
		{"expired", leafLife + time.Hour, false},
		{"close to its end", leafLife - time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openTemp(t)
				old := mustLeaf(t, a, "github.com")
				signed := &countingSigner{Signer: a.signer().key, gate: make(chan struct{})}
				a.signer().key = signed
				if !tt.same {
					close(signed.gate)
				}
				time.Sleep(tt.later)
				leaves := make([]*tls.Certificate, 100)
				var wg sync.WaitGroup
				for i := range leaves {
					wg.Go(func() { leaves[i], _ = a.Leaf("github.com") })
				}
				wg.Wait()
				if tt.same {
					close(signed.gate) // only now, so that all have asked while the new leaf was in the making
				}
				synctest.Wait()
				if n := signed.n.Load(); n != 1 {
					t.Errorf("%d leaves were issued", n)
				}
				for _, leaf := range leaves {
					if leaf == nil || leaf != leaves[0] || (leaf == old) != tt.same {
						t.Fatal("callers got different leaves")
					}
					if time.Now().After(leaf.Leaf.NotAfter) {
						t.Fatal("an expired leaf was served")
					}
				}
			})
		})
	}
}

// A countingSigner signs when its gate is open.
type countingSigner struct {
	crypto.Signer
	gate chan struct{}
	n    atomic.Int32
}

func (s *countingSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.n.Add(1)
	<-s.gate
	return s.Signer.Sign(r, digest, opts)
}

// A renewal that fails in the background is tried again by the next caller, and
// not a reason to stop serving what is good.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openTemp(t)
		first, key := mustLeaf(t, a, "github.com"), a.signer().key
		broken := &brokenSigner{Signer: key}
		a.signer().key = broken
		time.Sleep(leafLife - time.Hour)
		for range 2 {
			if mustLeaf(t, a, "github.com") != first {
				t.Error("the good leaf was dropped")
			}
			synctest.Wait()
		}
		if n := broken.n.Load(); n != 2 {
			t.Errorf("%d renewals were tried by 2 callers", n)
		}
		time.Sleep(time.Hour)
		if _, err := a.Leaf("github.com"); err == nil || !strings.Contains(err.Error(), "issuing a certificate for github.com: no entropy") {
			t.Errorf("with nothing good left: %v", err)
		}
		a.signer().key = key
		if mustLeaf(t, a, "github.com") == first {
			t.Error("the expired leaf was served")
		}
	})
}

type brokenSigner struct {
	crypto.Signer
	n atomic.Int32
}

func (s *brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	s.n.Add(1)
	return nil, errors.New("no entropy")
}

// A leaf near its end is replaced behind the caller's back; one that is of no
// use to a client whose clock is fast is replaced before it is given out.
func TestRenewal(t *testing.T) {
	for _, tt := range []struct {
		name      string
		left      time.Duration // of the first leaf when asked for
		now, then bool          // is a new leaf returned at once; is it returned afterwards
	}{
		{"a week to go", leafLife, false, false},
		{"more than two days", renewAhead + time.Second, false, false},
		{"two days", renewAhead, false, true},
		{"an hour", time.Hour, false, true},
		{"six minutes", 6 * time.Minute, false, true},
		{"five minutes", 5 * time.Minute, true, true},
		{"a second", time.Second, true, true},
		{"expired", -time.Hour, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openTemp(t)
				first := mustLeaf(t, a, "github.com")
				time.Sleep(time.Until(first.Leaf.NotAfter) - tt.left)
				if got := mustLeaf(t, a, "github.com"); (got != first) != tt.now {
					t.Errorf("renewed at once: %v", got != first)
				}
				synctest.Wait()
				got := mustLeaf(t, a, "github.com")
				if (got != first) != tt.then {
					t.Errorf("renewed: %v", got != first)
				}
				if err := verify(got, a.RootPEM(), "github.com", time.Now()); err != nil {
					t.Error(err)
				}
				if want := time.Now().Add(leafLife); tt.then && !got.Leaf.NotAfter.Equal(want) {
					t.Errorf("the new leaf ends %s, want %s", got.Leaf.NotAfter, want)
				}
			})
		})
	}
}

// Towards the CA's own end leaves end with it, are not issued over and over, and
// then there are none.
func TestLeavesEndWithTheCA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openTemp(t)
		time.Sleep(time.Until(a.NotAfter()) - time.Hour)
		last := mustLeaf(t, a, "github.com")
		if !last.Leaf.NotAfter.Equal(a.NotAfter()) {
			t.Errorf("leaf ends %s, CA %s", last.Leaf.NotAfter, a.NotAfter())
		}
		time.Sleep(time.Hour - time.Second)
		if mustLeaf(t, a, "github.com") != last {
			t.Error("a leaf was issued that gained nothing")
		}
		time.Sleep(time.Second)
		if _, err := a.Leaf("github.com"); err == nil || !strings.Contains(err.Error(), "the CA expired on") {
			t.Errorf("after the CA's end: %v", err)
		}
	})
}

// One tunnel speaks for one host.
func TestTunnelAnswersForItsHostOnly(t *testing.T) {
	a := openTemp(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.RootPEM())
	for _, tt := range []struct {
		tunnel, sni string
		want        string // of the server's error
	}{
		{"api.github.com", "api.github.com", ""},
		{"api.github.com", "API.GITHUB.COM", ""},
		{"API.github.com.", "api.github.com", ""},
		{"api.github.com", "github.com", `the client asks for "github.com" in a tunnel to "api.github.com"`},
		{"api.github.com", "example.com", `the client asks for "example.com"`},
		{"example.com", "example.com", `not an intercepted host`},
		{"example.com", "github.com", `the client asks for "github.com"`},
	} {
		client := &tls.Config{RootCAs: roots, ServerName: tt.sni, NextProtos: []string{"h2", "http/1.1"}}
		state, err := handshake(a.TLSConfig(tt.tunnel), client)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s in a tunnel to %s: %v, want %q", tt.sni, tt.tunnel, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s in a tunnel to %s: %v", tt.sni, tt.tunnel, err)
		} else if state.NegotiatedProtocol != "h2" {
			t.Errorf("protocol %q", state.NegotiatedProtocol)
		}
	}

	// No SNI at all: the tunnel says which host is meant.
	state, err := handshake(a.TLSConfig("api.github.com"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.PeerCertificates[0].VerifyHostname("api.github.com"); err != nil {
		t.Error(err)
	}
	// crypto/tls refuses a trailing dot on the wire (RFC 6066, section 3); here it is folded.
	if _, err := a.TLSConfig("api.github.com").GetCertificate(&tls.ClientHelloInfo{ServerName: "Api.github.com."}); err != nil {
		t.Error(err)
	}
	// Whoever builds a config of their own around it is held to the same host.
	if _, err := a.TLSConfig("api.github.com").GetCertificate(&tls.ClientHelloInfo{ServerName: "github.com"}); err == nil {
		t.Error("GetCertificate answers for another host than its tunnel's")
	}
	// Old protocols are not spoken.
	if _, err := handshake(a.TLSConfig("api.github.com"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// A session begun in one tunnel is resumed in the next to the same host, and
// nowhere else.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			a := openTemp(t)
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(a.RootPEM())
			client := &tls.Config{RootCAs: roots, ServerName: "api.github.com", MaxVersion: version, ClientSessionCache: &oneSession{}}
			for i, want := range []bool{false, true} {
				state, err := handshake(a.TLSConfig("api.github.com"), client)
				if err != nil {
					t.Fatal(err)
				}
				if state.DidResume != want {
					t.Errorf("tunnel %d: resumed %v, want %v", i+1, state.DidResume, want)
				}
			}
			elsewhere := client.Clone()
			elsewhere.InsecureSkipVerify = true // or the client itself would not offer the session
			elsewhere.ServerName = "github.com"
			if state, err := handshake(a.TLSConfig("github.com"), elsewhere); err != nil || state.DidResume {
				t.Errorf("in a tunnel to another host: resumed %v, %v", state.DidResume, err)
			}
			elsewhere.ClientSessionCache = &oneSession{}
			client.ClientSessionCache = elsewhere.ClientSessionCache
			if _, err := handshake(a.TLSConfig("api.github.com"), client); err != nil {
				t.Fatal(err)
			}
			if _, err := handshake(a.TLSConfig("api.github.com"), elsewhere); err == nil || !strings.Contains(err.Error(), "the client asks for") {
				t.Errorf("another name with a session of this tunnel's: %v", err)
			}
		})
	}
}

// oneSession offers its one session to every name.
type oneSession struct{ session *tls.ClientSessionState }

func (o *oneSession) Get(string) (*tls.ClientSessionState, bool)    { return o.session, o.session != nil }
func (o *oneSession) Put(_ string, session *tls.ClientSessionState) { o.session = session }

// handshake runs both sides over a pipe until the client has read a byte (with TLS
// 1.3, its tickets come before it). The errors of both sides are joined.
func handshake(server, client *tls.Config) (tls.ConnectionState, error) {
	near, far := net.Pipe()
	defer near.Close()
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		_, err := tls.Server(far, server).Write([]byte("x"))
		served <- err
	}()
	conn := tls.Client(near, client)
	_, err := conn.Read(make([]byte, 1))
	if err != nil {
		near.Close()
		return tls.ConnectionState{}, errors.Join(err, <-served)
	}
	return conn.ConnectionState(), <-served
}

// Renewal, handshakes and look-ups may all run at once (for the race detector).
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := Open(filepath.Join(t.TempDir(), "ca"), testHosts)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(leafLife - time.Hour)
			var wg sync.WaitGroup
			for i := range 30 {
				host := testHosts[i%len(testHosts)]
				wg.Go(func() {
					if _, err := handshake(a.TLSConfig(host), &tls.Config{InsecureSkipVerify: true, ServerName: host}); err != nil {
						t.Error(fmt.Errorf("%s: %w", host, err))
					}
				})
			}
			wg.Wait()
			synctest.Wait()
		}
	})
}
