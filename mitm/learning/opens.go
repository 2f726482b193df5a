package learning

import (
	"cmp"
	"slices"
	"strings"

	"octopool/mitm/route"
	"octopool/policy"
)

// Opens is what a scope allows besides what was used.
type Opens struct {
	Routes   int      // methods of GitHub's route templates
	Examples []string // a few of them, as METHOD TEMPLATE
	Beyond   string   // in words; "" for nothing
}

// mostExamples is how many routes are named.
const mostExamples = 3

// A reach knows which routes there are, and which of them a client has used.
type reach struct {
	all  []used
	used map[used]bool
}

type used struct{ method, template string }

func newReach(u Usage) *reach {
	r := &reach{used: map[used]bool{}}
	route.New().Each(func(method, template string) { r.all = append(r.all, used{method, template}) })
	slices.SortFunc(r.all, func(a, b used) int {
		return cmp.Or(cmp.Compare(a.template, b.template), cmp.Compare(a.method, b.method))
	})
	for _, c := range u.Uses {
		r.used[used{c.Verb, c.Route}] = true
		if c.Verb == "HEAD" {
			r.used[used{"GET", c.Route}] = true
		}
	}
	return r
}

// opens says what a scope allows besides. Policy is asked, with a path for each route that
// has what the scope's pattern wants for its parameters.
func (r *reach) opens(n need, text string) (o Opens) {
	switch {
	case n.verbs[0] == "graphql:query":
		return Opens{Beyond: "any query: whatever its pool can read"}
	case n.verbs[0] == "graphql:mutation" && n.pattern == "":
		return Opens{Beyond: "any mutation"}
	case n.verbs[0] == "graphql:mutation":
		return Opens{Beyond: "these in whatever its pool can change"}
	case service(n) != "1":
		if strings.HasSuffix(n.pattern, "/*") {
			o.Beyond = "every repository of " + strings.TrimSuffix(n.pattern, "/*")
		}
		return o
	}
	if before, name, _, ok := cutRepository(n); ok && name == "*" {
		o.Beyond = "the same of every repository of " + strings.Trim(strings.TrimPrefix(before, "/repos"), "/")
	}
	scope, err := policy.ParseScope(text)
	if err != nil {
		return Opens{Beyond: err.Error()}
	}
	wanted := strings.Split(strings.Trim(n.pattern, "/"), "/")
	api := policy.Origin{GitHub: n.github, Host: "api." + n.github, Role: policy.RoleAPI}
	for _, one := range r.all {
		asked, err := policy.Read(api, one.method, example(one.template, wanted), "")
		if err != nil || r.used[one] || !scope.Allows(asked) {
			continue
		}
		if v, err := Judge(policy.Registration{Name: "x", Scopes: []policy.Scope{scope}}, asked); err != nil || !v.Allowed {
			continue // it makes or shows credentials
		}
		o.Routes++
		if len(o.Examples) < mostExamples {
			o.Examples = append(o.Examples, one.method+" "+one.template)
		}
	}
	return o
}

// example is a path of a route, with what a pattern wants where the route has a parameter.
func example(template string, wanted []string) string {
	parts := strings.Split(strings.Trim(template, "/"), "/")
	for i := range parts {
		if !strings.HasPrefix(parts[i], "{") {
			continue
		}
		parts[i] = "1"
		if i < len(wanted) && !strings.Contains(wanted[i], "*") {
			parts[i], _, _ = strings.Cut(strings.Trim(wanted[i], "{}"), ",")
		}
	}
	return "/" + strings.Join(parts, "/")
}
