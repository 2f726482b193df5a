package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"octopool/mitm/githubtest"
)

// A credential is one that GitHub knows and that is lent to the fleet. Its tokens are
// renewed during the hour: the next one works as soon as there is one, and the last one
// until it is revoked.
type credential struct {
	name, login string
	generation  atomic.Int32
}

// newCredentials makes GitHub's users and their first tokens, each with a budget of so
// many points for the hour. It is the one place that knows what kind of credentials the
// fleet has.
func newCredentials(github *githubtest.Server, n, points int) []*credential {
	all := make([]*credential, n)
	for i := range all {
		c := &credential{name: fmt.Sprintf("bot-%d", i+1), login: fmt.Sprintf("octo-bot-%d", i+1)}
		github.AddUser(c.login, c.token())
		github.SetBudget(c.login, "core", points, 0, time.Now().Add(time.Hour))
		all[i] = c
	}
	return all
}

// token is the newest.
func (c *credential) token() string { return c.tokenOf(c.generation.Load()) }

func (c *credential) tokenOf(generation int32) string {
	return fmt.Sprintf("ghp_%s_%d_0123456789abcdef", c.name, generation)
}

// renew makes a new token beside the old one, and returns what ends the old one.
func (c *credential) renew(github *githubtest.Server) (revoke func()) {
	last := c.token()
	github.AddUser(c.login, c.tokenOf(c.generation.Load()+1))
	c.generation.Add(1)
	return func() { github.Revoke(last) }
}

// configure writes the token where octopool reads it, and returns what its
// configuration says of the credential.
func (c *credential) configure(dir string) (toml string, err error) {
	file := c.name + ".token"
	err = os.WriteFile(filepath.Join(dir, file), []byte(c.token()), 0o600)
	return fmt.Sprintf("[[credential]]\nname = %q\npat = \"file:%s\"\n", c.name, file), err
}

// spent is what all of them have paid, and asked what they have asked of GitHub by the
// status it answered. Requests with a token that GitHub does not know are among them.
func spent(github *githubtest.Server, all []*credential) (points int, asked map[int]int) {
	asked = map[int]int{}
	ours := map[string]bool{"": true}
	for _, c := range all {
		ours[c.login] = true
		points += github.Used(c.login, "core")
	}
	for _, seen := range github.Seen() {
		switch {
		case strings.HasSuffix(seen.Header.Get("User-Agent"), "(pool)"):
			points -= seen.Points // octopool asks whose its tokens are; they are renewed here as no user would
		case ours[seen.Login]:
			asked[seen.Status]++
		}
	}
	return points, asked
}

// fleetToken is the token by which octopool knows one client of the fleet.
func fleetToken(client int) string {
	return fmt.Sprintf("github_pat_fleet%02d_%s", client, strings.Repeat("0123456789abcdef", 4))
}

// bearer is an Authorization.
func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
