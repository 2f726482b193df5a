package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// bodies are what tokens were asked for with, in order of text.
func (g *github) bodies() (all []string) {
	for _, s := range g.Seen() {
		if !strings.HasSuffix(s.Path, "/access_tokens") {
			continue
		}
		var asked any
		if err := json.Unmarshal(s.Body, &asked); err != nil && len(s.Body) > 0 {
			g.t.Errorf("%s: %v", s.Body, err)
		}
		text, _ := json.Marshal(asked)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// narrowWorld has acme with three repositories, two of them private, and a pool of an App
// and a user who may do everything.
func narrowWorld(t *testing.T, clients []Client, f func(t *testing.T, g *github, in *githubtest.Installation)) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddRepo("acme/a", true)
		g.AddRepo("acme/b", true)
		g.AddIssue("acme/a", "One")
		g.AddUser("bot", "ghp_bot")
		g.Grant("bot", "acme/a")
		g.Grant("bot", "acme/b")
		app := g.AddApp("ci-app")
		in := g.Install(app, "acme")
		g.open(Config{Clients: clients, Credentials: []Credential{appOf("app", app, 0), pat("bot", "ghp_bot")}})
		time.Sleep(time.Second)
		f(t, g, in)
		g.idle()
	})
}

// A narrowed client's requests go with tokens that can do what it may and no more, one
// for all who may the same; never with a user's token, nor with a whole one.
func TestNarrowedTokens(t *testing.T) {
	read := map[string]string{"contents": "read"}
	clients := []Client{
		{Name: "one", Repositories: []string{"acme/a", "acme/a"}, Permissions: read},
		{Name: "same", Repositories: []string{"Acme/A", "acme/a"}, Permissions: read},
		{Name: "writes", Repositories: []string{"acme/a"}, Permissions: map[string]string{"contents": "write", "issues": "write"}},
		{Name: "anywhere", Permissions: read},
		{Name: "all", Repositories: []string{"acme/b", "acme/a"}},
	}
	narrowWorld(t, clients, func(t *testing.T, g *github, in *githubtest.Installation) {
		as := func(client, path string) string { return g.do(byOwner(client, "acme"), "GET", path) }
		for range 2 {
			var together sync.WaitGroup // they wait for the same tokens
			for _, c := range clients {
				together.Go(func() { g.want(c.Name+" reads a", as(c.Name, "/repos/acme/a"), "app.acme 200") })
			}
			together.Wait()
		}
		want := []string{
			`{"permissions":{"contents":"read"},"repositories":["a"]}`,
			`{"permissions":{"contents":"read"}}`,
			`{"permissions":{"contents":"write","issues":"write"},"repositories":["a"]}`,
			`{"repositories":["a","b"]}`,
		}
		got := g.bodies()
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], `["b","a"]`, `["a","b"]`)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("asked for %s", strings.Join(got, "\n"))
		}
		g.want("another repository", as("one", "/repos/acme/b"), "app.acme 404")
		g.want("every repository", as("anywhere", "/repos/acme/b"), "app.acme 200")
		create := byOwner("one", "acme")
		create.Write = true
		g.want("a write without permission", g.do(create, "PATCH", "/repos/acme/a/issues/1"), "app.acme 403")
		if s := g.Standings()[0]; s.Name != "app.acme" || s.Budgets["core"].Used != g.Used(in.Principal(), "core") {
			t.Errorf("%+v, but %d are spent", s, g.Used(in.Principal(), "core"))
		}
		if g.Used("bot", "core") != 0 {
			t.Error("the user's token was used")
		}

		tokens := map[string]string{}
		for _, s := range g.Seen() {
			if s.Path == "/repos/acme/a" || s.Path == "/repos/acme/b" {
				tokens[s.Header.Get("Authorization")] = s.Principal
			}
		}
		if len(tokens) != 4 {
			t.Errorf("%d tokens in use", len(tokens))
		}
		one, same, all := g.Audience("default", "one"), g.Audience("default", "same"), g.Audience("default", "all")
		if one != same || one == all || g.Audience("default", "whole") != "default" || !strings.HasPrefix(one, "default/") {
			t.Errorf("audiences %s, %s, %s", one, same, all)
		}
	})
}

func byOwner(client, owner string) Want {
	w := by(client)
	w.Owner = owner
	return w
}

// Narrowed tokens are renewed as others are, each while it is in use.
func TestNarrowedTokensAreRenewed(t *testing.T) {
	narrowWorld(t, []Client{{Name: "one", Repositories: []string{"acme/a"}}}, func(t *testing.T, g *github, _ *githubtest.Installation) {
		for range 3*60 - 5 {
			g.want("each minute", g.do(byOwner("one", "acme"), "GET", "/repos/acme/a"), "app.acme 200")
			time.Sleep(time.Minute)
		}
		if n := g.minted(); n != 4 || g.Statuses()[401] != 0 {
			t.Errorf("%d tokens in nearly three hours, %d requests with one that had ended", n, g.Statuses()[401])
		}
	})
}

