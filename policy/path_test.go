package policy_test

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"octopool/policy"
)

func TestParsePathHasOneSpelling(t *testing.T) {
	for _, tt := range []struct{ in, text, segments string }{
		{"/", "/", ""},
		{"/repos/o/r", "/repos/o/r", "repos|o|r"},
		{"/rep%6fs/%6F/r", "/repos/o/r", "repos|o|r"},
		{"/repos/o/r/contents/", "/repos/o/r/contents/", "repos|o|r|contents"},
		{"/repos/o/r/git/ref/heads%2fmain", "/repos/o/r/git/ref/heads%2Fmain", "repos|o|r|git|ref|heads|main"},
		{"/repos/o/r/contents/dir%2F", "/repos/o/r/contents/dir%2F", "repos|o|r|contents|dir"},
		{"/repos/o/r/contents/a%20b+c%2Bd", "/repos/o/r/contents/a%20b+c+d", "repos|o|r|contents|a b+c+d"},
		{"/repos/o/r/compare/a...b", "/repos/o/r/compare/a...b", "repos|o|r|compare|a...b"},
		{"/repos/o/r/contents/%c3%a9é", "/repos/o/r/contents/%C3%A9%C3%A9", "repos|o|r|contents|éé"},
		{`/a/-._~!$&'()*+,;=:@`, `/a/-._~!$&'()*+,;=:@`, `a|-._~!$&'()*+,;=:@`},
		{"/a/%2D%3a%40", "/a/-:@", "a|-:@"},
		{`/a/"<[|]>^`, "/a/%22%3C%5B%7C%5D%3E%5E", `a|"<[|]>^`},
		{"/repos/o/r/contents/why%3f%23", "/repos/o/r/contents/why%3F%23", "repos|o|r|contents|why?#"},
		{"/repos/o/r/labels/100%25", "/repos/o/r/labels/100%25", "repos|o|r|labels|100%"},
		{"/repos/o/r/labels/.hidden", "/repos/o/r/labels/.hidden", "repos|o|r|labels|.hidden"},
	} {
		p, err := policy.ParsePath(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if got := strings.Join(p.Segments(), "|"); p.String() != tt.text || got != tt.segments {
			t.Errorf("%s: %s with segments %s, want %s with %s", tt.in, p, got, tt.text, tt.segments)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, tt := range []struct{ in, reason string }{
		{"", "does not begin with a slash"},
		{"*", "does not begin with a slash"},
		{"repos", "does not begin with a slash"},
		{"https://api.github.com/", "does not begin with a slash"},
		{"//", "empty segment"},
		{"//repos", "empty segment"},
		{"/repos//r", "empty segment"},
		{"/repos/o/r//", "empty segment"},
		{"/repos/o/r/contents/a%2F%2Fb", "empty segment"},
		{"/repos/o/r/contents/%2Fa", "empty segment"},
		{"/repos/o/r/contents/a%2F/", "empty segment"},
		{"/repos/o/r/contents/a%2F/b", "empty segment"},
		{"/.", "dot segment"},
		{"/repos/acme/../evil", "dot segment"},
		{"/repos/acme/..", "dot segment"},
		{"/repos/acme/../", "dot segment"},
		{"/repos/acme/%2e%2E/evil", "dot segment"},
		{"/repos/acme/.%2e/evil", "dot segment"},
		{"/repos/o/r/contents/a%2F..%2Fb", "dot segment"},
		{"/repos/o/r/contents/a%2F%2e", "dot segment"},
		{"/repos/o%2Fr", "encoded slash in the first three"},
		{"/repos/o/r%2fsecret/issues", "encoded slash in the first three"},
		{"/repos%2Fo/r/issues", "encoded slash in the first three"},
		{`/repos/o\r`, "backslash"},
		{"/repos/o/r/x%5Cy", "backslash"},
		{"/repos/o/r/%00", "control"},
		{"/repos/o/r/\x00", "control"},
		{"/repos/o/r/a%0d%0ab", "control"},
		{"/repos/o/r/%7f", "control"},
		{"/repos/o/r/%c2%85", "control"},
		{"/repos/o/r/%ff", "not UTF-8"},
		{"/repos/o/r/\xff", "not UTF-8"},
		{"/repos/o/r/%c0%af", "not UTF-8"}, // the overlong slash
		{"/repos/o/r/%c3%2F%a9", "not UTF-8"},
		{"/repos/o/r/%", "incomplete escape"},
		{"/repos/o/r/%2", "incomplete escape"},
		{"/repos/o/r/%zz", "two hexadecimal digits"},
		{"/repos/o/r/%2g", "two hexadecimal digits"},
		{"/repos/o/%252e%252e/x", "encoded twice"},
		{"/repos/o/r/a%252Fb", "encoded twice"},
		{"/repos/o/r/a%255cb", "encoded twice"},
		{"/repos/o/r/a%25252Fb", "encoded twice"},
		{"/repos/o/r/%25%32%66", "encoded twice"},
		{"/repos/o/r?a=b", "query or fragment"},
		{"/repos/o/r#a", "query or fragment"},
	} {
		p, err := policy.ParsePath(tt.in)
		if bad, ok := errors.AsType[*policy.BadPath](err); !ok || !strings.Contains(bad.Reason, tt.reason) {
			t.Errorf("%q: %q, %v; want a BadPath with %q", tt.in, p, err, tt.reason)
		}
	}
}

// Segments belong to the caller.
func TestSegmentsMayBeChanged(t *testing.T) {
	p, err := policy.ParsePath("/repos/acme/web")
	if err != nil {
		t.Fatal(err)
	}
	p.Segments()[1] = "evil"
	if got := p.Segments()[1]; got != "acme" {
		t.Errorf("the path now says %s", got)
	}
}

// A canonical path is a fixpoint, means to net/url what it means here, and has
// nothing left that a cleaner would clean.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/repos/o/r", "/repos/o/r/git/ref/heads%2Fmain", "/a/b/c/d%2F", "/a//b", "/%2e", "/a/%252f", "/a/\xff", "/a b", "/a/b/c/%c3%a9", "/a/", "/a/b/c/d%2f%2F"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := policy.ParsePath(in)
		if err != nil {
			if _, ok := errors.AsType[*policy.BadPath](err); !ok {
				t.Fatalf("%q: error %T", in, err)
			}
			return
		}
		again, err := policy.ParsePath(p.String())
		if err != nil || again.String() != p.String() || !slices.Equal(again.Segments(), p.Segments()) {
			t.Fatalf("%q became %q, and that %q, %v", in, p, again, err)
		}
		decoded, err := url.PathUnescape(p.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", in, p, err)
		}
		theirs, err := url.PathUnescape(in)
		if err != nil || theirs != decoded {
			t.Errorf("%q means %q, its canonical form %q means %q, %v", in, theirs, p, decoded, err)
		}
		open := strings.TrimSuffix(decoded, "/")
		if cleaned := path.Clean(decoded); cleaned != open && decoded != "/" {
			t.Errorf("%q: %q cleans to %q", in, decoded, cleaned)
		}
		if got := "/" + strings.Join(p.Segments(), "/"); got != open && decoded != "/" {
			t.Errorf("%q: segments %q of %q", in, got, decoded)
		}
	})
}

func mustUnescape(t testing.TB, s string) string {
	t.Helper()
	plain, err := url.PathUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
