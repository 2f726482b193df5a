// Package route names the route of a GitHub API request: one template out of
// the closed set in GitHub's own API description, fit for a metric label
// because nothing of the request is in it.
//
// It knows paths and methods and nothing else: not what a route costs, not who
// may ask for it, and not how a path is made canonical. Hosts, the /api/v3
// prefix of an Enterprise server, dot segments and percent signs are the
// caller's business.
package route

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:generate go run ./internal/gen -o templates.txt

// Other is the route of a request that GitHub's description does not know.
// It is the one answer of [Table.Of] that [Table.Templates] does not list.
const Other = "other"

// templates is written by go generate; its header says from what.
//
//go:embed templates.txt
var templates string

// A Table finds the template of a request. It does not change once made, and
// any number of goroutines may use it.
type Table struct {
	root      *node
	templates []string

	// Where the paths that GitHub itself writes with numbers go on.
	repository, organization, team, user *node
}

// A node is a place in the tree of all templates: what may come next, and
// which templates end here.
type node struct {
	literal map[string]*node
	param   *node // exactly one segment, not empty
	rest    *node // one segment or more
	ends    []end
}

// An end is a template and the methods it has.
type end struct {
	methods  methods
	template string
}

// New builds the table that comes with octopool.
func New() *Table {
	t, err := parse(templates)
	if err != nil {
		panic(fmt.Sprintf("route: embedded table: %v", err))
	}
	return t
}

// parse reads the table's text: comments, and lines of methods and template.
// {name} stands for one segment and {name...} for several.
func parse(text string) (*Table, error) {
	t := &Table{root: new(node)}
	for number, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		names, path, ok := strings.Cut(line, " ")
		if !ok || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("line %d: want METHODS /path", number+1)
		}
		var set methods
		for name := range strings.SplitSeq(names, ",") {
			m := methodOf(name)
			if m == 0 {
				return nil, fmt.Errorf("line %d: unknown method %q", number+1, name)
			}
			set |= m
		}
		template := strings.ReplaceAll(path, "...}", "}")
		n := t.root.grow(path)
		if slices.ContainsFunc(n.ends, func(e end) bool { return e.methods&set != 0 }) {
			return nil, fmt.Errorf("line %d: %s cannot be told from a template above it", number+1, template)
		}
		n.ends = append(n.ends, end{set, template})
		t.templates = append(t.templates, template)
	}
	slices.Sort(t.templates)
	t.repository = t.root.grow("/repos/{owner}/{repo}")
	t.organization = t.root.grow("/orgs/{org}")
	t.team = t.root.grow("/orgs/{org}/teams/{team_slug}")
	t.user = t.root.grow("/users/{username}")
	return t, nil
}

// grow returns the node of a path, making what is missing on the way.
func (n *node) grow(path string) *node {
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		next := &n.param
		switch {
		case segment == "": // the root, "/"
			continue
		case strings.HasSuffix(segment, "...}"):
			next = &n.rest
		case !strings.HasPrefix(segment, "{"):
			if n.literal == nil {
				n.literal = make(map[string]*node)
			}
			if n.literal[segment] == nil {
				n.literal[segment] = new(node)
			}
			n = n.literal[segment]
			continue
		}
		if *next == nil {
			*next = new(node)
		}
		n = *next
	}
	return n
}

// Each visits every method and template there is, in no order. GET stands for HEAD too.
func (t *Table) Each(visit func(method, template string)) { t.root.each(visit) }

func (n *node) each(visit func(method, template string)) {
	for _, e := range n.ends {
		for _, name := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if e.methods&methodOf(name) != 0 {
				visit(name, e.template)
			}
		}
	}
	for _, next := range n.literal {
		next.each(visit)
	}
	for _, next := range []*node{n.param, n.rest} {
		if next != nil {
			next.each(visit)
		}
	}
}

// Templates returns all templates, sorted; Of answers with one of these or
// with Other.
func (t *Table) Templates() []string {
	return slices.Clone(t.templates)
}
