package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pattern is compared with a path segment by segment, without regard to the
// case of ASCII letters, and always to the end.
type pattern struct {
	segments []choice
	rest     bool // ends in **: whatever follows, or nothing
}

// A choice is what one segment may be: any of some globs. Only the empty choice is
// "*", any segment at all.
type choice []glob

// A glob is literal text between stars, in small letters: web-*-x is web-, -x.
// One text alone has no star.
type glob []string

// maxChoices bounds what braces in one segment multiply to.
const maxChoices = 64

// parsePattern reads /segment/segment, see ParseScope.
func parsePattern(text string) (pattern, error) {
	var p pattern
	body, absolute := strings.CutPrefix(text, "/")
	switch {
	case !absolute:
		return p, fmt.Errorf("pattern %q does not begin with a slash", text)
	case body == "":
		return p, nil
	case strings.HasSuffix(body, "/"):
		return p, fmt.Errorf("pattern %q ends in a slash: write %q for this path, or %q for it and all below", text, text[:len(text)-1], text+"**")
	}
	segments := strings.Split(body, "/")
	for i, s := range segments {
		if s == "**" {
			if i != len(segments)-1 {
				return p, fmt.Errorf("** in the middle of %q: it stands for all the rest, so it comes last; * is one segment", text)
			}
			p.rest = true
			break
		}
		c, err := parseChoice(s)
		if err != nil {
			return p, fmt.Errorf("segment %q of %q: %w", s, text, err)
		}
		p.segments = append(p.segments, c)
	}
	return p, nil
}

func parseChoice(s string) (choice, error) {
	if s == "*" {
		return nil, nil
	}
	switch {
	case s == "":
		return nil, errors.New("it is empty: no path has two slashes in a row")
	case s == ".", s == "..":
		return nil, errors.New("no path has dot segments")
	case strings.Contains(s, "**"):
		return nil, errors.New("** stands alone, as the last segment; within one write *")
	case strings.ContainsAny(s, `%\?#`), strings.ContainsFunc(s, unicode.IsControl):
		return nil, errors.New("patterns are matched on the decoded path without query: write characters as they are, no % \\ ? or #")
	case !utf8.ValidString(s):
		return nil, errors.New("it is not UTF-8")
	}
	words, err := expand(s)
	if err != nil {
		return nil, err
	}
	var c choice
	for _, word := range words {
		if word == "*" {
			return nil, nil
		}
		g := glob(strings.Split(word, "*"))
		for i := range g {
			g[i] = strings.Map(lowerRune, g[i])
		}
		c = append(c, g)
	}
	return c, nil
}

func lowerRune(r rune) rune {
	if r < 0x80 {
		return rune(lower(byte(r)))
	}
	return r
}

// expand multiplies out braces: a{b,c} is ab and ac.
func expand(s string) ([]string, error) {
	words := []string{""}
	for s != "" {
		at := strings.IndexAny(s, "{}")
		if at < 0 {
			return times(words, []string{s})
		}
		if s[at] == '}' {
			return nil, errors.New("a } without its {")
		}
		inner, after, closed := strings.Cut(s[at+1:], "}")
		alternatives := strings.Split(inner, ",")
		switch {
		case !closed:
			return nil, errors.New("a { without its }, which must stand in the same segment")
		case strings.Contains(inner, "{"):
			return nil, errors.New("braces within braces")
		case len(alternatives) == 1:
			return nil, fmt.Errorf("{%s} has one alternative: write %s for this very word, or * for any segment", inner, inner)
		case slices.Contains(alternatives, ""):
			return nil, fmt.Errorf("{%s} has an empty alternative", inner)
		}
		for i := range alternatives {
			alternatives[i] = s[:at] + alternatives[i]
		}
		var err error
		if words, err = times(words, alternatives); err != nil {
			return nil, err
		}
		s = after
	}
	return words, nil
}

func times(heads, tails []string) ([]string, error) {
	if len(heads)*len(tails) > maxChoices {
		return nil, fmt.Errorf("braces that stand for more than %d words", maxChoices)
	}
	var all []string
	for _, head := range heads {
		for _, tail := range tails {
			all = append(all, head+tail)
		}
	}
	return all, nil
}

func (p *pattern) matches(segments []string) bool {
	if len(segments) < len(p.segments) || len(segments) > len(p.segments) && !p.rest {
		return false
	}
	for i := range p.segments {
		if !p.segments[i].matches(segments[i]) {
			return false
		}
	}
	return true
}

// begins reports whether p's first segments name just words, perhaps among others.
func (p *pattern) begins(words ...string) bool {
	if len(p.segments) < len(words) {
		return false
	}
	for i, word := range words {
		if c := p.segments[i]; !c.literal() || !c.matches(word) {
			return false
		}
	}
	return true
}

// any reports whether c is "*".
func (c choice) any() bool { return len(c) == 0 }

// literal reports whether c names words only, none with a star in it.
func (c choice) literal() bool {
	return !c.any() && !slices.ContainsFunc(c, func(g glob) bool { return len(g) > 1 })
}

func (c choice) matches(s string) bool {
	if c.any() {
		return true
	}
	for _, g := range c {
		if g.matches(s) {
			return true
		}
	}
	return false
}

func (g glob) matches(s string) bool {
	first, last := g[0], g[len(g)-1]
	if len(g) == 1 {
		return equalFold(first, s)
	}
	if len(s) < len(first)+len(last) || !equalFold(first, s[:len(first)]) || !equalFold(last, s[len(s)-len(last):]) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, middle := range g[1 : len(g)-1] { // leftmost is best: it leaves most to the rest
		at := 0
		for ; ; at++ {
			if at+len(middle) > len(s) {
				return false
			}
			if equalFold(middle, s[at:at+len(middle)]) {
				break
			}
		}
		s = s[at+len(middle):]
	}
	return true
}
