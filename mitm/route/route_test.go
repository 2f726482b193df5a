package route

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	table := New()
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/", "/"},
		{"GET", "/user", "/user"},
		{"GET", "/repos/o/r", "/repos/{owner}/{repo}"},
		{"GET", "/repos/o/r/issues", "/repos/{owner}/{repo}/issues"},
		{"HEAD", "/repos/o/r/issues", "/repos/{owner}/{repo}/issues"},
		{"POST", "/graphql", "/graphql"},
		{"GET", "/graphql", "/graphql"},

		// A literal wins over a parameter, unless it does not have the method.
		{"GET", "/repos/o/r/releases/latest", "/repos/{owner}/{repo}/releases/latest"},
		{"GET", "/repos/o/r/releases/1", "/repos/{owner}/{repo}/releases/{release_id}"},
		{"PATCH", "/repos/o/r/releases/latest", "/repos/{owner}/{repo}/releases/{release_id}"},
		{"GET", "/repos/repos/issues/issues", "/repos/{owner}/{repo}/issues"},
		{"GET", "/orgs/o/attestations/a", "/orgs/{org}/attestations/{subject_digest}"},
		{"DELETE", "/orgs/o/attestations/1", "/orgs/{org}/attestations/{attestation_id}"},

		// Parameters that hold slashes.
		{"GET", "/repos/o/r/contents/a/b/c.go", "/repos/{owner}/{repo}/contents/{path}"},
		{"GET", "/repos/o/r/contents/", "/repos/{owner}/{repo}/contents/{path}"},
		{"GET", "/repos/o/r/contents", "/repos/{owner}/{repo}/contents/{path}"},
		{"GET", "/repos/o/r/readme", "/repos/{owner}/{repo}/readme"},
		{"GET", "/repos/o/r/readme/docs/en", "/repos/{owner}/{repo}/readme/{dir}"},
		{"GET", "/repos/o/r/git/ref/heads/a/b", "/repos/{owner}/{repo}/git/ref/{ref}"},
		{"PATCH", "/repos/o/r/git/refs/heads/a/b", "/repos/{owner}/{repo}/git/refs/{ref}"},
		{"POST", "/repos/o/r/git/refs", "/repos/{owner}/{repo}/git/refs"},
		{"GET", "/repos/o/r/git/refs/heads/a", Other},
		{"GET", "/repos/o/r/compare/a/b...x:c/d", "/repos/{owner}/{repo}/compare/{basehead}"},
		{"GET", "/repos/o/r/tarball/refs/heads/a", "/repos/{owner}/{repo}/tarball/{ref}"},
		{"GET", "/repos/o/r/tarball", "/repos/{owner}/{repo}/tarball/{ref}"},
		{"GET", "/repos/o/r/zipball/v1/2", "/repos/{owner}/{repo}/zipball/{ref}"},
		{"GET", "/repos/o/r/branches/a", "/repos/{owner}/{repo}/branches/{branch}"},
		{"GET", "/repos/o/r/branches/a/b", "/repos/{owner}/{repo}/branches/{branch}"},
		{"GET", "/repos/o/r/branches/a/b/protection", "/repos/{owner}/{repo}/branches/{branch}/protection"},
		{"GET", "/repos/o/r/branches/protection/protection", "/repos/{owner}/{repo}/branches/{branch}/protection"},
		{"PUT", "/repos/o/r/branches/a/b/protection/restrictions/teams", "/repos/{owner}/{repo}/branches/{branch}/protection/restrictions/teams"},
		{"GET", "/repos/o/r/commits/heads/a/b/check-runs", "/repos/{owner}/{repo}/commits/{ref}/check-runs"},
		{"GET", "/repos/o/r/commits/heads/a/b", "/repos/{owner}/{repo}/commits/{ref}"},

		// Numbers for names, as GitHub's own URLs have them.
		{"GET", "/repositories/7", "/repos/{owner}/{repo}"},
		{"PATCH", "/repositories/7", "/repos/{owner}/{repo}"},
		{"GET", "/repositories/7/issues", "/repos/{owner}/{repo}/issues"},
		{"GET", "/repositories/7/contents/a/b", "/repos/{owner}/{repo}/contents/{path}"},
		{"GET", "/repositories", "/repositories"},
		{"GET", "/repositories/seven/issues", Other},
		{"GET", "/organizations/7/repos", "/orgs/{org}/repos"},
		{"GET", "/organizations/7", "/orgs/{org}"},
		{"GET", "/organizations/7/team/8/members", "/orgs/{org}/teams/{team_slug}/members"},
		{"GET", "/organizations/7/settings/billing/budgets", "/organizations/{org}/settings/billing/budgets"},
		{"GET", "/organizations", "/organizations"},
		{"GET", "/user/7", "/user/{account_id}"},
		{"GET", "/user/7/repos", "/users/{username}/repos"},

		// What GitHub's description does not have.
		{"GET", "/repos/o/r/issues/", Other},
		{"GET", "/repos//r/issues", Other},
		{"GET", "/Repos/o/r", Other},
		{"GET", "/repos/o/r/no-such-thing", Other},
		{"GET", "/repos/{owner}", Other},
		{"PUT", "/graphql", Other},
		{"OPTIONS", "/user", Other},
		{"get", "/user", Other},
		{"", "/user", Other},
		{"GET", "/other", Other},
		{"GET", "/repositories/", Other},
	} {
		if got := table.Of(tt.method, segmentsOf(tt.path)); got != tt.want {
			t.Errorf("%s %s is %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
}

// Every template finds itself, whatever its parameters hold.
func TestOfFindsEveryTemplate(t *testing.T) {
	table := New()
	values := []string{
		"x", "a.b", ".github", "...", "-", "a-b_c", "0", "18446744073709551616", "{owner}", "%2F", "a b", "é",
		"sha256:0000", "main...dev", "other", strings.Repeat("z", 600),
	}
	count := 0
	for r := range rows(t) {
		count++
		for _, value := range values {
			for width := 1; width <= 3; width++ {
				path := fill(r.path, value, width)
				for _, method := range r.methods {
					if got := table.Of(method, path); got != r.template() {
						t.Fatalf("%s %q is %s, want %s", method, path, got, r.template())
					}
				}
			}
		}
	}
	if count != len(table.Templates()) || count < 800 {
		t.Errorf("%d rows and %d templates, want as many, and GitHub has more than 800", count, len(table.Templates()))
	}
}

// A parameter may hold a word that is a literal in another template. Which
// template then fits best is what the plain reading of the rule says.
func TestOfPrefersAsDocumented(t *testing.T) {
	table := New()
	plain := slices.Collect(rows(t))
	for _, r := range plain {
		segments := segmentsOf(r.path)
		for i, segment := range segments {
			if !strings.HasPrefix(segment, "{") {
				continue
			}
			for _, sibling := range plain {
				others := segmentsOf(sibling.path)
				if len(others) <= i || strings.HasPrefix(others[i], "{") {
					continue
				}
				literal := others[i]
				path := slices.Clone(segments)
				path[i] = literal
				path = fill("/"+strings.Join(path, "/"), "x", 2)
				for _, method := range r.methods {
					if got, want := table.Of(method, path), bestOf(plain, method, path); got != want {
						t.Fatalf("%s %q is %s, want %s", method, path, got, want)
					}
				}
				break // one sibling a place is enough: the fuzz test mixes them all
			}
		}
	}
}

// The set of answers is closed, and each is the one that the plain reading of
// the rule gives.
func FuzzOf(f *testing.F) {
	for _, path := range []string{
		"/", "", "//", "/repos/o/r/contents//", "/repos/o/r/branches/a/b/protection/restrictions", "/repositories/1/x",
		"/organizations/1/team/2/members", "/repos/o/r/releases/tags", "/graphql", "/user/1/repos", "/\x00/\xff",
		"/repos/o/r/branches/protection/protection/protection/rename" + strings.Repeat("/protection", 50),
	} {
		f.Add("GET", path)
		f.Add("DELETE", path)
	}
	table := New()
	plain := slices.Collect(rows(f))
	f.Fuzz(func(t *testing.T, method, path string) {
		segments := strings.Split(path, "/")
		got := table.Of(method, segments)
		if got != Other && !slices.Contains(table.Templates(), got) {
			t.Fatalf("%s %q is %q, which is not in the set", method, segments, got)
		}
		want := bestOf(plain, method, segments)
		if want == Other {
			want = bestOf(plain, method, named(segments))
		}
		if got != want {
			t.Fatalf("%s %q is %s, want %s", method, segments, got, want)
		}
	})
}

func TestOfDoesNotAllocate(t *testing.T) {
	table := New()
	segments := segmentsOf("/repositories/7/branches/a/b/protection/restrictions/teams")
	if n := testing.AllocsPerRun(100, func() { table.Of("GET", segments) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTemplatesAreSorted(t *testing.T) {
	table, err := parse("GET /b/{c...}\n# comment\n\nGET /b\nGET /a/{b}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(table.Templates(), " "), "/a/{b} /b /b/{c}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Templates hands out a copy: a caller that changes it changes no label.
func TestTemplatesIsACopy(t *testing.T) {
	table := New()
	table.Templates()[0] = "changed"
	if got := table.Templates()[0]; got != "/" {
		t.Errorf("the first template is %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"GET":                          "line 1: want METHODS /path",
		"# comment\nGET user":          "line 2: want METHODS /path",
		"BREW /pot":                    `line 1: unknown method "BREW"`,
		"GET /a/{b}\nPOST,GET /a/{c}":  "line 2: /a/{c} cannot be told from a template above it",
		"GET /a/{b...}\nGET /a/{c...}": "line 2: /a/{c} cannot be told from a template above it",
	} {
		if _, err := parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	table := New()
	for name, path := range map[string]string{
		"issues":    "/repos/o/r/issues",
		"contents":  "/repos/o/r/contents/a/b/c/d/e/f.go",
		"branch":    "/repos/o/r/branches/a/b/protection/restrictions/teams",
		"numbered":  "/repositories/7/issues",
		"not there": "/repos/o/r/no-such-thing",
	} {
		segments := segmentsOf(path)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Of("GET", segments)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New()
	}
}
