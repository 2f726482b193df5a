package githubtest

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

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
	case "Actor":
		return t.kind == "User" || t.kind == "Organization" || t.kind == "Bot"
	case "RepositoryOwner", "Assignee", "RequestedReviewer":
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
		x.refuse(field, path, "undefinedField", fmt.Sprintf("Field '%s' doesn't exist on type '%s'", field.Name, on.kind))
		return nil
	}
	return x.complete(resolve(x.arguments(field.Arguments)), field, path)
}

// refuse is a query that no schema would take: it has no data at all.
func (x *execution) refuse(field *ast.Field, path []any, code, message string) {
	x.invalid = true
	x.errors = append(x.errors, object{
		{"path", path}, {"extensions", object{{"code", code}, {"fieldName", field.Name}}}, {"locations", locations(field)}, {"message", message},
	})
}

func (x *execution) complete(value any, field *ast.Field, path []any) any {
	switch v := value.(type) {
	case thing:
		if len(field.SelectionSet) == 0 {
			x.refuse(field, path, "selectionMismatch", fmt.Sprintf("Field must have selections (field '%s' returns %s but has no selections. Did you mean '%s { ... }'?)", field.Name, v.kind, field.Name))
			return nil
		}
		return x.selection(v, field.SelectionSet, path)
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
