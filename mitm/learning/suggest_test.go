package learning

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"octopool/mitm/route"
	"octopool/policy"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func api() policy.Origin {
	return policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}
}

func read(t testing.TB, o policy.Origin, method, path string) policy.Request {
	t.Helper()
	r, err := policy.Read(o, method, path, "")
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func document(t testing.TB, text string) policy.Request {
	return read(t, api(), "POST", "/graphql").Carrying(nil, fmt.Appendf(nil, `{"query":%q}`, text))
}

func note(m *Memory, table *route.Table, r policy.Request) {
	m.Note("ci", UsesOf(r, table.Of(r.Method, r.Path.Segments())), noon)
}

func usage(m *Memory) Usage {
	u := m.Of("ci", noon)
	u.GitHubs = []string{"github.com"}
	return u
}

// Numbers and branches are left open, names are not; what else a scope opens is told.
func TestSuggest(t *testing.T) {
	table, m := route.New(), new(Memory)
	web := policy.Origin{GitHub: "github.com", Host: "github.com", Role: policy.RoleWeb}
	for _, r := range []policy.Request{
		read(t, api(), "GET", "/repos/acme/web/issues/1"),
		read(t, api(), "GET", "/repos/Acme/Web/issues/2"),
		read(t, api(), "HEAD", "/repos/acme/web/issues/2"),
		read(t, api(), "GET", "/repos/acme/web/contents/a.go"),
		read(t, api(), "GET", "/repos/acme/web/contents/a/b.go"),
		read(t, api(), "GET", "/repos/acme/web/commits/main/status"),
		read(t, api(), "GET", "/repos/acme/web/git/ref/heads%2Fmain"),
		read(t, api(), "POST", "/repos/acme/web/statuses/abc"),
		read(t, api(), "POST", "/repos/acme/api/statuses/abc"),
		read(t, api(), "GET", "/user"),
		read(t, api(), "GET", "/repositories/12/issues"),
		read(t, api(), "GET", "/repositories/12").Named("globex", "hub"),
		document(t, "{ viewer { login } }"),
		document(t, "mutation { addStar(input:{}) { clientMutationId } a: createIssue(input:{}) { clientMutationId } }"),
		read(t, web, "POST", "/acme/web/git-receive-pack"),
		read(t, web, "GET", "/features"),
	} {
		note(m, table, r)
	}
	for i := range 9 {
		note(m, table, read(t, web, "POST", fmt.Sprintf("/acme/repo-%d/git-upload-pack", i)))
	}
	var b strings.Builder
	if err := usage(m).WriteTOML(&b); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n")
	want := `# No scope is about web pages: 1 request.
# No scope is about what was asked by number, such as /repositories/1296269, as GitHub's links do; scopes go by names: 1 request.
scopes = [
  "GET /repos/acme/web/commits/*/status", # 1 request
  "GET /repos/acme/web/contents/**", # 2 requests
  "GET /repos/acme/web/git/ref/**", # 1 request
  "GET,HEAD /repos/acme/web/issues/*", # 3 requests; opens 2 more of GitHub's routes: GET /repos/{owner}/{repo}/issues/comments, GET /repos/{owner}/{repo}/issues/events
  "POST /repos/acme/{api,web}/statuses/*", # 2 requests
  "GET /repos/globex/hub", # 1 request
  "GET /user", # 1 request
  "graphql:query", # 1 request; opens any query: whatever its pool can read
  "graphql:mutation addStar,createIssue", # 2 requests; opens these in whatever its pool can change
  "git:read acme/*", # 9 requests; opens every repository of acme
  "git:write acme/web", # 1 request
]
`
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

// Whatever a client did, the scopes that are suggested allow each request of it, but for
// those of which it is said that none can.
func TestSuggestedScopesAllowWhatWasDone(t *testing.T) {
	table := route.New()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := new(Memory)
		var done []policy.Request
		for range 1 + random.IntN(60) {
			r, ok := randomRequest(t, random, table)
			if _, err := authorize(policy.Registration{Name: "ci"}, r); !ok || err != nil {
				continue // it makes or shows credentials: a client cannot have done it
			}
			note(m, table, r)
			done = append(done, r)
		}
		u := usage(m)
		if seed%2 == 0 {
			u.GitHubs = append(u.GitHubs, "ghe.example")
		}
		suggested, beyond := Suggest(u)
		reg := policy.Registration{Name: "ci"}
		for _, s := range suggested {
			scope, err := policy.ParseScope(s.Scope)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if (scope.GitHub() != "") != (len(u.GitHubs) > 1) {
				t.Errorf("seed %d: %q for %q", seed, s.Scope, u.GitHubs)
			}
			reg.Scopes = append(reg.Scopes, scope)
		}
		for _, r := range done {
			said := slices.ContainsFunc(UsesOf(r, table.Of(r.Method, r.Path.Segments())), func(u Use) bool {
				return u.Verb == "" && slices.ContainsFunc(beyond, func(c Counted) bool { return c.Pattern == u.Pattern })
			})
			if said || len(reg.Scopes) == 0 {
				continue
			}
			if v, err := Judge(reg, r); err != nil || !v.Allowed {
				t.Errorf("seed %d: %s %s %+v: %s %v\nunder %q", seed, r.Method, r.Path, r.Document, v.Why, err, reg.Scopes)
			}
		}
	}
}

// randomRequest is one of GitHub's routes or of git's, in any spelling a client may have.
func randomRequest(t *testing.T, random *rand.Rand, table *route.Table) (r policy.Request, ok bool) {
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	name := func() string {
		return pick("acme", "Acme", "globex", "a.b", "x_y", "*", "{a,b}", "é", "a b", strings.Repeat("z", 120))
	}
	repo := func() string {
		return pick("web", "API", "hub", "docs.git", fmt.Sprintf("r%d", random.IntN(20)), "%", "a,b")
	}
	web := policy.Origin{GitHub: "github.com", Host: "github.com", Role: policy.RoleWeb}
	gist := policy.Origin{GitHub: "github.com", Host: "gist.github.com", Role: policy.RoleGist}
	o, method, path := api(), "GET", ""
	switch random.IntN(8) {
	case 0:
		o, method = web, "POST"
		path = "/" + url.PathEscape(name()) + "/" + url.PathEscape(repo()) + "/" + pick("git-upload-pack", "git-receive-pack", "info/lfs/locks", "archive/main.zip", "settings")
	case 1:
		o, method = gist, "POST"
		path = "/" + pick("abc", "def", "octocat/abc") + "/" + pick("git-upload-pack", "git-receive-pack")
	case 2:
		return document(t, pick("{ a }", "mutation { addStar }", "mutation { addStar createIssue }", "mutation { __typename }", "{", "query A { a } mutation B { addStar }")), true
	case 3: // what GitHub does not describe
		method, path = pick("GET", "PUT", "BREW"), "/"+pick("repos/acme/web", "nothing", "orgs/acme")+"/"+url.PathEscape(name())+"/"+url.PathEscape(repo())
	case 4:
		r = read(t, api(), method, "/"+pick("repositories", "organizations", "user")+fmt.Sprintf("/%d/", random.IntN(3))+pick("issues/3", "contents/a%2Fb", "a/b"))
		if random.IntN(2) == 0 {
			r = r.Named(pick("acme", "globex"), pick("web", "api"))
		}
		return r, true
	default:
		var all []used
		table.Each(func(method, template string) { all = append(all, used{method, template}) })
		slices.SortFunc(all, func(a, b used) int { return strings.Compare(a.template+a.method, b.template+b.method) })
		one := all[random.IntN(len(all))]
		method = one.method
		for i, part := range strings.Split(strings.Trim(one.template, "/"), "/") {
			switch {
			case !strings.HasPrefix(part, "{"):
			case i == 1:
				part = url.PathEscape(name())
			case i == 2:
				part = url.PathEscape(repo())
			default:
				part = pick("1", "main", "heads/main", "heads%2Fmain", "a/b/c", "a%2Fb", "status", "**")
			}
			path += "/" + part
		}
	}
	r, err := policy.Read(o, method, path, "")
	return r, err == nil
}

// A day later nothing is known of it, and a client cannot have more remembered than there
// is room for; what there was no room for is said.
func TestMemoryIsBounded(t *testing.T) {
	m := new(Memory)
	for i := range mostUses + 5 {
		m.Note("ci", []Use{{Verb: "GET", Pattern: fmt.Sprintf("/%d", i)}}, noon)
	}
	m.Note("ci", []Use{{Verb: "GET", Pattern: "/0"}}, noon)
	u := m.Of("ci", noon)
	if len(u.Uses) != mostUses || u.Forgotten != 5 || u.Uses[0].Requests != 2 {
		t.Errorf("%d uses, %d forgotten, %+v", len(u.Uses), u.Forgotten, u.Uses[0])
	}
	if other := m.Of("ops", noon); len(other.Uses) != 0 {
		t.Errorf("%+v", other)
	}
	if u := m.Of("ci", noon.Add(23*time.Hour)); len(u.Uses) != mostUses {
		t.Errorf("%d uses within the day", len(u.Uses))
	}
	later := noon.Add(24 * time.Hour)
	if u := m.Of("ci", later); len(u.Uses) != 0 || u.Forgotten != 0 {
		t.Errorf("%d uses after a day, %d forgotten", len(u.Uses), u.Forgotten)
	}
	m.Note("ci", []Use{{Verb: "GET", Pattern: "/new"}}, later)
	m.Note("ci", []Use{{Verb: "GET", Pattern: "/new"}}, later.Add(time.Hour))
	if u := m.Of("ci", later.Add(time.Hour)); len(u.Uses) != 1 || u.Uses[0].Requests != 2 || u.Forgotten != 0 {
		t.Errorf("%+v", u)
	}
}
