package installation_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy/pool/installation"
)

// appKeyOf is the key that GitHub gave out.
func appKeyOf(t *testing.T, text []byte) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The JWT has three claims, whole seconds from four minutes ago to five minutes ahead,
// and the App's signature in RS256: nothing more, and Bearer before it.
func TestJWT(t *testing.T) {
	var authorization []string
	app := newApp(t, installation.Config{
		Issuer: "Iv23octopool",
		Now:    func() time.Time { return noon.Add(987654321 * time.Nanosecond) },
		Transport: sender(func(r *http.Request) (*http.Response, error) {
			authorization = r.Header["Authorization"]
			return answering(201, minted("ghs_1"))(r)
		}),
	})
	if _, err := app.Mint(t.Context(), 7, installation.Narrowing{}); err != nil {
		t.Fatal(err)
	}
	if len(authorization) != 1 || !strings.HasPrefix(authorization[0], "Bearer ") {
		t.Fatalf("Authorization: %q", authorization)
	}
	parts := strings.Split(strings.TrimPrefix(authorization[0], "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	decoded := make([]string, 3)
	for i, part := range parts {
		plain, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		decoded[i] = string(plain)
	}
	var header map[string]string
	if err := json.Unmarshal([]byte(decoded[0]), &header); err != nil || header["alg"] != "RS256" {
		t.Errorf("%s, %v", decoded[0], err)
	}
	if want := `{"iss":"Iv23octopool","exp":1795435500,"iat":1795434960}`; decoded[1] != want {
		t.Errorf("claims are %s, want %s", decoded[1], want)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&appKey().PublicKey, crypto.SHA256, digest[:], []byte(decoded[2])); err != nil {
		t.Error(err)
	}
}

// A GitHub Enterprise Server is asked below its own path, over TLS that its own roots
// vouch for.
func TestEnterpriseServer(t *testing.T) {
	var asked []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(minted("v1.1f699f1069f60xxx")))
		default:
			_, _ = w.Write([]byte(`[{"id":7,"account":{"login":"acme"},"target_type":"Organization","suspended_at":null},{"id":9,"account":{"slug":"umbrella"},"target_type":"Enterprise"}]`))
		}
	}))
	defer server.Close()
	app := newApp(t, installation.Config{API: server.URL + "/api/v3", Transport: server.Client().Transport})
	found, err := app.Installations(t.Context())
	if diff := cmp.Diff([]installation.Installation{{ID: 7, Owner: "acme"}, {ID: 9}}, found); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	token, err := app.Mint(t.Context(), 7, installation.Narrowing{})
	if err != nil || token.Text.Reveal() != "v1.1f699f1069f60xxx" {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{"GET /api/v3/app/installations", "POST /api/v3/app/installations/7/access_tokens"}, asked); diff != "" {
		t.Error(diff)
	}
}
