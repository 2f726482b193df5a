package minted

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	macaroon "gopkg.in/macaroon.v2"

	"octopool/policy"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func key(t testing.TB, text string) Key {
	t.Helper()
	k, err := NewKey(policy.NewSecret(strings.Repeat(text, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func scopes(texts ...string) (out []policy.Scope) {
	for _, text := range texts {
		s, err := policy.ParseScope(text)
		if err != nil {
			panic(err)
		}
		out = append(out, s)
	}
	return out
}

func rulesOf(t testing.TB, own []policy.Scope) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("t"), Scopes: own}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mint(t testing.TB, k Key, rules *policy.Policy, by Narrowing) policy.Secret {
	t.Helper()
	stamp, _ := rules.StampOf("ci")
	made, err := k.Mint("ci", stamp, noon.Add(time.Hour), by)
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

func read(t testing.TB, token policy.Secret, k Key) *policy.Minted {
	t.Helper()
	r, err := Verify(token.Reveal(), []Key{k})
	if err != nil {
		t.Fatal(err)
	}
	r.Check = func() error { return nil }
	return &r.Minted
}

// A minted token, narrowed by random holders, is granted a request only if its client is,
// and only if each narrowing allows it.
func TestNarrowingOnlyNarrows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	k := key(t, "k")
	pick := func(all []string) string { return all[random.IntN(len(all))] }
	scope := func() policy.Scope {
		return scopes(pick([]string{
			"read /repos/acme/**", "* /repos/acme/web/**", "GET /repos/acme/*/keys", "* /repos/*/*/keys/*", "write /repos/acme/{web,api}/issues/**",
			"read /**", "* /user/**", "git:read acme/*", "git:write acme/web", "git:read gist/*", "graphql:query", "graphql:mutation", "graphql:mutation addComment",
			"read github.com/repos/acme/**", "read ghe.example/repos/acme/**", "git:read ghe.example/acme/web", "graphql:query ghe.example", "POST /repos/acme/web/releases/*/assets",
		}))[0]
	}
	list := func(most int) (out []policy.Scope) {
		for range random.IntN(most + 1) {
			out = append(out, scope())
		}
		return out
	}
	granted := 0
	for range 3000 {
		own := list(4)
		rules := rulesOf(t, own)
		token := mint(t, k, rules, Narrowing{})
		var each [][]policy.Scope
		for range 1 + random.IntN(3) {
			by := Narrowing{Scopes: list(4)}
			if random.IntN(4) == 0 {
				by.Repositories = []string{pick([]string{"acme/web", "acme/api", "ghe.example/acme/web"})}
				all, _ := scopesOf(by.Repositories)
				each = append(each, all)
			}
			if len(by.Scopes) > 0 {
				each = append(each, by.Scopes)
			}
			made, err := Narrow(token, by)
			if err != nil {
				t.Fatal(err)
			}
			token = made.Token
		}
		child, err := rules.IdentifyProof(read(t, token, k), noon)
		if err != nil {
			t.Fatal(err)
		}
		parent, err := rules.Identify([]string{"token t"})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			r := request(random, pick)
			_, refused := rules.Authorize(child, r)
			if refused != nil {
				continue
			}
			granted++
			if _, err := rules.Authorize(parent, r); err != nil {
				t.Fatalf("%s %s is granted to the token and not to its client: %v", r.Method, r.UpstreamPath(), err)
			}
			for _, scopes := range each {
				one := rulesOf(t, scopes)
				c, _ := one.Identify([]string{"token t"})
				if _, err := one.Authorize(c, r); err != nil {
					t.Fatalf("%s %s is granted beyond %v: %v", r.Method, r.UpstreamPath(), scopes, err)
				}
			}
		}
	}
	if granted < 300 {
		t.Errorf("only %d requests were granted: this says little", granted)
	}
}

func request(random *rand.Rand, pick func([]string) string) policy.Request {
	origins := []policy.Origin{
		{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI},
		{GitHub: "github.com", Host: "github.com", Role: policy.RoleWeb},
		{GitHub: "github.com", Host: "uploads.github.com", Role: policy.RoleUploads},
		{GitHub: "ghe.example", Host: "ghe.example", Role: policy.RoleEnterprise},
	}
	o := origins[random.IntN(len(origins))]
	paths := []string{
		"/repos/acme/web", "/repos/acme/web/issues", "/repos/acme/api/keys", "/repos/acme/web/keys/1", "/repos/ACME/web/issues/1", "/user", "/user/keys",
		"/repositories/1/issues", "/organizations/1", "/repos/other/web", "/repos/acme/web/releases/1/assets", "/graphql", "/search/issues", "/app",
	}
	if o.Role == policy.RoleWeb {
		paths = []string{"/acme/web.git/info/refs", "/acme/web.git/git-receive-pack", "/acme/api/archive/main.zip", "/acme/web/info/lfs/objects/batch", "/login/oauth", "/acme/web"}
	}
	path := pick(paths)
	if o.Role == policy.RoleEnterprise {
		path = "/api/v3" + path
	}
	r, err := policy.Read(o, pick([]string{"GET", "HEAD", "POST", "DELETE", "PATCH"}), path, "")
	if err != nil {
		panic(err)
	}
	if random.IntN(2) == 0 {
		r = r.Named("acme", "web")
	}
	if r.Kind == policy.KindGraphQL {
		body := pick([]string{`{"query":"{viewer{login}}"}`, `{"query":"mutation{addComment(input:{}){clientMutationId}}"}`, `{"query":"mutation{createIssue(input:{}){clientMutationId}}"}`, `nonsense`})
		r = r.Carrying([]string{"application/json"}, []byte(body))
	}
	return r
}

// What is no token, not all of one, changed, or of another key proves nothing, and the reason
// does not hold it.
func TestNoToken(t *testing.T) {
	k := key(t, "k")
	rules := rulesOf(t, nil)
	good := mint(t, k, rules, Narrowing{Scopes: scopes("read /repos/acme/**"), PointsPerHour: 5}).Reveal()
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, Prefix))
	spell := func(raw []byte) string { return Prefix + base64.RawURLEncoding.EncodeToString(raw) }
	with := func(conditions ...string) string {
		m, _ := decode(good)
		for _, c := range conditions {
			m.AddFirstPartyCaveat([]byte(c))
		}
		raw, _ := m.MarshalBinary()
		return spell(raw)
	}
	eternal, _ := macaroon.New([]byte(strings.Repeat("k", 32)), head{k.id, newID(), policy.Stamp{}, "ci"}.bytes(), "", macaroon.V2)
	everlasting, _ := eternal.MarshalBinary()
	third, _ := decode(good)
	third.AddThirdPartyCaveat([]byte("x"), []byte("y"), "elsewhere")
	strangers, _ := third.MarshalBinary()
	taken, _ := decode(good)
	taken.SetLocation("here")
	located, _ := taken.MarshalBinary()
	wider := bytes.Replace(raw, []byte("acme"), []byte("evil"), 1)
	for name, token := range map[string]string{
		"empty": "", "prefix only": Prefix, "cut short": good[:len(good)-1], "longer": good + "A", "garbage": Prefix + "!!!!", "padded": good + "=",
		"changed": spell(wider), "located": spell(located), "a third party's": spell(strangers), "without an end": spell(everlasting),
		"an unknown condition": with("host github.com"), "a scope that is none": with("scopes nonsense"), "an id that is none": with("id x"),
		"an end that is none": with("until tomorrow"), "no number of points": with("points -1"), "too long": with(strings.Repeat("x", 1000)),
		"spelt in version 1": Prefix + base64.RawURLEncoding.EncodeToString([]byte("0021location x")),
	} {
		_, err := Verify(token, []Key{k})
		if err == nil {
			t.Errorf("%s: it is taken", name)
		} else if token != "" && token != Prefix && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the reason holds it: %v", name, err)
		}
	}
	if _, err := Verify(good, []Key{key(t, "o")}); err == nil {
		t.Error("it is taken with another key")
	}
	if _, err := Verify(good, []Key{key(t, "o"), k}); err != nil {
		t.Errorf("with its key among others: %v", err)
	}
}

