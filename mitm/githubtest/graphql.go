package githubtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// A thing is a GraphQL object: a type and how to resolve its fields. There is no
// schema; what a thing has no field for is an error, as at GitHub.
type thing struct {
	kind   string
	fields fields
}

type fields map[string]func(arguments) any

// arguments are a field's arguments, variables filled in.
type arguments map[string]any

func (a arguments) text(name string) string {
	text, _ := a[name].(string)
	return text
}

func (a arguments) number(name string) int {
	switch n := a[name].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	}
	return 0
}

// input is the argument input of a mutation.
func (a arguments) input() arguments {
	in, _ := a["input"].(map[string]any)
	return in
}

func (a arguments) texts(name string) []string {
	list, _ := a[name].([]any)
	var found []string
	for _, one := range list {
		if text, is := one.(string); is {
			found = append(found, text)
		}
	}
	return found
}

// is makes a field of a value that is known already.
func is(v any) func(arguments) any { return func(arguments) any { return v } }

// A failure is a resolver's error, in GitHub's shape.
type failure struct{ kind, message string }

// graphQL answers POST /graphql: 200 for nearly everything, errors included,
// and never an ETag.
func (c *call) graphQL(b *budget) (*answer, int) {
	if c.viewer.login == "" {
		return refuse(http.StatusUnauthorized, "This endpoint requires you to be authenticated.", "https://docs.github.com/graphql/guides/forming-calls-with-graphql#authentication"), 0
	}
	if c.method != http.MethodPost {
		return notFound(), 0
	}
	var in struct {
		Query         string
		OperationName string `json:"operationName"`
		Variables     map[string]any
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON", "https://docs.github.com/graphql"), 0
	}
	if in.Query == "" {
		return graphQLReply(object{{"errors", []object{{{"message", "A query attribute must be specified and must be a string."}}}}}), 0
	}
	document, err := parser.ParseQuery(&ast.Source{Input: in.Query})
	if err != nil {
		return graphQLReply(object{{"errors", []object{{{"message", "Parse error on " + err.Error()}}}}}), 0
	}
	if name, loops := fragmentLoop(document); loops {
		return graphQLReply(object{{"errors", []object{{{"message", "Fragment " + name + " contains an infinite loop"}}}}}), 0
	}
	operation := document.Operations.ForName(in.OperationName)
	if operation == nil {
		return graphQLReply(object{{"errors", []object{{{"message", "No operation named " + strconv.Quote(in.OperationName)}}}}}), 0
	}
	x := &execution{c: c, document: document, variables: map[string]any{}, budget: b}
	for _, definition := range operation.VariableDefinitions {
		if value, sent := in.Variables[definition.Variable]; sent {
			x.variables[definition.Variable] = value
		} else if definition.DefaultValue != nil {
			x.variables[definition.Variable], _ = definition.DefaultValue.Value(nil)
		}
	}
	x.cost = max(1, int(math.Round(float64(x.requests(operation.SelectionSet, 1))/100)))
	if !b.spend(x.cost) {
		// Documented: 200, with the type in the errors.
		return graphQLReply(object{{"errors", []object{{
			{"type", "RATE_LIMITED"}, {"code", "graphql_rate_limit"},
			{"message", fmt.Sprintf("API rate limit already exceeded for user ID %d.", c.s.account(c.viewer.login).id)},
		}}}}), 0
	}
	root := c.query(x)
	if operation.Operation == ast.Mutation {
		root = c.mutation()
	}
	return x.run(root, operation.SelectionSet), x.cost
}

