package githubtest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

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

// number is a whole number of a size that can be counted with.
func (a arguments) number(name string) int {
	const most = 1 << 30
	switch n := a[name].(type) {
	case int64:
		return int(max(-most, min(n, most)))
	case float64:
		return int(max(-most, min(n, most)))
	}
	return 0
}

// input is the argument input of a mutation.
func (a arguments) input() arguments {
	in, _ := a["input"].(map[string]any)
	return in
}

// texts is a list. One value stands for a list of one (GraphQL, section 3.11).
func (a arguments) texts(name string) []string {
	if text, is := a[name].(string); is {
		return []string{text}
	}
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
		value, sent := in.Variables[definition.Variable]
		if !sent && definition.DefaultValue != nil {
			value, _ = definition.DefaultValue.Value(nil)
		}
		if value == nil && definition.Type.NonNull {
			return graphQLReply(object{{"errors", []object{{{"message", fmt.Sprintf("Variable $%s of type %s was provided invalid value", definition.Variable, definition.Type)}}}}}), 0
		}
		x.variables[definition.Variable] = value
	}
	x.cost = max(1, int(math.Round(float64(x.requests(operation.SelectionSet, 1))/100)))
	if !c.s.spend(b, x.cost) {
		return c.s.exhaustedGraphQL(c.viewer), 0
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
	a.tagging, a.noCache, a.oneVary = tagNone, true, true
	return a
}
