package githubtest

import (
	"fmt"
	"testing"
)

// These are sessions of the real gh: what a person sees, and what GitHub saw.

// ghWorld has three issues, a pull request and a release in acme/web.
func ghWorld(t *testing.T) (*Server, shell) {
	t.Helper()
	s := start(t)
	for n := range 3 {
		s.AddIssue("acme/web", fmt.Sprint("issue ", n+1))
	}
	s.AddPull("acme/web", "Say more")
	s.AddRelease("acme/web", "v1.0", map[string][]byte{"a.txt": []byte("hello\n")})
	return s, newShell(t, s, "ghp_bot")
}

func TestGhAuthStatus(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{{line: "gh auth status", want: `
github.com
  ✓ Logged in to github.com as octo-bot (GH_TOKEN)
  ✓ Git operations for github.com configured to use https protocol.
  ✓ Token: ghp_***
  ✓ Token scopes: gist, read:org, repo, workflow`}})
	s.Revoke("ghp_bot")
	sh.play(s, []step{{line: "gh auth status", fail: true, want: `
github.com
  X github.com: authentication failed
  - The github.com token in GH_TOKEN is no longer valid.`}})
}

// Pages after the first are asked for by number.
func TestGhAPI(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: "gh api user --jq .login", want: "octo-bot", seen: "GET api.github.com/user 200 octo-bot 1"},
		{line: "gh api --paginate 'repos/acme/web/issues?per_page=2' --jq '.[].number'", want: "4\n3\n2\n1", seen: fmt.Sprintf(`
GET api.github.com/repos/acme/web/issues?per_page=2 200 octo-bot 1
GET api.github.com/repositories/%d/issues?per_page=2&page=2 200 octo-bot 1`, s.repos["acme/web"].id)},
		{line: "gh api repos/acme/none", fail: true, want: `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}gh: Not Found (HTTP 404)`},
		{line: "gh api repos/acme/web/issues -f title=Made --jq .number", want: "5", seen: "POST api.github.com/repos/acme/web/issues 201 octo-bot 1"},
		{line: "gh api repos/acme/web/labels/bug --jq .color -H 'If-None-Match: " + etagOf(t, s, "/repos/acme/web/labels/bug", "Authorization", asBot, "Accept", "") + "'", fail: true, want: "unexpected end of JSON input",
			seen: "GET api.github.com/repos/acme/web/labels/bug 304 octo-bot 0"},
	})
	s.SetBudget("octo-bot", "core", 5000, 5000, s.now().Add(3600e9))
	if out, ok := sh.try("gh api user 2>&1 >/dev/null"); ok || len(out) < 60 || out[:41] != "gh: API rate limit exceeded for user ID 1" {
		t.Errorf("with nothing left: %q", out)
	}
}

