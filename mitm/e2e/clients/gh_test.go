package clients

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/policy"
)

// gh runs gh commands, one a line, and returns a session of them as a terminal shows it,
// with the status of those that end with another than 0.
func (h *house) gh(token string, commands ...string) string {
	h.t.Helper()
	var script strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&script, "echo %s; %s || echo \"status $?\"\n", shellQuoted("$ "+command), command)
	}
	return withoutTimes(h.run(token, "sh", "-c", script.String()))
}

func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// gh goes on with one of two users spent. When both are it says so in GitHub's words, of
// REST and of GraphQL, and ends with 1; what a client may not do has words of its own.
func TestGhReadsThePool(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.spend("core", 1, soon().Add(5*time.Minute))
	h.spend("graphql", 0, soon().Add(5*time.Minute))
	compare(t, "gh's session", h.gh(ciToken,
		"gh api repos/acme/web --jq .full_name",
		"gh api repos/acme/web --silent",
		"gh pr list -R acme/web",
		`gh api rate_limit --jq '.resources | .core, .graphql, .search | "\(.remaining) of \(.limit)"'`,
		"gh api rate_limit --jq '.rate == .resources.core'",
	), `
$ gh api repos/acme/web --jq .full_name
acme/web
$ gh api repos/acme/web --silent
gh: API rate limit exceeded for pool default: it has no core budget left until TIME. (octopool) (HTTP 403)
status 1
$ gh pr list -R acme/web
GraphQL: API rate limit exceeded for pool default: it has no graphql budget left until TIME. (octopool)
status 1
$ gh api rate_limit --jq '.resources | .core, .graphql, .search | "\(.remaining) of \(.limit)"'
0 of 10000
0 of 10000
60 of 60
$ gh api rate_limit --jq '.rate == .resources.core'
true
`)
	compare(t, "gh's session", h.gh(readerToken, "gh api repos/acme/api --silent"), `
$ gh api repos/acme/api --silent
gh: octopool: client reader may not GET /repos/acme/api (HTTP 403)
status 1
`)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 403 as octo-bot, 0 points
GET /repos/acme/web: 200 as hubot, 1 points
POST /graphql: 200 as octo-bot, 0 points
POST /graphql: 200 as hubot, 0 points
`)
}

// A secondary limit of the only credential is told in GitHub's words, of REST and of GraphQL,
// which share it: GitHub is asked once.
func TestGhIsToldOfASecondaryLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, oneCredential)
	h.github.Reject("octo-bot", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "600"}})
	compare(t, "gh's session", h.gh(ciToken, "gh api repos/acme/web --silent", "gh pr list -R acme/web"), `
$ gh api repos/acme/web --silent
gh: You have exceeded a secondary rate limit. (octopool: pool default is silent until TIME after a secondary limit) Please wait a few minutes before you try again. (HTTP 403)
status 1
$ gh pr list -R acme/web
HTTP 403: You have exceeded a secondary rate limit. (octopool: pool default is silent until TIME after a secondary limit) Please wait a few minutes before you try again. (https://api.github.com/graphql)
status 1
`)
	compare(t, "what GitHub saw", h.saw(), "GET /repos/acme/web: 403 as octo-bot, 1 points\n")
}

// A client with scopes uses gh as far as they go: its queries, and the mutations that they
// name. What a mutation would need is told, and GitHub has not heard of it.
func TestGhWithinScopes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(_ *githubtest.Server, s *config.Settings) {
		oneCredential(nil, s)
		s.Rules.Clients[1].Scopes = scopes(t, "graphql:query")
		s.Rules.Clients[2].Scopes = scopes(t, "graphql:query", "graphql:mutation createIssue,addComment")
		s.Allowances = nil
	})
	two := "query='query A{viewer{login}} mutation B{addStar(input:{starrableId:\"x\"}){clientMutationId}}'"
	compare(t, "a reader's session", h.gh(readerToken,
		"gh pr list -R acme/web --json title --jq .[].title",
		"gh issue list -R acme/api --limit 1 --json title --jq .[].title",
		"gh issue create -R acme/web --title 'A dead link' --body x",
		"gh issue close 35 -R acme/api",
		"gh api graphql --silent -f operationName=B -f "+two,
		"gh api graphql -f operationName=A --jq .data.viewer.login -f "+two,
		"gh api graphql --silent -f query='{'",
	), `
$ gh pr list -R acme/web --json title --jq .[].title
Load the menu once
$ gh issue list -R acme/api --limit 1 --json title --jq .[].title
Endpoint 35 answers too late
$ gh issue create -R acme/web --title 'A dead link' --body x
HTTP 403: octopool: client reader may not POST /graphql: it needs the scope graphql:mutation createIssue (https://api.github.com/graphql)
status 1
$ gh issue close 35 -R acme/api
non-200 OK status code: 403 Forbidden body: "{\"message\":\"octopool: client reader may not POST /graphql: it needs the scope graphql:mutation closeIssue\",\"documentation_url\":\"https://docs.github.com/rest\",\"status\":\"403\"}"
status 1
$ gh api graphql --silent -f operationName=B -f query='query A{viewer{login}} mutation B{addStar(input:{starrableId:"x"}){clientMutationId}}'
gh: octopool: client reader may not POST /graphql: it needs the scope graphql:mutation addStar (HTTP 403)
status 1
$ gh api graphql -f operationName=A --jq .data.viewer.login -f query='query A{viewer{login}} mutation B{addStar(input:{starrableId:"x"}){clientMutationId}}'
octo-bot
$ gh api graphql --silent -f query='{'
gh: octopool: client reader may not POST /graphql: its body cannot be read: it is not GraphQL (HTTP 403)
status 1
`)
	compare(t, "a writer's session", h.gh(smallToken,
		"gh issue create -R acme/web --title 'A dead link' --body x",
		"gh issue comment 2 -R acme/web --body 'Seen it too.' | sed 's/-[0-9]*$/-N/'",
		"gh issue close 2 -R acme/web",
	), `
$ gh issue create -R acme/web --title 'A dead link' --body x
https://github.com/acme/web/issues/2
$ gh issue comment 2 -R acme/web --body 'Seen it too.' | sed 's/-[0-9]*$/-N/'
https://github.com/acme/web/issues/2#issuecomment-N
$ gh issue close 2 -R acme/web
non-200 OK status code: 403 Forbidden body: "{\"message\":\"octopool: client small may not POST /graphql: it needs the scope graphql:mutation closeIssue\",\"documentation_url\":\"https://docs.github.com/rest\",\"status\":\"403\"}"
status 1
`)
	for _, one := range h.github.Seen() {
		allowed := !strings.Contains(string(one.Body), "mutation") || strings.Contains(string(one.Body), "mutation IssueCreate") ||
			strings.Contains(string(one.Body), "mutation CommentCreate") || strings.Contains(string(one.Body), `"operationName":"A"`)
		if one.Path == "/graphql" && !allowed {
			t.Errorf("GitHub saw %s", one.Body)
		}
	}
	directly := h.run(ciToken, "gh", "issue", "view", "2", "-R", "acme/web", "--json", "state,title,comments", "--jq", `"\(.state) \(.title): \(.comments[].body)"`)
	compare(t, "the issue", directly, "OPEN A dead link: Seen it too.\n")
}

func scopes(t *testing.T, texts ...string) []policy.Scope {
	t.Helper()
	var all []policy.Scope
	for _, text := range texts {
		one, err := policy.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
