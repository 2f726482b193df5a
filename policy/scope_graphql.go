package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// parseGraphQL reads a scope whose first word begins with graphql:.
func (s *Scope) parseGraphQL(words []string) error {
	switch {
	case words[0] != "graphql:query" && words[0] != "graphql:mutation":
		return fmt.Errorf("unknown word %q: want graphql:query, graphql:mutation, or graphql:mutation NAME,NAME", words[0])
	case len(words) > 2:
		return fmt.Errorf("want the names in one word, with commas and no spaces, such as %q", "graphql:mutation addComment,createIssue")
	}
	s.service = graphQLQuery
	if words[0] == "graphql:mutation" {
		s.service = graphQLMutation
	}
	if len(words) == 1 {
		return nil
	}
	host, names := cutGitHub(words[1] + "/") // it may stand alone
	names = strings.TrimSuffix(names, "/")
	s.github = host
	switch {
	case host != "" && names == "":
		return nil
	case s.service == graphQLQuery:
		return errors.New("graphql:query stands alone: a query reads whatever the pool can")
	}
	for name := range strings.SplitSeq(names, ",") {
		if !isGraphQLName(name) {
			return fmt.Errorf("%q is no mutation's name: want names of letters, digits and underscores with commas, such as %q", name, "graphql:mutation addComment,createIssue")
		}
		s.mutations = append(s.mutations, name)
	}
	return nil
}

// isGraphQLName reports whether s is a Name of GraphQL (its specification, section 2.1.9).
func isGraphQLName(s string) bool {
	return strings.Trim(s, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && s != "" && !isDigit(s[0])
}

// refuseDocument says why scopes do not allow a document, or "".
func refuseDocument(scopes []Scope, r *Request) string {
	switch d := r.Document; {
	case d == nil:
		return "its body has not been read: it is longer than 1 MiB"
	case d.Unread != "":
		return "its body cannot be read: " + d.Unread
	}
	if scope := r.lacks(scopes); scope != "" {
		return "it needs the scope " + scope
	}
	return ""
}

// lacks is the least scope that r's document needs besides these, or "". One that may be a
// query and may be a mutation needs both, and a mutation may be named by several.
func (r *Request) lacks(scopes []Scope) string {
	d, query, mutation := r.Document, "graphql:query", "graphql:mutation"
	names := " "
	if scopes[0].github != "" {
		query, mutation, names = query+" "+r.Origin.GitHub, mutation+" "+r.Origin.GitHub, "/"
	}
	has := func(service service, name string) bool {
		return slices.ContainsFunc(scopes, func(s Scope) bool {
			return s.service == service && s.isOn(r.Origin.GitHub) && (s.mutations == nil || name == "" || slices.Contains(s.mutations, name))
		})
	}
	if d.Query && !has(graphQLQuery, "") {
		return query
	}
	if !d.Mutation {
		return ""
	}
	var missing []string
	for _, name := range d.Mutations {
		if !has(graphQLMutation, name) {
			missing = append(missing, name)
		}
	}
	const most = 200 // names come from requests, and this goes into answers and the log
	list := strings.Join(missing, ",")
	switch {
	case len(list) > most, list == "" && !has(graphQLMutation, ""):
		return mutation
	case list != "":
		return mutation + names + list
	}
	return ""
}