func TestGhIssues(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: "gh issue list -R acme/web", want: `
3	OPEN	issue 3		2026-01-05 09:08:00 +0000 UTC
2	OPEN	issue 2		2026-01-05 09:07:00 +0000 UTC
1	OPEN	issue 1		2026-01-05 09:06:00 +0000 UTC`, seen: "POST api.github.com/graphql 200 octo-bot 1"},
		{line: "gh issue create -R acme/web --title New --body Text --label bug", want: "https://github.com/acme/web/issues/5"},
		{line: "gh issue view 5 -R acme/web", want: "title:\tNew\nstate:\tOPEN\nauthor:\tocto-bot\nlabels:\tbug\ncomments:\t0\nassignees:\t\nprojects:\t\nmilestone:\t\nnumber:\t5\n--\nText"},
		{line: "gh issue comment 5 -R acme/web --body Hello", want: "https://github.com/acme/web/issues/5#issuecomment-1018"},
		{line: "gh issue view 5 -R acme/web --comments", want: "author:\tocto-bot\nassociation:\tnone\nedited:\tfalse\nstatus:\tnone\n--\nHello\n--"},
		{line: "gh issue edit 5 -R acme/web --title Newer --add-label enhancement", want: "https://github.com/acme/web/issues/5"},
		{line: "gh issue close 5 -R acme/web", want: "✓ Closed issue #5 (Newer)"},
		{line: "gh issue view 5 -R acme/web --json state,title,labels --jq '.state,.title,.labels[].name'", want: "CLOSED\nNewer\nbug\nenhancement"},
		{line: "gh issue list -R acme/web --state closed --json number --jq '.[].number'", want: "5"},
		{line: "gh issue reopen 5 -R acme/web", want: "✓ Reopened issue #5 (Newer)"},
		{line: "gh issue list -R acme/web --label bug --json number --jq '.[].number'", want: "5"},
		{line: "gh issue list -R acme/web --search 'issue 2' --json number --jq '.[].number'", want: "2"},
		{line: "gh issue list -R acme/web --author octo-bot --json number --jq '.[].number'", want: "5"},
		{line: "gh issue status -R acme/web --json number --jq '.createdBy[].number,(.assigned|length)'", want: "5\n0"},
		{line: "gh issue view 9 -R acme/web", fail: true, want: "GraphQL: Could not resolve to an issue or pull request with the number of 9. (repository.issue)"},
	})
}

func TestGhPullRequests(t *testing.T) {
	s, sh := ghWorld(t)
	s.AddCheckRunAt("acme/web", "change-4", "build", "success")
	s.AddCheckRunAt("acme/web", "change-4", "test", "failure")
	sh.play(s, []step{
		{line: "gh pr list -R acme/web", want: "4\tSay more\tchange-4\tOPEN\t2026-01-05 09:09:00 +0000 UTC"},
		{line: "gh pr view 4 -R acme/web", want: "title:\tSay more\nstate:\tOPEN\nauthor:\tacme\nlabels:\t\nassignees:\t\nreviewers:\t\nprojects:\t\nmilestone:\t\nnumber:\t4\nurl:\thttps://github.com/acme/web/pull/4\nadditions:\t1\ndeletions:\t0\n--\nWhat it does: Say more."},
		{line: "gh pr diff 4 -R acme/web", want: `
diff --git a/change-4.md b/change-4.md
new file mode 100644
index 0000000..6362471
--- /dev/null
+++ b/change-4.md
@@ -0,0 +1 @@
+Say more`, seen: "GET api.github.com/repos/acme/web/pulls/4 200 octo-bot 1"},
		{line: "gh pr checks 4 -R acme/web", fail: true, want: "test\tfail\t1m0s\thttps://github.com/acme/web/runs/1017\nbuild\tpass\t1m0s\thttps://github.com/acme/web/runs/1016"},
		{line: "gh pr view 4 -R acme/web --json title,commits,statusCheckRollup,files,additions --jq '.title,.files[].path,.additions,(.commits|length),.statusCheckRollup[].conclusion'",
			want: "Say more\nchange-4.md\n1\n1\nSUCCESS\nFAILURE"},
		{line: "gh pr comment 4 -R acme/web --body Nice", want: "https://github.com/acme/web/pull/4#issuecomment-1018"},
		{line: "gh pr close 4 -R acme/web", want: "✓ Closed pull request #4 (Say more)"},
		{line: "gh pr list -R acme/web", want: ""},
	})
}

