package githubtest

import (
	"fmt"
	"net/http"
	"strings"
)

// forApps reports whether a path is one of those that Apps and installations have for
// themselves.
func (c *call) forApps(segments []string) bool {
	switch segments[0] {
	case "app", "installation":
		return true
	case "users", "orgs":
		return len(segments) == 3 && segments[2] == "installation"
	case "repos":
		return len(segments) == 4 && segments[3] == "installation"
	}
	return false
}

// appRoute answers what Apps ask about themselves.
func (c *call) appRoute(segments []string) *answer {
	if segments[0] == "installation" {
		return c.forInstallation(segments[1:])
	}
	app := c.viewer.app
	if app == nil { // observed, whatever was sent instead
		return refuse(http.StatusUnauthorized, jwtUndecodable, docREST)
	}
	switch rest := segments[1:]; {
	case segments[0] == "users", segments[0] == "orgs":
		return c.oneInstallation(c.s.installedOn(app, c.s.account(segments[1])))
	case segments[0] == "repos":
		return c.installationFor(c.s.repos[strings.ToLower(segments[1]+"/"+segments[2])])
	case len(rest) == 0 && c.method == http.MethodGet:
		return ok(app.whole())
	case len(rest) == 1 && rest[0] == "installations" && c.method == http.MethodGet:
		return c.installationList()
	case len(rest) >= 2 && rest[0] == "installations":
		return c.belowInstallation(c.s.installationOf(app, rest[1]), rest[2:])
	}
	return notFound()
}

func (c *call) installationList() *answer {
	var found []*Installation
	for _, in := range c.s.installations {
		if in.app == c.viewer.app {
			found = append(found, in)
		}
	}
	return page(c, found, apiURL+"/app/installations", listOf((*Installation).view))
}

func (c *call) oneInstallation(in *Installation) *answer {
	if in == nil || c.method != http.MethodGet {
		return notFound()
	}
	return ok(in.view())
}

// installationFor is the App's installation that a repository is among.
func (c *call) installationFor(r *repo) *answer {
	if r == nil {
		return notFound()
	}
	in := c.s.installedOn(c.viewer.app, r.owner)
	if in == nil || !in.covers(r) {
		return notFound()
	}
	return c.oneInstallation(in)
}

func (c *call) belowInstallation(in *Installation, rest []string) *answer {
	switch {
	case in == nil:
	case len(rest) == 0:
		return c.oneInstallation(in)
	case len(rest) == 1 && rest[0] == "access_tokens" && c.method == http.MethodPost:
		return c.createToken(in)
	}
	return notFound()
}

// forInstallation answers below /installation, which is the token's own.
func (c *call) forInstallation(rest []string) *answer {
	in := c.viewer.installation()
	path := c.method + " " + strings.Join(rest, "/")
	switch {
	case path != "GET repositories" && path != "DELETE token":
		return notFound()
	case !c.viewer.known():
		return c.requireLogin()
	case in == nil:
		return refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.", docREST)
	case path == "DELETE token":
		c.viewer.token.revoked = true
		return noContent()
	}
	var found []*repo
	for _, r := range c.s.order {
		if c.viewer.token.covers(r) {
			found = append(found, r)
		}
	}
	selection := in.selection()
	if c.viewer.token.repos != nil {
		selection = "selected"
	}
	return page(c, found, apiURL+"/installation/repositories", func(items []*repo) any {
		return object{{"total_count", len(found)}, {"repository_selection", selection},
			{"repositories", listOf(func(r *repo) object { return r.view(c.viewer) })(items)}}
	})
}

// view is an App as check runs and deployments show it.
func (a *App) view() object {
	return object{
		{"id", a.id}, {"client_id", a.clientID}, {"slug", a.slug}, {"node_id", nodeID("A", a.id)}, {"owner", a.owner.view()}, {"name", a.slug},
		{"description", ""}, {"external_url", "https://example.com"}, {"html_url", webURL + "/apps/" + a.slug},
		{"created_at", stamp(a.created)}, {"updated_at", stamp(a.created)}, {"permissions", a.permissions}, {"events", []string{}},
	}
}

// whole is an App as it sees itself.
func (a *App) whole() object {
	installed := 0
	for _, in := range a.s.installations {
		if in.app == a {
			installed++
		}
	}
	return append(a.view(), member{"installations_count", installed})
}

func (in *Installation) view() object {
	u := fmt.Sprintf("%s/app/installations/%d", apiURL, in.id)
	page := fmt.Sprintf("%s/settings/installations/%d", webURL, in.id)
	if in.account.org {
		page = fmt.Sprintf("%s/organizations/%s/settings/installations/%d", webURL, in.account.login, in.id)
	}
	var by any
	if !in.suspended.IsZero() {
		by = in.account.view()
	}
	return object{
		{"id", in.id}, {"client_id", in.app.clientID}, {"account", in.account.view()}, {"repository_selection", in.selection()}, {"access_tokens_url", u + "/access_tokens"},
		{"repositories_url", apiURL + "/installation/repositories"}, {"html_url", page}, {"app_id", in.app.id}, {"app_slug", in.app.slug},
		{"target_id", in.account.id}, {"target_type", in.account.kind()}, {"permissions", in.permissions}, {"events", []string{}},
		{"created_at", stamp(in.created)}, {"updated_at", stamp(in.created)}, {"single_file_name", nil}, {"has_multiple_single_files", false},
		{"single_file_paths", []string{}}, {"suspended_by", by}, {"suspended_at", stamp(in.suspended)},
	}
}