// fragmentLoop finds a fragment that contains itself, which would never end.
func fragmentLoop(document *ast.QueryDocument) (string, bool) {
	done := map[string]bool{}
	var walk func(set ast.SelectionSet, within []string) (string, bool)
	walk = func(set ast.SelectionSet, within []string) (string, bool) {
		for _, selection := range set {
			inner, inside := ast.SelectionSet(nil), within
			switch s := selection.(type) {
			case *ast.Field:
				inner = s.SelectionSet
			case *ast.InlineFragment:
				inner = s.SelectionSet
			case *ast.FragmentSpread:
				if slices.Contains(within, s.Name) {
					return s.Name, true
				}
				fragment := document.Fragments.ForName(s.Name)
				if fragment == nil || done[s.Name] {
					continue
				}
				inner, inside = fragment.SelectionSet, append(slices.Clone(within), s.Name)
			}
			if name, loops := walk(inner, inside); loops {
				return name, true
			}
		}
		if len(within) > 0 {
			done[within[len(within)-1]] = true
		}
		return "", false
	}
	for _, fragment := range document.Fragments {
		if name, loops := walk(fragment.SelectionSet, []string{fragment.Name}); loops {
			return name, true
		}
	}
	return "", false
}

func graphQLReply(o object) *answer {
	a := ok(o)
	a.tagging, a.noCache = tagNone, true
	return a
}

// An execution is one operation under way.
type execution struct {
	c         *call
	document  *ast.QueryDocument
	variables map[string]any
	budget    *budget
	cost      int
	errors    []object
	invalid   bool // the query asks for what no type has: there is no data at all
}

func (x *execution) run(root thing, set ast.SelectionSet) *answer {
	data := x.selection(root, set, nil)
	o := object{}
	if !x.invalid {
		o = append(o, member{"data", data})
	}
	if len(x.errors) > 0 {
		o = append(o, member{"errors", x.errors})
	}
	return graphQLReply(o)
}

// selection resolves what is asked of one thing, in the order asked.
func (x *execution) selection(on thing, set ast.SelectionSet, path []any) object {
	result := object{}
	for _, field := range merged(x.collect(on, set)) {
		at := append(slices.Clone(path), field.Alias)
		result = append(result, member{field.Alias, x.field(on, field, at)})
	}
	return result
}

// merged joins fields asked for twice under one name, as fragments do.
func merged(all []*ast.Field) []*ast.Field {
	var kept []*ast.Field
	for _, field := range all {
		at := slices.IndexFunc(kept, func(k *ast.Field) bool { return k.Alias == field.Alias })
		if at < 0 {
			kept = append(kept, field)
			continue
		}
		both := *kept[at]
		both.SelectionSet = slices.Concat(both.SelectionSet, field.SelectionSet)
		kept[at] = &both
	}
	return kept
}

// collect is the fields of a selection with fragments opened where they apply
// and @skip and @include obeyed.
func (x *execution) collect(on thing, set ast.SelectionSet) []*ast.Field {
	var found []*ast.Field
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if x.included(s.Directives) {
				found = append(found, s)
			}
		case *ast.InlineFragment:
			if x.included(s.Directives) && on.isA(s.TypeCondition) {
				found = append(found, x.collect(on, s.SelectionSet)...)
			}
		case *ast.FragmentSpread:
			fragment := x.document.Fragments.ForName(s.Name)
			if fragment != nil && x.included(s.Directives) && on.isA(fragment.TypeCondition) {
				found = append(found, x.collect(on, fragment.SelectionSet)...)
			}
		}
	}
	return found
}

func (x *execution) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		value, _ := x.arguments(d.Arguments)["if"].(bool)
		if d.Name == "skip" && value || d.Name == "include" && !value {
			return false
		}
	}
	return true
}

// isA reports whether a type condition applies. An interface a thing has the
// fields for is one it implements.
func (t thing) isA(condition string) bool {
	switch condition {
	case "", t.kind, "Node":
		return true
	case "Actor", "RepositoryOwner", "Assignee", "RequestedReviewer":
		return t.kind == "User" || t.kind == "Organization"
	case "IssueOrPullRequest", "Closable", "Labelable", "Assignable", "Comment":
		return t.kind == "Issue" || t.kind == "PullRequest"
	}
	return false
}

func (x *execution) arguments(list ast.ArgumentList) arguments {
	found := arguments{}
	for _, argument := range list {
		found[argument.Name], _ = argument.Value.Value(x.variables)
	}
	return found
}

