package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/policy/pool"
)

// octokit asks with testdata/octokit.mjs. It returns what that printed, with WAIT and TIME
// where a test cannot know more, and the waits, in seconds.
func (h *house) octokit(token string, args ...string) (printed string, waits []int) {
	h.t.Helper()
	if os.Getenv("OCTOPOOL_NODE_MODULES") == "" {
		h.t.Fatal("OCTOPOOL_NODE_MODULES is not set: scripts/test installs octokit and sets it")
	}
	printed = h.run(token, append([]string{"node", filepath.Join("testdata", "octokit.mjs")}, args...)...)
	printed = inSeconds().ReplaceAllStringFunc(printed, func(text string) string {
		n, err := strconv.Atoi(inSeconds().FindStringSubmatch(text)[1])
		if err != nil {
			h.t.Error(err)
		}
		waits = append(waits, n)
		return " in WAIT s:"
	})
	return withoutTimes(printed), waits
}

// checkWaits checks that a client was told to wait so often, and for how long.
func checkWaits(t *testing.T, waits []int, times, least, most int) {
	t.Helper()
	if len(waits) != times || times > 0 && (slices.Min(waits) < least || slices.Max(waits) > most) {
		t.Errorf("told to wait %v s, want %d times %d to %d", waits, times, least, most)
	}
}

// A spent pool reaches onRateLimit with the time to its first reset (to which octokit adds
// a second), and what is tried again then succeeds. Nobody asks GitHub in between, however
// many there are: it refuses a request once with each credential.
func TestOctokitWaitsForTheReset(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.atNext(func() { h.spend("core", 0, soon()) })
	got, waits := h.octokit(ciToken, "once", "+", "GET /repos/acme/web", "GET /repos/acme/api", "GET /repos/acme/web/labels", "GET /repos/acme/web/branches")
	checkWaits(t, waits, 4, 1, 3)
	got = regexp.MustCompile(`, \d+ of`).ReplaceAllString(got, ", SOME of")
	lines := strings.SplitAfterN(got, "\n", 5)
	slices.Sort(lines[:4]) // which of them is told first is chance
	compare(t, "what octokit printed", strings.Join(lines, ""), `
onRateLimit in WAIT s: GET /repos/acme/api
onRateLimit in WAIT s: GET /repos/acme/web
onRateLimit in WAIT s: GET /repos/acme/web/branches
onRateLimit in WAIT s: GET /repos/acme/web/labels
GET /repos/acme/web: 200, SOME of 10000 left
GET /repos/acme/api: 200, SOME of 10000 left
GET /repos/acme/web/labels: 200, SOME of 10000 left
GET /repos/acme/web/branches: 200, SOME of 10000 left
8 sent
`)
	saw := h.saw()
	if refused, served := strings.Count(saw, ": 403 as "), strings.Count(saw, ": 200 as hubot, 1 points"); refused < 2 || refused > 8 || served != 4 || strings.Count(saw, "\n") != refused+served {
		t.Errorf("GitHub saw\n%s", saw)
	}
}

// GraphQL's refusal is a 200, and reaches onRateLimit too.
func TestOctokitWaitsForGraphQL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.atNext(func() { h.spend("graphql", 0, soon()) })
	const query = `{viewer{login}}`
	got, waits := h.octokit(ciToken, "once", query)
	compare(t, "what octokit printed", got, `
onRateLimit in WAIT s: POST /graphql
{viewer{login}}: {"viewer":{"login":"hubot"}}
2 sent
`)
	checkWaits(t, waits, 1, 1, 3)
	compare(t, "what GitHub saw", h.saw(), `
POST /graphql: 200 as octo-bot, 0 points
POST /graphql: 200 as hubot, 0 points
POST /graphql: 200 as hubot, 1 points
`)
}

