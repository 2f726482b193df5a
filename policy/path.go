package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Path is a request path with one spelling: what scopes are matched on is what
// goes upstream and what a cache key is made of. The zero Path is no path; its
// String is "".
//
// A path that could mean different things to different readers is refused by
// ParsePath, with one exception. %2F is accepted after the third segment,
// because octokit's URL templates percent-encode every parameter: reading
// a branch is GET /repos/o/r/git/ref/heads%2Fmain, reading a file
// /repos/o/r/contents/dir%2Ffile. Refusing them would refuse the most used
// client library there is. What such a slash means, octopool cannot know, so
// both readings must be harmless: the one in which it is a character of its
// segment, and the one in which it separates segments. ParsePath refuses what
// either would refuse, and a scope allows only what it allows in both. In the
// first three segments, where /repos/OWNER/NAME says whose the request is, an
// encoded slash stays refused.
//
// One slash at the end is kept, since GitHub's own recordings have /contents/ and
// /git/refs/, and has no say in what the path means here.
type Path struct {
	text  string
	whole []string // decoded; an encoded slash is a character
	split []string // decoded; an encoded slash separates; the same slice when there is none
}

// BadPath says why a path is refused before anything is looked up. Its text does
// not repeat the path.
type BadPath struct{ Reason string }

func (e *BadPath) Error() string { return "bad path: " + e.Reason }

// ParsePath reads an escaped path as it stands in a request (RFC 3986, section
// 3.3), without query. Its error is a *BadPath. "+" is a plus.
func ParsePath(escaped string) (Path, error) {
	if escaped == "" || escaped[0] != '/' {
		return Path{}, &BadPath{"it does not begin with a slash"}
	}
	body := escaped[1:]
	if body == "" {
		return Path{text: "/"}, nil
	}
	body, closed := strings.CutSuffix(body, "/")
	raw := strings.Split(body, "/")
	p := Path{whole: make([]string, 0, len(raw))}
	var text strings.Builder
	text.Grow(len(escaped))
	for _, escapedSegment := range raw {
		segment, err := unescape(escapedSegment)
		if err != nil {
			return Path{}, err
		}
		p.whole = append(p.whole, segment)
		text.WriteByte('/')
		escape(&text, segment)
	}
	if closed {
		text.WriteByte('/')
	}
	p.text = text.String()
	p.split = splitSegments(p.whole, closed)
	if err := p.check(); err != nil {
		return Path{}, err
	}
	return p, nil
}

// String returns the canonical escaped path: each character that may stand in a
// segment stands there, each other is escaped with capital hex digits. ParsePath
// of it is the same path.
func (p Path) String() string { return p.text }

// Segments returns the decoded segments, with every slash separating. "/" has
// none.
func (p Path) Segments() []string { return slices.Clone(p.split) }

// Segment returns one of the Segments, counted from 0, or "" where there is none. No
// segment is empty.
func (p Path) Segment(i int) string {
	if i < 0 || i >= len(p.split) {
		return ""
	}
	return p.split[i]
}

// Depth returns how many Segments there are.
func (p Path) Depth() int { return len(p.split) }

// check looks at both readings.
func (p Path) check() error {
	for i, segment := range p.whole {
		if i < 3 && strings.Contains(segment, "/") {
			return &BadPath{"an encoded slash in the first three segments"}
		}
	}
	for _, segment := range p.split {
		if err := checkSegment(segment); err != nil {
			return err
		}
	}
	return nil
}

// splitSegments is the reading in which encoded slashes separate. One of them at
// the very end is a slash at the end like any other, unless one follows.
func splitSegments(whole []string, closed bool) []string {
	if !slices.ContainsFunc(whole, func(s string) bool { return strings.Contains(s, "/") }) {
		return whole
	}
	split := strings.Split(strings.Join(whole, "/"), "/")
	if last := len(split) - 1; split[last] == "" && !closed {
		split = split[:last]
	}
	return split
}

func checkSegment(segment string) error {
	switch {
	case segment == "":
		return &BadPath{"an empty segment"}
	case segment == ".", segment == "..":
		return &BadPath{"a dot segment"}
	case strings.Contains(segment, `\`):
		return &BadPath{"a backslash"}
	case !utf8.ValidString(segment):
		return &BadPath{"not UTF-8"}
	case strings.ContainsFunc(segment, unicode.IsControl):
		return &BadPath{"a control character"}
	}
	for i := range len(segment) - 2 {
		if segment[i] != '%' {
			continue
		}
		switch strings.ToLower(segment[i+1 : i+3]) {
		case "2f", "2e", "5c", "25": // still escaped after one decoding: a second reader may decode again
			return &BadPath{"a character encoded twice"}
		}
	}
	return nil
}

func unescape(s string) (string, error) {
	if strings.ContainsAny(s, "?#") {
		return "", &BadPath{"a query or fragment in the path"}
	}
	if !strings.Contains(s, "%") {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", &BadPath{"an incomplete escape"}
		}
		high, low := unhex(s[i+1]), unhex(s[i+2])
		if high > 15 || low > 15 {
			return "", &BadPath{"an escape without two hexadecimal digits"}
		}
		out = append(out, high<<4|low)
		i += 2
	}
	return string(out), nil
}

// unhex returns the value of a hexadecimal digit, or 255.
func unhex(c byte) byte {
	switch c = lower(c); {
	case isDigit(c):
		return c - '0'
	case isHexLower(c):
		return c - 'a' + 10
	}
	return 255
}

func escape(out *strings.Builder, segment string) {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(segment) {
		if c := segment[i]; isSegmentByte(c) {
			out.WriteByte(c)
		} else {
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		}
	}
}

// isSegmentByte is pchar of RFC 3986, section 3.3, without the escapes.
func isSegmentByte(c byte) bool {
	return isAlnum(c) || strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}
