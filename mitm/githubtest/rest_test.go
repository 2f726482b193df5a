package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Link names the repository by number, whatever it was asked for by, and keeps
// the rest of the query.
func TestPagination(t *testing.T) {
	s := start(t)
	for n := range 7 {
		s.AddIssue("acme/web", fmt.Sprint("issue ", n+1))
	}
	base := fmt.Sprintf("https://api.github.com/repositories/%d/issues?state=open&per_page=3&page=", s.repos["acme/web"].id)
	next, prev, first, last := base+`2>; rel="next"`, base+`1>; rel="prev"`, base+`1>; rel="first"`, base+`3>; rel="last"`
	for _, tt := range []struct {
		page, link, numbers string
	}{
		{"", "<" + next + ", <" + last, "7 6 5"},
		{"&page=2", "<" + prev + ", <" + strings.Replace(next, "=2>", "=3>", 1) + ", <" + last + ", <" + first, "4 3 2"},
		{"&page=3", "<" + strings.Replace(prev, "=1>", "=2>", 1) + ", <" + first, "1"},
		{"&page=4", "<" + strings.Replace(prev, "=1>", "=3>", 1) + ", <" + first, ""},
	} {
		got := get(t, s, "/repos/acme/web/issues?state=open&per_page=3"+tt.page, "Authorization", asBot)
		if got.Header.Get("Link") != tt.link || numbers(got.body) != tt.numbers {
			t.Errorf("page %q:\n%s\n%s\n%s, want %s", tt.page, got.Header.Get("Link"), tt.link, numbers(got.body), tt.numbers)
		}
	}
	if got := get(t, s, "/repos/acme/web/issues", "Authorization", asBot); got.Header.Get("Link") != "" || numbers(got.body) != "7 6 5 4 3 2 1" {
		t.Errorf("one page: %q %s", got.Header.Get("Link"), numbers(got.body))
	}
	byNumber := get(t, s, strings.TrimPrefix(base, "https://api.github.com")+"2", "Authorization", asBot)
	if numbers(byNumber.body) != "4 3 2" {
		t.Errorf("by number: %s", numbers(byNumber.body))
	}
}

// numbers are the issue numbers of a list.
func numbers(body string) string {
	var found []string
	for _, part := range strings.Split(body, `"number":`)[1:] {
		digits, _, _ := strings.Cut(part, ",")
		found = append(found, digits)
	}
	return strings.Join(found, " ")
}

// A page of at most 100, and 30 unless asked.
func TestPageSizes(t *testing.T) {
	s := start(t)
	for range 101 {
		s.AddIssue("acme/web", "x")
	}
	for query, want := range map[string]int{"": 30, "?per_page=100": 100, "?per_page=1000": 100, "?per_page=0": 30, "?per_page=x": 30} {
		if got := len(strings.Fields(numbers(get(t, s, "/repos/acme/web/issues"+query, "Authorization", asBot).body))); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
}

// A former name leads to the number: 301 for reads, 307 for all else, and only
// for who may see the repository.
func TestRename(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/api", "first")
	s.Rename("acme/api", "acme/core")
	location := fmt.Sprintf("https://api.github.com/repositories/%d", s.repos["acme/core"].id)
	for _, tt := range []struct {
		method, path, authorization string
		status                      int
		location                    string
	}{
		{"GET", "/repos/acme/api", asBot, 301, location},
		{"HEAD", "/repos/acme/api", asBot, 301, location},
		{"GET", "/repos/acme/api/issues/1?x=y", asBot, 301, location + "/issues/1?x=y"},
		{"PATCH", "/repos/acme/api", asBot, 307, location},
		{"POST", "/repos/acme/api/issues", asBot, 307, location + "/issues"},
		{"GET", "/repos/acme/core", asBot, 200, ""},
		{"GET", "/repos/acme/api", "token github_pat_hubot", 404, ""},
		{"GET", "/repos/acme/api", "", 404, ""},
	} {
		headers := []string{"Authorization", tt.authorization}
		if tt.authorization == "" {
			headers = nil
		}
		got := ask(t, s, tt.method, "https://api.github.com"+tt.path, "", headers...)
		if got.StatusCode != tt.status || got.Header.Get("Location") != tt.location {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, got.StatusCode, got.Header.Get("Location"))
		}
		if tt.location != "" && tt.method != "HEAD" && !strings.HasPrefix(got.body, `{"message":"Moved Permanently","url":"`+tt.location+`"`) {
			t.Errorf("%s %s: %s", tt.method, tt.path, got.body)
		}
	}
	moved := ask(t, s, "PATCH", location, `{"name":"api"}`, "Authorization", asBot)
	if got := get(t, s, "/repos/acme/api", "Authorization", asBot); moved.StatusCode != 200 || got.StatusCode != 200 {
		t.Errorf("named back over the API: %d, then %d", moved.StatusCode, got.StatusCode)
	}
}

