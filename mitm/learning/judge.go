// Package learning helps to write the scopes of a client: it says which of them decides
// about a request, remembers what clients do, and names the narrowest scopes that would
// allow that. Who may ask for what is decided by policy alone.
package learning

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"octopool/policy"
)

// A Verdict is what becomes of a request, and why.
type Verdict struct {
	Allowed bool
	Spared  bool // it is let through all the same: the client's scopes are reported only
	Why     string
}

// Judge says what the policy makes of a request of a client's, whatever its token is.
// Its error says that the registration makes no sense.
func Judge(reg policy.Registration, r policy.Request) (Verdict, error) {
	grant, err := authorize(reg, r)
	numeric, numbered := errors.AsType[*policy.Unresolved](err)
	_, refused := errors.AsType[*policy.OutOfScope](err)
	switch {
	case numbered:
		return Verdict{Why: "octopool asks GitHub what " + numeric.Path() + " is called and goes by that name; test the name"}, nil
	case refused:
		return Verdict{Why: err.Error() + nearest(reg, r)}, nil
	case err != nil:
		return Verdict{}, err
	case grant.WouldRefuse() != nil:
		return Verdict{Spared: true, Why: grant.WouldRefuse().Error() + nearest(reg, r)}, nil
	}
	return Verdict{Allowed: true, Why: why(reg, r)}, nil
}

// why names the first scope that allows a request alone, or those that it takes.
func why(reg policy.Registration, r policy.Request) string {
	if len(reg.Scopes) == 0 {
		return "since client " + reg.Name + " has no scopes"
	}
	reg.ReportOnly = false
	for i, s := range reg.Scopes {
		alone := reg
		alone.Scopes = []policy.Scope{s}
		if _, err := authorize(alone, r); err == nil {
			return "by " + called(i, s)
		}
	}
	var all []string
	for i, s := range reg.Scopes {
		without := reg
		without.Scopes = slices.Delete(slices.Clone(reg.Scopes), i, i+1)
		if _, err := authorize(without, r); err != nil {
			all = append(all, called(i, s))
		}
	}
	return strings.TrimSpace("by " + strings.Join(all, " and "))
}

// nearest names the scope that a refused request comes closest to, after a semicolon: one
// that allows the path with other methods, or the one whose text has most of the path.
func nearest(reg policy.Registration, r policy.Request) string {
	for i, s := range reg.Scopes {
		if s.Allows(r) {
			return "" // it is not the scopes that refuse it
		}
		var with []string
		for _, method := range methods() {
			other := r
			if other.Method = method; r.Document == nil && s.Allows(other) {
				with = append(with, method)
			}
		}
		if len(with) > 0 {
			return fmt.Sprintf("; the nearest, %s, allows it with %s", called(i, s), strings.Join(with, ", "))
		}
	}
	best, common := -1, 1 // a slash is nothing in common
	for i, s := range reg.Scopes {
		_, pattern, _ := strings.Cut(s.String(), " ")
		if n := commonLength(pattern, r.Path.String()); n > common {
			best, common = i, n
		}
	}
	if best < 0 {
		return ""
	}
	return "; the nearest is " + called(best, reg.Scopes[best])
}

func called(i int, s policy.Scope) string { return fmt.Sprintf("scope %d %q", i+1, s) }

func methods() []string {
	return []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
}

// commonLength is how many bytes two texts have in common at their beginning.
func commonLength(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && strings.EqualFold(a[n:n+1], b[n:n+1]) {
		n++
	}
	return n
}

// authorize asks a policy that has this client alone, whom a token of its own names.
func authorize(reg policy.Registration, r policy.Request) (policy.Grant, error) {
	const token = "whoever-asks"
	reg.Token, reg.Holder = policy.DigestOf(token), nil
	p, err := policy.New(policy.Rules{Clients: []policy.Registration{reg}})
	if err != nil {
		return policy.Grant{}, err
	}
	c, err := p.Identify([]string{"token " + token})
	if err != nil {
		return policy.Grant{}, err
	}
	return p.Authorize(c, r)
}

// Request is the request that a person means by a method and a path: of the API, as in
// "GET /repos/acme/web", by its whole URL, or in the words of scopes, as in
// "graphql:mutation addComment" and "git:read acme/web". The origins are those of the
// GitHubs that are configured, and a path alone is one of the first.
func Request(origins []policy.Origin, method, path string) (policy.Request, error) {
	switch method {
	case "graphql:query", "graphql:mutation":
		text := "query { viewer { login } }"
		if method == "graphql:mutation" {
			text = "mutation { " + strings.ReplaceAll(cmp.Or(path, "__typename"), ",", " ") + " }"
		}
		o, err := originFor(origins, policy.RoleAPI)
		if err != nil {
			return policy.Request{}, err
		}
		where := "/graphql"
		if o.Role == policy.RoleEnterprise {
			where = "/api/graphql"
		}
		r, err := policy.Read(o, "POST", where, "")
		if err == nil {
			r = r.Carrying(nil, fmt.Appendf(nil, `{"query":%q}`, text))
			if r.Document.Unread != "" {
				err = fmt.Errorf("%q is not the name of a mutation", path)
			}
		}
		return r, err
	case "git:read", "git:write":
		o, err := originFor(origins, policy.RoleWeb)
		if err != nil {
			return policy.Request{}, err
		}
		service := "git-upload-pack"
		if method == "git:write" {
			service = "git-receive-pack"
		}
		return policy.Read(o, "POST", "/"+strings.Trim(path, "/")+"/"+service, "")
	}
	path, query, _ := strings.Cut(path, "?")
	rest, whole := strings.CutPrefix(path, "https://")
	if !whole {
		o, err := originFor(origins, policy.RoleAPI)
		if err != nil {
			return policy.Request{}, err
		}
		if o.Role == policy.RoleEnterprise && !strings.HasPrefix(path, "/api/") {
			path = "/api/v3" + path
		}
		return policy.Read(o, method, path, query)
	}
	host, below, _ := strings.Cut(rest, "/")
	i := slices.IndexFunc(origins, func(o policy.Origin) bool { return strings.EqualFold(o.Host, host) })
	if i < 0 {
		return policy.Request{}, fmt.Errorf("no configured GitHub has the host %s", host)
	}
	return policy.Read(origins[i], method, "/"+below, query)
}

// originFor is the first origin with a role.
func originFor(origins []policy.Origin, role policy.Role) (policy.Origin, error) {
	i := slices.IndexFunc(origins, func(o policy.Origin) bool { return o.Role == role || o.Role == policy.RoleEnterprise })
	if i < 0 {
		return policy.Origin{}, errors.New("the first GitHub has no host for this that octopool intercepts")
	}
	return origins[i], nil
}
