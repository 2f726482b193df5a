package mitm_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"octopool/ca"
)

// enterprise is an Enterprise Server that says which path it was asked for, with links as
// such a server writes them.
type enterprise struct {
	addr  string
	roots *x509.CertPool
}

func newEnterprise(t *testing.T, host string) enterprise {
	t.Helper()
	authority, err := ca.Open(t.TempDir()+"/ca", []string{host})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			t.Errorf("asked for %s", r.Host)
		}
		w.Header().Set("Link", "<https://"+host+`/api/v3/organizations/1?page=2>; rel="next", <https://docs.github.com/rest>; rel="deprecation"`)
		w.Header().Set("Location", "https://"+host+"/api/uploads/x")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, r.URL.Path)
	}))
	server.TLS = authority.TLSConfig(host).Clone()
	server.StartTLS()
	t.Cleanup(server.Close)
	e := enterprise{addr: server.Listener.Addr().String(), roots: x509.NewCertPool()}
	e.roots.AppendCertsFromPEM(authority.RootPEM())
	return e
}
