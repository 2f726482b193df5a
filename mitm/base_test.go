package mitm_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"octopool/mitm"
	"octopool/policy"
)

// withDoor says who may come in, and how.
func withDoor(d mitm.Door) option { return withConfig(func(c *mitm.Config) { c.Door = d }) }

// direct is a client that knows of no proxy.
func direct(t testing.TB) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// What comes to the listener itself is an API request, in every spelling that tools have
// for a base URL, and is answered and paid for as one that comes through a tunnel.
func TestBaseURL(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}))
	at, c := "http://"+s.addr, direct(t)
	want := get(t, s.client(ciToken), "https://api.github.com/repos/acme/api")
	s.github.ResetSeen()
	for _, base := range []string{at, at + "/api/v3"} {
		for _, form := range []string{"token ", "Bearer "} {
			got := get(t, c, base+"/repos/acme/api", "Authorization", form+ciToken)
			if got.status != http.StatusOK || got.body != want.body || got.header.Get("Etag") != want.header.Get("Etag") || !strings.HasPrefix(got.header.Get("Cache-Status"), "octopool; ") {
				t.Errorf("%s: %s", base, got.text("Etag", "Cache-Status"))
			}
		}
	}
	for _, path := range []string{"/graphql", "/api/graphql"} {
		if got := do(t, c, http.MethodPost, at+path, `{"query":"{viewer{login}}"}`, "Authorization", "token "+ciToken); got.body != `{"data":{"viewer":{"login":"octo-bot"}}}` {
			t.Errorf("%s: %s", path, got.text())
		}
	}
	if got := get(t, c, at+"/", "Authorization", "token "+ciToken); !strings.Contains(got.body, `"current_user_url"`) {
		t.Errorf("the root: %s", got.text())
	}
	if got := get(t, c, at+"/zen", "Authorization", "token "+ciToken); got.body != "Keep it logically awesome." {
		t.Errorf("github-proxy's own example: %s", got.text())
	}
	for _, seen := range s.github.Seen() {
		if seen.Host != "api.github.com" || strings.HasPrefix(seen.Path, "/api/") || seen.Path == "/repos/acme/api" && seen.Points != 0 {
			t.Errorf("GitHub saw %v", seen)
		}
	}
	if found := s.github.Contains(ciToken); found != nil {
		t.Error(found)
	}
	if !strings.Contains(s.logged(), "client=ci method=GET host=api.github.com path=/api/v3/repos/acme/api kind=rest status=200 outcome=revalidated") {
		t.Errorf("the log does not tell of it:\n%s", s.logged())
	}
}

// Pages and redirects lead back here by the way the client came, and nowhere else; other
// links, and bodies, are as GitHub wrote them.
func TestBaseURLOfPagesAndRedirects(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}))
	for n := range 5 {
		s.github.AddIssue("acme/api", fmt.Sprintf("see https://api.github.com/repos/acme/api, %d", n))
	}
	c := direct(t)
	for _, base := range []string{"http://" + s.addr, "http://" + s.addr + "/api/v3"} {
		url, pages, bodies := base+"/repos/acme/api/issues?per_page=2", 0, ""
		for url != "" {
			got := get(t, c, url, "Authorization", "token "+ciToken)
			if got.status != http.StatusOK || strings.Contains(got.header.Get("Link"), "api.github.com") || strings.Count(got.header.Get("Link"), "<"+base+"/repositories/") != strings.Count(got.header.Get("Link"), "<") {
				t.Fatalf("%s: %s", url, got.text("Link"))
			}
			pages++
			bodies += got.body
			url = next(got.header.Get("Link"))
		}
		if pages != 3 || strings.Count(bodies, "see https://api.github.com/repos/acme/api, ") != 5 || strings.Contains(bodies, s.addr) {
			t.Errorf("%d pages:\n%s", pages, bodies)
		}
	}
	s.github.Rename("acme/api", "acme/core")
	moved := get(t, c, "http://"+s.addr+"/repos/acme/api?x=1", "Authorization", "token "+ciToken)
	if moved.status != http.StatusMovedPermanently || !strings.HasPrefix(moved.header.Get("Location"), "http://"+s.addr+"/repositories/") {
		t.Errorf("renamed: %s", moved.text("Location"))
	}
	if got := get(t, c, moved.header.Get("Location"), "Authorization", "token "+ciToken); !strings.Contains(got.body, `"acme/core"`) {
		t.Errorf("behind it: %s", got.text())
	}
	archive := get(t, c, "http://"+s.addr+"/repos/acme/core/tarball/main", "Authorization", "token "+ciToken)
	if archive.status != http.StatusFound || !strings.HasPrefix(archive.header.Get("Location"), "https://codeload.github.com/") {
		t.Errorf("an archive: %s", archive.text("Location"))
	}
	// What one client was told is not told to another: neither links nor their scheme are stored.
	if got := get(t, s.client(opsToken), "https://api.github.com/repos/acme/core/issues?per_page=2"); !strings.Contains(got.header.Get("Link"), "<https://api.github.com/repositories/") {
		t.Errorf("through a tunnel: %s", got.text("Link"))
	}
	w := s.wire(t)
	w.say("GET /repos/acme/core/issues?per_page=2 HTTP/1.1\nHost: octopool:8080\nX-Forwarded-Proto: https\nAuthorization: token " + ciToken + "\n\n")
	if got := w.hear("GET"); !strings.HasPrefix(got.header.Get("Link"), "<https://octopool:8080/repositories/") {
		t.Errorf("behind who ends TLS: %s", got.text("Link"))
	}
}