// GitHub's secondary limit reaches onSecondaryRateLimit with the time that GitHub named.
func TestOctokitWaitsForASecondaryLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, oneCredential)
	h.github.Reject("octo-bot", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "2"}, Times: 1})
	got, waits := h.octokit(ciToken, "once", "GET /repos/acme/web", "GET /repos/acme/web")
	compare(t, "what octokit printed", got, `
onSecondaryRateLimit in WAIT s: GET /repos/acme/web
GET /repos/acme/web: 200, 4998 of 5000 left
GET /repos/acme/web: 200, 4998 of 5000 left
3 sent
`)
	checkWaits(t, waits, 1, 2, 3)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 403 as octo-bot, 1 points
GET /repos/acme/web: 200 as octo-bot, 1 points
GET /repos/acme/web: 304 as octo-bot, 0 points
`)
}

// octopool's own pace does the same, before GitHub has anything to refuse.
func TestOctokitWaitsForThePace(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(g *githubtest.Server, s *config.Settings) {
		oneCredential(g, s)
		s.Limits = map[string]pool.Limits{"github.com": {Creations: 1}}
	})
	const post = `POST /repos/acme/web/issues {"title":"Slow"}`
	got, waits := h.octokit(ciToken, "never", post, post, "GET /repos/acme/web")
	compare(t, "what octokit printed", got, `
POST /repos/acme/web/issues {"title":"Slow"}: 201, 4999 of 5000 left
onSecondaryRateLimit in WAIT s: POST /repos/acme/web/issues
POST /repos/acme/web/issues {"title":"Slow"}: 403: You have exceeded a secondary rate limit. (octopool: pool default has no place within GitHub's limits until TIME) Please wait a few minutes before you try again. - https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits
GET /repos/acme/web: 200, 4998 of 5000 left
3 sent
`)
	checkWaits(t, waits, 1, 50, 60)
	compare(t, "what GitHub saw", h.saw(), `
POST /repos/acme/web/issues: 201 as octo-bot, 1 points
GET /repos/acme/web: 200 as octo-bot, 1 points
`)
}

// A client's allowance is a rate limit. A client that is told not to try again does not.
func TestOctokitIsToldOfItsAllowance(t *testing.T) {
	t.Parallel()
	h := newHouse(t, oneCredential)
	got, waits := h.octokit(smallToken, "never", "GET /repos/acme/web", "GET /repos/acme/api", "GET /repos/acme/web")
	compare(t, "what octokit printed", got, `
GET /repos/acme/web: 200, 1 of 2 left
GET /repos/acme/api: 200, 0 of 2 left
onRateLimit in WAIT s: GET /repos/acme/web
GET /repos/acme/web: 403: API rate limit exceeded for client small: its own allowance, which octopool keeps, not GitHub's. (octopool: client small has spent its allowance of 2 an hour until TIME) - https://docs.github.com/rest/overview/rate-limits-for-the-rest-api
3 sent
`)
	checkWaits(t, waits, 1, 3500, 3601)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 200 as octo-bot, 1 points
GET /repos/acme/api: 200 as octo-bot, 1 points
`)
}

// What is out of scope is no limit: no handler is called, and nothing is tried again.
func TestOctokitIsNotLimitedByItsScopes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.spend("core", 1, soon().Add(time.Minute))
	got, _ := h.octokit(readerToken, "once", "GET /repos/acme/web", "GET /repos/acme/api", "POST /repos/acme/web/issues")
	compare(t, "what octokit printed", got, `
GET /repos/acme/web: 200, 0 of 10000 left
GET /repos/acme/api: 403: octopool: client reader may not GET /repos/acme/api - https://docs.github.com/rest
POST /repos/acme/web/issues: 403: octopool: client reader may not POST /repos/acme/web/issues - https://docs.github.com/rest
3 sent
`)
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 403 as octo-bot, 0 points
GET /repos/acme/web: 200 as hubot, 1 points
`)
}

// inSeconds is how testdata/octokit.mjs tells of a wait.
func inSeconds() *regexp.Regexp { return regexp.MustCompile(` in (\d+) s:`) }
