package launch_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/mitm/launch"
)

// A job's token is kept for half of its life, then renewed, and kept to its end when the
// runner gives no other.
func TestTokensOfAJobAreRenewed(t *testing.T) {
	i := githubtest.NewIssuer()
	t.Cleanup(i.Close)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: i.Roots()}, DisableKeepAlives: true}}
	job, err := launch.ActionsOf(i.Runner(), "octopool", client)
	if err != nil {
		t.Fatal(err)
	}
	next := func() string {
		t.Helper()
		token, err := job.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	i.Lasting(-time.Hour) // as one whose half is over
	first := next()
	i.Lasting(time.Hour)
	second := next()
	if first == second {
		t.Error("an old token was not renewed")
	}
	i.Down(true)
	for range 2 {
		if next() != second {
			t.Error("a good token was not kept")
		}
	}
	if n := i.Asked(githubtest.IssuerRunner); n != 2 {
		t.Errorf("the runner was asked %d times", n)
	}
	if job, err = launch.ActionsOf(i.Runner(), "octopool", client); err != nil {
		t.Fatal(err)
	}
	if _, err := job.Token(t.Context()); err == nil || strings.Contains(err.Error(), first) {
		t.Errorf("a runner that is down: %v", err)
	}
}

// Only a runner's own address gets the bearer, and not in clear.
func TestNoTokensWithoutARunner(t *testing.T) {
	for _, environ := range [][]string{nil, {"ACTIONS_ID_TOKEN_REQUEST_URL=https://x/"}, {"ACTIONS_ID_TOKEN_REQUEST_URL=http://x/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret"}} {
		if _, err := launch.ActionsOf(environ, "octopool", http.DefaultClient); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", environ, err)
		}
	}
}
