package mitm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"octopool/mitm"
	"octopool/mitm/audit"
	"octopool/mitm/githubtest"
	"octopool/mitm/oidc"
	"octopool/policy"
)

// issuing starts an issuer for a test.
func issuing(t testing.TB) *githubtest.Issuer {
	t.Helper()
	i := githubtest.NewIssuer()
	t.Cleanup(i.Close)
	return i
}

// holder is who an issuer says has these claims, given as name, pattern pairs.
func holder(t testing.TB, issuer string, claims ...string) *policy.Holder {
	t.Helper()
	h := &policy.Holder{Issuer: issuer, Audience: "octopool"}
	for i := 0; i < len(claims); i += 2 {
		c, err := policy.ParseClaim(claims[i], claims[i+1])
		if err != nil {
			t.Fatal(err)
		}
		h.Claims = append(h.Claims, c)
	}
	return h
}

// withOIDC adds client jobs, which is what the issuer calls a job of main in a repository of
// acme's.
func withOIDC(t testing.TB, i *githubtest.Issuer, scopes ...policy.Scope) option {
	return func(p *plan) {
		p.config.Verifiers = append(p.config.Verifiers, oidc.New([]oidc.Issuer{{URL: i.URL(), Roots: i.Roots()}}))
		p.rules.Clients = append(p.rules.Clients, policy.Registration{
			Name: "jobs", Holder: holder(t, i.URL(), "repository", "acme/*", "ref", "refs/heads/main"), Scopes: scopes,
		})
	}
}

