package githubtest

import (
	"fmt"
	"strings"
	"testing"
)

// Two users see the same issue in the same bytes and the same repository in
// different ones: permissions are the viewer's own.
func TestViewsOfOneRepository(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/web", "first")
	body := func(path, authorization string) string { return get(t, s, path, "Authorization", authorization).body }
	const hubot = "token github_pat_hubot"
	if body("/repos/acme/web/issues/1", asBot) != body("/repos/acme/web/issues/1", hubot) {
		t.Error("an issue differs")
	}
	writer, reader := body("/repos/acme/web", asBot), body("/repos/acme/web", hubot)
	if !strings.Contains(writer, `"permissions":{"admin":false,"maintain":false,"push":true,"triage":true,"pull":true}`) ||
		!strings.Contains(reader, `"permissions":{"admin":false,"maintain":false,"push":false,"triage":false,"pull":true}`) {
		t.Errorf("writer %s\nreader %s", writer, reader)
	}
	if anonymous := get(t, s, "/repos/acme/web").body; strings.Contains(anonymous, "permissions") {
		t.Errorf("anonymous %s", anonymous)
	}
}

// What tests do to the world is in the next answer.
func TestChangesOfTheWorld(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/web", "first")
	repo, issue := etagOf(t, s, "/repos/acme/web"), etagOf(t, s, "/repos/acme/web/issues/1")
	s.Touch("acme/web")
	if etagOf(t, s, "/repos/acme/web") == repo || etagOf(t, s, "/repos/acme/web/issues/1") != issue {
		t.Error("Touch is to change the repository and not its issues")
	}
	s.EditIssue("acme/web", 1, "changed")
	if got := get(t, s, "/repos/acme/web/issues/1"); got.Header.Get("ETag") == issue || !strings.Contains(got.body, `"title":"changed"`) {
		t.Errorf("EditIssue: %s", got.body)
	}
	s.Set("/emojis", `{"+1":"1"}`)
	s.Set("/repos/acme/web/topics", `{"names":[]}`)
	s.Set("/repos/acme/web/topics?page=2", `{"names":["2"]}`)
	for path, body := range map[string]string{
		"/emojis": `{"+1":"1"}`, "/repos/acme/web/topics": `{"names":[]}`, "/repos/acme/web/topics?page=3": `{"names":[]}`,
		"/repos/acme/web/topics?page=2": `{"names":["2"]}`, fmt.Sprintf("/repositories/%d/topics?page=2", s.repos["acme/web"].id): `{"names":["2"]}`,
	} {
		if got := get(t, s, path); got.StatusCode != 200 || got.body != body {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

// The same calls make the same bytes, so that a test may know an answer beforehand.
func TestWorldsAreTheSame(t *testing.T) {
	body := func() string {
		s := start(t)
		s.WriteFile("acme/web", "a.txt", "hello\n")
		number := s.AddPull("acme/web", "pull")
		return get(t, s, "/repos/acme/web/pulls/"+itoa(number)).body
	}
	if one, two := body(), body(); one != two {
		t.Errorf("%s\n%s", one, two)
	}
}

func TestPullRequests(t *testing.T) {
	s := start(t)
	number := s.AddPull("acme/web", "pull")
	path := "/repos/acme/web/pulls/" + itoa(number)
	whole := get(t, s, path, "Authorization", asBot).body
	for _, part := range []string{`"ref":"change-1"`, `"commits":1,"additions":1,"deletions":0,"changed_files":1`, `"sha":"` + shaOf(s, "acme/web", "refs/pull/1/head") + `"`} {
		if !strings.Contains(whole, part) {
			t.Errorf("no %s in %s", part, whole)
		}
	}
	if files := get(t, s, path+"/files", "Authorization", asBot).body; !strings.Contains(files, `"filename":"change-1.md","status":"added","additions":1,"deletions":0`) {
		t.Errorf("files: %s", files)
	}
	if commits := get(t, s, path+"/commits", "Authorization", asBot).body; !strings.Contains(commits, `"message":"pull"`) {
		t.Errorf("commits: %s", commits)
	}
	ask(t, s, "PATCH", "https://api.github.com/repos/acme/web/git/refs/heads/change-1", `{"sha":"`+shaOf(s, "acme/web", "main")+`"}`, "Authorization", asBot)
	if head := shaOf(s, "acme/web", "refs/pull/1/head"); head != shaOf(s, "acme/web", "main") {
		t.Errorf("refs/pull/1/head stayed at %s", head)
	}
}

func TestSearch(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/web", "The menu is slow")
	s.AddIssue("acme/api", "The menu is missing")
	pull := s.AddPull("acme/web", "Menu, faster")
	ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues", `{"title":"Old menu","labels":["bug","good first issue"]}`, "Authorization", asBot)
	ask(t, s, "PATCH", "https://api.github.com/repos/acme/web/issues/3", `{"state":"closed"}`, "Authorization", asBot)
	for query, want := range map[string]string{
		"menu": "3 2 1 1", "menu repo:acme/web": "3 2 1", "menu org:acme is:private": "1", "menu is:pr": itoa(pull), "slow": "1", "is:closed": "3",
		"menu -is:closed repo:acme/web": "2 1", `label:"good first issue"`: "3", "label:bug is:open": "", "author:octo-bot": "3", "author:@me": "3",
		"head:change-2": "2", "assignee:octo-bot": "", "sort:created-desc repo:acme/web type:issue": "3 1",
	} {
		got := get(t, s, "/search/issues?q="+strings.NewReplacer(" ", "+", `"`, "%22", ":", "%3A").Replace(query), "Authorization", asBot)
		if numbers(got.body) != want || !strings.HasPrefix(got.body, fmt.Sprintf(`{"total_count":%d,`, len(strings.Fields(want)))) {
			t.Errorf("%s: %s, want %s", query, numbers(got.body), want)
		}
	}
	if got := get(t, s, "/search/issues", "Authorization", asBot); got.StatusCode != 422 {
		t.Errorf("without q: %d", got.StatusCode)
	}
	if got := get(t, s, "/search/code?q=x"); got.StatusCode != 401 {
		t.Errorf("code, anonymous: %d", got.StatusCode)
	}
}
