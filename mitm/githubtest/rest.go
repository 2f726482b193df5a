package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// route answers an authenticated and paid-for REST request.
func (c *call) route() *answer {
	if refusal := c.chooseVersion(); refusal != nil {
		return refusal
	}
	path := c.r.URL.Path
	if strings.Contains(path, "//") || !strings.HasPrefix(path, "/") {
		return notFound()
	}
	if path == "/" {
		return c.roots()
	}
	// A trailing slash is another path, and no path at all (observed), but for
	// the roots of contents and refs, where clients expand an empty name.
	if trimmed, slash := strings.CutSuffix(path, "/"); slash {
		if !strings.HasSuffix(path, "/contents/") && !strings.HasSuffix(path, "/git/refs/") {
			return notFound()
		}
		path = trimmed
	}
	segments := strings.Split(path[1:], "/")
	if c.forApps(segments) {
		return c.appRoute(segments)
	}
	switch first := segments[0]; {
	case first == "repos" && len(segments) >= 3:
		return c.byName(segments[1]+"/"+segments[2], segments[3:])
	case first == "repositories" && len(segments) >= 2:
		return c.byNumber(segments[1], segments[2:])
	}
	if a := c.stored(); a != nil {
		return a
	}
	switch segments[0] {
	case "rate_limit":
		return c.rateLimit(segments[1:])
	case "meta", "zen":
		return c.meta(segments)
	case "user":
		if len(segments) > 1 && number(segments[1], 0) > 0 {
			return c.userByNumber(segments[1], segments[2:])
		}
		return c.user(segments[1:])
	case "users":
		return c.users(segments[1:])
	case "orgs":
		return c.orgs(segments[1:])
	case "organizations":
		return c.organizations(segments[1:])
	case "search":
		return c.search(segments[1:])
	case "teams":
		return c.deprecatedTeam(segments[1:])
	case "gists":
		return c.gists(segments[1:])
	case "notifications":
		return c.notifications(segments[1:])
	}
	return notFound()
}

// chooseVersion reads X-GitHub-Api-Version. An unknown one is a 400 (documented).
func (c *call) chooseVersion() *answer {
	values, sent := c.r.Header["X-Github-Api-Version"]
	if !sent {
		return nil
	}
	switch values[0] {
	case versionOld, versionNew:
		c.version = values[0]
		return nil
	}
	return refuse(http.StatusBadRequest, fmt.Sprintf("%q is not a supported version of the GitHub API. Supported versions are %s, %s.", values[0], versionOld, versionNew),
		"https://docs.github.com/rest/about-the-rest-api/api-versions")
}

// byName finds a repository by owner and name. A former name redirects: 301 for
// reads, 307 for writes, to the numeric path (observed). What the viewer may not see
// is not there.
func (c *call) byName(fullName string, rest []string) *answer {
	key := strings.ToLower(fullName)
	if r := c.s.repos[key]; r != nil && c.viewer.reads(r) {
		return c.repository(r, rest)
	}
	if r := c.s.renamed[key]; r != nil && c.viewer.reads(r) {
		return c.moved(r, rest)
	}
	return notFound()
}

func (c *call) byNumber(id string, rest []string) *answer {
	n, err := strconv.Atoi(id)
	if err != nil {
		return notFound()
	}
	if r := c.s.byID[n]; r != nil && c.viewer.reads(r) {
		return c.repository(r, rest)
	}
	return notFound()
}

func (c *call) moved(r *repo, rest []string) *answer {
	location := r.numericURL()
	for _, segment := range rest {
		location += "/" + url.PathEscape(segment)
	}
	if c.r.URL.RawQuery != "" {
		location += "?" + c.r.URL.RawQuery
	}
	status := http.StatusTemporaryRedirect
	if c.method == http.MethodGet {
		status = http.StatusMovedPermanently
	}
	a := reply(status, object{{"message", "Moved Permanently"}, {"url", location},
		{"documentation_url", "https://docs.github.com/v3/#http-redirects"}})
	a.tagging = tagNone
	a.header.Set("Location", location)
	return a
}

// stored is what a test has Set for this path.
func (c *call) stored() *answer {
	if c.method != http.MethodGet {
		return nil
	}
	path := c.r.URL.Path
	found, is := c.s.set[path+"?"+c.r.URL.RawQuery]
	if !is {
		found, is = c.s.set[path]
	}
	if !is {
		return nil
	}
	return &answer{status: http.StatusOK, header: http.Header{"Content-Type": {jsonType}}, body: []byte(found), tagging: tagFormula}
}

func (c *call) roots() *answer {
	return ok(object{
		{"current_user_url", apiURL + "/user"}, {"authorizations_url", apiURL + "/authorizations"},
		{"code_search_url", apiURL + "/search/code?q={query}{&page,per_page,sort,order}"}, {"emails_url", apiURL + "/user/emails"},
		{"events_url", apiURL + "/events"}, {"gists_url", apiURL + "/gists{/gist_id}"},
		{"issue_search_url", apiURL + "/search/issues?q={query}{&page,per_page,sort,order}"}, {"issues_url", apiURL + "/issues"},
		{"notifications_url", apiURL + "/notifications"}, {"organization_url", apiURL + "/orgs/{org}"},
		{"rate_limit_url", apiURL + "/rate_limit"}, {"repository_url", apiURL + "/repos/{owner}/{repo}"},
		{"user_url", apiURL + "/users/{user}"}, {"user_repositories_url", apiURL + "/users/{user}/repos{?type,page,per_page,sort}"},
	})
}

