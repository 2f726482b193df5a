package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// maxTokens bounds the work of parsing: the longest documents of gh have a few thousand
// tokens. How deep a document may go, the parser bounds (parser.MaxNestingDepth).
const maxTokens = 50_000

// understand takes in what the document in an envelope asks, and returns why it cannot be
// read, or "".
func (d *Document) understand(e *envelope) string {
	if why := ambiguous(e.query); why != "" {
		return why
	}
	texts := []string{e.query}
	if other, differs := otherLines(e.query); differs {
		texts = append(texts, other)
	}
	unread := "it is not GraphQL"
	for _, text := range texts {
		parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
		if err != nil || len(parsed.Operations) == 0 {
			continue // who reads it so executes nothing
		}
		if why := d.add(newReading(parsed, e)); why != "" {
			return why
		}
		unread = ""
	}
	if len(texts) > 1 {
		d.RateLimit, d.Operation = nil, ""
	}
	d.Mutations = slices.Compact(slices.Sorted(slices.Values(d.Mutations)))
	return unread
}

// ambiguous says what in a document readers are known to differ on: where block strings
// end (graphql-ruby, which GitHub uses, takes quotes before the closing three for part of
// the text), what ends a line, and what stands for half a character, which has become
// U+FFFD in Go and swallows the next escape in older Ruby.
func ambiguous(text string) string {
	if strings.Contains(text, `"""`) && (strings.Contains(text, `""""`) || strings.Contains(text, `\`)) {
		return "its block strings hold quotes or backslashes"
	}
	for _, c := range text {
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c >= 0x7f && c <= 0x9f, c == '\u2028', c == '\u2029', c == '\ufffd':
			return "it holds control characters"
		}
	}
	return ""
}

// otherLines is a document as those read it for whom a CR alone does not end a line, and so
// no comment; false when that is the same document. GraphQL's specification has it end
// one (section 2.1.2), and graphql-ruby does not.
func otherLines(text string) (string, bool) {
	if !strings.Contains(text, "#") || !strings.Contains(text, "\r") {
		return "", false
	}
	lines := strings.ReplaceAll(text, "\r\n", "\n")
	other := strings.ReplaceAll(lines, "\r", " ")
	return other, other != lines
}

// A reading is a parsed document with the name of the operation to run.
type reading struct {
	operations ast.OperationList
	fragments  ast.FragmentDefinitionList
	byName     map[string][]*ast.FragmentDefinition // of two of one name, either may count
	operation  string
	variables  map[string]json.RawMessage // nil when they are no object

	followed map[string]bool // fragments
	lost     bool            // one is spread that is not there
}

func newReading(parsed *ast.QueryDocument, e *envelope) *reading {
	r := &reading{
		operations: parsed.Operations, fragments: parsed.Fragments, operation: e.operation,
		byName: make(map[string][]*ast.FragmentDefinition, len(parsed.Fragments)),
	}
	for _, f := range parsed.Fragments {
		r.byName[f.Name] = append(r.byName[f.Name], f)
	}
	if json.Unmarshal(e.variables, &r.variables) != nil {
		r.variables = nil
	}
	return r
}

// add takes in all that the operations do of which one may run.
func (d *Document) add(r *reading) string {
	candidates := r.candidates()
	for _, operation := range candidates {
		switch operation.Operation {
		case ast.Query:
			d.Query = true
		case ast.Mutation:
			d.Mutation = true
			r.top(operation.SelectionSet, func(f *ast.Field) {
				if f.Name != "__typename" {
					d.Mutations = append(d.Mutations, f.Name)
				}
			})
		default:
			return "GitHub has no subscriptions"
		}
		if len(candidates) == 1 && operation.Operation == ast.Query {
			d.RateLimit = r.rateLimit(operation)
		}
		if len(candidates) == 1 {
			d.Operation = operation.Name
		}
		d.look(r, operation, operation.SelectionSet)
	}
	for _, fragment := range r.fragments {
		d.look(r, candidates[0], fragment.SelectionSet)
	}
	if r.lost {
		return "it spreads a fragment that it does not have"
	}
	return ""
}

// candidates are the operations of which one may run: those of the name that was asked
// for, or all where there is none of it.
func (r *reading) candidates() []*ast.OperationDefinition {
	var named []*ast.OperationDefinition
	for _, o := range r.operations {
		if r.operation != "" && o.Name == r.operation {
			named = append(named, o)
		}
	}
	if len(named) == 0 {
		return r.operations
	}
	return named
}

// top visits the fields at the top of a selection, through fragments. Directives that
// would leave one out are for GitHub.
func (r *reading) top(set ast.SelectionSet, visit func(*ast.Field)) {
	r.followed = map[string]bool{}
	r.follow(set, visit)
}

func (r *reading) follow(set ast.SelectionSet, visit func(*ast.Field)) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			visit(s)
		case *ast.InlineFragment:
			r.follow(s.SelectionSet, visit)
		case *ast.FragmentSpread:
			if r.followed[s.Name] {
				continue
			}
			r.followed[s.Name] = true
			r.lost = r.lost || len(r.byName[s.Name]) == 0
			for _, fragment := range r.byName[s.Name] {
				r.follow(fragment.SelectionSet, visit)
			}
		}
	}
}

// look finds out whom a selection is about, at any depth.
func (d *Document) look(r *reading, o *ast.OperationDefinition, set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.InlineFragment:
			d.look(r, o, s.SelectionSet)
		case *ast.Field:
			d.Viewer = d.Viewer || strings.Contains(s.Name, "viewer") || strings.Contains(s.Name, "Viewer")
			if d.Owner == "" {
				d.Owner = r.owner(o, s)
			}
			d.look(r, o, s.SelectionSet)
		}
	}
}

// owner is the account that a field asks for by name, or "".
func (r *reading) owner(o *ast.OperationDefinition, f *ast.Field) string {
	argument := "login"
	switch f.Name {
	case "repository":
		argument = "owner"
	case "organization", "repositoryOwner", "user":
	default:
		return ""
	}
	a := f.Arguments.ForName(argument)
	if a == nil || a.Value == nil {
		return ""
	}
	value := a.Value
	if value.Kind == ast.Variable {
		var text string
		if json.Unmarshal(r.variables[value.Raw], &text) == nil && text != "" {
			return text
		}
		definition := o.VariableDefinitions.ForName(value.Raw)
		if definition == nil || definition.DefaultValue == nil {
			return ""
		}
		value = definition.DefaultValue
	}
	if value.Kind != ast.StringValue && value.Kind != ast.BlockValue {
		return ""
	}
	return value.Raw
}