// What may not be seen is not there, in the same words as what is not there,
// by name and by number, in lists and in searches.
func TestPrivateRepositories(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/api", "secret plan")
	stranger := []string{"Authorization", "token github_pat_hubot"}
	const notThere = `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`
	byNumber := fmt.Sprintf("/repositories/%d", s.repos["acme/api"].id)
	for _, path := range []string{"/repos/acme/api", "/repos/acme/none", byNumber, "/repos/acme/api/issues", byNumber + "/issues/1"} {
		if got := get(t, s, path, stranger...); got.StatusCode != 404 || got.body != notThere {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
		if got := get(t, s, path); got.StatusCode != 404 || got.body != notThere {
			t.Errorf("%s, anonymous: %d %s", path, got.StatusCode, got.body)
		}
	}
	for _, path := range []string{"/orgs/acme/repos", "/search/issues?q=plan", "/search/repositories?q=api"} {
		if got := get(t, s, path, stranger...); strings.Contains(got.body, "acme/api") {
			t.Errorf("%s: %s", path, got.body)
		}
		if got := get(t, s, path, "Authorization", asBot); !strings.Contains(got.body, "acme/api") {
			t.Errorf("%s, who may: %s", path, got.body)
		}
	}
	s.Set("/repos/acme/api/topics", `{"names":["secret"]}`)
	if got := get(t, s, "/repos/acme/api/topics", stranger...); got.StatusCode != 404 {
		t.Errorf("what was Set there: %d", got.StatusCode)
	}
	s.Grant("hubot", "acme/api")
	if got := get(t, s, "/repos/acme/api", stranger...); got.StatusCode != 200 {
		t.Errorf("after Grant: %d", got.StatusCode)
	}
	s.Ungrant("hubot", "acme/api")
	if got := get(t, s, "/repos/acme/api", stranger...); got.StatusCode != 404 {
		t.Errorf("after Ungrant: %d", got.StatusCode)
	}
}

func TestVersions(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/web", "first")
	for _, tt := range []struct {
		header, selected string
		status           int
		assignee         bool
	}{
		{"", "2022-11-28", 200, true},
		{"2022-11-28", "2022-11-28", 200, true},
		{"2026-03-10", "2026-03-10", 200, false},
		{"2001-01-01", "2022-11-28", 400, false},
	} {
		headers := []string{"Authorization", asBot, "X-GitHub-Api-Version", tt.header}
		if tt.header == "" {
			headers = headers[:2]
		}
		got := get(t, s, "/repos/acme/web/issues/1", headers...)
		if got.StatusCode != tt.status || got.Header.Get("X-Github-Api-Version-Selected") != tt.selected || strings.Contains(got.body, `"assignee":`) != tt.assignee {
			t.Errorf("%q: %d %s, assignee %v", tt.header, got.StatusCode, got.Header.Get("X-Github-Api-Version-Selected"), !tt.assignee)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	s := start(t)
	number := s.AddPull("acme/web", "Say more")
	path := "/repos/acme/web/pulls/" + itoa(number)
	for _, tt := range []struct {
		accept, contentType, mediaType, has string
	}{
		{"*/*", "application/json; charset=utf-8", "github.v3; format=json", `"body":"What it does: Say more."`},
		{"application/vnd.github.v3+json", "application/json; charset=utf-8", "github.v3; format=json", `"body":"`},
		{"application/vnd.github.html+json", "application/json; charset=utf-8", "github.v3; param=html; format=json", `"body_html":"<p>What`},
		{"application/vnd.github.full+json", "application/json; charset=utf-8", "github.v3; param=full; format=json", `"body_text":"What`},
		{"application/vnd.github.v3.diff", "application/vnd.github.v3.diff; charset=utf-8", "github.v3; param=diff", "diff --git a/change-1.md b/change-1.md\n"},
		{"application/vnd.github.patch", "application/vnd.github.patch; charset=utf-8", "github.v3; param=patch", "Subject: [PATCH] Say more\n"},
	} {
		got := get(t, s, path, "Authorization", asBot, "Accept", tt.accept)
		if got.Header.Get("Content-Type") != tt.contentType || got.Header.Get("X-Github-Media-Type") != tt.mediaType || !strings.Contains(got.body, tt.has) {
			t.Errorf("%s: %s, %s, %.200s", tt.accept, got.Header.Get("Content-Type"), got.Header.Get("X-Github-Media-Type"), got.body)
		}
	}
}

// Paths are exact: a slash more is another path.
func TestUnknownPaths(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/repos/acme/web/", "//repos/acme/web", "/repos//web", "/repos/acme", "/nothing", "/repos/acme/web/nothing", "/repos/acme/web/../api", "/repos/acme/web/issues/"} {
		if got := get(t, s, path, "Authorization", asBot); got.StatusCode != 404 {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	if got := get(t, s, "/repos/ACME/Web/labels/BUG", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("names without regard to case: %d", got.StatusCode)
	}
}

// Writes change what is read next, and say where what they made is.
func TestWrites(t *testing.T) {
	s := start(t)
	api := func(method, path, body, authorization string) exchange {
		t.Helper()
		return ask(t, s, method, "https://api.github.com/repos/acme/web"+path, body, "Authorization", authorization)
	}
	made := api("POST", "/issues", `{"title":"A","labels":["bug","new"]}`, asBot)
	if made.StatusCode != 201 || made.Header.Get("Location") != "https://api.github.com/repos/acme/web/issues/1" {
		t.Fatalf("%d %v", made.StatusCode, made.Header)
	}
	api("POST", "/issues/1/comments", `{"body":"hello"}`, asBot)
	api("PATCH", "/issues/1", `{"state":"closed"}`, asBot)
	got := get(t, s, "/repos/acme/web/issues/1", "Authorization", asBot).body
	for _, part := range []string{`"title":"A"`, `"login":"octo-bot"`, `"name":"new","color":"ededed"`, `"state":"closed"`, `"comments":1`, `"state_reason":"completed"`} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
	for _, tt := range []struct {
		name, method, path, body, authorization string
		status                                  int
	}{
		{"not JSON", "POST", "/issues", `{`, asBot, 400},
		{"without a title", "POST", "/issues", `{}`, asBot, 422},
		{"a label twice", "POST", "/labels", `{"name":"bug"}`, asBot, 422},
		{"a colour that is none", "POST", "/labels", `{"name":"x","color":"red"}`, asBot, 422},
		{"not allowed", "POST", "/labels", `{"name":"x"}`, "token github_pat_hubot", 403},
		{"an open repository takes issues from all", "POST", "/issues", `{"title":"B"}`, "token github_pat_hubot", 201},
		{"check runs are for Apps", "POST", "/check-runs", `{}`, asBot, 403},
		{"a status", "POST", "/statuses/main", `{"state":"success"}`, asBot, 201},
		{"a status of no state", "POST", "/statuses/main", `{"state":"fine"}`, asBot, 422},
		{"a ref", "POST", "/git/refs", `{"ref":"refs/heads/new","sha":"` + shaOf(s, "acme/web", "main") + `"}`, asBot, 201},
		{"a ref outside refs", "POST", "/git/refs", `{"ref":"heads/new2","sha":"` + shaOf(s, "acme/web", "main") + `"}`, asBot, 422},
		{"a ref to nothing", "POST", "/git/refs", `{"ref":"refs/heads/new3","sha":"` + strings.Repeat("1", 40) + `"}`, asBot, 422},
		{"no more ref", "DELETE", "/git/refs/heads/new", "", asBot, 204},
	} {
		if got := api(tt.method, tt.path, tt.body, tt.authorization); got.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
	if refused := api("POST", "/labels", `{"name":"x"}`, "token github_pat_hubot"); refused.Header.Get("X-Accepted-Github-Permissions") != "issues=write" ||
		messageOf(t, refused).Message != "Resource not accessible by personal access token" {
		t.Errorf("%s %v", refused.body, refused.Header)
	}
	if got := ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`); got.StatusCode != 401 {
		t.Errorf("anonymous: %d", got.StatusCode)
	}
}

func shaOf(s *Server, fullName, revision string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sha, _ := s.sha(s.mustRepo(fullName), revision)
	return sha
}

// Intercept plays faults, which are logged as all else.
func TestIntercept(t *testing.T) {
	s := start(t)
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/user" {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	if got := get(t, s, "/user", "Authorization", asBot); got.StatusCode != 502 {
		t.Errorf("%d", got.StatusCode)
	}
	if got := get(t, s, "/zen", "Authorization", asBot); got.StatusCode != 200 {
		t.Errorf("%d", got.StatusCode)
	}
	s.Intercept(nil)
	get(t, s, "/user", "Authorization", asBot)
	var lines []string
	for _, seen := range s.Seen() {
		lines = append(lines, seen.String())
	}
	want := []string{"GET api.github.com/user 502  0", "GET api.github.com/zen 200 octo-bot 1", "GET api.github.com/user 200 octo-bot 1"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}

// No path of any spelling makes the server panic, which complain would show, or
// show what is private.
func FuzzPaths(f *testing.F) {
	s := New()
	f.Cleanup(s.Close)
	s.AddUser("stranger", "ghp_stranger")
	s.AddRepo("acme/api", true)
	s.AddIssue("acme/api", "the secret plan")
	for _, seed := range []string{
		"repos/acme/api", "repos/acme%2Fapi", "repositories/1003/issues/1", "repos/acme/api/../api", "repos/./acme/api", "repos/acme/api/git/blobs/--batch",
		"search/issues?q=plan", "repos/acme/api/commits/main/status", "orgs/acme/repos?per_page=-1&page=99999999999", "user/repos", "repos/acme/api/contents/%2e%2e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest(http.MethodGet, "https://api.github.com/"+path, nil)
		if err != nil {
			return
		}
		r.Header.Set("User-Agent", "test")
		r.Header.Set("Authorization", "token ghp_stranger")
		_, status, body := s.answerAPI(r, nil, &record{})
		if status == http.StatusOK && strings.Contains(string(body), "secret plan") {
			t.Errorf("%s: %s", path, body)
		}
	})
}
