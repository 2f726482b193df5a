package route

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A row is a line of the table, read without the code under test.
type row struct {
	methods []string
	path    string // with {name...}
}

func (r row) template() string { return strings.ReplaceAll(r.path, "...}", "}") }

func rows(t testing.TB) iter.Seq[row] {
	return func(yield func(row) bool) {
		for line := range strings.Lines(templates) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			names, path, ok := strings.Cut(line, " ")
			if !ok {
				t.Fatalf("line %q", line)
			}
			methods := strings.Split(names, ",")
			if slices.Contains(methods, "GET") {
				methods = append(methods, "HEAD")
			}
			if !yield(row{methods, path}) {
				return
			}
		}
	}
}

// segmentsOf splits a path that begins with a slash; "/" has no segments.
func segmentsOf(path string) []string {
	if path == "/" {
		return nil
	}
	return strings.Split(path[1:], "/")
}

// fill puts value in place of every parameter, width times where it may be several.
func fill(path, value string, width int) []string {
	var filled []string
	for _, segment := range segmentsOf(path) {
		switch {
		case strings.HasSuffix(segment, "...}"):
			filled = append(filled, slices.Repeat([]string{value}, width)...)
		case strings.HasPrefix(segment, "{"):
			filled = append(filled, value)
		default:
			filled = append(filled, segment)
		}
	}
	return filled
}

// bestOf is the rule of Of for paths without numbers, read off its comment:
// all templates are tried, and the best way to lay one over the path wins.
func bestOf(plain []row, method string, path []string) string {
	best, found := "", Other
	for _, r := range plain {
		if !slices.Contains(r.methods, method) {
			continue
		}
		if how, ok := lay(segmentsOf(r.path), path); ok && (found == Other || how < best) {
			best, found = how, r.template()
		}
	}
	return found
}

// lay tells how a template fits a path, a letter for each segment: a literal,
// b parameter, c the first and d a further segment of several, e an empty end.
// The least string is the best fit.
func lay(template, path []string) (how string, ok bool) {
	if len(template) == 0 {
		return "", len(path) == 0
	}
	head := template[0]
	if strings.HasSuffix(head, "...}") {
		if len(path) == 0 {
			return "e", len(template) == 1
		}
		for taken := 1; taken <= len(path); taken++ {
			// The fewest segments first: a further one is worse than what follows it.
			if rest, ok := lay(template[1:], path[taken:]); ok && rest != "e" {
				return "c" + strings.Repeat("d", taken-1) + rest, true
			}
		}
		return "", false
	}
	if len(path) == 0 {
		return "", false
	}
	letter := "a"
	if strings.HasPrefix(head, "{") {
		if path[0] == "" {
			return "", false
		}
		letter = "b"
	} else if head != path[0] {
		return "", false
	}
	rest, ok := lay(template[1:], path[1:])
	return letter + rest, ok
}

var numberedPaths = []struct {
	numbers *regexp.Regexp
	names   string
}{
	{regexp.MustCompile(`^repositories/[0-9]+(/|$)`), "repos/o/r$1"},
	{regexp.MustCompile(`^organizations/[0-9]+/team/[0-9]+(/|$)`), "orgs/o/teams/t$1"},
	{regexp.MustCompile(`^organizations/[0-9]+(/|$)`), "orgs/o$1"},
	{regexp.MustCompile(`^user/[0-9]+(/|$)`), "users/u$1"},
}

// named puts names in place of a path's numbers.
func named(path []string) []string {
	joined := strings.Join(path, "/")
	for _, n := range numberedPaths {
		if n.numbers.MatchString(joined) {
			return strings.Split(n.numbers.ReplaceAllString(joined, n.names), "/")
		}
	}
	return path
}
