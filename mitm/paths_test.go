package mitm_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// What policy reads as a path it allows is what GitHub's router takes it for: however a
// client that may read acme/web spells a path, whether it comes by a base URL or, without
// one, as if in a tunnel, what GitHub is asked for lies below acme/web, in the words that
// policy has read, and no answer tells of a repository that the client may not see.
func FuzzPathsAgainstGitHub(f *testing.F) {
	for _, seed := range []string{
		"/repos/acme/web", "/repos/acme/web/issues", "/repos/acme/web/issues/", "/api/v3/repos/acme/web", "/api/v3/repos/acme/web/contents/src%2Fmain.js",
		"/repos/acme/vault", "/repos/acme/web/../vault", "/repos/acme/web/%2e%2e/vault", "/repos/acme/web/..%2fvault", "/repos/acme/web/x%2f..%2f..%2fvault/readme",
		"/repos/acme/web%2f..%2fvault", "/repos/acme/web;/../vault", "/repos/acme/web/..;/vault", "//repos/acme/vault", "/repos//acme/vault", "/repos/acme/web\\..\\vault",
		"/repos/acme/web%00/../vault", "/repos/acme/%77eb/issues", "/REPOS/ACME/WEB", "/repos/acme/web/contents/..%252fvault", "/repositories/VAULT", "/repositories/VAULT/issues",
		"/repositories/WEB/issues", "/repositories/WEB/../VAULT", "/repositories/+VAULT", "/repositories/0VAULT", "/repositories/VAULT%20", "/api/uploads/repos/acme/web/x",
		"/repos/acme/web/issues?x=/repos/acme/vault", "/repos/acme/web#/../vault", "/repos/acme/web/%e3%80%82%e3%80%82/vault", "/api/v3/api/v3/repos/acme/web", "/api%2fv3/repos/acme/vault",
		"/api/graphql", "/user/repos", "/orgs/acme/repos", "/search/issues?q=vault", "/repos/acme/web/compare/main...vault:main", "/repos/acme/web/git/refs/heads%2F", "/repos/acme/web/contents//vault",
	} {
		f.Add(seed)
	}
	g := githubtest.New(githubtest.WithoutListener())
	f.Cleanup(g.Close)
	g.SetRateLimits(false)
	g.AddUser("octo-bot", "ghp_bot")
	for _, name := range []string{"acme/web", "acme/vault"} {
		g.AddRepo(name, true)
		g.Grant("octo-bot", name)
		g.AddIssue(name, "an issue")
	}
	g.KeepSeen(16)
	h := newPathHouse(f, g)
	ids := map[string]string{"VAULT": h.id("vault"), "WEB": h.id("web")}
	f.Fuzz(func(t *testing.T, target string) {
		for word, id := range ids {
			target = strings.ReplaceAll(target, word, id)
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: octopool\r\nAuthorization: token " + ciToken + "\r\n\r\n")))
		if err != nil || r.URL.IsAbs() || !strings.HasPrefix(r.RequestURI, "/") {
			return
		}
		g.ResetSeen()
		answer := h.ask(r)
		for _, seen := range g.Seen() {
			checkSeen(t, target, seen, ids)
		}
		if body := answer.Body.String(); answer.Code < 400 && (strings.Contains(body, "vault") || strings.Contains(body, `"id":`+ids["VAULT"]+",")) {
			t.Errorf("GET %s is answered with %d: %s", target, answer.Code, body)
		}
		if answer.Code == http.StatusInternalServerError {
			t.Errorf("GET %s: %s", target, answer.Body)
		}
	})
}

// checkSeen looks at one request as GitHub's router does: by the segments of the decoded
// path. A number is looked up to know whose it is, by that number alone.
func checkSeen(t *testing.T, target string, seen githubtest.Seen, ids map[string]string) {
	t.Helper()
	decoded, err := url.PathUnescape(seen.Path)
	if err != nil {
		t.Fatalf("GET %s: GitHub was asked for %q: %v", target, seen.Path, err)
	}
	segments := strings.Split(strings.Trim(decoded, "/"), "/")
	for _, s := range segments {
		if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "\\\x00\r\n") {
			t.Errorf("GET %s: GitHub was asked for %q, which routers read in two ways", target, seen.Path)
		}
	}
	read, err := policy.Read(policy.Origin{GitHub: "github.com", Host: seen.Host, Role: policy.RoleAPI}, http.MethodGet, seen.Path, seen.Query)
	if err != nil || strings.Join(read.Path.Segments(), "/") != strings.Join(segments, "/") {
		t.Errorf("GET %s: GitHub was asked for %q, policy reads %q, %v", target, seen.Path, read.Path.Segments(), err)
	}
	switch first := strings.ToLower(segments[0]); {
	case len(segments) >= 3 && first == "repos" && strings.EqualFold(segments[1]+"/"+segments[2], "acme/web"):
	case len(segments) >= 2 && first == "repositories" && segments[1] == ids["WEB"]:
	case len(segments) == 2 && first == "repositories": // the lookup
	default:
		t.Errorf("GET %s: GitHub was asked for %s", target, seen.Path)
	}
}

// A pathHouse is a proxy without a network. Its client ci may read acme/web.
type pathHouse struct {
	handler http.Handler
	github  *githubtest.Server
}

func newPathHouse(f *testing.F, g *githubtest.Server) pathHouse {
	scope, err := policy.ParseScope("read /repos/acme/web/**")
	if err != nil {
		f.Fatal(err)
	}
	rules, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf(ciToken), Scopes: []policy.Scope{scope}}}})
	if err != nil {
		f.Fatal(err)
	}
	pools, err := pool.New(pool.Config{Credentials: []pool.Credential{credential("bot", "ghp_bot")}})
	if err != nil {
		f.Fatal(err)
	}
	githubs := []mitm.GitHub{{Host: "github.com", Git: true}}
	authority, err := ca.Open(f.TempDir()+"/ca", mitm.Hosts(githubs))
	if err != nil {
		f.Fatal(err)
	}
	return pathHouse{github: g, handler: mitm.New(mitm.Config{
		GitHubs: githubs, Upstream: g.Transport(), Authority: authority, Pools: pools, Store: store.Off{},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rules: mitm.Rules{Policy: rules, Door: mitm.Door{BaseURL: true}},
	}).Handler()}
}

func (h pathHouse) ask(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// id is the number of a repository of acme's.
func (h pathHouse) id(name string) string {
	r, err := http.NewRequest(http.MethodGet, "https://api.github.com/repos/acme/"+name, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "token ghp_bot")
	resp, err := h.github.Transport().RoundTrip(r)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var id int
	if _, err := fmt.Sscanf(string(body), `{"id":%d,`, &id); err != nil {
		panic(fmt.Sprintf("%v: %s", err, body))
	}
	return fmt.Sprint(id)
}
