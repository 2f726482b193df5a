package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

// search answers /search/…: it has a budget of its own and no ETag.
func (c *call) search(rest []string) *answer {
	if len(rest) != 1 || c.method != http.MethodGet {
		return notFound()
	}
	if rest[0] == "code" { // documented: never anonymous
		if refusal := c.requireLogin(); refusal != nil {
			return refusal
		}
	}
	query := c.r.URL.Query().Get("q")
	if query == "" {
		return invalid("Search", "q", "missing")
	}
	found := []object{}
	switch rest[0] {
	case "issues":
		for _, hit := range c.issuesFound(query) {
			found = append(found, append(hit.i.view(hit.r, c), member{"score", 1.0}))
		}
	case "repositories":
		for _, r := range c.reposFound(query) {
			found = append(found, append(r.view(c.viewer), member{"score", 1.0}))
		}
	case "code":
		found = c.codeFound(query)
	case "commits":
		found = c.commitsFound(query)
	case "users", "topics", "labels":
	default:
		return notFound()
	}
	a := page(c, found, apiURL+"/search/"+rest[0], func(items []object) any {
		return object{{"total_count", len(found)}, {"incomplete_results", false}, {"items", items}}
	})
	a.tagging, a.noCache = tagNone, true
	return c.partial(a)
}

// A hit is an issue or pull request that a search found.
type hit struct {
	r *repo
	i *issue
}

// issuesFound is what a search for issues finds among what the viewer may see, newest first.
func (c *call) issuesFound(query string) []hit {
	terms := searchTerms(query)
	var found []hit
	for _, r := range c.s.order {
		if !c.lists(r) {
			continue
		}
		for _, i := range slices.Backward(r.issues) {
			if !slices.ContainsFunc(terms, func(t term) bool { return t.negated == c.meets(r, i, t) }) {
				found = append(found, hit{r, i})
			}
		}
	}
	return found
}

func (c *call) reposFound(query string) []*repo {
	terms := searchTerms(query)
	var found []*repo
	for _, r := range c.s.order {
		if c.lists(r) && !slices.ContainsFunc(terms, func(t term) bool { return t.negated == r.meets(t) }) {
			found = append(found, r)
		}
	}
	return found
}

// A term is one condition of a search: a word, or a qualifier and its value.
type term struct {
	qualifier, value string // in lower case; a word has no qualifier
	negated          bool
}

// searchTerms reads a query. Quotes keep spaces together: label:"good first issue".
func searchTerms(query string) []term {
	var terms []term
	for _, word := range searchWords(strings.ToLower(query)) {
		t := term{value: word}
		if rest, negated := strings.CutPrefix(word, "-"); negated {
			t.value, t.negated = rest, true
		}
		if qualifier, value, qualified := strings.Cut(t.value, ":"); qualified {
			t.qualifier, t.value = qualifier, value
		}
		t.value = strings.ReplaceAll(t.value, `"`, "")
		if t.value != "" {
			terms = append(terms, t)
		}
	}
	return terms
}

func searchWords(query string) []string {
	quoted := false
	return strings.FieldsFunc(query, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n')
	})
}

// meets reports whether an issue meets a condition. What people a condition
// names have to do with it, beyond opening it, the world does not know: nobody
// is assigned or asked for a review.
func (c *call) meets(r *repo, i *issue, t term) bool {
	login := strings.TrimPrefix(t.value, "@")
	if login == "me" {
		login = strings.ToLower(c.viewer.login)
	}
	switch t.qualifier {
	case "":
		return strings.Contains(strings.ToLower(i.title+"\n"+i.body), t.value)
	case "is", "type", "state":
		switch t.value {
		case "issue":
			return i.pull == nil
		case "pr":
			return i.pull != nil
		case "draft":
			return i.pull != nil && i.pull.draft
		case "open", "closed":
			return t.value == i.state()
		}
		return r.meets(t)
	case "author", "involves":
		return strings.EqualFold(i.author.login, login)
	case "assignee", "mentions", "commenter", "review-requested", "reviewed-by", "milestone", "project":
		return false
	case "label":
		return i.labelled(t.value)
	case "head":
		return i.pull != nil && strings.EqualFold(i.pull.head, t.value)
	case "base":
		return i.pull != nil && strings.EqualFold(i.pull.base, t.value)
	}
	return r.meets(t)
}

// meets reports whether a repository meets a condition. Qualifiers that order
// or decorate, such as sort: and in:, hold for all.
func (r *repo) meets(t term) bool {
	switch t.qualifier {
	case "":
		return strings.Contains(strings.ToLower(r.fullName()+"\n"+r.description), t.value)
	case "repo":
		return strings.EqualFold(r.fullName(), t.value)
	case "org", "user":
		return strings.EqualFold(r.owner.login, t.value)
	case "is":
		return t.value != "private" && t.value != "public" || t.value == r.visibility()
	}
	return true
}
