package learning

import (
	"slices"
	"strings"

	"octopool/mitm/route"
	"octopool/policy"
)

// A Use is one thing that a client does, as far as scopes can tell: numbers, branches and
// the like are left out, names of owners and repositories are not.
type Use struct {
	GitHub string `json:"github"`

	// What begins a scope: a method of the API, or git:read, git:write, graphql:query or
	// graphql:mutation; "" for what no scope is about.
	Verb string `json:"verb"`

	// What follows it: the narrowest pattern, OWNER/REPO, the name of a mutation or nothing.
	// Without a verb it says what it was.
	Pattern string `json:"pattern"`

	Route string `json:"route"` // of the API, as GitHub describes it; "" for what is none
}

// What no scope is about.
const (
	aboutNumber = "what was asked by number, such as /repositories/1296269, as GitHub's links do; scopes go by names"
	aboutPage   = "web pages"
	aboutUnread = "GraphQL that cannot be read"
)

// UsesOf are what one granted request makes use of, and so the scopes that it needs; none
// where it needs none. GraphQL may take several.
func UsesOf(r policy.Request, routeOf string) []Use {
	one := func(verb, pattern string) []Use {
		return []Use{{GitHub: r.Origin.GitHub, Verb: verb, Pattern: pattern}}
	}
	switch r.Kind {
	case policy.KindREST, policy.KindUpload:
		if r.Number() != "" {
			return one("", aboutNumber)
		}
		verb := r.Method
		if !slices.Contains(methods(), verb) {
			verb = "write"
		}
		uses := one(verb, pathPattern(r, routeOf))
		uses[0].Route = routeOf
		return uses
	case policy.KindGraphQL:
		return documentUses(r)
	case policy.KindGit, policy.KindLFS, policy.KindArchive:
		switch {
		case r.Repo == "" && r.Signed:
			return nil // the URL is its own credential
		case r.Write:
			return one("git:write", repository(r))
		}
		return one("git:read", repository(r))
	}
	return one("", aboutPage)
}

func documentUses(r policy.Request) (uses []Use) {
	use := func(verb, pattern string) {
		uses = append(uses, Use{GitHub: r.Origin.GitHub, Verb: verb, Pattern: pattern})
	}
	d := r.Document
	if d == nil || d.Unread != "" {
		use("", aboutUnread)
		return uses
	}
	if d.Query {
		use("graphql:query", "")
	}
	for _, name := range d.Mutations {
		use("graphql:mutation", name)
	}
	if d.Mutation && len(d.Mutations) == 0 {
		use("graphql:mutation", "")
	}
	return uses
}

// repository is OWNER/REPO of a request to git; a gist has no owner.
func repository(r policy.Request) string {
	if r.IsGist() {
		return "gist/" + word(r.Repo)
	}
	if strings.Contains(r.Owner, ".") { // no account has a dot, and in a scope it would be a host
		return "*/" + word(r.Repo)
	}
	return word(r.Owner) + "/" + word(r.Repo)
}

// pathPattern is the narrowest pattern of a path whose parameters may be others, but for
// the names at its beginning.
func pathPattern(r policy.Request, routeOf string) string {
	whole, split := r.Readings()
	out := make([]string, len(split))
	literal := literals(routeOf, split)
	for i, segment := range split {
		out[i] = "*"
		if literal[i] || isName(split[0], i) {
			out[i] = word(segment)
		}
	}
	for i := range whole { // an encoded slash: what follows must match in both readings
		if strings.Contains(whole[i], "/") {
			return "/" + strings.Join(append(out[:i:i], "**"), "/")
		}
	}
	if n := len(strings.Split(routeOf, "/")) - 1; routeOf != route.Other && len(split) > n && !literal[len(split)-1] {
		return "/" + strings.Join(append(out[:n-1:n-1], "**"), "/") // a path at the end, such as that of a file
	}
	return "/" + strings.Join(out, "/")
}

// isName reports whether a segment says whose something is.
func isName(first string, at int) bool {
	switch strings.ToLower(first) {
	case "repos", "networks":
		return at == 1 || at == 2
	case "orgs", "users", "enterprises", "organizations":
		return at == 1
	}
	return false
}

// literals says which segments are words of a route. One parameter may have taken several
// segments. Of what GitHub does not describe all are taken for words.
func literals(routeOf string, segments []string) []bool {
	out := make([]bool, len(segments))
	if routeOf == route.Other {
		for i := range out {
			out[i] = true
		}
		return out
	}
	template := strings.Split(strings.Trim(routeOf, "/"), "/")
	isWord := func(i int) bool { return !strings.HasPrefix(template[i], "{") }
	if len(segments) > 0 {
		for i := 0; i < min(len(template), len(segments)) && (isWord(i) && template[i] == segments[i] || !isWord(i)); i++ {
			out[i] = isWord(i)
		}
		for i, j := len(template)-1, len(segments)-1; i > 0 && j > 0 && isWord(i) && template[i] == segments[j]; i, j = i-1, j-1 {
			out[j] = true
		}
	}
	return out
}

// word is a segment as a pattern has it, or * where no pattern could.
func word(segment string) string {
	const most = 100
	if segment == "" || len(segment) > most || strings.Trim(segment, ".") == "" {
		return "*"
	}
	for _, c := range segment {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`*{},%\?#/"`, c) {
			return "*"
		}
	}
	return strings.ToLower(segment)
}
