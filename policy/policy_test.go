package policy_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"

	"octopool/policy"
)

// registered is a client of that name whose token is its name, with the scopes
// given.
func registered(t testing.TB, name string, scopes ...string) policy.Registration {
	t.Helper()
	reg := policy.Registration{Name: name, Token: policy.DigestOf(name)}
	for _, s := range scopes {
		reg.Scopes = append(reg.Scopes, mustScope(t, s))
	}
	return reg
}

func mustPolicy(t testing.TB, rules policy.Rules) *policy.Policy {
	t.Helper()
	p, err := policy.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustIdentify(t testing.TB, p *policy.Policy, authorization ...string) policy.Caller {
	t.Helper()
	c, err := p.Identify(authorization)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verdict is what Authorize says, in a line.
func verdict(p *policy.Policy, c policy.Caller, r policy.Request) string {
	g, err := p.Authorize(c, r)
	if err != nil {
		if g.Valid() {
			return "a grant besides " + err.Error()
		}
		return err.Error()
	}
	if !g.Valid() || g.Request().UpstreamPath() != r.UpstreamPath() {
		return "a grant that is none"
	}
	how := map[policy.Presentation]string{policy.Pooled: "pooled", policy.Bare: "bare", policy.Own: "own"}[g.Presents()]
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", g.Client(), how, g.Pool()))
}

func TestNewRefuses(t *testing.T) {
	abc := policy.DigestOf("abc")
	one := []policy.Registration{{Name: "ci", Token: abc}}
	for _, tt := range []struct {
		rules policy.Rules
		want  string
	}{
		{policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: abc}, {Name: "ci", Token: policy.DigestOf("x")}}}, `client "ci": there are two of this name`},
		{policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: abc}, {Name: "cd", Token: abc}}}, `client "cd": it has the same token as client "ci"`},
		{policy.Rules{Clients: []policy.Registration{{Token: abc}}}, `client "": want a name of 1 to 64 letters, digits, dots, dashes and underscores`},
		{policy.Rules{Clients: []policy.Registration{{Name: "a b", Token: abc}}}, `client "a b": want a name of 1 to 64 letters, digits, dots, dashes and underscores`},
		{policy.Rules{Clients: []policy.Registration{{Name: "é", Token: abc}}}, `client "é": want a name of 1 to 64 letters, digits, dots, dashes and underscores`},
		{policy.Rules{Clients: []policy.Registration{{Name: strings.Repeat("a", 65), Token: abc}}}, `client "` + strings.Repeat("a", 65) + `": want a name of 1 to 64 letters, digits, dots, dashes and underscores`},
		{policy.Rules{Clients: []policy.Registration{{Name: "anonymous", Token: abc}}}, `client "anonymous": this name is taken: requests without a registered token go by it`},
		{policy.Rules{Clients: []policy.Registration{{Name: "unregistered", Token: abc}}}, `client "unregistered": this name is taken: requests without a registered token go by it`},
		{policy.Rules{Clients: []policy.Registration{{Name: "ci"}}}, `client "ci": it has no token`},
		{policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: abc, Scopes: make([]policy.Scope, 1)}}}, `client "ci": scope 1 is empty`},
		{policy.Rules{Clients: one, Anonymous: "client:cd"}, `anonymous "client:cd": there is no client "cd"`},
		{policy.Rules{Clients: one, Anonymous: "client:"}, `anonymous "client:": there is no client ""`},
		{policy.Rules{Clients: one, Anonymous: "allow"}, `anonymous "allow": want passthrough, reject or client:NAME`},
		{policy.Rules{Clients: one, Unknown: "client:ci"}, `unknown "client:ci": want reject or passthrough`},
	} {
		if p, err := policy.New(tt.rules); p != nil || err == nil || err.Error() != tt.want {
			t.Errorf("New = %v, want %s", err, tt.want)
		}
	}
}

