package policy_test

import (
	"errors"
	"strings"
	"testing"

	"octopool/policy"
)

// lookup is what AuthorizeLookup says, in a line.
func lookup(p *policy.Policy, c policy.Caller, o policy.Origin, prefix, collection, id string) string {
	g, err := p.AuthorizeLookup(c, o, prefix, &policy.Unresolved{Collection: collection, ID: id})
	if err != nil {
		if _, ok := errors.AsType[*policy.OutOfScope](err); !ok || g.Valid() {
			return "a grant, or another error, besides " + err.Error()
		}
		return err.Error()
	}
	r := g.Request()
	if !g.Valid() || g.Presents() != policy.Pooled || r.Kind != policy.KindREST || r.Write || r.Origin != o {
		return "a grant of another kind"
	}
	return strings.Join([]string{g.Client(), g.Pool(), r.Method, r.Origin.Host, r.UpstreamPath()}, " ")
}

func TestAuthorizeLookup(t *testing.T) {
	p := mustPolicy(t, policy.Rules{Unknown: "passthrough", Clients: []policy.Registration{registered(t, "ci", "read /repos/acme/**")}})
	ci, bare := mustIdentify(t, p, "token ci"), mustIdentify(t, p)
	own := mustIdentify(t, p, "token ghp_"+strings.Repeat("x", 36))
	for _, tt := range []struct {
		caller                 policy.Caller
		origin                 policy.Origin
		prefix, collection, id string
		want                   string
	}{
		{ci, api, "", "repositories", "1296269", "ci default GET api.github.com /repositories/1296269"},
		{ci, api, "", "organizations", "9", "ci default GET api.github.com /organizations/9"},
		{ci, api, "", "user", "1", "ci default GET api.github.com /user/1"},
		{ci, enterprise, "/api/v3", "repositories", "12", "ci default GET ghe.example /api/v3/repositories/12"},
		{ci, enterprise, "/api/uploads", "repositories", "12", "ci default GET ghe.example /api/v3/repositories/12"},

		{ci, api, "", "app", "1", "octopool: client ci may not GET /app/1: no name is behind it"},
		{ci, api, "", "user", "keys", "octopool: client ci may not GET /user/keys: this is no number"},
		{ci, api, "", "user", "", "octopool: client ci may not GET /user/: this is no number"},
		{ci, api, "", "repositories", "12/keys", "octopool: client ci may not GET /repositories/12/keys: this is no number"},
		{ci, api, "", "repositories", "12?x=y", "octopool: client ci may not GET /repositories/12?x=y: this is no number"},
		{ci, api, "", "repositories", "..", "octopool: client ci may not GET /repositories/..: this is no number"},
		{ci, api, "", "repositories", "-1", "octopool: client ci may not GET /repositories/-1: this is no number"},
		{ci, api, "", "repositories", "１２", "octopool: client ci may not GET /repositories/１２: this is no number"},
		{ci, api, "", "Repositories", "12", "octopool: client ci may not GET /Repositories/12: no name is behind it"},
		{ci, api, "", "applications/x/token?y=", "12", "octopool: client ci may not GET /applications/x/token?y=/12: no name is behind it"},
		{ci, api, "", "", "12", "octopool: client ci may not GET //12: no name is behind it"},

		{ci, api, "/app", "repositories", "12", "octopool: client ci may not GET /app/repositories/12: the name behind a number cannot be asked for at api.github.com"},
		{ci, enterprise, "", "repositories", "12", "octopool: client ci may not GET /repositories/12: the name behind a number cannot be asked for at ghe.example"},
		{ci, uploads, "", "repositories", "12", "octopool: client ci may not GET /repositories/12: the name behind a number cannot be asked for at uploads.github.com"},
		{ci, web, "", "repositories", "12", "octopool: client ci may not GET /repositories/12: the name behind a number cannot be asked for at github.com"},

		{bare, api, "", "repositories", "12", "octopool: client anonymous may not GET /repositories/12: who has no scopes has no names to look up"},
		{own, api, "", "repositories", "12", "octopool: client unregistered may not GET /repositories/12: who has no scopes has no names to look up"},
		{policy.Caller{}, api, "", "repositories", "12", "octopool: client  may not GET /repositories/12: who has no scopes has no names to look up"},
	} {
		if got := lookup(p, tt.caller, tt.origin, tt.prefix, tt.collection, tt.id); got != tt.want {
			t.Errorf("%s%s/%s:\n got %s\nwant %s", tt.prefix, tt.collection, tt.id, got, tt.want)
		}
	}
}

// Whatever number Authorize leaves open can be looked up at the API, so that no client
// is refused for want of a name.
func TestWhatIsUnresolvedCanBeLookedUp(t *testing.T) {
	p := mustPolicy(t, policy.Rules{Clients: []policy.Registration{registered(t, "ci", "read /repos/acme/**")}})
	ci := mustIdentify(t, p, "token ci")
	for _, line := range []string{"GET /Repositories/12/issues?page=2", "DELETE /repositories/12", "GET /organizations/12/repos", "GET /user/0012/repos"} {
		for _, o := range []policy.Origin{api, enterprise} {
			line := line
			if o == enterprise {
				line = strings.Replace(line, " ", " /API/V3", 1)
			}
			r := read(t, o, line)
			_, err := p.Authorize(ci, r)
			n, ok := errors.AsType[*policy.Unresolved](err)
			if !ok {
				t.Fatalf("%s: %v", line, err)
			}
			if got, want := lookup(p, ci, o, r.Prefix, n.Collection, n.ID), "ci default GET "+o.Host+" "+r.Prefix+n.Path(); got != want {
				t.Errorf("%s:\n got %s\nwant %s", line, got, want)
			}
		}
	}
}

// A lookup is a GET of two segments, the second of them digits, whatever it is made of.
func FuzzAuthorizeLookup(f *testing.F) {
	for _, s := range [][3]string{{"", "repositories", "12"}, {"/api/v3", "user", "keys"}, {"", "app", "installations/1/access_tokens"}, {"/api/uploads", "organizations", "1%2F2"}} {
		f.Add(s[0], s[1], s[2])
	}
	p := mustPolicy(f, policy.Rules{Clients: []policy.Registration{registered(f, "ci", "read /repos/acme/**")}})
	ci := mustIdentify(f, p, "token ci")
	f.Fuzz(func(t *testing.T, prefix, collection, id string) {
		for _, o := range []policy.Origin{api, uploads, web, codeload, raw, gist, enterprise} {
			g, err := p.AuthorizeLookup(ci, o, prefix, &policy.Unresolved{Collection: collection, ID: id})
			if err != nil {
				if g.Valid() {
					t.Fatalf("a grant besides %v", err)
				}
				continue
			}
			path := strings.TrimPrefix(g.Request().UpstreamPath(), g.Request().Prefix)
			first, number, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			if strings.Trim(number, "0123456789") != "" || number == "" || first != "repositories" && first != "organizations" && first != "user" || g.Request().Method != "GET" {
				t.Errorf("%s %s is granted", g.Request().Method, path)
			}
		}
	})
}
