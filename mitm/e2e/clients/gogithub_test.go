package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"

	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/policy/pool"
)

// goGitHub is a go-github client as a program has it: with nothing but a token, octopool as
// its proxy and octopool's root among those it trusts.
func (h *house) goGitHub(token string) *github.Client {
	h.t.Helper()
	proxy, err := url.Parse(h.where.ProxyURL)
	if err != nil {
		h.t.Fatal(err)
	}
	pem, err := os.ReadFile(h.where.RootFile)
	if err != nil {
		h.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	h.t.Cleanup(transport.CloseIdleConnections)
	client, err := github.NewClient(github.WithTransport(transport), github.WithAuthToken(token))
	if err != nil {
		h.t.Fatal(err)
	}
	return client
}

// patient lets go-github sleep until a reset by itself, if that is near.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return context.WithValue(ctx, github.SleepUntilPrimaryRateLimitResetWhenRateLimited, true)
}

// A client with one of two credentials spent goes on: nothing that it reads says 0 before
// nothing is left at all. Then it stops by itself, and asks again when the first of the
// budgets is whole again.
func TestGoGitHubSpendsTheWholePool(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	reset := soon().Add(2 * time.Second)
	h.spend("core", 3, reset)
	c := h.goGitHub(ciToken)
	for i, ask := range []func() (*github.Response, error){
		func() (*github.Response, error) {
			_, r, err := c.Repositories.Get(t.Context(), "acme", "web")
			return r, err
		},
		func() (*github.Response, error) {
			_, r, err := c.Issues.Create(t.Context(), "acme", "api", &github.IssueRequest{Title: new("Again")})
			return r, err
		},
		func() (*github.Response, error) {
			_, r, err := c.Repositories.Get(t.Context(), "acme", "api")
			return r, err
		},
	} {
		r, err := ask()
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if left := 2 - i; r.Rate.Limit != 10000 || r.Rate.Remaining != left || r.Rate.Used != 10000-left || r.Rate.Resource != "core" {
			t.Errorf("request %d was told of %v", i, r.Rate)
		}
	}
	const spent = `
GET /repos/acme/web: 403 as octo-bot, 0 points
GET /repos/acme/web: 200 as hubot, 1 points
POST /repos/acme/api/issues: 201 as hubot, 1 points
GET /repos/acme/api: 200 as hubot, 1 points
`
	_, _, err := c.Repositories.Get(t.Context(), "acme", "web")
	if e := errorAs[*github.RateLimitError](t, err); !strings.Contains(e.Message, "not making remote request") || !e.Rate.Reset.Equal(github.Timestamp{Time: reset}) {
		t.Errorf("%v, until %v, want %v", e, e.Rate.Reset, reset)
	}
	// Another program does not know yet, and is told by octopool. GitHub is not asked.
	other := h.goGitHub(ciToken)
	_, _, err = other.Repositories.Get(t.Context(), "acme", "web")
	e := errorAs[*github.RateLimitError](t, err)
	if !strings.HasPrefix(e.Message, "API rate limit exceeded for pool default: it has no core budget left until ") ||
		!e.Rate.Reset.Equal(github.Timestamp{Time: reset}) || e.Rate.Limit != 10000 || e.Rate.Used != 10000 {
		t.Errorf("%v\n%v, want %v", e, e.Rate, reset)
	}
	compare(t, "what GitHub saw", h.saw(), spent)

	for _, client := range []*github.Client{c, other} { // each waits by itself
		if _, r, err := client.Repositories.Get(patient(t), "acme", "web"); err != nil || r.Rate.Remaining != 5000 {
			t.Errorf("after the reset: %v, with %v", err, r.Rate)
		}
	}
	compare(t, "what GitHub saw", h.saw(), spent+`GET /repos/acme/web: 304 as hubot, 0 points
GET /repos/acme/web: 304 as hubot, 0 points
`)
}

