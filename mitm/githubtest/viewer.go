package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

// A viewer is who a request turned out to come from: a user, an installation of an App, an App
// by itself, or nobody.
type viewer struct {
	login string // a bot's for an installation; empty for an App by itself and the anonymous
	token *token // nil for an App by itself and the anonymous
	app   *App   // an App by itself, proved by a JWT
	ip    string
}

// installation is nil for all but a viewer with an installation's token.
func (v viewer) installation() *Installation {
	if v.token == nil {
		return nil
	}
	return v.token.installation
}

// known reports whether the request was authenticated at all.
func (v viewer) known() bool { return v.login != "" || v.app != nil }

// principal is whose budget the request spends, as tests name it: a login,
// installation:ID, app:ID, or nothing for the anonymous.
func (v viewer) principal() string {
	switch in := v.installation(); {
	case in != nil:
		return in.Principal()
	case v.app != nil:
		return v.app.Principal()
	}
	return v.login
}

// reads reports whether the viewer may see a repository. An installation sees what it
// was made for and what is public.
func (v viewer) reads(r *repo) bool {
	if v.installation() != nil {
		return !r.private || v.token.covers(r)
	}
	return r.reads(v.login)
}

// opens reports whether the viewer may have a repository's files, by git or otherwise.
func (v viewer) opens(r *repo) bool {
	return v.reads(r) && (v.installation() == nil || !r.private || v.granted("contents=read"))
}

// writes reports whether the viewer may do what needs a permission, such as
// issues=write. A user who may push may do everything; an installation's
// token, what it was granted.
func (v viewer) writes(r *repo, permission string) bool {
	if v.installation() != nil {
		return v.token.covers(r) && v.granted(permission)
	}
	return r.writes(v.login)
}

// takesPart reports whether the viewer may open issues and comment on them: any user
// may who sees the repository, but an installation's token has to be granted it.
func (v viewer) takesPart(r *repo, permission string) bool {
	if v.installation() != nil {
		return v.writes(r, permission)
	}
	return v.login != ""
}

// edits reports whether the viewer may change what author wrote: the author may, and
// who may push.
func (v viewer) edits(r *repo, author *account, permission string) bool {
	return v.installation() == nil && v.login != "" && author.login == v.login || v.writes(r, permission)
}

// granted reports whether an installation's token has a permission, such as issues=read.
func (v viewer) granted(permission string) bool {
	name, level, _ := strings.Cut(permission, "=")
	return slices.Index(levels, v.token.allowed()[name]) >= slices.Index(levels, level)
}

// Principals as budgets name them.
func userOwner(login string) string      { return "user:" + strings.ToLower(login) }
func installationOwner(id int) string    { return "installation:" + itoa(id) }
func appOwner(id int) string             { return "app:" + itoa(id) }
func addressOwner(address string) string { return "ip:" + address }

func (v viewer) budgetOwner() string {
	switch {
	case v.installation() != nil || v.app != nil:
		return v.principal()
	case v.login != "":
		return userOwner(v.login)
	}
	return addressOwner(v.ip)
}

// identityHeaders tells what GitHub tells about the token itself. Of an installation's it tells nothing.
func (v viewer) identityHeaders(h http.Header) {
	if v.token == nil || v.token.installation != nil {
		return
	}
	if v.token.classic() {
		set(h, "X-OAuth-Scopes", v.token.scopes)
		set(h, "X-Accepted-OAuth-Scopes", "repo")
	}
	if !v.token.expires.IsZero() {
		set(h, "GitHub-Authentication-Token-Expiration", v.token.expires.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}

const notForIntegrations = "Resource not accessible by integration"

// forbidden is what a viewer without a permission is told, in the words for its kind of token.
func (c *call) forbidden(permission string) *answer {
	return c.viewer.forbidden(permission)
}

func (v viewer) forbidden(permission string) *answer {
	text := "Resource not accessible by personal access token"
	if v.installation() != nil || v.app != nil {
		text = notForIntegrations
	}
	a := refuse(http.StatusForbidden, text, docREST)
	set(a.header, "X-Accepted-GitHub-Permissions", permission)
	return a
}

func (c *call) requireLogin() *answer {
	switch {
	case c.viewer.app != nil:
		return c.forbidden("metadata=read")
	case c.viewer.login == "":
		return refuse(http.StatusUnauthorized, "Requires authentication", docREST)
	}
	return nil
}

// requireUser refuses whoever is not a person: there is no user behind an installation's token.
func (c *call) requireUser() *answer {
	if c.viewer.installation() != nil {
		return c.forbidden("allows_permissionless_access=true")
	}
	return c.requireLogin()
}

// requireWrite refuses who may see the repository but not change it.
func (c *call) requireWrite(r *repo, permission string) *answer {
	if refusal := c.requireLogin(); refusal != nil {
		return refusal
	}
	if !c.viewer.writes(r, permission) {
		return c.forbidden(permission)
	}
	return nil
}

// requirePart refuses who may not take part in issues.
func (c *call) requirePart(r *repo, permission string) *answer {
	if refusal := c.requireLogin(); refusal != nil {
		return refusal
	}
	if !c.viewer.takesPart(r, permission) {
		return c.forbidden(permission)
	}
	return nil
}

// areas are the permissions that reading below a repository needs.
var areas = map[string]string{
	"actions": "actions", "branches": "contents", "check-runs": "checks", "commits": "contents", "contents": "contents", "deployments": "deployments",
	"git": "contents", "issues": "issues", "labels": "issues", "pulls": "pull_requests", "readme": "contents", "releases": "contents",
	"statuses": "statuses", "tags": "contents", "tarball": "contents", "zipball": "contents",
}

// requireRead refuses an installation's token that was not granted an area of a private
// repository. What is public is for everybody, and who writes is asked for more.
func (c *call) requireRead(r *repo, rest []string) *answer {
	if c.method != http.MethodGet || c.viewer.installation() == nil || !r.private || len(rest) == 0 || areas[rest[0]] == "" {
		return nil
	}
	if permission := areas[rest[0]] + "=read"; !c.viewer.granted(permission) {
		return c.forbidden(permission)
	}
	return nil
}
