package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"octopool/mitm/githubtest"
)

// An estate is a house with more GitHubs than github.com: an Enterprise Server, which
// has no rate limits, and a tenant of ghe.com. Each has an acme/web and an acme/api, the same
// in all that can be: names, numbers, and bytes where they name no host. The user of octopool's
// credential for each is ghes-bot and tenant-bot. Client ci may do everything on
// all three; reader may read and clone acme/web of github.com, and clone acme/api of the
// Enterprise Server.
func newEstate(t *testing.T, bin string) *house {
	t.Helper()
	return newHouse(t, bin, "ghe.example", "acme.ghe.com")
}

// An other is a GitHub besides github.com.
type other struct {
	*githubtest.Server
	host  string
	login string
	pat   string // its name among the house's
}

// addOther adds a GitHub to a house that is being built.
func (h *house) addOther(host string) {
	name := "ghes"
	if strings.HasSuffix(host, ".ghe.com") {
		name = "tenant"
	}
	g := other{githubtest.New(githubtest.As(host)), host, name + "-bot", name}
	h.t.Cleanup(g.Close)
	h.others = append(h.others, g)
	h.pats[name] = newToken()
	h.write(name+".pem", string(g.CAPEM()))
	g.AddUser(g.login, h.pats[name])
	for _, repo := range []string{"acme/web", "acme/api"} {
		g.AddRepo(repo, repo == "acme/api")
		g.Grant(g.login, repo)
		g.Set("/repos/"+repo+"/topics", `{"names":["same"]}`)
		g.AddRelease(repo, "v1.0", map[string][]byte{"notes.txt": []byte("notes of " + host + "\n")})
	}
	h.github.Set("/repos/acme/web/topics", `{"names":["same"]}`)
	for n := range 35 { // more than a page
		g.AddIssue("acme/api", fmt.Sprintf("Trouble %d on %s", n+1, host))
	}
}

// configurationOf is what octopool is told of the others.
func (h *house) configurationOf(g other) string {
	return fmt.Sprintf("[[github]]\nhost = %q\ndial = %q\nca_file = %q\n\n[[credential]]\nname = %q\npat = %q\ngithub = %q\n\n",
		g.host, g.Addr(), filepath.Join(h.folder, g.pat+".pem"), g.pat, "env:"+strings.ToUpper(g.pat)+"_PAT", g.host)
}

// readers are the scopes of client reader.
func (h *house) readers() []string {
	if len(h.others) == 0 {
		return []string{"--scope", "read /repos/acme/web/**", "--scope", "git:read acme/web"}
	}
	return []string{"--scope", "read github.com/repos/acme/web/**", "--scope", "git:read github.com/acme/web", "--scope", "git:read ghe.example/acme/api"}
}

// servers are all GitHubs.
func (h *house) servers() []*githubtest.Server {
	all := []*githubtest.Server{h.github}
	for _, g := range h.others {
		all = append(all, g.Server)
	}
	return all
}

// seen is what all GitHubs have seen, in the order in which it came.
func (h *house) seen() []githubtest.Seen {
	var all []githubtest.Seen
	for _, g := range h.servers() {
		all = append(all, g.Seen()...)
	}
	slices.SortStableFunc(all, func(a, b githubtest.Seen) int { return a.Time.Compare(b.Time) })
	return all
}

// checkCredentials sees to it that no GitHub was shown another's credential, and nobody a
// credential beside a signature.
func (h *house) checkCredentials() {
	h.t.Helper()
	for _, g := range h.others {
		for name, token := range h.pats {
			for _, s := range h.servers() {
				if (s == g.Server) == (name == g.pat) {
					continue
				}
				if s != g.Server && name != g.pat {
					continue
				}
				for _, place := range s.Contains(token) {
					h.t.Errorf("a GitHub saw credential %s, which is another's: %s", name, place)
				}
			}
		}
	}
	for _, one := range h.seen() {
		signed := strings.Contains(one.Query, "token=") || strings.Contains(one.Query, "sig=")
		if signed && one.Header.Get("Authorization") != "" {
			h.t.Errorf("%s %s%s, whose URL is signed, was given an Authorization", one.Method, one.Host, one.Path)
		}
	}
}