// A job's own token is its client: wherever a GitHub token may stand, in a proxy's URL and at
// the listener itself. The log says which job it was, metrics do not, and GitHub never sees it.
func TestAJobIsKnownByItsIssuersToken(t *testing.T) {
	i := issuing(t)
	s := start(t, withOIDC(t, i), withConfig(func(c *mitm.Config) { c.Door.BaseURL = true }))
	token := i.Token("octopool", nil)
	for name, c := range map[string]*http.Client{
		"HTTP/2": s.client(token), "HTTP/1.1": s.client(token, overHTTP1), "a proxy's URL": s.client("", naming("octopool+build-123", token)),
	} {
		if got := get(t, c, "https://api.github.com/repos/acme/api"); got.status != http.StatusOK {
			t.Errorf("%s: %s", name, got.text())
		}
	}
	if got := get(t, s.client("", naming("x", opsToken)), "https://api.github.com/repos/acme/api", "Authorization", "bearer "+token); got.status != http.StatusOK {
		t.Errorf("its own token in a tunnel of ops: %s", got.text())
	}
	if got := get(t, http.DefaultClient, "http://"+s.addr+"/repos/acme/api", "Authorization", "token "+token); got.status != http.StatusOK {
		t.Errorf("at the listener itself: %s", got.text())
	}
	if n := strings.Count(s.logged(), "client=jobs"); n != 5 {
		t.Errorf("%d requests of jobs in the log", n)
	}
	if n := strings.Count(s.logged(), " repository=acme/web workflow=build run_id=30433642"); n != 5 {
		t.Errorf("%d requests of the run in the log:\n%s", n, s.logged())
	}
	if n := strings.Count(s.logged(), " label=build-123 "); n != 1 {
		t.Errorf("%d requests of the label in the log:\n%s", n, s.logged())
	}
	for _, secret := range []string{"30433642", "build-123", token} {
		if strings.Contains(s.metrics(), secret) {
			t.Errorf("metrics hold %q", secret)
		}
	}
	if strings.Contains(s.logged(), token) || len(s.github.Contains(token)) > 0 {
		t.Error("the token is in the log, or has reached GitHub")
	}
	if n := i.Asked(githubtest.IssuerKeys); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// The audit says which job it was that has written, and which run.
func TestTheAuditNamesTheJob(t *testing.T) {
	i := issuing(t)
	file := filepath.Join(t.TempDir(), "audit.json")
	log, err := audit.Open(file, 1<<20, 0, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	s := start(t, withOIDC(t, i), withConfig(func(c *mitm.Config) { c.Audit = log }))
	do(t, s.client("", naming("octopool+build-123", i.Token("octopool", nil))), http.MethodPost, "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`)
	do(t, s.client("", naming("octopool+not/a/label", opsToken)), http.MethodPost, "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`)
	var got []string
	if _, err := audit.Read(file, audit.Filter{}, func(e audit.Entry) error {
		got = append(got, fmt.Sprint(e.Event, " ", e.Client, " ", e.About))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"write jobs map[label:build-123 repository:acme/web run_id:30433642 workflow:build]", "write ops map[]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A bad token is nobody's, whatever is bad about it: the answer is that to any unknown token,
// the reason is in the log only, and GitHub hears nothing.
func TestABadTokenOfAnIssuer(t *testing.T) {
	i, other := issuing(t), issuing(t)
	s := start(t, withOIDC(t, i), withRules(func(r *policy.Rules) {
		r.Anonymous, r.Unknown = "passthrough", "passthrough"
		for _, name := range []string{"one", "two"} {
			r.Clients = append(r.Clients, policy.Registration{Name: name, Holder: holder(t, i.URL(), "repository", "acme/*", "ref", "refs/tags/*")})
		}
	}))
	now := time.Now().Unix()
	claims := func(changes map[string]any) []byte {
		text, err := json.Marshal(i.Claims("octopool", changes))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := string(claims(nil))
	with := func(members string) []byte { return []byte(good[:len(good)-1] + "," + members + "}") }
	signed := func(header map[string]any) string { return i.Sign(header, []byte(good)) }
	token := signed(nil)
	parts := strings.Split(token, ".")
	for _, tt := range []struct{ what, token, reason string }{
		{"expired", i.Token("octopool", map[string]any{"exp": now - 1}), "it expired at"},
		{"not yet valid", i.Token("octopool", map[string]any{"nbf": now + 120}), "it is not valid before"},
		{"issued tomorrow", i.Token("octopool", map[string]any{"iat": now + 86400}), "which is yet to come"},
		{"without an end", i.Token("octopool", map[string]any{"exp": nil}), "exp is no time"},
		{"an end that is text", i.Token("octopool", map[string]any{"exp": "9999999999"}), "exp is no time"},
		{"wrong audience", i.Token("https://github.com/acme", nil), "has the audience"},
		{"an audience that begins so", i.Token("octopool2", nil), "has the audience"},
		{"without an audience", i.Token("octopool", map[string]any{"aud": nil}), "there is no aud"},
		{"an empty audience", i.Token("octopool", map[string]any{"aud": []string{}}), "aud is no text"},
		{"wrong issuer", other.Token("octopool", nil), "no client is defined by its issuer"},
		{"the issuer, signed by another", other.Token("octopool", map[string]any{"iss": i.URL()}), "its signature is not its issuer's"},
		{"the issuer with a slash", i.Token("octopool", map[string]any{"iss": i.URL() + "/"}), "no client is defined by its issuer"},
		{"alg none", signed(map[string]any{"alg": "none"}), "alg \\\"none\\\" is not one of"},
		{"alg None", signed(map[string]any{"alg": "None"}), "alg \\\"None\\\" is not one of"},
		{"HS256 with the public key", signed(map[string]any{"alg": "HS256"}), "alg \\\"HS256\\\" is not one of"},
		{"without a kid", signed(map[string]any{"kid": nil}), "there is no kid"},
		{"an empty kid", signed(map[string]any{"kid": ""}), "kid is no text"},
		{"a kid that the issuer has not", signed(map[string]any{"kid": "made-up"}), "its issuer has no key"},
		{"a key that it brings along", signed(map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AA"}}), "jwk is not for tokens"},
		{"an extension", signed(map[string]any{"crit": []string{"exp"}}), "crit is not for tokens"},
		{"a token in the token, by its header", signed(map[string]any{"cty": "JWT"}), "cty is not for tokens"},
		{"a token in the token", i.Sign(nil, []byte(token)), "this is no JSON"},
		{"a token in the token, as text", i.Sign(nil, []byte(`"`+token+`"`)), "this is no JSON object"},
		{"another kind of JWT", signed(map[string]any{"typ": "secevent+jwt"}), "typ"},
		{"17 KB", i.Token("octopool", map[string]any{"x": strings.Repeat("x", 13<<10)}), "no more than 16384 are read"},
		{"two issuers", i.Sign(nil, with(`"iss":"https://evil.example"`)), "there are two members"},
		{"two repositories", i.Sign(nil, with(`"repository":"acme/web"`)), "there are two members"},
		{"two repositories by case", i.Sign(nil, with(`"Repository":"acme/web"`)), "there are two members"},
		{"two members deeper down", i.Sign(nil, with(`"x":[{"a":1,"a":2}]`)), "there are two members"},
		{"two algs", i.SignRaw(`{"alg":"none","alg":"RS256","kid":"key-1"}`, []byte(good)), "there are two members"},
		{"something behind it", i.Sign(nil, []byte(good+"{}")), "this is no JSON"},
		{"a changed claim", parts[0] + "." + strings.Split(i.Token("octopool", map[string]any{"run_id": "1"}), ".")[1] + "." + parts[2], "its signature is not its issuer's"},
		{"no signature", parts[0] + "." + parts[1] + ".", "its signature is not its issuer's"},
		{"two parts", parts[0] + "." + parts[1], "has 2 parts"},
		{"five parts", token + ".x.y", "has 5 parts"},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], "no base64url"},
		{"another repository", i.Token("octopool", map[string]any{"repository": "evil/web"}), "fits the claims"},
		{"another owner that begins so", i.Token("octopool", map[string]any{"repository": "acme-evil/web"}), "fits the claims"},
		{"a branch that differs in case", i.Token("octopool", map[string]any{"ref": "refs/heads/Main"}), "fits the claims"},
		{"without a claim", i.Token("octopool", map[string]any{"ref": nil}), "fits the claims"},
		{"a claim that is a list", i.Token("octopool", map[string]any{"ref": []string{"refs/heads/main"}}), "fits the claims"},
		{"two clients'", i.Token("octopool", map[string]any{"ref": "refs/tags/v1"}), "its claims fit client one and client two"},
	} {
		before := len(s.logged())
		got := get(t, s.client(""), "https://api.github.com/repos/acme/web", "Authorization", "Bearer "+tt.token)
		if want := refusedText(401, "Bad credentials (octopool: no client is registered with this token)"); got.refusal() != want || got.header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: %s", tt.what, got.text())
		}
		if line := s.logged()[before:]; !strings.Contains(line, tt.reason) {
			t.Errorf("%s: the log says:\n%s", tt.what, line)
		}
		if _, err := try(s.client("", naming("octopool", tt.token)), http.MethodGet, "https://api.github.com/repos/acme/web", ""); err == nil || !strings.Contains(err.Error(), "Proxy Authentication Required") {
			t.Errorf("%s, in the proxy's URL: %v", tt.what, err)
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %d requests, the first: %v", len(seen), seen[0])
	}
	if got := get(t, s.client(token), "https://api.github.com/repos/acme/web"); got.status != http.StatusOK {
		t.Errorf("the good one: %s", got.text())
	}
}

// Who is narrowed or gone by a change of the rules is so on its next request, on the same
// connection, be it known by its own token or by the tunnel's; who comes after its token has
// expired likewise.
func TestAChangeHoldsForJobsOnOpenConnections(t *testing.T) {
	i := issuing(t)
	s := start(t, withOIDC(t, i))
	token := i.Token("octopool", map[string]any{"exp": time.Now().Unix() + 3600})
	clients := map[string]*http.Client{"its own": s.client(token), "the tunnel's": s.client("", naming("octopool", token))}
	ask := func(want int) {
		t.Helper()
		for name, c := range clients {
			if got := get(t, c, "https://api.github.com/repos/acme/api"); got.status != want {
				t.Errorf("%s: %s, want %d", name, got.text(), want)
			}
		}
	}
	change := func(change func(*policy.Registration)) {
		t.Helper()
		r := policy.Registration{Name: "jobs", Holder: holder(t, i.URL(), "repository", "acme/*")}
		change(&r)
		rules, err := policy.New(policy.Rules{Clients: []policy.Registration{r}})
		if err != nil {
			t.Fatal(err)
		}
		s.proxy.Change(mitm.Rules{Policy: rules})
	}
	ask(http.StatusOK)
	open := s.github.Seen()
	change(func(r *policy.Registration) {
		scope, err := policy.ParseScope("read /repos/acme/web")
		if err != nil {
			t.Fatal(err)
		}
		r.Scopes = []policy.Scope{scope}
	})
	ask(http.StatusForbidden)
	change(func(r *policy.Registration) { r.Holder = holder(t, i.URL(), "repository_id", "75") })
	ask(http.StatusUnauthorized)
	if len(s.github.Seen()) != len(open) {
		t.Error("GitHub has heard of what was refused")
	}
	change(func(r *policy.Registration) { r.Holder = holder(t, i.URL(), "repository_id", "74") })
	ask(http.StatusOK)
	if n := s.github.Seen(); len(n) == len(open) {
		t.Error("GitHub has not heard of what was allowed again")
	}
}

// A connection whose tunnel was named by a token that is about to expire ends with the next
// answer, so that its client opens another, with a token that is good.
func TestATunnelEndsBeforeItsToken(t *testing.T) {
	i := issuing(t)
	s := start(t, withOIDC(t, i))
	for _, tt := range []struct {
		lasts time.Duration
		ends  bool
	}{{time.Hour, false}, {time.Minute, true}} {
		token := i.Token("octopool", map[string]any{"exp": time.Now().Add(tt.lasts).Unix()})
		for proto, options := range map[string][]func(*http.Transport){"HTTP/2.0": nil, "HTTP/1.1": {overHTTP1}} {
			var connects int
			counted := func(tr *http.Transport) {
				tr.OnProxyConnectResponse = func(context.Context, *url.URL, *http.Request, *http.Response) error { connects++; return nil }
			}
			c := s.client("", append(options, naming("octopool", token), counted)...)
			for range 3 {
				if got := get(t, c, "https://api.github.com/repos/acme/api"); got.status != http.StatusOK || got.proto != proto {
					t.Fatalf("%s: %s", proto, got.text())
				}
			}
			if want := map[bool]int{false: 1, true: 3}[tt.ends]; connects != want {
				t.Errorf("%s, a token that lasts %v: %d connections, want %d", proto, tt.lasts, connects, want)
			}
		}
	}
}

// What it costs to know a client by its issuer's token: the first time, and from then on.
func BenchmarkIdentifyByOIDC(b *testing.B) {
	i := issuing(b)
	rules, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "jobs", Holder: holder(b, i.URL(), "repository", "acme/*", "ref", "refs/heads/main")}}})
	if err != nil {
		b.Fatal(err)
	}
	for _, alg := range []string{"RS256", "ES256"} {
		i.Rotate(alg)
		issuers := []oidc.Issuer{{URL: i.URL(), Roots: i.Roots()}}
		v := oidc.New(issuers)
		values := []string{"Bearer " + i.Token("octopool", nil)}
		identify := func(b *testing.B) {
			if c, err := mitm.Identify(b.Context(), rules, values, v); err != nil || c.Client() != "jobs" {
				b.Fatal(err)
			}
		}
		identify(b) // the keys are known from here on
		b.Run("first/"+alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Change(issuers) // forgets tokens
				identify(b)
			}
		})
		b.Run("again/"+alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				identify(b)
			}
		})
	}
}
