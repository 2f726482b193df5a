package githubtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The hosts of github.com that the stand-in plays.
const (
	hostAPI      = "api.github.com"
	hostUploads  = "uploads.github.com"
	hostGit      = "github.com"
	hostGist     = "gist.github.com"
	hostCodeload = "codeload.github.com"
	hostRaw      = "raw.githubusercontent.com"
	hostAssets   = "release-assets.githubusercontent.com"
	hostActions  = "pipelines.actions.githubusercontent.com"

	hostLFS        = "lfs.github.com"
	hostLFSStorage = "github-cloud.githubusercontent.com"
)

// Hosts are the names that a server answers to as github.com, each with a certificate of its own.
func Hosts() []string {
	return []string{hostAPI, hostUploads, hostGit, hostGist, hostCodeload, hostRaw, hostAssets, hostActions, hostLFS, hostLFSStorage}
}

// hostOf is the host a request names, in lower case and without a port.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// An authority is a throw-away CA: its key lives and dies with the server.
type authority struct {
	certificatePEM []byte
	root           *x509.Certificate
	key            *ecdsa.PrivateKey
	secret         []byte   // signs download URLs
	hosts          []string // that it has certificates for

	mu     sync.Mutex
	leaves map[string]*tls.Certificate // by host, guarded by mu
}

func newAuthority(hosts []string) *authority {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "GitHub stand-in"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	root := sign(template, template, key, key)
	return &authority{
		certificatePEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}),
		root:           root,
		key:            key,
		secret:         []byte(rand.Text()),
		hosts:          hosts,
		leaves:         map[string]*tls.Certificate{},
	}
}

// certificate is the leaf for the host in a ClientHello. A client that names no
// host gets the API's, as an IP address connects to some default at GitHub too.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(hello.ServerName)
	if host == "" && slices.Contains(a.hosts, hostAPI) {
		host = hostAPI
	}
	if !slices.Contains(a.hosts, host) {
		return nil, fmt.Errorf("no certificate for %s", host)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf := a.leaves[host]; leaf != nil {
		return leaf, nil
	}
	key := newKey()
	leaf := sign(&x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.root, key, a.key)
	a.leaves[host] = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	return a.leaves[host], nil
}

// sign panics on errors: its inputs are made here, so one is a bug here.
func sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return certificate
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return key
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return n
}

// CAPEM is the root certificate that vouches for the server, in PEM.
func (s *Server) CAPEM() []byte { return slices.Clone(s.authority.certificatePEM) }

// Roots is a pool that holds that root alone.
func (s *Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.root)
	return pool
}

// Client reaches the server directly, whichever host a URL names, and uses no
// proxy. It is the same client each time; it follows redirects.
func (s *Server) Client() *http.Client { return s.client }

func (s *Server) newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr())
		},
		TLSClientConfig:   &tls.Config{RootCAs: s.Roots()},
		ForceAttemptHTTP2: true,
	}}
}
