package pool

import (
	"strings"

	"octopool/policy"
)

// WantOf is what a lease for a granted request is for, as far as its path and its GraphQL
// document tell. Whose an id is that a document names cannot be seen: Verdict.Elsewhere is
// for that. A query that does not speak of its viewer need not stay with one credential:
// budgets would be left over elsewhere.
func WantOf(g policy.Grant) Want {
	r := g.Request()
	w := Want{
		GitHub: r.Origin.GitHub, Pool: g.Pool(), Client: g.Client(),
		Owner: r.Owner, Number: r.Number(),
		Resource: ResourceOf(r), Write: r.Write, Creates: creates(r), Hidden: hidden(r),
	}
	switch {
	case byApp(r):
		w.App, w.Steady = true, "app" // one App for all clients: what one has made another may change
	case r.Write, Identity(r), r.Document != nil && r.Document.Viewer:
		w.Steady = g.Client()
	}
	if r.Document != nil {
		w.RateLimit = r.Document.RateLimit
	}
	return w
}

// hidden reports whether a 404 may be for want of a credential that sees what was asked
// for: github.com answers so, where to nobody it would say 401. A push stays with its
// author, whatever the answer.
func hidden(r policy.Request) bool {
	switch r.Kind {
	case policy.KindGit, policy.KindLFS, policy.KindArchive:
		return !r.Write
	}
	return false
}

// Identity reports whether a route speaks of the credential itself: its user, its
// notifications, its gists.
func Identity(r policy.Request) bool {
	if r.Kind != policy.KindREST || r.Number() != "" {
		return false
	}
	switch strings.ToLower(r.Path.Segment(0)) {
	case "user", "notifications", "installation", "gists":
		return true
	}
	return false
}

// below is what is asked of a repository: the segment after its name or number, or "".
func below(r policy.Request) string {
	at := 3
	if strings.EqualFold(r.Path.Segment(0), "repositories") {
		at = 2
	}
	if r.Kind != policy.KindREST || r.Repo == "" && r.Number() == "" {
		return ""
	}
	return r.Path.Segment(at)
}

// byApp reports whether a write is of a kind that Apps make: only the App that made a
// check run may change it (GitHub's documentation, "Check runs").
func byApp(r policy.Request) bool {
	if !r.Write {
		return false
	}
	switch strings.ToLower(below(r)) {
	case "check-runs", "check-suites", "statuses", "deployments":
		return true
	}
	return false
}

// creates reports whether a request makes content that people are notified of: GitHub
// wants at most 80 such a minute and 500 an hour ("Rate limits for the REST API",
// secondary limits). Which they are it tells route by route ("This endpoint triggers
// notifications"); this is that list by what the paths have in common.
func creates(r policy.Request) bool {
	if r.Kind == policy.KindGraphQL {
		return r.Write
	}
	if r.Kind != policy.KindREST || r.Method != "POST" && r.Method != "PUT" {
		return false
	}
	last := strings.ToLower(r.Path.Segment(r.Path.Depth() - 1))
	if in := below(r); in != "" {
		switch strings.ToLower(in) {
		case "issues", "pulls", "releases", "discussions":
			return true
		case "commits":
			return last == "comments"
		case "collaborators":
			return r.Method == "PUT"
		}
		return false
	}
	return last == "invitations" || last == "discussions" || last == "comments" || last == "gists"
}