func (x *execution) field(on thing, field *ast.Field, path []any) any {
	if field.Name == "__typename" {
		return on.kind
	}
	resolve, known := on.fields[field.Name]
	if !known {
		x.invalid = true
		x.errors = append(x.errors, object{
			{"path", path}, {"extensions", object{{"code", "undefinedField"}, {"typeName", on.kind}, {"fieldName", field.Name}}},
			{"locations", locations(field)}, {"message", fmt.Sprintf("Field '%s' doesn't exist on type '%s'", field.Name, on.kind)},
		})
		return nil
	}
	return x.complete(resolve(x.arguments(field.Arguments)), field, path)
}

func (x *execution) complete(value any, field *ast.Field, path []any) any {
	switch v := value.(type) {
	case thing:
		return x.selection(v, field.SelectionSet, path)
	case *thing:
		if v == nil {
			return nil
		}
		return x.selection(*v, field.SelectionSet, path)
	case []thing:
		list := []any{}
		for i, one := range v {
			list = append(list, x.selection(one, field.SelectionSet, append(slices.Clone(path), i)))
		}
		return list
	case failure:
		x.errors = append(x.errors, object{{"type", v.kind}, {"path", path}, {"locations", locations(field)}, {"message", v.message}})
		return nil
	}
	return value
}

func locations(field *ast.Field) []object {
	if field.Position == nil {
		return []object{}
	}
	return []object{{{"line", field.Position.Line}, {"column", field.Position.Column}}}
}

// requests counts what GitHub documents as the base of a query's cost: a
// request for each connection, times the sizes of those around it.
func (x *execution) requests(set ast.SelectionSet, times int) int {
	total := 0
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			inner := times
			args := x.arguments(s.Arguments)
			if size := max(args.number("first"), args.number("last")); size > 0 {
				total += times
				inner = min(times*size, 1<<20)
			}
			total += x.requests(s.SelectionSet, inner)
		case *ast.InlineFragment:
			total += x.requests(s.SelectionSet, times)
		case *ast.FragmentSpread:
			if fragment := x.document.Fragments.ForName(s.Name); fragment != nil {
				total += x.requests(fragment.SelectionSet, times)
			}
		}
	}
	return min(total, 1<<30)
}

// connection pages through things by cursor.
func connection(kind string, all []thing, args arguments) thing {
	from, to := 0, len(all)
	if at, found := cursorAt(args.text("after")); found {
		from = min(at, to)
	}
	if at, found := cursorAt(args.text("before")); found {
		to = max(min(at-1, to), from)
	}
	if first := args.number("first"); first > 0 {
		to = min(to, from+first)
	}
	if last := args.number("last"); last > 0 {
		from = max(from, to-last)
	}
	shown := all[from:to]
	edges := []thing{}
	for i, node := range shown {
		edges = append(edges, thing{kind + "Edge", fields{"cursor": is(cursor(from + i + 1)), "node": is(node)}})
	}
	var start, end any
	if len(shown) > 0 {
		start, end = cursor(from+1), cursor(to)
	}
	return thing{kind + "Connection", fields{
		"nodes": is(shown), "edges": is(edges), "totalCount": is(len(all)),
		"pageInfo": is(thing{"PageInfo", fields{
			"hasNextPage": is(to < len(all)), "hasPreviousPage": is(from > 0), "startCursor": is(start), "endCursor": is(end),
		}}),
	}}
}

// listed is a connection field over things made when asked.
func listed(kind string, all func(arguments) []thing) func(arguments) any {
	return func(args arguments) any { return connection(kind, all(args), args) }
}

// none is an empty connection.
func none(kind string) func(arguments) any {
	return listed(kind, func(arguments) []thing { return nil })
}

func cursor(at int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:v2:" + itoa(at)))
}

func cursorAt(text string) (int, bool) {
	plain, err := base64.StdEncoding.DecodeString(text)
	digits, is := strings.CutPrefix(string(plain), "cursor:v2:")
	at, malformed := strconv.Atoi(digits)
	return at, err == nil && is && malformed == nil && at >= 0
}
