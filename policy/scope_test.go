package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"octopool/policy"
)

func mustScope(t testing.TB, text string) policy.Scope {
	t.Helper()
	s, err := policy.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScopeAllows(t *testing.T) {
	const gistID = "aa5a315d61ae9438b18d"
	for _, tt := range []struct {
		scope  string
		origin policy.Origin
		yes    []string
		no     []string
	}{
		{"read /repos/acme/**", api,
			[]string{"GET /repos/acme/web/issues", "HEAD /repos/acme/web", "OPTIONS /repos/acme/web", "GET /repos/ACME/Web", "GET /Repos/acme/web/",
				"GET /repos/acme", "GET /repos/acme/web/git/ref/heads%2Fmain", "GET /repos/%61cme/web"},
			[]string{"POST /repos/acme/web/issues", "get /repos/acme/web", "GET /repos/acme-secret/web", "GET /repos/acm", "GET /repos/evil/acme/x",
				"GET /orgs/acme", "GET /repos", "GET /", "GET /repositories/12/issues", "GET /graphql", "POST /graphql", "GET /x/repos/acme/web"}},
		{"GET /repos/acme", api,
			[]string{"GET /repos/acme", "GET /repos/acme/"},
			[]string{"GET /repos/acme-secret", "GET /repos/acme/web", "HEAD /repos/acme"}},
		{"write /repos/acme/web/**", api,
			[]string{"DELETE /repos/acme/web", "POST /repos/acme/web/issues", "QUERY /repos/acme/web", "get /repos/acme/web"},
			[]string{"GET /repos/acme/web", "OPTIONS /repos/acme/web", "DELETE /repos/acme/web2"}},
		{"POST,PATCH /repos/acme/{web,api-*}/issues/*", api,
			[]string{"POST /repos/acme/web/issues/1", "PATCH /repos/acme/api-x/issues/1", "POST /repos/acme/API-/issues/1/"},
			[]string{"DELETE /repos/acme/web/issues/1", "POST /repos/acme/webs/issues/1", "POST /repos/acme/web/issues", "POST /repos/acme/web/issues/1/comments", "POST /repos/acme/x-api-/issues/1"}},
		{"GET /repos/acme/*/contents/*", api,
			[]string{"GET /repos/acme/web/contents/a"},
			[]string{"GET /repos/acme/web/contents/a/b", "GET /repos/acme/web/contents/a%2Fb", "GET /repos/acme/web/contents", "GET /repos/acme/web/contents/"}},
		{"GET /repos/acme/*/contents/*/*", api,
			[]string{"GET /repos/acme/web/contents/a/b"},
			[]string{"GET /repos/acme/web/contents/a%2Fb"}},
		{"* /repos/*/*-web-*x{1,2}/**", api,
			[]string{"GET /repos/o/a-web-bx1", "POST /repos/o/-web-xx2/y", "GET /repos/o/-web-web-x1"},
			[]string{"GET /repos/o/a-webx1", "GET /repos/o/a-web-bx3", "GET /repos/o/-web-x"}},
		{"GET /repos/acme/ab*ba", api, []string{"GET /repos/acme/abba", "GET /repos/acme/ab-ba"}, []string{"GET /repos/acme/aba", "GET /repos/acme/ab"}},
		{"* /**", api,
			[]string{"GET /", "DELETE /a/b/c/d/e", "GET /repos/o/r"},
			[]string{"POST /graphql", "GET /repositories/12"}},
		{"GET /", api, []string{"GET /"}, []string{"GET /a"}},
		{"GET /repos/acme/*/labels/é*", api, []string{"GET /repos/acme/web/labels/%C3%A9a"}, []string{"GET /repos/acme/web/labels/%C3%89a", "GET /repos/acme/web/labels/e"}},
		{"GET /repos/k/*", api, []string{"GET /repos/K/x"}, []string{"GET /repos/%E2%84%AA/x"}}, // the Kelvin sign folds to k in Unicode

		{"POST /repos/acme/*/releases/*/assets", uploads,
			[]string{"POST /repos/acme/web/releases/1/assets?name=x"},
			[]string{"POST /repos/evil/web/releases/1/assets", "DELETE /repos/acme/web/releases/1/assets"}},
		{"read /repos/acme/**", enterprise,
			[]string{"GET /api/v3/repos/acme/web", "GET /API/v3/repos/acme/web"},
			[]string{"GET /api/v3/repos/evil/web", "GET /repos/acme/web", "GET /repos/acme/raw/x"}},
		{"read /**", web, nil, []string{"GET /acme/web", "GET /acme/web/info/refs", "GET /login"}},

		{"read github.com/repos/acme/**", api, []string{"GET /repos/acme/web"}, []string{"GET /repos/evil/web"}},
		{"read github.com/repos/acme/**", enterprise, nil, []string{"GET /api/v3/repos/acme/web"}},
		{"read GHE.example/repos/acme/**", enterprise, []string{"GET /api/v3/repos/acme/web"}, []string{"GET /api/v3/repos/evil/web"}},
		{"read ghe.example/repos/acme/**", api, nil, []string{"GET /repos/acme/web"}},
		{"git:read github.com/acme/*", web, []string{"GET /acme/web/HEAD"}, []string{"GET /evil/web/HEAD"}},
		{"git:read github.com/acme/*", enterprise, nil, []string{"GET /acme/web/HEAD", "GET /_codeload/acme/web/zip/main"}},
		{"git:read ghe.example/gist/*", enterprise, []string{"GET /gist/" + gistID + ".git/HEAD"}, []string{"GET /acme/web/HEAD"}},

		{"git:read acme/*", web,
			[]string{"GET /acme/web.git/info/refs?service=git-upload-pack", "POST /Acme/web/git-upload-pack", "GET /acme/web/HEAD", "POST /acme/web.git/info/lfs/objects/batch",
				"GET /acme/web/archive/main.zip", "GET /acme/web/releases/download/v1/x", "GET /acme/web/raw/main/x"},
			[]string{"GET /acme/web.git/info/refs?service=git-receive-pack", "POST /acme/web/git-receive-pack", "POST /acme/web.git/info/lfs/locks", "GET /acme-secret/web/HEAD",
				"GET /acme/web", "GET /evil/acme/HEAD", "POST /acme/web/archive/main.zip"}},
		{"git:write acme/web", web,
			[]string{"GET /acme/web.git/info/refs?service=git-receive-pack", "POST /acme/web.git/git-receive-pack", "POST /acme/web.git/info/lfs/locks"},
			[]string{"GET /acme/web.git/info/refs?service=git-upload-pack", "POST /acme/web.git/git-upload-pack", "POST /acme/web2.git/git-receive-pack", "POST /acme/web.git/info/lfs/objects/batch"}},
		{"git:read acme/{web,api}", codeload, []string{"GET /acme/api/zip/main"}, []string{"GET /acme/secret/zip/main", "GET /acme/api"}},
		{"git:read acme/web", raw, []string{"GET /acme/web/main/x"}, []string{"GET /acme/secret/main/web", "GET /acme/web"}},
		{"git:read acme/web", enterprise, []string{"GET /raw/acme/web/main/x", "GET /acme/web/HEAD"}, []string{"GET /raw/acme/archive/main/web", "GET /api/v3/repos/acme/web"}},
		{"git:read gist/*", gist,
			[]string{"GET /" + gistID + ".git/HEAD", "GET /bob/" + gistID + "/raw/a/b"},
			[]string{"POST /" + gistID + "/git-receive-pack", "GET /bob/" + gistID, "GET /"}},
		{"git:read gist/*", codeload, []string{"GET /gist/" + gistID + "/zip/1"}, []string{"GET /acme/gist/zip/1"}},
		{"git:read gist/*", web, nil, []string{"GET /gist/web/HEAD", "GET /acme/gist/HEAD"}},
		{"git:read */*", gist, nil, []string{"GET /" + gistID + ".git/HEAD", "GET /acme/" + gistID + "/raw/a"}},
		{"git:read acme/*", gist, nil, []string{"GET /acme/" + gistID + "/raw/a"}},
		{"git:read acme/*", api, nil, []string{"GET /repos/acme/web", "GET /repos/acme/web/tarball"}},
	} {
		s := mustScope(t, tt.scope)
		for _, line := range tt.yes {
			if !s.Allows(read(t, tt.origin, line)) {
				t.Errorf("%s does not allow %s on %s", s, line, tt.origin.Host)
			}
		}
		for _, line := range tt.no {
			if s.Allows(read(t, tt.origin, line)) {
				t.Errorf("%s allows %s on %s", s, line, tt.origin.Host)
			}
		}
	}
	var zero policy.Scope
	if zero.Allows(read(t, api, "GET /")) || mustScope(t, "GET /").Allows(policy.Request{Kind: policy.KindOther}) {
		t.Error("a zero scope or an unread request is allowed something")
	}
}

// Names stand in for numbers: what the number reached is what the name may reach.
func TestScopeOnNamedRequests(t *testing.T) {
	for _, tt := range []struct {
		scope, line, owner, repo string
		want                     bool
	}{
		{"read /repos/acme/web/**", "GET /repositories/12/issues", "Acme", "Web", true},
		{"read /repos/acme/web/**", "GET /repositories/12/issues", "acme", "secret", false},
		{"GET /repos/acme/web", "GET /repositories/12", "acme", "web", true},
		{"GET /repos/acme/web/contents/*", "GET /repositories/12/contents/a%2Fb", "acme", "web", false},
		{"GET /repos/acme/web/contents/**", "GET /repositories/12/contents/a%2Fb", "acme", "web", true},
		{"read /orgs/acme/**", "GET /organizations/12/repos", "acme", "", true},
		{"read /users/bob/repos", "GET /user/12/repos", "bob", "", true},
		{"read /user/**", "GET /user/12/repos", "bob", "", false},
		{"read /**", "GET /repositories/12", "", "", false},
	} {
		r := read(t, api, tt.line).Named(tt.owner, tt.repo)
		if got := mustScope(t, tt.scope).Allows(r); got != tt.want {
			t.Errorf("%s allows %s of %s/%s: %v, want %v", tt.scope, tt.line, tt.owner, tt.repo, got, tt.want)
		}
	}
}

func TestParseScopeSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `scope "": want two words, such as "read /repos/acme/**" or "git:read acme/*"`},
		{"read", `scope "read": want two words, such as "read /repos/acme/**" or "git:read acme/*"`},
		{"read /repos/a b", `scope "read /repos/a b": want two words, such as "read /repos/acme/**" or "git:read acme/*"`},
		{"GTE /repos", `scope "GTE /repos": unknown method "GTE": want GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, read, write, * or a list of these with commas, or git:read, git:write, graphql:query or graphql:mutation`},
		{"get /repos", `scope "get /repos": unknown method "get": want GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, read, write, * or a list of these with commas, or git:read, git:write, graphql:query or graphql:mutation`},
		{"GET, /repos", `scope "GET, /repos": unknown method "": want GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, read, write, * or a list of these with commas, or git:read, git:write, graphql:query or graphql:mutation`},
		{"read repos/acme", `scope "read repos/acme": pattern "repos/acme" does not begin with a slash`},
		{"read /repos/acme/", `scope "read /repos/acme/": pattern "/repos/acme/" ends in a slash: write "/repos/acme" for this path, or "/repos/acme/**" for it and all below`},
		{"read /repos/**/issues", `scope "read /repos/**/issues": ** in the middle of "/repos/**/issues": it stands for all the rest, so it comes last; * is one segment`},
		{"read /repos/a**", `scope "read /repos/a**": segment "a**" of "/repos/a**": ** stands alone, as the last segment; within one write *`},
		{"read /repos//x", `scope "read /repos//x": segment "" of "/repos//x": it is empty: no path has two slashes in a row`},
		{"read /repos/../x", `scope "read /repos/../x": segment ".." of "/repos/../x": no path has dot segments`},
		{"read /repos/a%20b", `scope "read /repos/a%20b": segment "a%20b" of "/repos/a%20b": patterns are matched on the decoded path without query: write characters as they are, no % \ ? or #`},
		{"read /repos/{owner}/{repo}", `scope "read /repos/{owner}/{repo}": segment "{owner}" of "/repos/{owner}/{repo}": {owner} has one alternative: write owner for this very word, or * for any segment`},
		{"read /repos/{a,b", `scope "read /repos/{a,b": segment "{a,b" of "/repos/{a,b": a { without its }, which must stand in the same segment`},
		{"read /repos/a}", `scope "read /repos/a}": segment "a}" of "/repos/a}": a } without its {`},
		{"read /repos/{a,{b,c}}", `scope "read /repos/{a,{b,c}}": segment "{a,{b,c}}" of "/repos/{a,{b,c}}": braces within braces`},
		{"read /repos/{a,}", `scope "read /repos/{a,}": segment "{a,}" of "/repos/{a,}": {a,} has an empty alternative`},
		{"read /" + strings.Repeat("{a,b}", 7), `scope "read /{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}": segment "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" of "/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}": braces that stand for more than 64 words`},
		{"read /api/v3/repos/acme", `scope "read /api/v3/repos/acme": pattern "/api/v3/repos/acme" begins with an Enterprise prefix: leave it out, it is matched without`},
		{"POST /graphql", `scope "POST /graphql": pattern "/graphql" is GraphQL: write graphql:query or graphql:mutation, which go by what is asked`},
		{"read /repositories/12/issues", `scope "read /repositories/12/issues": pattern "/repositories/12/issues" goes by number: write /repos/OWNER/REPO, numbers are matched as what they stand for`},
		{"graphql:query issues", `scope "graphql:query issues": graphql:query stands alone: a query reads whatever the pool can`},
		{"graphql:queries", `scope "graphql:queries": unknown word "graphql:queries": want graphql:query, graphql:mutation, or graphql:mutation NAME,NAME`},
		{"GraphQL:mutation x", `scope "GraphQL:mutation x": unknown word "GraphQL:mutation": want graphql:query, graphql:mutation, or graphql:mutation NAME,NAME`},
		{"graphql:mutation a, b", `scope "graphql:mutation a, b": want the names in one word, with commas and no spaces, such as "graphql:mutation addComment,createIssue"`},
		{"graphql:mutation a,", `scope "graphql:mutation a,": "" is no mutation's name: want names of letters, digits and underscores with commas, such as "graphql:mutation addComment,createIssue"`},
		{"graphql:mutation add-comment", `scope "graphql:mutation add-comment": "add-comment" is no mutation's name: want names of letters, digits and underscores with commas, such as "graphql:mutation addComment,createIssue"`},
		{"graphql:mutation 2a", `scope "graphql:mutation 2a": "2a" is no mutation's name: want names of letters, digits and underscores with commas, such as "graphql:mutation addComment,createIssue"`},
		{"git:read acme", `scope "git:read acme": want OWNER/REPO instead of "acme", such as "acme/*" for all of acme's repositories`},
		{"git:read acme/**", `scope "git:read acme/**": want OWNER/REPO instead of "acme/**", such as "acme/*" for all of acme's repositories`},
		{"git:read /acme/web", `scope "git:read /acme/web": want OWNER/REPO instead of "/acme/web", such as "acme/*" for all of acme's repositories`},
		{"git:read acme/web.git", `scope "git:read acme/web.git": leave the .git out of "acme/web.git": it is matched without`},
		{"git:read acme/{web", `scope "git:read acme/{web": segment "{web" of "/acme/{web": a { without its }, which must stand in the same segment`},
		{"read /repos/\xff", `scope "read /repos/\xff": segment "\xff" of "/repos/\xff": it is not UTF-8`},
		{"git:fetch acme/web", `scope "git:fetch acme/web": unknown method "git:fetch": want GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, read, write, * or a list of these with commas, or git:read, git:write, graphql:query or graphql:mutation`},
	} {
		s, err := policy.ParseScope(tt.text)
		if err == nil || err.Error() != tt.want {
			t.Errorf("ParseScope(%q) = %v\n%v, want\n%s", tt.text, s, err, tt.want)
		}
	}
}

