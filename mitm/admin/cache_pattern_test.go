package admin

import (
	"strings"
	"testing"
)

func TestWhatAPatternNames(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string // host and escaped path
	}{
		{"/repos/acme/**",
			[]string{"api.github.com/repos/acme/web", "api.github.com/repos/Acme/web/issues/1", "ghe.example/api/v3/repos/acme/web", "api.github.com/repos/acme/web/contents/a%2Fb",
				"api.github.com/repositories/12/issues", "ghe.example/api/v3/repositories/12", "api.github.com/graphql", "ghe.example/api/graphql"},
			[]string{"api.github.com/repos/acme-secret/web", "api.github.com/orgs/acme", "api.github.com/organizations/9/repos", "api.github.com/user/5/repos"}},
		{"api.github.com/repos/acme/web/issues",
			[]string{"api.github.com/repos/acme/web/issues", "api.github.com/repositories/12/issues", "api.github.com/graphql"},
			[]string{"ghe.example/api/v3/repos/acme/web/issues", "api.github.com/repos/acme/web/issues/1", "api.github.com/repositories/12/labels", "api.github.com/repositories/12", "ghe.example/api/graphql"}},
		{"GHE.example/repos/*/*/releases/**",
			[]string{"ghe.example/api/v3/repos/acme/web/releases/latest", "ghe.example/api/v3/repositories/12/releases"},
			[]string{"api.github.com/repos/acme/web/releases/latest", "ghe.example/api/v3/repositories/12/issues"}},
		{"/orgs/acme/**",
			[]string{"api.github.com/orgs/acme", "api.github.com/organizations/9/repos"},
			[]string{"api.github.com/repositories/9/repos", "api.github.com/user/9/repos", "api.github.com/organizations/acme/repos"}},
		{"/users/octocat/repos", []string{"api.github.com/users/octocat/repos", "api.github.com/user/5/repos"}, []string{"api.github.com/user/repos", "api.github.com/user/5"}},
		{"/{repos,orgs}/acme", []string{"api.github.com/repos/acme", "api.github.com/organizations/9"}, []string{"api.github.com/repositories/9"}},
		{"/**", []string{"api.github.com/", "api.github.com/user", "api.github.com/repositories/1", "api.github.com/organizations/2", "ghe.example/api/v3/user/3"}, nil},
		{"api.github.com/", []string{"api.github.com/"}, []string{"api.github.com/user", "ghe.example/api/v3/"}},
	} {
		p, err := ParsePattern(tt.pattern)
		if err != nil || p.String() != tt.pattern {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		check := func(places []string, want bool) {
			for _, place := range places {
				host, path, _ := strings.Cut(place, "/")
				if got := p.Names(host, "/"+path); got != want {
					t.Errorf("%s names %s: %v", tt.pattern, place, got)
				}
			}
		}
		check(tt.yes, true)
		check(tt.no, false)
	}
	var all Pattern
	if !all.Names("anywhere", "no path") {
		t.Error("the zero pattern does not name everything")
	}
}

func TestWhatIsNoPattern(t *testing.T) {
	const likeThis = ` is not a pattern such as "/repos/acme/**" or "api.github.com/repos/acme/web/issues"`
	for text, want := range map[string]string{
		"":                    `""` + likeThis,
		"acme":                `"acme"` + likeThis,
		"/repos/a b":          `"/repos/a b"` + likeThis,
		"*/repos/acme":        `"*/repos/acme"` + likeThis,
		"https://api/x":       `"https://api/x"` + likeThis,
		"ghe.example:443/x":   `"ghe.example:443/x"` + likeThis,
		"/repos/acme/":        `pattern "/repos/acme/" ends in a slash: write "/repos/acme" for this path, or "/repos/acme/**" for it and all below`,
		"/repos/**/issues":    `** in the middle of "/repos/**/issues": it stands for all the rest, so it comes last; * is one segment`,
		"/repos/{acme}/x":     `segment "{acme}" of "/repos/{acme}/x": {acme} has one alternative: write acme for this very word, or * for any segment`,
		"//repos":             `segment "" of "//repos": it is empty: no path has two slashes in a row`,
		"/repositories/12/**": `pattern "/repositories/12/**" goes by number: write /repos/OWNER/REPO, numbers are matched as what they stand for`,
		"/repos/acme/x?page=2": `segment "x?page=2" of "/repos/acme/x?page=2": patterns are matched on the decoded path without query: ` +
			`write characters as they are, no % \ ? or #`,
	} {
		if p, err := ParsePattern(text); err == nil || err.Error() != want || p.String() != "" {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Whatever a pattern says, it can be parsed again as it prints, and naming does not fail.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"/repos/acme/**", "api.github.com/repos/{a,b}/*/x", "/**", "/user/*", "a/%", "/repos/{a,b}*c/**"} {
		f.Add(seed, "/repos/acme/web")
		f.Add(seed, "/repositories/12/issues")
		f.Add(seed, "/api/v3/user/5")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || again.Names("host", path) != p.Names("host", path) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