// GitHub's secondary limit is the client's only when no other credential can serve. Then it
// is an AbuseRateLimitError with the time that GitHub named, and nobody asks GitHub again.
func TestGoGitHubIsToldOfASecondaryLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.github.Reject("octo-bot", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "120"}})
	c := h.goGitHub(ciToken)
	if _, r, err := c.Repositories.Get(t.Context(), "acme", "web"); err != nil || r.Rate.Remaining == 0 {
		t.Fatalf("with one of two credentials silent: %v", err)
	}
	h.github.Reject("hubot", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "90"}})
	for _, client := range []*github.Client{c, h.goGitHub(ciToken)} {
		for range 2 { // the second time it does not ask
			_, _, err := client.Repositories.Get(t.Context(), "acme", "web")
			e := errorAs[*github.AbuseRateLimitError](t, err)
			if after := e.GetRetryAfter(); after < 60*time.Second || after > 90*time.Second {
				t.Errorf("%v, after %v", e, after)
			}
		}
	}
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 403 as octo-bot, 1 points
GET /repos/acme/web: 200 as hubot, 1 points
GET /repos/acme/web: 403 as hubot, 1 points
`)
}

// octopool's own pace is told in the same way.
func TestGoGitHubIsToldOfThePace(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(g *githubtest.Server, s *config.Settings) {
		oneCredential(g, s)
		s.Limits = map[string]pool.Limits{"github.com": {Creations: 1}}
	})
	c := h.goGitHub(ciToken)
	title := &github.IssueRequest{Title: new("Slow")}
	if _, _, err := c.Issues.Create(t.Context(), "acme", "web", title); err != nil {
		t.Fatal(err)
	}
	_, r, err := c.Issues.Create(t.Context(), "acme", "web", title)
	e := errorAs[*github.AbuseRateLimitError](t, err)
	if after := e.GetRetryAfter(); after < 50*time.Second || after > 60*time.Second || r.Rate.Remaining != 4999 {
		t.Errorf("%v, after %v, with %v", e, after, r.Rate)
	}
	compare(t, "what GitHub saw", h.saw(), "POST /repos/acme/web/issues: 201 as octo-bot, 1 points\n")
}

// What is out of scope is no limit of any kind, not even when the pool is spent: the client
// goes on with what it may do.
func TestGoGitHubIsNotLimitedByItsScopes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	c := h.goGitHub(readerToken)
	outOfScope := func() {
		t.Helper()
		_, r, err := c.Repositories.Get(t.Context(), "acme", "api")
		if e := errorAs[*github.ErrorResponse](t, err); e.Message != "octopool: client reader may not GET /repos/acme/api" || r.StatusCode != http.StatusForbidden || r.Rate.Remaining == 0 {
			t.Errorf("%v, with %v", e, r.Rate)
		}
	}
	outOfScope()
	if _, _, err := c.Repositories.Get(t.Context(), "acme", "web"); err != nil {
		t.Error(err)
	}
	h.spend("core", 0, soon().Add(time.Minute))
	if _, _, err := h.goGitHub(ciToken).Repositories.Get(t.Context(), "acme", "web"); err == nil {
		t.Error("nothing was spent")
	}
	outOfScope()
}

// A client's own allowance is a primary limit, its own hour with it, and another
// client's is untouched.
func TestGoGitHubIsToldOfItsAllowance(t *testing.T) {
	t.Parallel()
	h := newHouse(t, oneCredential)
	c := h.goGitHub(smallToken)
	for left := range 2 {
		_, r, err := c.Repositories.Get(t.Context(), "acme", []string{"web", "api"}[left])
		if err != nil || r.Rate.Limit != 2 || r.Rate.Remaining != 1-left {
			t.Fatalf("%v %v", r.Rate, err)
		}
	}
	for _, client := range []*github.Client{c, h.goGitHub(smallToken)} {
		_, _, err := client.Repositories.Get(t.Context(), "acme", "web")
		e := errorAs[*github.RateLimitError](t, err)
		if until := time.Until(e.Rate.Reset.Time); until < 59*time.Minute || until > time.Hour || e.Rate.Limit != 2 {
			t.Errorf("%v, with %v", e, e.Rate)
		}
	}
	if limits, _, err := h.goGitHub(smallToken).RateLimit.Get(t.Context()); err != nil || limits.Core.Remaining != 0 || limits.Core.Limit != 2 {
		t.Errorf("%v %v", limits, err)
	}
	if _, r, err := h.goGitHub(ciToken).Repositories.Get(t.Context(), "acme", "web"); err != nil || r.Rate.Limit != 5000 {
		t.Errorf("another client: %v %v", r.Rate, err)
	}
	compare(t, "what GitHub saw", h.saw(), `
GET /repos/acme/web: 200 as octo-bot, 1 points
GET /repos/acme/api: 200 as octo-bot, 1 points
GET /repos/acme/web: 304 as octo-bot, 0 points
`)
}

// A pool that GitHub has not yet told where its App is installed is no reason for a client
// to be silent for an hour: it reads what there usually is, and a request waits.
func TestGoGitHubOutlivesTheStart(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	h := newHouse(t, func(g *githubtest.Server, s *config.Settings) {
		twoInstallations(g, s)
		g.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/app/installations" {
				<-answer
			}
			return false
		})
	})
	c := h.goGitHub(ciToken)
	limits, _, err := c.RateLimit.Get(t.Context()) // which go-github goes by from now on
	if err != nil {
		t.Fatal(err)
	}
	if limits.Core.Limit != 5000 || limits.Core.Remaining != 5000 {
		t.Errorf("%v before the first request", limits.Core)
	}
	time.AfterFunc(200*time.Millisecond, func() { close(answer) })
	if _, _, err := c.Repositories.Get(patient(t), "acme", "web"); err != nil {
		t.Error(err)
	}
}

// What GitHub does not permit is no limit, even when it was the last point: what is told
// of it leaves something, and the next request is told the truth.
func TestGoGitHubIsNotLimitedByAPermission(t *testing.T) {
	t.Parallel()
	var in *githubtest.Installation
	h := newHouse(t, func(g *githubtest.Server, s *config.Settings) { in = oneInstallation(g, s) })
	h.github.SetBudget(in.Principal(), "core", 5000, 4999, soon().Add(5*time.Minute))
	c := h.goGitHub(ciToken)
	_, r, err := c.Issues.Create(t.Context(), "acme", "web", &github.IssueRequest{Title: new("Slow")})
	if e := errorAs[*github.ErrorResponse](t, err); e.Message != "Resource not accessible by integration" || r.Rate.Remaining == 0 {
		t.Errorf("%v, with %v", e, r.Rate)
	}
	_, _, err = c.Repositories.Get(t.Context(), "acme", "web")
	errorAs[*github.RateLimitError](t, err)
	compare(t, "what GitHub saw", h.saw(), "POST /repos/acme/web/issues: 403 as octo-app[bot], 1 points\n")
}
