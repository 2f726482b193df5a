package githubtest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// An Issuer plays token.actions.githubusercontent.com, or any other OpenID Connect issuer, on
// a loopback port of its own: discovery, keys that rotate, and the endpoint from which a
// runner of GitHub Actions gets its job's tokens. Its methods may be called at any time.
type Issuer struct {
	server *httptest.Server
	runner string // the runner's token for the endpoint
	mu     sync.Mutex
	keys   []*issuerKey // the last one signs
	made   int          // keys, ever
	claims map[string]any
	life   time.Duration
	down   bool
	held   chan struct{} // answers wait for it to be closed; nil for none
	asked  map[string]int
	keySet func(keys []map[string]any) any // what is published; nil for the keys
}

// NewIssuer starts an issuer with one RSA key, whose jobs are of acme/web.
func NewIssuer() *Issuer {
	i := &Issuer{runner: rand.Text(), asked: map[string]int{}, life: 5 * time.Minute}
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.server.StartTLS()
	i.Rotate("RS256")
	// The claims and their forms are those of GitHub's documentation, "OpenID Connect reference".
	i.claims = map[string]any{
		"sub": "repo:acme/web:ref:refs/heads/main", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
		"sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "environment": "production",
		"repository": "acme/web", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65", "repository_visibility": "private",
		"actor": "octocat", "actor_id": "12", "workflow": "build", "workflow_ref": "acme/web/.github/workflows/build.yml@refs/heads/main",
		"job_workflow_ref": "acme/web/.github/workflows/build.yml@refs/heads/main",
		"event_name":       "push", "run_id": "30433642", "run_number": "10", "run_attempt": "2",
		"head_ref": "", "base_ref": "", "runner_environment": "self-hosted", "enterprise_id": "1", "check_run_id": "40",
	}
	return i
}

// URL is the issuer's name, as in iss.
func (i *Issuer) URL() string { return i.server.URL }

// Roots are what its TLS is to be trusted by.
func (i *Issuer) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.server.Certificate())
	return pool
}

// RootsPEM is Roots as a file has them.
func (i *Issuer) RootsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})
}

// Close stops the issuer.
func (i *Issuer) Close() { i.server.Close() }

// Rotate makes a new key for RS256 or ES256, which signs from now on and is published beside the
// old ones. It returns its name.
func (i *Issuer) Rotate(alg string) (kid string) {
	var signer crypto.Signer
	var err error
	if alg == "ES256" {
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	key := &issuerKey{fmt.Sprintf("key-%d", i.made), signer, alg}
	i.keys = append(i.keys, key)
	return key.id
}

// Forget stops publishing all keys but the last.
func (i *Issuer) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// Down has the issuer break off all connections, or answer again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Hold has all answers wait until release is called.
func (i *Issuer) Hold() (release func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	held := make(chan struct{})
	i.held = held
	return sync.OnceFunc(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.held = nil
		close(held)
	})
}

// Lasting sets for how long the runner's tokens are good.
func (i *Issuer) Lasting(life time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.life = life
}

// Publish has the key set be what change makes of the keys.
func (i *Issuer) Publish(change func(keys []map[string]any) any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keySet = change
}

// Asked is how often a path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// The paths that Asked knows.
const (
	IssuerDiscovery = "/.well-known/openid-configuration"
	IssuerKeys      = "/.well-known/jwks"
	IssuerRunner    = "/runner/token"
)

// Runner is the environment of a job that may have tokens.
func (i *Issuer) Runner() []string {
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.URL() + IssuerRunner + "?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + i.runner}
}

// Claims are those of a job's token for this audience, good for five minutes from now, with
// changes; a nil takes a claim away.
func (i *Issuer) Claims(audience string, changes map[string]any) map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	claims := maps.Clone(i.claims)
	maps.Copy(claims, map[string]any{
		"iss": i.URL(), "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix() - 300, "exp": now.Add(i.life).Unix(),
	})
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// Token is a job's token for this audience; see Claims.
func (i *Issuer) Token(audience string, changes map[string]any) string {
	return i.Sign(nil, marshal(i.Claims(audience, changes)))
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked[r.URL.Path]++
	down, held := i.down, i.held
	i.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
	if down {
		panic(http.ErrAbortHandler)
	}
	answer, status := i.answer(r)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(marshal(answer))
}

func (i *Issuer) answer(r *http.Request) (answer any, status int) {
	switch r.URL.Path {
	case IssuerDiscovery:
		return map[string]any{
			"issuer": i.URL(), "jwks_uri": i.URL() + IssuerKeys, "subject_types_supported": []string{"public", "pairwise"},
			"response_types_supported": []string{"id_token"}, "id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid"},
		}, http.StatusOK
	case IssuerKeys:
		return i.published(), http.StatusOK
	case IssuerRunner:
		// GitHub: "OpenID Connect reference", methods for requesting the token.
		if !strings.EqualFold(r.Header.Get("Authorization"), "bearer "+i.runner) || r.URL.Query().Get("api-version") == "" {
			return map[string]any{"message": "Unauthorized"}, http.StatusUnauthorized
		}
		token := i.Token(cmp.Or(r.URL.Query().Get("audience"), "https://github.com/acme"), nil)
		return map[string]any{"count": len(token), "value": token}, http.StatusOK
	}
	return map[string]any{"message": "Not Found"}, http.StatusNotFound
}
