package exchange

import (
	"strings"

	"octopool/store"
)

// kindred is one key for all that may have the same bytes as k: those that ask for JSON
// of the same URL.
func kindred(k store.Key) store.Key {
	if asksJSON(k.Accept) {
		k.Accept = "application/json"
	}
	return k
}

// asksJSON reports whether every media type of an Accept is JSON to GitHub, and so has
// one Content-Type.
func asksJSON(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(item, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		switch rest, github := strings.CutPrefix(media, "application/vnd.github"); {
		case media == "*/*", media == "application/json":
		case github && (strings.HasSuffix(rest, "+json") || strings.HasSuffix(rest, "-preview")):
		default:
			return false
		}
	}
	return true
}

// asksPlainJSON reports whether an Accept asks for JSON in GitHub's plain form, of which it
// has several names. Other forms, such as .full+json, have other fields (GitHub's
// documentation, "Media types").
func asksPlainJSON(accept string) bool {
	switch accept {
	case "", "*/*", "application/json", "application/vnd.github+json", "application/vnd.github.v3+json":
		return true
	}
	return false
}

// namesList reports whether a path is that of a list, as far as its last segment tells:
// those with which GitHub's paths of arrays end. A path that merely looks like one is
// asked for with a validator that it does not have, which costs nothing. Events and
// notifications are not among them: how often they may be asked for stands in a header that
// a 304 of theirs may lack (observed), so the whole answer is needed once.
func namesList(path string) bool {
	path = strings.TrimSuffix(path, "/")
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	switch last {
	case "activities", "advisories", "alerts", "approvals", "assets", "assignees", "autolinks", "blocks", "branches",
		"collaborators", "comments", "commits", "contributors", "deliveries", "deployments", "emails", "files",
		"followers", "following", "forks", "gists", "gpg_keys", "hooks", "invitations", "issues", "keys", "labels",
		"members", "milestones", "orgs", "outside_collaborators", "packages", "pending_deployments",
		"projects", "public_members", "pulls", "reactions", "releases", "repos", "reviews", "rulesets",
		"security-advisories", "ssh_signing_keys", "stargazers", "starred", "statuses", "sub_issues", "subscribers",
		"subscriptions", "tags", "teams", "timeline", "versions":
		return true
	}
	return strings.Contains(path, "/git/matching-refs/") || strings.Contains(path, "/rules/branches/")
}