// next is the URL of the next page.
func next(link string) string {
	for one := range strings.SplitSeq(link, ", ") {
		if url, ok := strings.CutSuffix(one, `>; rel="next"`); ok {
			return strings.TrimPrefix(url, "<")
		}
	}
	return ""
}

// Uploads go to GitHub's host for them, where an Enterprise Server has them.
func TestBaseURLOfUploads(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}))
	s.github.AddRelease("acme/api", "v1", nil)
	release := get(t, s.client(ciToken), "https://api.github.com/repos/acme/api/releases/tags/v1").body
	_, id, _ := strings.Cut(release, `"id":`)
	id, _, _ = strings.Cut(id, ",")
	if _, err := strconv.Atoi(id); err != nil {
		t.Fatal(release)
	}
	got := do(t, direct(t), http.MethodPost, "http://"+s.addr+"/api/uploads/repos/acme/api/releases/"+id+"/assets?name=a.txt", "content",
		"Authorization", "token "+ciToken, "Content-Type", "text/plain")
	if got.status != http.StatusCreated {
		t.Error(got.text())
	}
	seen := s.github.Seen()
	if last := seen[len(seen)-1]; last.Host != "uploads.github.com" || last.Path != "/repos/acme/api/releases/"+id+"/assets" || string(last.Body) != "content" {
		t.Errorf("GitHub saw %v", last)
	}
}

// Scopes, and paths with two readings, are what they are in a tunnel.
func TestBaseURLIsInScopeOrRefused(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}), withScopes("read /repos/acme/web/**"))
	for line, status := range map[string]int{
		"GET /repos/acme/web":                       200,
		"GET /api/v3/repos/acme/web":                200,
		"GET /repos/acme/api":                       403,
		"GET /api/v3/repos/acme/api":                403,
		"GET /API/v3/repos/acme/web":                403,
		"GET /api/v3/api/v3/repos/acme/web":         403,
		"GET /api/uploads/repos/acme/api":           403,
		"GET /api%2Fv3/repos/acme/web":              400,
		"GET /api/v3/../v3/repos/acme/web":          400,
		"GET /api/v3//repos/acme/web":               400,
		"GET //repos/acme/web":                      400,
		"GET /-/../repos/acme/web":                  404,
		"GET /repos/acme/web/../api":                400,
		"GET /repos/acme/web/%2e%2e/api":            400,
		"GET /api/v3/repos/acme/web%2F..%2Fapi":     400,
		"DELETE /api/v3/repos/acme/web":             403,
		"POST /api/graphql":                         403,
		"GET /api/v3":                               403,
		"OPTIONS *":                                 400,
		"GET /repos/acme/web?access_token=" + "any": 400,
	} {
		w := s.wire(t)
		w.say(line + " HTTP/1.1\nHost: octopool\nAuthorization: token " + ciToken + "\n\n")
		if got := w.hear("GET"); got.status != status {
			t.Errorf("%s: %s", line, got.text())
		}
	}
	for _, seen := range s.github.Seen() {
		if seen.Path != "/repos/acme/web" {
			t.Errorf("GitHub saw %v", seen)
		}
	}
}

