package mitm_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"octopool/ca"
	"octopool/mitm"
)

// fixed puts a handler in the place of GitHub, for answers that GitHub would not give at
// will. It speaks HTTP/2 where proto says so, else HTTP/1.1.
func fixed(t testing.TB, proto string, handler http.HandlerFunc) option {
	t.Helper()
	authority, err := ca.Open(t.TempDir()+"/ca", mitm.Hosts([]mitm.GitHub{{Host: "github.com", Git: true}}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = proto == "HTTP/2.0"
	server.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return authority.Leaf(hello.ServerName)
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.RootPEM())
	return withUpstream(server.Listener.Addr().String(), roots)
}
