package learning

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// mostNames is how many repositories of one owner are named one by one.
const mostNames = 8

// A Suggestion is a scope that a client needs.
type Suggestion struct {
	Scope    string
	Requests uint64 // that it would have allowed
	Opens    Opens  // besides
}

// A need is a scope in the making.
type need struct {
	github, pattern string
	verbs           []string
	requests        uint64
}

// Suggest returns the narrowest scopes that would have allowed what a client did, and what
// of it no scope can allow. Parameters of a route are left open, names of owners and
// repositories are not, unless there are many repositories of one owner.
func Suggest(u Usage) (scopes []Suggestion, beyond []Counted) {
	var needs []need
	for _, c := range u.Uses {
		if c.Verb == "" {
			beyond = append(beyond, c)
			continue
		}
		needs = append(needs, need{c.GitHub, c.Pattern, []string{c.Verb}, c.Requests})
	}
	needs = grouped(needs, func(n need) string { return n.verbs[0] + " " + repositoryless(n) }, joinRepositories)
	needs = grouped(needs, func(n need) string { return service(n) + n.pattern }, joinVerbs)
	needs = grouped(needs, func(n need) string {
		if n.verbs[0] == "graphql:mutation" {
			return n.verbs[0]
		}
		return strings.Join(n.verbs, ",") + " " + n.pattern
	}, joinMutations)
	needs = uncovered(needs)
	slices.SortStableFunc(needs, func(a, b need) int {
		return cmp.Or(cmp.Compare(service(a), service(b)), cmp.Compare(a.github, b.github), cmp.Compare(a.pattern, b.pattern), slices.Compare(a.verbs, b.verbs))
	})
	reach := newReach(u)
	for _, n := range needs {
		text := n.scope(len(u.GitHubs) > 1)
		scopes = append(scopes, Suggestion{text, n.requests, reach.opens(n, text)})
	}
	return scopes, beyond
}

// grouped joins the needs of one GitHub that have a key in common.
func grouped(needs []need, key func(need) string, join func([]need) []need) (out []need) {
	groups := map[string][]need{}
	for _, n := range needs {
		k := n.github + " " + key(n)
		groups[k] = append(groups[k], n)
	}
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, join(groups[k])...)
	}
	return out
}

// service sorts scopes as people read them: the API, then GraphQL, then git.
func service(n need) string {
	switch {
	case strings.HasPrefix(n.verbs[0], "graphql:"):
		return "2"
	case strings.HasPrefix(n.verbs[0], "git:"):
		return "3" + n.verbs[0]
	}
	return "1"
}

// cutRepository takes a repository's name out of a pattern, if it has one.
func cutRepository(n need) (before, name, after string, ok bool) {
	parts := strings.SplitN(n.pattern, "/", 5) // "", repos, OWNER, REPO, the rest
	switch {
	case strings.HasPrefix(n.verbs[0], "git:"):
		owner, repo, found := strings.Cut(n.pattern, "/")
		return owner + "/", repo, "", found
	case len(parts) < 4 || parts[1] != "repos" || parts[3] == "**":
		return "", "", "", false
	case len(parts) == 5:
		after = "/" + parts[4]
	}
	return "/repos/" + parts[2] + "/", parts[3], after, true
}

func repositoryless(n need) string {
	if before, _, after, ok := cutRepository(n); ok {
		return before + " " + after // no pattern has a space
	}
	return n.pattern
}

// joinRepositories makes one need of those that differ in the repository alone.
func joinRepositories(same []need) []need {
	out := sum(same)
	before, _, after, ok := cutRepository(out)
	if !ok {
		return []need{out}
	}
	var names []string
	for _, n := range same {
		_, name, _, _ := cutRepository(n)
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	name := names[0]
	switch {
	case slices.Contains(names, "*"), len(names) > mostNames:
		name = "*"
	case len(names) > 1:
		name = "{" + strings.Join(names, ",") + "}"
	}
	out.pattern = before + name + after
	return []need{out}
}

// joinVerbs makes one need of those that differ in the method alone.
func joinVerbs(same []need) []need {
	if !strings.HasPrefix(service(same[0]), "1") {
		return same
	}
	out := sum(same)
	for _, n := range same[1:] {
		out.verbs = append(out.verbs, n.verbs...)
	}
	order := append(methods(), "write")
	slices.SortFunc(out.verbs, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	out.verbs = slices.Compact(out.verbs)
	return []need{out}
}

// joinMutations makes one need of several mutations. Any of them lets a document pass that
// does nothing.
func joinMutations(same []need) []need {
	if same[0].verbs[0] != "graphql:mutation" {
		return same
	}
	out := sum(same)
	var names []string
	for _, n := range same {
		if n.pattern != "" {
			names = append(names, n.pattern)
		}
	}
	slices.Sort(names)
	out.pattern = strings.Join(slices.Compact(names), ",")
	return []need{out}
}

func sum(same []need) need {
	out := same[0]
	out.verbs, out.requests = slices.Clone(out.verbs), 0
	for _, n := range same {
		out.requests += n.requests
	}
	return out
}

// uncovered leaves out what another need includes.
func uncovered(needs []need) (out []need) {
	slices.SortStableFunc(needs, func(a, b need) int { // what includes comes before what it includes
		return cmp.Or(cmp.Compare(len(stem(a)), len(stem(b))), -cmp.Compare(len(a.pattern), len(b.pattern)))
	})
	for _, n := range needs {
		if i := slices.IndexFunc(out, func(o need) bool { return o.includes(n) }); i >= 0 {
			out[i].requests += n.requests
			continue
		}
		out = append(out, n)
	}
	return out
}

func stem(n need) string { return strings.TrimSuffix(n.pattern, "/**") }

// includes reports whether n, which ends in **, allows all that another need does.
func (n need) includes(o need) bool {
	below := strings.TrimSuffix(n.pattern, "**")
	return below != n.pattern && service(n) == "1" && service(o) == "1" && n.github == o.github &&
		strings.HasPrefix(o.pattern+"/", below) &&
		!slices.ContainsFunc(o.verbs, func(v string) bool { return !slices.Contains(n.verbs, v) })
}

// scope is a need in the words of the configuration.
func (n need) scope(naming bool) string {
	pattern := n.pattern
	if naming {
		pattern = n.github + pattern
		if service(n) != "1" && n.pattern != "" {
			pattern = n.github + "/" + n.pattern
		}
	}
	return strings.TrimSpace(strings.Join(n.verbs, ",") + " " + pattern)
}