// This door takes a registered client's token, whatever becomes of others in tunnels, and
// nothing that a browser says it asks for a page.
func TestBaseURLIsForRegisteredClients(t *testing.T) {
	s := start(t, withDoor(mitm.Door{BaseURL: true}), withRules(func(r *policy.Rules) { r.Anonymous, r.Unknown = "client:ci", "passthrough" }))
	at, c := "http://"+s.addr+"/repos/acme/api", direct(t)
	if got := get(t, c, at); got.refusal() != refusedText(401, "Requires authentication (octopool: send the token of a registered client)") {
		t.Errorf("without a token: %s", got.refusal())
	}
	unknown := refusedText(401, "Bad credentials (octopool: no client is registered with this token)")
	if got := get(t, c, at, "Authorization", "token ghp_0123456789012345678901234567890123456789"); got.refusal() != unknown {
		t.Errorf("with a token of GitHub's: %s", got.refusal())
	}
	if got := get(t, c, at, "Authorization", "token "+ciToken, "Authorization", "token "+ciToken); got.refusal() != unknown {
		t.Errorf("with two: %s", got.refusal())
	}
	if got := get(t, c, at, "Proxy-Authorization", "Bearer "+ciToken); got.status != http.StatusUnauthorized {
		t.Errorf("with a token for a proxy: %s", got.refusal())
	}
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://" + s.addr},
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "same-origin"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			got := do(t, c, method, at, "", append(headers, "Authorization", "token "+ciToken)...)
			if got.refusal() != refusedText(403, "octopool: what a page in a browser asks for is not answered here") {
				t.Errorf("%s with %v: %s", method, headers, got.refusal())
			}
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	for _, headers := range [][]string{{"Sec-Fetch-Mode", "cors"}, {"Sec-Fetch-Site", "none"}, {"Upgrade", "h2c", "Connection", "Upgrade, HTTP2-Settings", "Http2-Settings", ""}} {
		if got := get(t, c, at, append(headers, "Authorization", "token "+ciToken)...); got.status != http.StatusOK {
			t.Errorf("with %v, as tools have: %s", headers, got.text())
		}
	}
	// Any name may lead here.
	w := s.wire(t)
	w.say("GET /repos/acme/api HTTP/1.1\nHost: octopool.ci.svc.cluster.local\nAuthorization: token " + ciToken + "\n\n")
	if got := w.hear("GET"); got.status != http.StatusOK {
		t.Errorf("by another name: %s", got.text())
	}
}

// Where a token would come in clear from another machine, it is refused with the way out.
func TestBaseURLInClear(t *testing.T) {
	s := start(t)
	got := get(t, direct(t), "http://"+s.addr+"/api/v3/user", "Authorization", "token "+ciToken)
	if got.refusal() != refusedText(403, "octopool: a token would come here in clear from other machines: set HTTPS_PROXY to this address and ask for "+
		"https://api.github.com/, or have octopool's operator set proxy.tls or proxy.plain_base_url") {
		t.Error(got.refusal())
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
	if log := s.logged(); strings.Contains(log, ciToken) || !strings.Contains(log, "status=403 outcome=refused") || !strings.Contains(s.metrics(), `octopool_refused_total{client="-",reason="base_url"} 1`) {
		t.Errorf("it is not told, or too much is:\n%s", log)
	}
}

// On an Enterprise Server the API is where its own clients look for it, and at the top.
func TestBaseURLOfAnEnterpriseServer(t *testing.T) {
	const host = "git.example.com"
	ghes := newEnterprise(t, host)
	s := start(t, withUpstream(ghes.addr, ghes.roots), withDoor(mitm.Door{BaseURL: true}), func(p *plan) {
		p.config.GitHubs[0].Host = host
		p.credentials[0].GitHub = host
	})
	for path, want := range map[string]string{
		"/api/v3/user": "/api/v3/user", "/user": "/api/v3/user", "/graphql": "/api/graphql", "/api/graphql": "/api/graphql",
		"/api/uploads/repos/a/b/releases/1/assets": "/api/uploads/repos/a/b/releases/1/assets",
	} {
		got := do(t, direct(t), http.MethodPost, "http://"+s.addr+path, "{}", "Authorization", "token "+ciToken)
		base := "http://" + s.addr
		if strings.HasPrefix(path, "/api/") {
			base += "/api/v3"
		}
		if got.text("Link", "Location") != "201\nLink: <"+base+"/organizations/1?page=2>; rel=\"next\", <https://docs.github.com/rest>; rel=\"deprecation\"\nLocation: http://"+s.addr+"/api/uploads/x\n"+want {
			t.Errorf("%s: %s", path, got.text("Link", "Location"))
		}
	}
}