// A day's work: clone, push, open a pull request, take another's branch.
func TestGhPullRequestFromAClone(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: "gh repo clone acme/api", want: "Cloning into 'api'...", seen: `
POST api.github.com/graphql 200 octo-bot 1
GET github.com/acme/api.git/info/refs?service=git-upload-pack 401  0
GET github.com/acme/api.git/info/refs?service=git-upload-pack 200 octo-bot 0
POST github.com/acme/api.git/git-upload-pack 200 octo-bot 0
POST github.com/acme/api.git/git-upload-pack 200 octo-bot 0`},
		{line: "gh auth setup-git && cd api && git checkout -q -b change && echo 1 >f && git add f && git commit -qm 'Add f' && git push -q origin change"},
		{line: "cd api && gh pr create --title 'Add f' --body 'It does.'", want: "https://github.com/acme/api/pull/1"},
		{line: "cd api && gh pr status", want: "\nRelevant pull requests in acme/api\n\nCurrent branch\n  #1  Add f [change]\n\nCreated by you\n  #1  Add f [change]\n\nRequesting a code review from you\n  You have no pull requests to review\n"},
		{line: "cd api && gh pr create --title Again --body Same", fail: true, want: "a pull request for branch \"change\" into branch \"main\" already exists:\nhttps://github.com/acme/api/pull/1"},
		{line: "gh repo clone acme/web && cd web && gh pr checkout 4 && cat change-4.md", want: "Cloning into 'web'...\nSwitched to a new branch 'change-4'\nbranch 'change-4' set up to track 'origin/change-4'.\nSay more"},
		{line: "gh repo clone acme/none", fail: true, want: "GraphQL: Could not resolve to a Repository with the name 'acme/none'. (repository)"},
	})
}

func TestGhRepositoriesLabelsAndSearch(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: "gh repo view acme/web", want: "name:\tacme/web\ndescription:\tThe web of acme\n--\n# web\n\nThe web of acme"},
		{line: "gh repo view acme/api --json name,isPrivate,viewerPermission", want: `{"isPrivate":true,"name":"api","viewerPermission":"WRITE"}`},
		{line: "gh repo list acme --json nameWithOwner --jq '.[].nameWithOwner'", want: "acme/web\nacme/api"},
		{line: "gh repo list acme --visibility private --json nameWithOwner --jq '.[].nameWithOwner'", want: "acme/api"},
		{line: "gh label list -R acme/web", want: "bug\tSomething isn't working\t#d73a4a\nenhancement\tNew feature or request\t#a2eeef"},
		{line: "gh label create urgent -R acme/web --color ff0000 --description Now && gh label list -R acme/web --search urg", want: "urgent\tNow\t#ff0000"},
		{line: "gh search issues --repo acme/web issue --limit 2", want: "acme/web\t3\topen\tissue 3\t\t2026-01-05T09:08:00Z\nacme/web\t2\topen\tissue 2\t\t2026-01-05T09:07:00Z",
			seen: "GET api.github.com/search/issues?page=1&per_page=2&q=issue+repo%3Aacme%2Fweb+type%3Aissue 200 octo-bot 1"},
		{line: "gh search prs --repo acme/web more --json number --jq '.[].number'", want: "4"},
		{line: "gh search repos web --json fullName --jq '.[].fullName'", want: "acme/web"},
	})
	if points := s.Points()["octo-bot"]["search"]; points != 3 {
		t.Errorf("%d points of search", points)
	}
}

func TestGhGraphQL(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: `gh api graphql -f query='query($n:Int!){repository(owner:"acme",name:"web"){issue(number:$n){title}}}' -F n=2`, want: `{"data":{"repository":{"issue":{"title":"issue 2"}}}}`},
		{line: `gh api graphql --paginate --jq '.data.repository.issues.nodes[].number' -f query='query($endCursor:String){repository(owner:"acme",name:"web"){issues(first:2,after:$endCursor){nodes{number} pageInfo{hasNextPage endCursor}}}}'`,
			want: "1\n2\n3", seen: "POST api.github.com/graphql 200 octo-bot 1\nPOST api.github.com/graphql 200 octo-bot 1"},
		{line: `gh api graphql -f query='{repository(owner:"acme",name:"none"){id}}' 2>&1 >/dev/null`, fail: true, want: "gh: Could not resolve to a Repository with the name 'acme/none'."},
	})
}