func TestIdentify(t *testing.T) {
	clients := []policy.Registration{registered(t, "ci"), registered(t, "cd")}
	strict := mustPolicy(t, policy.Rules{Clients: clients, Anonymous: "reject"})
	byDefault := mustPolicy(t, policy.Rules{Clients: clients})
	open := mustPolicy(t, policy.Rules{Clients: clients, Anonymous: "client:cd", Unknown: "passthrough"})
	ours, err := policy.NewToken("ghs_", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hex40 := strings.Repeat("0123456789abcdef", 3)[:40]
	for _, tt := range []struct {
		policy        *policy.Policy
		authorization []string
		want          string
	}{
		{strict, []string{"token ci"}, "ci"},
		{strict, []string{"Basic " + basic("x:cd")}, "cd"},
		{strict, nil, "no token"},
		{strict, []string{"token ci", "token ci"}, "unknown"},
		{strict, []string{"token CI"}, "unknown"},
		{strict, []string{"token "}, "unknown"},
		{strict, []string{""}, "unknown"},
		{strict, []string{"token ghp_" + hex40}, "unknown"},
		{byDefault, nil, "anonymous"},
		{byDefault, []string{}, "anonymous"},
		{byDefault, []string{"Negotiate x"}, "unknown"},
		{byDefault, []string{"token ghp_" + hex40}, "unknown"},
		{open, nil, "cd"},
		{open, []string{"token ci"}, "ci"},
		{open, []string{"token ghp_" + hex40}, "unregistered"},
		{open, []string{"token gho_" + hex40}, "unregistered"},
		{open, []string{"token ghu_" + hex40}, "unregistered"},
		{open, []string{"Basic " + basic("x:github_pat_"+hex40)}, "unregistered"},
		{open, []string{"bearer " + statelessToken}, "unregistered"},
		{open, []string{"token " + hex40}, "unregistered"},
		{open, []string{"token " + hex40, "token ci"}, "unknown"},
		{open, []string{"token ghr_" + hex40}, "unknown"},
		{open, []string{"token ghp_short"}, "unknown"},
		{open, []string{"token ghp_" + hex40 + " x"}, "unknown"},
		{open, []string{"token " + hex40 + "0"}, "unknown"},
		{open, []string{"token octopool_" + hex40}, "unknown"},
		{open, []string{"token " + ours}, "unknown"}, // of a client that is gone: not for GitHub's eyes
		{open, []string{"Bearer eyJhbGciOiJSUzI1NiJ9." + hex40 + ".x"}, "unknown"},
		{open, []string{"token "}, "unknown"},
	} {
		c, err := tt.policy.Identify(tt.authorization)
		got := c.Client()
		switch {
		case errors.Is(err, policy.ErrNoToken):
			got += "no token"
		case errors.Is(err, policy.ErrUnknownToken):
			got += "unknown"
		}
		if got != tt.want {
			t.Errorf("Identify(%q) = %s, want %s", tt.authorization, got, tt.want)
		}
	}
}

func TestAuthorize(t *testing.T) {
	free := registered(t, "free")
	free.Pool = "big"
	p := mustPolicy(t, policy.Rules{Unknown: "passthrough", Clients: []policy.Registration{
		free,
		registered(t, "scoped", "read /repos/acme/**", "git:read acme/*", "GET /user"),
	}})
	token := "token ghp_" + strings.Repeat("x", 36)
	callers := map[string]policy.Caller{
		"nobody": {}, "free": mustIdentify(t, p, "token free"), "scoped": mustIdentify(t, p, "token scoped"),
		"bare": mustIdentify(t, p), "own": mustIdentify(t, p, token),
	}
	for _, tt := range []struct {
		who    string
		origin policy.Origin
		line   string
		want   string
	}{
		{"nobody", api, "GET /", "octopool: client  may not GET /: nobody has been identified"},
		{"free", api, "DELETE /repos/acme/web", "free pooled big"},
		{"free", api, "GET /repositories/12/issues", "free pooled big"},
		{"free", api, "POST /graphql", "free pooled big"},
		{"free", web, "GET /acme/web", "free pooled big"},
		{"free", web, "POST /acme/web/git-receive-pack", "free pooled big"},
		{"bare", api, "POST /app/installations/1/access_tokens", "anonymous bare"},
		{"bare", web, "POST /login/oauth/access_token", "anonymous bare"},
		{"own", api, "GET /repos/acme/web/keys", "unregistered own"},
		{"scoped", api, "GET /repos/acme/web?x=y", "scoped pooled default"},
		{"scoped", api, "GET /user", "scoped pooled default"},
		{"scoped", codeload, "GET /acme/web/zip/main", "scoped pooled default"},
		{"scoped", enterprise, "GET /api/v3/repos/acme/web", "scoped pooled default"},
		{"scoped", codeload, "GET /acme/web/zip/main?token=x", "scoped bare"},
		{"free", codeload, "GET /acme/web/zip/main?%74oken=x", "free bare"},
		{"scoped", codeload, "GET /evil/web/zip/main?token=x", "octopool: client scoped may not GET /evil/web/zip/main: it needs the scope git:read evil/web"},
		{"scoped", media, "GET /releases/files/7?token=x", "scoped bare"},
		{"free", media, "GET /releases/files/7", "free bare"},
		{"scoped", enterprise, "GET /media/releases/files/7", "scoped bare"},
		{"nobody", media, "GET /releases/files/7?token=x", "octopool: client  may not GET /releases/files/7: nobody has been identified"},
		{"scoped", api, "POST /repos/acme/web/issues?secret=x", "octopool: client scoped may not POST /repos/acme/web/issues"},
		{"scoped", enterprise, "GET /api/v3/user/repos", "octopool: client scoped may not GET /api/v3/user/repos"},
		{"scoped", api, "GET /repos/acme-secret/%77eb", "octopool: client scoped may not GET /repos/acme-secret/web"},
		{"scoped", web, "POST /acme/web/git-receive-pack", "octopool: client scoped may not POST /acme/web/git-receive-pack: it needs the scope git:write acme/web"},
		{"scoped", api, "POST /graphql", "octopool: client scoped may not POST /graphql: its body has not been read: it is longer than 1 MiB"},
		{"scoped", web, "GET /acme/web", "octopool: client scoped may not GET /acme/web: no scope is about such pages"},
		{"scoped", api, "GET /Repositories/12/issues", "octopool: whom is /repositories/12 about?"},
		{"scoped", api, "GET /organizations/12", "octopool: whom is /organizations/12 about?"},
		{"scoped", api, "GET /user/12/repos", "octopool: whom is /user/12 about?"},
		{"scoped", api, "GET /repositories/12x", "octopool: client scoped may not GET /repositories/12x: this is no number"},
		{"scoped", api, "GET /repositories", "octopool: client scoped may not GET /repositories"},
		{"scoped", api, "GET /organizations/acme", "octopool: client scoped may not GET /organizations/acme"},
	} {
		if got := verdict(p, callers[tt.who], read(t, tt.origin, tt.line)); got != tt.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", tt.who, tt.line, got, tt.want)
		}
	}
}