// What a narrowed client may not have it is refused, though a user's token could do it.
func TestNarrowedElsewhere(t *testing.T) {
	clients := []Client{
		{Name: "one", Repositories: []string{"globex/web"}},
		{Name: "two", Repositories: []string{"acme/a"}},
	}
	narrowWorld(t, clients, func(t *testing.T, g *github, _ *githubtest.Installation) {
		for client, owner := range map[string]string{"one": "globex", "two": "globex"} {
			w := byOwner(client, owner)
			w.Write = true
			time.Sleep(time.Minute)
			var none *NotCovered
			if got := g.send(call{want: w, method: "PUT", path: "/repos/globex/web/topics"}); !errors.As(got.err, &none) || none.Owner != owner {
				t.Errorf("%s: %+v", client, got)
			}
		}
		if g.Used("bot", "core") != 0 || g.minted() != 0 {
			t.Errorf("%d points, %d tokens", g.Used("bot", "core"), g.minted())
		}
	})
}

// A narrowing that GitHub does not grant is the client's trouble only, told with its
// reason, and GitHub is not asked for it again and again.
func TestNarrowingThatIsNotGranted(t *testing.T) {
	for name, c := range map[string]Client{
		"a permission": {Name: "one", Permissions: map[string]string{"administration": "write"}},
		"a repository": {Name: "one", Repositories: []string{"acme/none"}},
	} {
		narrowWorld(t, []Client{c}, func(t *testing.T, g *github, in *githubtest.Installation) {
			for range 20 {
				got := g.send(call{want: byOwner("one", "acme"), method: "GET", path: "/repos/acme/a"})
				down, ok := errors.AsType[*OutOfService](got.err)
				if !ok || !strings.Contains(down.Reason, "does not cover what the token was to be limited to") || !strings.Contains(down.Reason, "422") {
					t.Fatalf("%s: %+v", name, got)
				}
			}
			if n := g.minted(); n != 1 {
				t.Errorf("%s: asked %d times", name, n)
			}
			g.want("another client", g.do(byOwner("ci", "acme"), "GET", "/repos/acme/a"), "bot 200")
			if s := g.Standings()[0]; s.Name != "app.acme" || !s.Up || !s.Ready {
				t.Errorf("%s: %+v", name, s)
			}
			in.SetPermissions(map[string]string{"administration": "write", "contents": "read"})
			g.AddRepo("acme/none", true)
			time.Sleep(recheckAfter)
			g.want(name+", granted since", fmt.Sprint(g.send(call{want: byOwner("one", "acme"), method: "GET", path: "/repos/acme/web"}).err), "<nil>")
		})
	}
}

// An account that has another name is not the one a client was given: it gets nothing of
// it, least of all everything.
func TestANarrowedAccountIsRenamed(t *testing.T) {
	narrowWorld(t, []Client{{Name: "one", Repositories: []string{"acme/a"}}}, func(t *testing.T, g *github, in *githubtest.Installation) {
		g.want("before", g.do(byOwner("one", "acme"), "GET", "/repos/acme/a"), "app.acme 200")
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/app/installations" {
				return false
			}
			fmt.Fprintf(w, `[{"id":%d,"account":{"login":"apex"}}]`, in.ID())
			return true
		})
		time.Sleep(followEvery + time.Second)
		minted := g.minted()
		for _, owner := range []string{"acme", "apex"} {
			got := g.send(call{want: byOwner("one", owner), method: "GET", path: "/repos/acme/a"})
			var none *NotCovered
			if !errors.As(got.err, &none) {
				t.Errorf("%s: %+v", owner, got)
			}
		}
		if g.minted() != minted {
			t.Error("a token was made")
		}
		g.want("the account under its new name", g.do(byOwner("ci", "apex"), "GET", "/repos/acme/web"), "bot 200")
	})
}

// A narrowing is refused where it is written, not when it is used.
func TestNarrowingsThatAreWrong(t *testing.T) {
	for want, c := range map[string]Client{
		"client one: repositories are written OWNER/NAME":                             {Name: "one", Repositories: []string{"web"}},
		`client one: GitHub Apps have no permission "content"; is contents meant?`:    {Name: "one", Permissions: map[string]string{"content": "read"}},
		`client one: permission contents is given as read, write or admin, not "all"`: {Name: "one", Permissions: map[string]string{"contents": "all"}},
		"client one: there is no credential nobody to write as":                       {Name: "one", WritesAs: "nobody"},
	} {
		if _, err := New(Config{Credentials: []Credential{pat("a", "ghp_a")}, Clients: []Client{c}}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
