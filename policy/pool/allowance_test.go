package pool

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A query costs its client what it costs the budget, not one point.
func TestAllowanceOfQueries(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_bot")
		g.open(Config{Clients: []Client{{Name: "ci", PointsPerHour: 20}}, Credentials: []Credential{pat("bot", "ghp_bot")}})
		dear := query("ci", "acme", `{repository(owner:\"acme\",name:\"web\"){issues(first:100){nodes{comments(first:1){nodes{id}} labels(first:1){nodes{name}} assignees(first:1){nodes{login}}}}}}`)
		cheap := query("ci", "acme", `{repository(owner:\"acme\",name:\"web\"){id}}`)
		g.send(cheap) // the window has been heard of
		spent := 1
		for i := range 100 {
			before := g.Used("bot", "graphql")
			c := dear
			if i%3 == 0 {
				c = cheap
			}
			got := g.send(c)
			if got.err != nil {
				break
			}
			if cost := g.Used("bot", "graphql") - before; got.points != cost || c.body == dear.body && cost < 2 {
				t.Errorf("%d points for what cost %d", got.points, cost)
			}
			spent += got.points
			if b := g.Pools.Budget(c.want); b.Limit != 20 || b.Used != min(spent, 20) || b.Remaining != max(0, 20-spent) {
				t.Errorf("after %d points: %+v", spent, b)
			}
		}
		if spent < 20 || spent > 30 {
			t.Errorf("%d points were spent", spent)
		}
		over, ok := errors.AsType[*Overspent](g.send(read("ci", "acme/web", "")).err)
		if !ok || over.Budget.Remaining != 0 || over.Budget.Limit != 20 {
			t.Errorf("%v", over)
		}
		g.want("another client", answerOf(g.send(read("other", "acme/web", ""))), "bot 200")
		g.idle()
	})
}

// What clients are told is their allowance where that is less, and their pool where that is.
func TestWhatIsToldOfAllowanceAndPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{Clients: []Client{{Name: "ci", PointsPerHour: 100}}}, "a")
		reset := time.Now().Add(20 * time.Minute)
		tell := func(client string) string {
			b := p.Budget(by(client))
			return fmt.Sprintf("%d of %d until %s", b.Remaining, b.Limit, time.Until(b.Reset))
		}
		for _, tt := range []struct {
			used         int
			ci, everyone string
		}{
			{4000, "99 of 100 until 1h0m0s", "1000 of 5000 until 20m0s"},
			{4901, "98 of 100 until 1h0m0s", "99 of 5000 until 20m0s"},
			{4950, "50 of 5000 until 20m0s", "50 of 5000 until 20m0s"},
		} {
			told(mustLease(t, p, by("ci")), tt.used, 5000, reset)
			if got := tell("ci"); got != tt.ci {
				t.Errorf("ci, of %d: %s, want %s", tt.used, got, tt.ci)
			}
			if got := tell("everyone"); got != tt.everyone {
				t.Errorf("everyone, of %d: %s, want %s", tt.used, got, tt.everyone)
			}
		}
	})
}

// Requests under way count against the allowance until they turn out to be free, so that
// many at once spend no more than it.
func TestAHerdOnASmallAllowance(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_bot")
		g.open(Config{Clients: []Client{{Name: "ci", PointsPerHour: 10}}, Credentials: []Credential{pat("bot", "ghp_bot")}})
		g.SetLatency(100 * time.Millisecond)
		g.Set("/repos/acme/web/settled", `{}`)
		c := read("ci", "acme/web", "/settled")
		c.tag = g.send(read("other", "acme/web", "/settled")).tag
		before := g.Used("bot", "core")
		served, free := 0, 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				c := c
				if i%2 == 0 {
					c.tag = ""
				}
				r := g.send(c)
				mu.Lock()
				defer mu.Unlock()
				switch r.status {
				case http.StatusOK:
					served++
				case http.StatusNotModified:
					free++
				}
			})
		}
		all.Wait()
		if spent := g.Used("bot", "core") - before; spent != 10 || served != 10 || free == 0 {
			t.Errorf("%d points for %d answers, and %d free ones", spent, served, free)
		}
		time.Sleep(time.Hour)
		g.want("an hour later", fmt.Sprint(g.send(c).status), "304")
		g.idle()
	})
}

// A client's requests at once are all it has on their way to GitHub, git too; what it
// waits for is nobody else's trouble.
func TestConcurrencyOfAllKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, Clients: []Client{{Name: "ci", Concurrency: 2}}}, "a")
		git := by("ci")
		git.Resource = ""
		one, two := mustLease(t, p, git), mustLease(t, p, by("ci"))
		var all sync.WaitGroup
		var served atomic.Int32
		for _, w := range []Want{git, by("ci")} {
			all.Go(func() {
				mustLease(t, p, w).Release()
				served.Add(1)
			})
		}
		synctest.Wait()
		start := time.Now()
		for range 10 {
			mustLease(t, p, by("other")).Release()
		}
		if waited := time.Since(start); waited != 0 || served.Load() != 0 {
			t.Errorf("another waits for %s, %d are served", waited, served.Load())
		}
		if s := p.Spendings(); len(s) != 2 || s[0].InFlight != 2 || s[0].Waiting != 2 || s[1].InFlight != 0 {
			t.Errorf("%+v", s)
		}
		time.AfterFunc(time.Second, two.Release)
		all.Wait()
		one.Release()
		if time.Since(start) != time.Second || served.Load() != 2 {
			t.Errorf("%d after %s", served.Load(), time.Since(start))
		}
		checkIdle(t, p)
	})
}
