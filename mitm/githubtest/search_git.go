package githubtest

import (
	"fmt"
	"slices"
	"strings"
)

// within are the repositories that a search's qualifiers name, as far as the viewer may have their
// files, and its words.
func (c *call) within(query string) (repos []*repo, words []string) {
	terms := searchTerms(query)
	for _, t := range terms {
		if t.qualifier == "" && !t.negated {
			words = append(words, t.value)
		}
	}
	for _, r := range c.s.order {
		named := !slices.ContainsFunc(terms, func(t term) bool { return t.qualifier != "" && t.negated == r.meets(t) })
		if named && c.lists(r) && c.viewer.opens(r) {
			repos = append(repos, r)
		}
	}
	return repos, words
}

// codeFound are the files of main that have all of a search's words.
func (c *call) codeFound(query string) []object {
	repos, words := c.within(query)
	found := []object{}
	for _, r := range repos {
		args := []string{"grep", "--files-with-matches", "--ignore-case", "--fixed-strings", "--all-match", "-z"}
		for _, word := range words {
			args = append(args, "-e", word)
		}
		out, _ := c.s.git(r, append(args, "main")...) // without words that fails, and nothing is found
		for path := range strings.SplitSeq(string(out), "\x00") {
			path, isFile := strings.CutPrefix(path, "main:")
			if !isFile {
				continue
			}
			_, id, _ := c.s.objectAt(r, "refs/heads/main", path)
			found = append(found, object{
				{"name", path[strings.LastIndex(path, "/")+1:]}, {"path", path}, {"sha", id}, {"url", fmt.Sprintf("%s/contents/%s?ref=main", r.url(), path)},
				{"git_url", r.url() + "/git/blobs/" + id}, {"html_url", r.html() + "/blob/main/" + path}, {"repository", r.view(c.viewer)}, {"score", 1.0},
			})
		}
	}
	return found
}

// commitsFound are the commits of main whose messages have all of a search's words.
func (c *call) commitsFound(query string) []object {
	repos, words := c.within(query)
	found := []object{}
	for _, r := range repos {
		args := []string{"log", "--format=%H", "--regexp-ignore-case", "--fixed-strings", "--all-match"}
		for _, word := range words {
			args = append(args, "--grep="+word)
		}
		out, _ := c.s.git(r, append(args, "main")...)
		for sha := range strings.FieldsSeq(string(out)) {
			found = append(found, append(c.commitView(r, sha), object{{"repository", r.view(c.viewer)}, {"score", 1.0}}...))
		}
	}
	return found
}