func TestScopeIsWrittenAsItWas(t *testing.T) {
	for text, want := range map[string]string{
		"  read   /repos/{A,b}/** ": "read /repos/{A,b}/**",
		"git:write acme/*":          "git:write acme/*",
		"read /repositories":        "read /repositories",
		" graphql:query ":           "graphql:query",
		"graphql:mutation  a,b":     "graphql:mutation a,b",
	} {
		if got := mustScope(t, text).String(); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

// slowScope is the language of REST scopes once more, by way of regexp: segments
// are told apart by NUL, which is in no path.
func slowScope(t testing.TB, text string) func(method string, segments []string) bool {
	methods, pattern, _ := strings.Cut(text, " ")
	expr := "^"
	for segment := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		switch segment {
		case "":
		case "**":
			expr += `(\x00.*)?`
		case "*":
			expr += `\x00[^\x00]+`
		default:
			e := regexp.QuoteMeta(asciiLower(segment))
			e = strings.NewReplacer(`\*`, `[^\x00]*`, `\{`, "\x01", `\}`, "\x02").Replace(e)
			inside, out := false, strings.Builder{}
			for _, c := range e {
				switch {
				case c == '\x01':
					inside = true
					out.WriteString("(?:")
				case c == '\x02':
					inside = false
					out.WriteString(")")
				case c == ',' && inside: // outside braces, a comma is a comma
					out.WriteString("|")
				default:
					out.WriteRune(c)
				}
			}
			e = out.String()
			expr += `\x00(?:` + e + `)`
		}
	}
	re, err := regexp.Compile("(?s)" + expr + "$")
	if err != nil {
		t.Fatalf("%q as %s: %v", text, expr, err)
	}
	all := strings.Split(methods, ",")
	safe := []string{"GET", "HEAD", "OPTIONS"}
	return func(method string, segments []string) bool {
		asked := slices.Contains(all, "*") || slices.Contains(all, method) ||
			slices.Contains(all, "read") && slices.Contains(safe, method) ||
			slices.Contains(all, "write") && !slices.Contains(safe, method)
		var path strings.Builder
		for _, s := range segments {
			path.WriteString("\x00" + asciiLower(s))
		}
		return asked && re.MatchString(path.String())
	}
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// A scope allows what the slow reading of it allows, for both meanings of an
// encoded slash, and the plain words at the head of its pattern are the head of
// every path it allows.
func FuzzScope(f *testing.F) {
	for _, seed := range [][3]string{
		{"read /repos/acme/**", "GET", "/repos/acme/web"},
		{"read /repos/acme", "GET", "/repos/acme-secret"},
		{"POST,PATCH /repos/{a,b-*}/x*y*z/**", "POST", "/repos/b-1/xyyz/a%2Fb"},
		{"* /**", "GET", "/"},
		{"write /a(b|c)/[x]", "PUT", "/a(b%7Cc)/%5Bx%5D"},
		{"GET /repos/acme/*/contents/*", "GET", "/repos/acme/web/contents/a%2Fb"},
		{"GET /a,b/{c,d}e,f", "GET", "/a,b/ce,f"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, text, method, escaped string) {
		s, err := policy.ParseScope(text)
		if err != nil {
			return
		}
		if again, err := policy.ParseScope(s.String()); err != nil || again.String() != s.String() {
			t.Fatalf("%q is written %q, which is %q, %v", text, s, again, err)
		}
		r, err := policy.Read(api, method, escaped, "")
		if err != nil || r.Kind != policy.KindREST || strings.HasPrefix(s.String(), "git:") {
			return
		}
		var whole []string
		for segment := range strings.SplitSeq(strings.Trim(r.Path.String(), "/"), "/") {
			if segment != "" {
				whole = append(whole, mustUnescape(t, segment))
			}
		}
		slow := slowScope(t, s.String())
		want := slow(method, whole) && slow(method, r.Path.Segments())
		first := asciiLower(strings.Join(r.Path.Segments()[:min(1, len(r.Path.Segments()))], ""))
		numbered := len(r.Path.Segments()) > 1 && (first == "repositories" ||
			(first == "organizations" || first == "user") && regexp.MustCompile(`^[0-9]+$`).MatchString(r.Path.Segments()[1]))
		if got := s.Allows(r); got != (want && !numbered) {
			t.Errorf("%q allows %s %s: %v, slowly %v", s, method, r.Path, got, want)
		}
		if !s.Allows(r) {
			return
		}
		pattern := strings.Split(strings.Trim(strings.Fields(s.String())[1], "/"), "/")
		for i, word := range pattern {
			if word == "" || strings.ContainsAny(word, "*{") {
				break
			}
			if got := r.Path.Segments()[i]; asciiLower(got) != asciiLower(word) {
				t.Errorf("%q allows %s, which has %q for %q", s, r.Path, got, word)
			}
		}
	})
}
