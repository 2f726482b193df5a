package route

// Of returns the template of a request to the API, such as
// /repos/{owner}/{repo}/issues, or Other. The segments are those of the
// decoded path, "/" having none. HEAD is answered as GET. Of does not allocate.
//
// Where several templates fit, the first segment in which they differ decides:
// a literal wins over a parameter, and a parameter of one segment over one of
// several. A parameter of several segments takes as few as it can, and at the
// end of a template it may be empty, as GitHub answers …/contents and …/tarball.
//
// Numeric paths are routes of the thing they number. GitHub writes them into
// Link, Location and team URLs (observed): /repositories/ID for
// /repos/{owner}/{repo}, /organizations/ID for /orgs/{org},
// /organizations/ID/team/ID for /orgs/{org}/teams/{team_slug}, and /user/ID for
// /users/{username}.
func (t *Table) Of(method string, segments []string) string {
	m := methodOf(method)
	if m == 0 {
		return Other
	}
	if found := t.root.find(m, segments); found != "" {
		return found
	}
	if n, rest := t.numbered(segments); n != nil {
		if found := n.find(m, rest); found != "" {
			return found
		}
	}
	return Other
}

// numbered returns the node that a numeric path stands for and what follows it.
func (t *Table) numbered(segments []string) (*node, []string) {
	if len(segments) < 2 || !isNumber(segments[1]) {
		return nil, nil
	}
	switch rest := segments[2:]; segments[0] {
	case "repositories":
		return t.repository, rest
	case "organizations":
		if len(rest) >= 2 && rest[0] == "team" && isNumber(rest[1]) {
			return t.team, rest[2:]
		}
		return t.organization, rest
	case "user":
		return t.user, rest
	}
	return nil, nil
}

// find returns the template that fits best at or below n, or "". It calls
// itself no deeper than the longest template has segments, however long the path.
func (n *node) find(m methods, segments []string) string {
	if len(segments) == 0 {
		if found := n.at(m); found != "" || n.rest == nil {
			return found
		}
		return n.rest.at(m)
	}
	if next := n.literal[segments[0]]; next != nil {
		if found := next.find(m, segments[1:]); found != "" {
			return found
		}
	}
	if n.param != nil && segments[0] != "" {
		if found := n.param.find(m, segments[1:]); found != "" {
			return found
		}
	}
	if n.rest != nil {
		for taken := 1; taken <= len(segments); taken++ {
			if found := n.rest.find(m, segments[taken:]); found != "" {
				return found
			}
		}
	}
	return ""
}

// at returns the template that ends at n and has the method, or "".
func (n *node) at(m methods) string {
	for _, e := range n.ends {
		if e.methods&m != 0 {
			return e.template
		}
	}
	return ""
}

// isNumber reports whether s is all digits, as GitHub's ids are.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// methods is a set of the methods that GitHub's description has.
type methods uint8

const (
	get methods = 1 << iota
	post
	put
	patch
	del
)

func methodOf(name string) methods {
	switch name {
	case "GET", "HEAD":
		return get
	case "POST":
		return post
	case "PUT":
		return put
	case "PATCH":
		return patch
	case "DELETE":
		return del
	}
	return 0
}
