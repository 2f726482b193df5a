package clients

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"octopool/mitm/githubtest"
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