// rateLimit is free, is never cached, and shows every resource.
func (c *call) rateLimit(rest []string) *answer {
	if len(rest) > 0 || c.method != http.MethodGet {
		return notFound()
	}
	if c.s.unlimited {
		return withoutLimits()
	}
	resources := object{}
	for _, name := range resourceNames {
		resources = append(resources, member{name, c.s.reading(c.viewer.budgetOwner(), name)})
	}
	o := object{{"resources", resources}, {"rate", c.s.reading(c.viewer.budgetOwner(), "core")}}
	if c.version == versionNew {
		o = o.without("rate") // documented: a copy of core, gone in this version
	}
	a := ok(o)
	a.tagging, a.noCache, a.oneVary = tagNone, true, true
	return a
}

func (c *call) meta(segments []string) *answer {
	if len(segments) > 1 || c.method != http.MethodGet {
		return notFound()
	}
	if segments[0] == "zen" {
		return &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/plain;charset=utf-8"}}, body: []byte("Keep it logically awesome.")}
	}
	return ok(append(c.s.place.installed(), object{
		{"verifiable_password_authentication", false}, {"web", []string{"140.82.112.0/20"}}, {"api", []string{"140.82.112.0/20"}},
		{"git", []string{"140.82.112.0/20"}}, {"domains", object{{"website", []string{"*.github.com", "*.githubusercontent.com"}}}},
	}...))
}

func (c *call) user(rest []string) *answer {
	if refusal := c.requireUser(); refusal != nil {
		return refusal
	}
	me := c.s.account(c.viewer.login)
	switch {
	case c.method == http.MethodPost && len(rest) == 1 && rest[0] == "repos":
		return c.createRepoREST(me)
	case c.method != http.MethodGet:
	case len(rest) == 0:
		return ok(me.profile()).since(me.born)
	case len(rest) == 1 && rest[0] == "repos":
		return c.repoList(apiURL+"/user/repos", func(r *repo) bool { return r.writes(c.viewer.login) })
	case len(rest) == 1 && (rest[0] == "orgs" || rest[0] == "keys"):
		return ok([]any{})
	}
	return notFound()
}

func (c *call) users(rest []string) *answer {
	if len(rest) == 0 || c.method != http.MethodGet {
		return notFound()
	}
	a := c.s.account(rest[0])
	switch {
	case a == nil:
	case len(rest) == 1:
		return ok(a.profile()).since(a.born)
	case len(rest) == 2 && rest[1] == "received_events":
		return ok([]any{})
	case len(rest) == 2 && rest[1] == "repos":
		return c.repoList(fmt.Sprintf("%s/user/%d/repos", apiURL, a.id), func(r *repo) bool { return r.owner == a && !r.private })
	}
	return notFound()
}

// userByNumber is what the Link headers of a user's lists lead to.
func (c *call) userByNumber(id string, rest []string) *answer {
	for _, a := range c.s.accounts {
		if strconv.Itoa(a.id) == id {
			return c.users(append([]string{a.login}, rest...))
		}
	}
	return notFound()
}

func (c *call) orgs(rest []string) *answer {
	if len(rest) == 0 {
		return notFound()
	}
	return c.org(c.s.account(rest[0]), rest[1:])
}

func (c *call) organizations(rest []string) *answer {
	if len(rest) == 0 {
		return notFound()
	}
	for _, a := range c.s.accounts {
		if strconv.Itoa(a.id) == rest[0] {
			return c.org(a, rest[1:])
		}
	}
	return notFound()
}

func (c *call) org(a *account, rest []string) *answer {
	switch {
	case a == nil || !a.org || c.method != http.MethodGet:
		return notFound()
	}
	if refusal := c.barred(a); refusal != nil {
		return refusal
	}
	switch {
	case len(rest) == 0:
		return ok(a.organization()).since(a.born)
	case len(rest) == 1 && rest[0] == "repos":
		return c.repoList(fmt.Sprintf("%s/organizations/%d/repos", apiURL, a.id), func(r *repo) bool { return r.owner == a })
	}
	return notFound()
}

// repoList is the repositories of a kind that the viewer may see.
func (c *call) repoList(base string, wanted func(*repo) bool) *answer {
	var found []*repo
	for _, r := range c.s.order {
		if wanted(r) && c.lists(r) {
			found = append(found, r)
		}
	}
	return c.partial(page(c, found, base, listOf(func(r *repo) object { return r.view(c.viewer) })))
}

// notifications is an empty inbox, built for polling: X-Poll-Interval has to be obeyed.
func (c *call) notifications(rest []string) *answer {
	if refusal := c.requireUser(); refusal != nil {
		return refusal
	}
	if len(rest) > 0 || c.method != http.MethodGet {
		return notFound()
	}
	a := ok([]any{}).since(time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC))
	set(a.header, "X-Poll-Interval", "60")
	return a
}

// decode reads a JSON request body. What is not JSON is a 400 (observed).
func (c *call) decode(into any) *answer {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON", docREST)
	}
	return nil
}