// A token ends by its time, the earliest that is in it; with its client; with that one's
// token; and when who gave it out says so.
func TestATokenEnds(t *testing.T) {
	k := key(t, "k")
	rules := rulesOf(t, nil)
	first := mint(t, k, rules, Narrowing{})
	made, _ := Narrow(first, Narrowing{Until: noon.Add(time.Minute)})
	longer, _ := Narrow(made.Token, Narrowing{Until: noon.Add(100 * time.Hour)})
	m := read(t, longer.Token, k)
	if len(m.IDs) != 3 || m.IDs[2] != longer.ID {
		t.Errorf("ids %q, want three, the last %s", m.IDs, longer.ID)
	}
	other, _ := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("new")}}})
	gone, _ := policy.New(policy.Rules{})
	if _, err := rules.IdentifyProof(m, noon.Add(59*time.Second)); err != nil {
		t.Error(err)
	}
	for name, try := range map[string]func() error{
		"expired":              func() error { _, err := rules.IdentifyProof(m, noon.Add(time.Minute)); return err },
		"its client's changed": func() error { _, err := other.IdentifyProof(m, noon); return err },
		"its client is gone":   func() error { _, err := gone.IdentifyProof(m, noon); return err },
		"revoked": func() error {
			dead := *m
			dead.Check = func() error { return errors.New("it was revoked") }
			_, err := rules.IdentifyProof(&dead, noon)
			return err
		},
	} {
		if err := try(); !errors.Is(err, policy.ErrUnknownToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token with four narrowings of the usual length is below 1 KB, and one that would not
// be is not made.
func TestLength(t *testing.T) {
	k := key(t, "k")
	token := mint(t, k, rulesOf(t, nil), Narrowing{Scopes: scopes("read /repos/acme/**", "git:read acme/*", "POST /repos/acme/*/statuses/*")})
	for i := range 3 {
		made, err := Narrow(token, Narrowing{Repositories: []string{fmt.Sprintf("acme/repository-%d", i)}, PointsPerHour: 100, Until: noon})
		if err != nil {
			t.Fatal(err)
		}
		token = made.Token
	}
	if n := len(token.Reveal()); n >= 1024 {
		t.Errorf("%d bytes", n)
	}
	if _, err := Narrow(token, Narrowing{Scopes: scopes("read /" + strings.Repeat("x", 700))}); err == nil {
		t.Error("one of more than 1 KB was made")
	}
}

// FuzzVerify: whatever comes, it is refused or it is what was made.
func FuzzVerify(f *testing.F) {
	k := key(f, "k")
	good := mint(f, k, rulesOf(f, nil), Narrowing{Scopes: scopes("read /repos/acme/**"), PointsPerHour: 7})
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good.Reveal(), Prefix))
	f.Add(raw)
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		token := Prefix + base64.RawURLEncoding.EncodeToString(raw)
		r, err := Verify(token, []Key{k})
		if err != nil {
			return
		}
		if again, err := decode(token); err != nil || r.Until.IsZero() || r.Until.After(noon.Add(time.Hour)) || len(r.Narrowings) == 0 || again.Signature() == nil {
			t.Errorf("%q is taken: %+v", token, r.Minted)
		}
	})
}
