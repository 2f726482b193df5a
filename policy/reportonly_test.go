package policy

import (
	"errors"
	"testing"
)

// reporting is ask for a client whose scopes are reported only.
func reporting(t *testing.T, r Request, whole bool, scopes ...string) (Grant, error) {
	t.Helper()
	p, err := New(Rules{ReportOnly: whole, Clients: []Registration{{
		Name: "ci", Token: DigestOf("octo_ci"), Scopes: scopesOf(t, scopes...), ReportOnly: !whole,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Identify([]string{"token octo_ci"})
	if err != nil {
		t.Fatal(err)
	}
	return p.Authorize(c, r)
}

func scopesOf(t *testing.T, texts ...string) (scopes []Scope) {
	t.Helper()
	for _, text := range texts {
		s, err := ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		scopes = append(scopes, s)
	}
	return scopes
}

// What scopes do not name is granted, and what they would have said is told in the words
// of the refusal.
func TestReportOnly(t *testing.T) {
	api, web := Origin{"github.com", "api.github.com", RoleAPI}, Origin{"github.com", "github.com", RoleWeb}
	document := func(text string) Request {
		r, err := Read(api, "POST", "/graphql", "")
		if err != nil {
			t.Fatal(err)
		}
		return r.Carrying([]string{"application/json"}, []byte(text))
	}
	request := func(o Origin, method, path string) Request {
		r, err := Read(o, method, path, "")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tt := range []struct {
		claim   string
		request Request
		would   string // "" when nothing would be refused
	}{
		{"in scope", request(api, "GET", "/repos/acme/web"), ""},
		{"another repository", request(api, "GET", "/repos/acme/api"), "octopool: client ci may not GET /repos/acme/api"},
		{"a write", request(api, "DELETE", "/repos/acme/web"), "octopool: client ci may not DELETE /repos/acme/web"},
		{"a mutation", document(`{"query":"mutation { addStar(input:{}) { clientMutationId } }"}`), "octopool: client ci may not POST /graphql: it needs the scope graphql:mutation addStar"},
		{"what cannot be read", document(`{`), "octopool: client ci may not POST /graphql: its body cannot be read: it is not one JSON object"},
		{"a clone", request(web, "POST", "/acme/web/git-upload-pack"), "octopool: client ci may not POST /acme/web/git-upload-pack: it needs the scope git:read acme/web"},
		{"a page", request(web, "GET", "/features"), "octopool: client ci may not GET /features: no scope is about such pages"},
	} {
		for _, whole := range []bool{false, true} {
			g, err := reporting(t, tt.request, whole, "read /repos/acme/web")
			would := ""
			if g.WouldRefuse() != nil {
				would = g.WouldRefuse().Error()
			}
			if err != nil || !g.Valid() || would != tt.would {
				t.Errorf("%s: %q, %v", tt.claim, would, err)
			}
		}
	}
}

// There are doors that reporting does not open: to credentials, and to what nobody knows
// whom it is about.
func TestReportOnlyNeverOpens(t *testing.T) {
	api, web := Origin{"github.com", "api.github.com", RoleAPI}, Origin{"github.com", "github.com", RoleWeb}
	for _, tt := range []struct {
		origin       Origin
		method, path string
	}{
		{api, "POST", "/app/installations/1/access_tokens"},
		{api, "GET", "/repos/acme/web/keys"},
		{api, "POST", "/repos/acme/api/actions/runners/registration-token"},
		{api, "POST", "/repositories/1/keys"},
		{api, "DELETE", "/installation/token"},
		{api, "GET", "/repositories/web/issues"},
		{web, "POST", "/login/oauth/access_token"},
	} {
		r, err := Read(tt.origin, tt.method, tt.path, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, scopes := range [][]string{nil, {"read /repos/acme/**"}, {"* /repos/*/*/keys2/**"}} {
			g, err := reporting(t, r, true, scopes...)
			_, refused := errors.AsType[*OutOfScope](err)
			_, unresolved := errors.AsType[*Unresolved](err)
			switch {
			case g.Valid() && tt.path == "/repositories/web/issues" && scopes == nil: // without scopes GitHub decides
			case g.Valid(), !refused && !unresolved, unresolved && tt.path != "/repositories/1/keys":
				t.Errorf("%s %s under %q: %v", tt.method, tt.path, scopes, err)
			}
		}
	}
	// By number, a deploy key is one once it has a name.
	r, err := Read(api, "POST", "/repositories/1/keys", "")
	if err != nil {
		t.Fatal(err)
	}
	if g, err := reporting(t, r.Named("acme", "web"), true, "read /repos/acme/**"); err == nil || g.Valid() {
		t.Error("a deploy key by number")
	}
	if g, err := new(Policy).Authorize(Caller{}, r); err == nil || g.Valid() {
		t.Error("nobody")
	}
}