// What is asked by number is asked again by name, and then scopes hold.
func TestAuthorizeByNumber(t *testing.T) {
	p := mustPolicy(t, policy.Rules{Clients: []policy.Registration{registered(t, "ci", "read /repos/acme/web/**")}})
	ci := mustIdentify(t, p, "token ci")
	r := read(t, api, "GET /repositories/12/issues?page=2")
	_, err := p.Authorize(ci, r)
	unresolved, ok := errors.AsType[*policy.Unresolved](err)
	if !ok || *unresolved != (policy.Unresolved{Collection: "repositories", ID: "12"}) || unresolved.Path() != "/repositories/12" {
		t.Fatalf("Authorize by number: %v", err)
	}
	if got := verdict(p, ci, r.Named("acme", "web")); got != "ci pooled default" {
		t.Error(got)
	}
	if got, want := verdict(p, ci, r.Named("acme", "secret")), "octopool: client ci may not GET /repositories/12/issues"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestZeroGrantIsNone(t *testing.T) {
	var g policy.Grant
	if g.Valid() || g.Client() != "" || g.Pool() != "" {
		t.Error("the zero grant grants")
	}
	if got := verdict(mustPolicy(t, policy.Rules{}), mustIdentify(t, mustPolicy(t, policy.Rules{})), policy.Request{}); !strings.Contains(got, "there is no path") {
		t.Errorf("an unread request: %s", got)
	}
}

// guarded are requests that make, show or end credentials, in many spellings.
var guarded = []string{
	"GET /app", "GET /APP/", "GET /%61pp", "POST /app/installations/1/access_tokens", "GET /app/hook/config",
	"POST /app-manifests/x/conversions",
	"POST /applications/Iv1.x/token", "DELETE /applications/Iv1.x/grant",
	"POST /authorizations", "GET /copilot_internal/v2/token", "POST /credentials/revoke", "DELETE /installation/token",
	"GET /repos/acme/web/keys", "POST /repos/acme/web/KEYS", "GET /repos/acme/web/keys/1", "POST /repos/acme/web/keys/", "DELETE /repos/acme/web/keys%2F1",
	"POST /repositories/12/keys", "POST /Repositories/12/keys/", "POST /repositories/12x/keys",
	"POST /repos/acme/web/actions/runners/registration-token", "POST /repos/acme/web/actions%2Frunners/remove-token", "POST /repositories/12/actions/runners/generate-jitconfig",
	"POST /orgs/acme/actions/runners/registration-token", "POST /organizations/12/actions/runners/remove-token", "POST /enterprises/e/actions/runners/generate-jitconfig",
	"GET /orgs/acme/credential-authorizations", "DELETE /orgs/acme/credential-authorizations/1", "GET /organizations/12/credential-authorizations", "POST /enterprises/e/credential-authorizations/revoke-all",
	"GET /orgs/acme/personal-access-tokens", "POST /orgs/acme/personal-access-token-requests/1", "GET /organizations/12/personal-access-tokens/1/repositories",
	"POST /user/keys", "GET /user/gpg_keys/1", "POST /user/ssh_signing_keys",
	"GET /admin/tokens", "POST /admin/users/bob/authorizations",
	"GET /api/v3/app",
}

// unguarded are their harmless neighbours.
var unguarded = []string{
	"GET /apps/github-actions", "GET /repos/acme/web", "GET /repos/acme/keys", "GET /repos/keys/keys/issues",
	"GET /repos/acme/web/actions/secrets/public-key", "PUT /repos/acme/web/actions/secrets/X", "GET /orgs/acme/actions/runners", "GET /repos/acme/web/actions/runners/downloads",
	"GET /repos/acme/web/contents/keys/x", "GET /repos/acme/web/contents/app", "GET /user", "GET /users/bob/keys", "GET /user/12/keys", "GET /installation/repositories", "GET /orgs/acme/installations",
	"GET /repositories/12/issues", "GET /repos/acme/web/secret-scanning/alerts",
}

// No pooled credential reaches an endpoint that makes or shows credentials,
// however it is spelled, and whether the client has no scopes or wide ones.
func TestGuardedEndpoints(t *testing.T) {
	p := mustPolicy(t, policy.Rules{Clients: []policy.Registration{
		registered(t, "free"), registered(t, "wide", "* /**"), registered(t, "stars", "* /*", "* /*/*", "* /*/*/*", "* /*/*/*/*", "* /*/*/*/*/*", "* /*/*/*/*/*/*"),
	}})
	for _, name := range []string{"free", "wide", "stars"} {
		c := mustIdentify(t, p, "token "+name)
		for _, line := range guarded {
			for _, prefix := range []string{"", "/api/v3"} {
				origin, line := api, line
				if prefix != "" {
					origin = enterprise
					line = strings.Replace(line, " ", " "+prefix, 1)
				}
				r := read(t, origin, line)
				r = r.Named("acme", "web")
				if got := verdict(p, c, r); !strings.Contains(got, ", and no scope names it") && !strings.Contains(got, "may not") {
					t.Errorf("%s, %s: %s", name, line, got)
				}
				if name != "free" {
					continue
				}
				if got := verdict(p, c, read(t, origin, line)); !strings.HasSuffix(got, ", and no scope names it") {
					t.Errorf("%s, %s without names: %s", name, line, got)
				}
			}
		}
		for _, line := range unguarded {
			if got := verdict(p, c, read(t, api, line).Named("acme", "web")); got != name+" pooled default" && name != "stars" {
				t.Errorf("%s, %s: %s", name, line, got)
			}
		}
	}
	free := mustIdentify(t, p, "token free")
	for _, line := range []string{"POST /login/oauth/access_token", "GET /login", "GET /Settings/tokens", "GET /setup/api/settings", "POST /manage/v1/access/ssh"} {
		for _, origin := range []policy.Origin{web, enterprise} {
			if got := verdict(p, free, read(t, origin, line)); !strings.HasSuffix(got, ", and no scope names it") {
				t.Errorf("free, %s on %s: %s", line, origin.Host, got)
			}
		}
	}
	if got := verdict(p, free, read(t, uploads, "POST /repos/acme/web/keys")); !strings.HasSuffix(got, ", and no scope names it") {
		t.Errorf("free on the uploads host: %s", got)
	}
}

// A scope opens such an endpoint when it names it word by word, without **.
func TestGuardedEndpointsNamed(t *testing.T) {
	for _, tt := range []struct {
		scope, line string
		want        string // "" is granted
	}{
		{"POST /app/installations/*/access_tokens", "POST /app/installations/1/access_tokens", ""},
		{"POST /app/**", "POST /app/installations/1/access_tokens", "it belongs to the App itself, and makes installation tokens, and no scope names it word by word"},
		{"GET /repos/acme/*/keys", "GET /repos/acme/web/keys", ""},
		{"GET /repos/acme/*/keys", "GET /repos/acme/web/keys/", ""},
		{"GET /repos/acme/*/keys", "GET /repositories/12/keys", ""},
		{"GET /repos/acme/*/keys", "POST /repos/acme/web/keys", "-"},
		{"GET /repos/*/*/{keys,hooks}", "GET /repos/acme/web/keys", ""},
		{"GET /repos/acme/web/ke*", "GET /repos/acme/web/keys", "a deploy key opens the repository for good, and no scope names it word by word"},
		{"GET /repos/acme/web/*", "GET /repos/acme/web/keys", "a deploy key opens the repository for good, and no scope names it word by word"},
		{"GET /repos/acme/web/keys/**", "GET /repos/acme/web/keys/1", "a deploy key opens the repository for good, and no scope names it word by word"},
		{"GET /repos/acme/web/keys/*", "GET /repos/acme/web/keys/1", ""},
		{"GET /repos/acme/web/*", "GET /repos/acme/web/keys%2F1", "-"}, // the other reading is out of scope
		{"POST /orgs/acme/actions/runners/registration-token", "POST /orgs/acme/actions/runners/registration-token", ""},
		{"POST /orgs/acme/actions/runners/*", "POST /orgs/acme/actions/runners/registration-token", "it makes runner credentials, and no scope names it word by word"},
	} {
		p := mustPolicy(t, policy.Rules{Clients: []policy.Registration{registered(t, "ci", tt.scope)}})
		r := read(t, api, tt.line)
		want := "ci pooled default"
		switch tt.want {
		case "":
		case "-":
			want = "octopool: client ci may not " + tt.line
		default:
			want = "octopool: client ci may not " + tt.line + ": " + tt.want
		}
		if got := verdict(p, mustIdentify(t, p, "token ci"), r.Named("acme", "web")); got != want {
			t.Errorf("%s, %s:\n got %s\nwant %s", tt.scope, tt.line, got, want)
		}
	}
}

// Whatever is granted to a client of one organization stays in it, for a reader
// who decodes twice and cleans the path as for anybody else, and is never a write
// or a guarded endpoint.
func FuzzReadNeverEscapes(f *testing.F) {
	for _, line := range guarded {
		method, target, _ := strings.Cut(line, " ")
		f.Add(method, target, "")
	}
	for _, target := range []string{"/repos/acme/web", "/repos/acme/../evil", "/repos/acme/web/git/ref/heads%2F..%2f", "/repos/acme%2fweb", "/repos/acme/web/%252e%252e", "/API/v3/repos/acme/x", "/acme/web/info/refs", "/repos/acme/x/y/%2e%2e%2f", "/repos/acme;/x"} {
		f.Add("GET", target, "service=git-receive-pack")
	}
	scoped := mustPolicy(f, policy.Rules{Clients: []policy.Registration{registered(f, "ci", "read /repos/acme/**")}})
	ci := mustIdentify(f, scoped, "token ci")
	free := mustPolicy(f, policy.Rules{Clients: []policy.Registration{registered(f, "ci")}})
	f.Fuzz(func(t *testing.T, method, escaped, query string) {
		for _, origin := range []policy.Origin{api, uploads, web, codeload, raw, gist, enterprise} {
			r, err := policy.Read(origin, method, escaped, query)
			if err != nil {
				if _, ok := errors.AsType[*policy.BadPath](err); !ok {
					t.Fatalf("error %T", err)
				}
				continue
			}
			if g, err := scoped.Authorize(ci, r); err == nil {
				within(t, g)
			}
			g, err := free.Authorize(mustIdentify(t, free, "token ci"), r)
			if err == nil && (origin == api || origin == uploads) {
				segments := strings.Split(strings.Trim(reread(t, g), "/"), "/")
				if segments[0] == "app" || len(segments) > 3 && segments[0] == "repos" && segments[3] == "keys" || len(segments) > 2 && segments[0] == "repositories" && segments[2] == "keys" {
					t.Errorf("a pooled credential for %s", g.Request().UpstreamPath())
				}
			}
		}
	})
}

func within(t *testing.T, g policy.Grant) {
	t.Helper()
	r := g.Request()
	if r.Method != "GET" && r.Method != "HEAD" && r.Method != "OPTIONS" {
		t.Errorf("%s is granted to who may read", r.Method)
	}
	got, found := strings.CutPrefix(reread(t, g), r.Prefix)
	if r.Prefix == "" && r.Kind != policy.KindREST && r.Kind != policy.KindUpload || !found {
		t.Errorf("%s is granted, of kind %s", r.UpstreamPath(), r.Kind)
	}
	if got != "/repos/acme" && !strings.HasPrefix(got, "/repos/acme/") {
		t.Errorf("%s is granted", r.UpstreamPath())
	}
	segments := append(r.Path.Segments(), "", "")
	if asciiLower(segments[0]) != "repos" || asciiLower(segments[1]) != "acme" {
		t.Errorf("%s is granted", r.UpstreamPath())
	}
}

// reread is a granted path as the most liberal of readers sees it.
func reread(t *testing.T, g policy.Grant) string {
	t.Helper()
	plain := mustUnescape(t, g.Request().UpstreamPath())
	if again, err := url.PathUnescape(plain); err == nil {
		plain = again
	}
	return path.Clean(asciiLower(strings.ReplaceAll(plain, `\`, "/")))
}

// crowd is a policy of 1,000 clients with 10 scopes each; the last scope is the
// one that allows.
func crowd(b *testing.B) *policy.Policy {
	var rules policy.Rules
	for i := range 1000 {
		scopes := []string{"git:read acme/*", "git:write acme/web", "GET /user", "read /orgs/acme/**", "POST /repos/*/*/statuses/*"}
		for j := range 4 {
			scopes = append(scopes, fmt.Sprintf("read /repos/acme/{web,api,docs}-%d-%d*/**", i, j))
		}
		rules.Clients = append(rules.Clients, registered(b, fmt.Sprint("client-", i), append(scopes, "read /repos/acme/*/issues/**")...))
	}
	return mustPolicy(b, rules)
}

func BenchmarkAuthorize(b *testing.B) {
	p := crowd(b)
	for _, bb := range []struct{ name, line string }{
		{"allowed", "GET /repos/acme/web/issues/1347/comments"},
		{"refused", "GET /repos/evil/web/issues/1347/comments"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c := mustIdentify(b, p, "token client-500")
			r := read(b, api, bb.line)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Authorize(c, r); (err == nil) != (bb.name == "allowed") {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIdentify(b *testing.B) {
	p := crowd(b)
	for _, bb := range []struct{ name, authorization string }{
		{"token", "token client-500"},
		{"basic", "Basic " + basic("x-access-token:client-500")},
		{"unknown", "bearer " + statelessToken},
	} {
		b.Run(bb.name, func(b *testing.B) {
			values := []string{bb.authorization}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Identify(values); (err == nil) != (bb.name != "unknown") {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Read(api, "GET", "/repos/acme/web/git/ref/heads%2Fmain", ""); err != nil {
			b.Fatal(err)
		}
	}
}
