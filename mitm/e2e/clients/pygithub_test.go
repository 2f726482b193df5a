package clients

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// pyGithub takes steps of testdata/pygithub.py with Debian's PyGithub, whichever Python is
// first in PATH, and returns what that printed, with TIME where a test cannot know more.
func (h *house) pyGithub(token string, steps ...string) string {
	h.t.Helper()
	return withoutTimes(h.run(token, append([]string{"/usr/bin/python3", filepath.Join("testdata", "pygithub.py")}, steps...)...))
}

// With one of two credentials spent PyGithub goes on to the last point, and then gets the
// exception that is for it, with the reset where PyGithub keeps it. What a client may not do
// is the plain exception, spent or not.
func TestPyGithubSpendsTheWholePool(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	reset := soon().Add(5 * time.Minute)
	h.spend("core", 3, reset)
	compare(t, "what PyGithub printed", h.pyGithub(ciToken, "web", "issue", "api", "pool", "reset"), fmt.Sprintf(`
web: acme/web, 2 of 10000 left
issue: number 2, 1 of 10000 left
api: acme/api, 0 of 10000 left
pool: core 0 of 10000, search 60 of 60, graphql 10000 of 10000
reset: %d
`, reset.Unix()))
	const spent = `
GET /repos/acme/web: 403 as octo-bot, 0 points
GET /repos/acme/web: 200 as hubot, 1 points
GET /repos/acme/web: 304 as hubot, 0 points
POST /repos/acme/web/issues: 201 as hubot, 1 points
GET /repos/acme/api: 200 as hubot, 1 points
`
	compare(t, "what GitHub saw", h.saw(), spent)
	compare(t, "what PyGithub printed", h.pyGithub(ciToken, "web", "reset", "search"), fmt.Sprintf(`
web: RateLimitExceededException 403 API rate limit exceeded for pool default: it has no core budget left until TIME. (octopool)
reset: %d
search: 35 found, 59 of 60 left
`, reset.Unix()))
	compare(t, "what PyGithub printed", h.pyGithub(readerToken, "api"), `
api: GithubException 403 octopool: client reader may not GET /repos/acme/api
`)
	if got := h.saw(); strings.Count(got, "\n") != strings.Count(spent, "\n") || !strings.Contains(got, "\nGET /search/issues: 200") {
		t.Errorf("GitHub saw\n%s", got)
	}
}

// A secondary limit is the exception for limits too, and to who sleeps on Retry-After
// nothing at all.
func TestPyGithubSleepsOnASecondaryLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, oneCredential)
	h.atNext(func() {
		h.github.Reject("octo-bot", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "1"}, Times: 1})
	})
	compare(t, "what PyGithub printed", h.pyGithub(ciToken, "web", "web patiently"), `
web: RateLimitExceededException 403 You have exceeded a secondary rate limit. (octopool: pool default is silent until TIME after a secondary limit) Please wait a few minutes before you try again.
web patiently: acme/web
`)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 403 as octo-bot, 1 points
GET /repos/acme/web: 200 as octo-bot, 1 points
`)
}

// The pages of a list are read through installations, whose Link leads to a numeric path.
// Reading all of it again costs nothing.
func TestPyGithubReadsPagesThroughInstallations(t *testing.T) {
	t.Parallel()
	h := newHouse(t, twoInstallations)
	compare(t, "what PyGithub printed", h.pyGithub(ciToken, "issues", "issues", "pool"), `
issues: 35 different, 9997 of 10000 left
issues: 35 different, 9997 of 10000 left
pool: core 9997 of 10000, search 60 of 60, graphql 10000 of 10000
`)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/api: 200 as octo-app[bot], 1 points
GET /repos/acme/api/issues: 200 as octo-app[bot], 1 points
GET /repositories/1007/issues: 200 as octo-app[bot], 1 points
GET /repos/acme/api: 304 as octo-app[bot], 0 points
GET /repos/acme/api/issues: 304 as octo-app[bot], 0 points
GET /repositories/1007/issues: 304 as octo-app[bot], 0 points
`)
}