// Assets go up to one host and come down from another, which gets no credential.
func TestGhReleases(t *testing.T) {
	s, sh := ghWorld(t)
	sh.play(s, []step{
		{line: "gh release list -R acme/web", want: "v1.0\tLatest\tv1.0\t2026-01-05T09:10:00Z"},
		{line: "gh release view v1.0 -R acme/web --json tagName,assets --jq '.tagName,.assets[].name'", want: "v1.0\na.txt"},
		{line: "printf 'more\\n' >b.txt && gh release upload v1.0 b.txt -R acme/web"},
		{line: "gh release upload v1.0 b.txt -R acme/web", fail: true, want: "asset under the same name already exists: [b.txt]"},
		{line: "printf 'most\\n' >b.txt && gh release upload v1.0 b.txt -R acme/web --clobber"},
		{line: "gh release download v1.0 -R acme/web -D d && cat d/a.txt d/b.txt", want: "hello\nmost"},
		{line: "gh release download v1.0 -R acme/web --archive tar.gz -D e && tar tf e/web-1.0.tar.gz", want: "web-1.0/\nweb-1.0/README.md"},
		{line: "gh release create v2 b.txt -R acme/web --notes x --title Two", want: "https://github.com/acme/web/releases/tag/v2"},
		{line: "gh release list -R acme/web | cut -f1-3", want: "Two\tLatest\tv2\nv1.0\t\tv1.0"},
		{line: "gh api repos/acme/web/git/ref/tags/v2 --jq .ref", want: "refs/tags/v2"},
		{line: "gh release delete v2 -R acme/web --yes"},
		{line: "gh release create v3 -R acme/web --notes x --draft && gh release view v3 -R acme/web --json isDraft --jq .isDraft", want: "https://github.com/acme/web/releases/tag/v3\ntrue"},
	})
	s.ResetSeen()
	sh.run("gh release download v1.0 -R acme/web -D f")
	hosts := map[string]int{}
	for _, seen := range s.Seen() {
		hosts[seen.Host]++
		if seen.Host == hostAssets && seen.Header.Get("Authorization") != "" {
			t.Errorf("%s with a credential", seen)
		}
	}
	if hosts[hostAssets] != 2 {
		t.Errorf("%v", hosts)
	}
}

// curl, with the token in each place it has for one.
func TestCurl(t *testing.T) {
	s, sh := ghWorld(t)
	s.WriteFile("acme/web", "a.txt", "hello\n")
	sh.play(s, []step{
		{line: "curl -sS -H 'Authorization: Bearer ghp_bot' https://api.github.com/user | head -2", want: "{\n  \"login\": \"octo-bot\","},
		{line: "curl -sSu octo-bot:ghp_bot https://api.github.com/repos/acme/api -o /dev/null -w '%{http_code} %{http_version}'", want: "200 2"},
		{line: "curl -sS https://api.github.com/repos/acme/api | tail -4", want: "  \"message\": \"Not Found\",\n  \"documentation_url\": \"https://docs.github.com/rest\",\n  \"status\": \"404\"\n}"},
		{line: "curl -sSL https://raw.githubusercontent.com/acme/web/main/a.txt", want: "hello"},
		{line: "curl -sSL https://github.com/acme/web/archive/refs/tags/v1.0.tar.gz | tar tz", want: "web-1.0/\nweb-1.0/README.md", seen: `
GET github.com/acme/web/archive/refs/tags/v1.0.tar.gz 302  0
GET codeload.github.com/acme/web/tar.gz/refs/tags/v1.0 200  0`},
		{line: "curl -sSL https://github.com/acme/web/releases/download/v1.0/a.txt", want: "hello"},
		{line: "curl -sSL -H 'Authorization: token ghp_bot' https://api.github.com/repos/acme/api/zipball -o z.zip -w '%{url_effective}' | cut -d? -f1", want: "https://codeload.github.com/acme/api/legacy.zip/refs/heads/main"},
	})
}
