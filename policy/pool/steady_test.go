package pool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// twoAndAnApp is a pool of an App on acme and two users who may write there.
func twoAndAnApp(t *testing.T, clients []Client, f func(t *testing.T, g *github)) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddIssue("acme/web", "One")
		for _, bot := range []string{"a", "b"} {
			g.AddUser(bot, "ghp_"+bot)
			g.Grant(bot, "acme/web")
		}
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{
			Clients:     clients,
			Credentials: []Credential{pat("a", "ghp_a"), pat("b", "ghp_b"), appOf("app", app, 0)},
		})
		time.Sleep(time.Second)
		f(t, g)
		g.idle()
	})
}

func edit(client string) call {
	return write(client, "acme/web", "PATCH", "/issues/1", `{"title":"x"}`)
}

// A client's writes have the one author it was given, whatever becomes of that, and its
// reads go where they may.
func TestWritesAs(t *testing.T) {
	for _, author := range []string{"a", "b", "app"} {
		twoAndAnApp(t, []Client{{Name: "ci", WritesAs: author}}, func(t *testing.T, g *github) {
			who := author
			if author == "app" {
				who = "app.acme" // any of its installations is the App's
			}
			readers := map[string]bool{}
			for range 3 { // the App's installation is found, and its token made when somebody asks
				g.send(read("ci", "acme/web", ""))
				time.Sleep(time.Second)
			}
			for range 30 {
				g.want("a write", answerOf(g.send(edit("ci"))), who+" 200")
				readers[g.send(read("ci", "acme/web", "")).who] = true
			}
			if len(readers) < 2 { // those that spend less
				t.Errorf("reads by %v", readers)
			}
		})
	}
}

// Where that one cannot write nobody does.
func TestWritesAsNobodyElse(t *testing.T) {
	clients := []Client{{Name: "ci", WritesAs: "a"}}
	reads := func(g *github) {
		g.t.Helper()
		if got := g.send(read("ci", "acme/web", "")); got.status != 200 || got.who == "a" {
			g.t.Errorf("a read: %+v", got)
		}
	}
	twoAndAnApp(t, clients, func(t *testing.T, g *github) {
		g.SetBudget("a", "core", 5000, 5000, time.Now().Add(time.Minute))
		for range 3 {
			if spent, ok := errors.AsType[*Exhausted](g.send(edit("ci")).err); !ok || spent.Budget.Limit != 5000 || time.Until(spent.Budget.Reset) > time.Minute {
				t.Errorf("spent: %+v", spent)
			}
			reads(g)
		}
		time.Sleep(time.Minute)
		g.want("after the reset", answerOf(g.send(edit("ci"))), "a 200")
	})
	twoAndAnApp(t, clients, func(t *testing.T, g *github) {
		g.Revoke("ghp_a")
		for range 3 {
			if down, ok := errors.AsType[*OutOfService](g.send(edit("ci")).err); !ok {
				t.Errorf("revoked: %v", down)
			}
			reads(g)
		}
	})
	twoAndAnApp(t, clients, func(t *testing.T, g *github) {
		g.Secondary("a", new(time.Minute), 403)
		for range 3 {
			if silent, ok := errors.AsType[*Cooling](g.send(edit("ci")).err); !ok || time.Until(silent.Until) != time.Minute {
				t.Errorf("silenced: %v", silent)
			}
			reads(g)
		}
	})
	twoAndAnApp(t, []Client{{Name: "ci", WritesAs: "app"}}, func(t *testing.T, g *github) {
		c := write("ci", "globex/web", "PATCH", "/issues/1", `{"title":"x"}`)
		if none, ok := errors.AsType[*NotCovered](g.send(c).err); !ok || none.Owner != "globex" {
			t.Errorf("where it is not installed: %v", none)
		}
	})
}

// Check runs and what else only the App that made it may change goes to the App, and to
// the same one for all clients; where there is none, to a user as before.
func TestWhatAppsMake(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("a", "ghp_a")
		g.Grant("a", "acme/web")
		all := []Credential{pat("a", "ghp_a")}
		for _, name := range []string{"one", "two", "three"} {
			app := g.AddApp(name)
			g.Install(app, "acme")
			all = append(all, appOf(name, app, 0))
		}
		g.open(Config{Credentials: all})
		time.Sleep(time.Second)
		status := func(client string) string {
			c := write(client, "acme/web", "POST", "/statuses/"+strings.Repeat("a", 40), `{"state":"success"}`)
			c.want.App, c.want.Steady = true, "app"
			return g.send(c).who
		}
		home := status("ci")
		if !strings.HasSuffix(home, ".acme") {
			t.Fatalf("by %s", home)
		}
		writers := map[string]bool{}
		for i := range 20 {
			client := fmt.Sprint("ci-", i)
			g.want(client, status(client), home)
			writers[g.send(write(client, "acme/web", "PATCH", "", `{}`)).who] = true
		}
		if len(writers) < 3 {
			t.Errorf("other writes are all by %v", writers)
		}
	})
	twoAndAnApp(t, []Client{{Name: "bound", WritesAs: "b"}}, func(t *testing.T, g *github) {
		c := edit("bound")
		c.want.App, c.want.Steady = true, "app"
		g.want("a client that writes as a user", answerOf(g.send(c)), "b 200")
	})
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a", "b")
		c := edit("ci")
		c.want.App, c.want.Steady = true, "app"
		if got := g.send(c); got.status != 200 {
			t.Errorf("without an App: %+v", got)
		}
	})
}
