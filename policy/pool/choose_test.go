package pool

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// b has the most budget per second, until somebody says something else.
func TestLeaseOrder(t *testing.T) {
	creds := append(named("a", "b", "c"), Credential{Name: "d", Owners: []string{"acme"}})
	told := map[string]Report{
		"a": core(4000, in(30*time.Minute)), // 0.56 a second
		"b": core(4000, in(10*time.Minute)), // 1.67 a second
		"c": core(4998, in(time.Second)),    // 2 a second, but few
		"d": core(4000, in(20*time.Minute)),
	}
	for _, tt := range []struct {
		name   string
		spent  string // whose budget is spent instead
		change []func(*Want)
		want   string
	}{
		{"most per second", "c", nil, "b"},
		{"most per second, however few", "", nil, "c"},
		{"of those left", "bcd", nil, "a"},
		{"who is preferred before pace", "", []func(*Want){liking("a")}, "a"},
		{"of those preferred, pace", "c", []func(*Want){liking("a", "b")}, "b"},
		{"and in whatever order", "c", []func(*Want){liking("b", "a")}, "b"},
		{"of those preferred, who is not spent", "c", []func(*Want){liking("a", "c")}, "a"},
		{"who is preferred is spent", "a", []func(*Want){liking("a")}, "c"},
		{"who is preferred is gone", "", []func(*Want){liking("e", "")}, "c"},
		{"no budget needed: the first by name", "abcd", []func(*Want){of("")}, "a"},
		{"no budget needed: who is preferred", "abcd", []func(*Want){of(""), liking("c")}, "c"},
		{"another budget: equal, so the first by name", "abcd", []func(*Want){of("search")}, "a"},
		{"an owner that one covers besides those for all", "abc", []func(*Want){about("acme")}, "d"},
		{"owners do not differ by case", "abc", []func(*Want){about("ACME")}, "d"},
		{"no owner: all may", "abc", nil, "d"},
		{"another owner", "ab", []func(*Want){about("acme-corp"), liking("d")}, "c"},
	} {
		w := newWorld(t, append([]Credential(nil), creds...)...)
		for _, name := range []string{"a", "b", "c", "d"} {
			r := told[name]
			for _, s := range tt.spent {
				if name == string(s) {
					r = core(5000, in(time.Hour))
				}
			}
			w.lease(liking(name)).Settle(200, headers(r), nil)
		}
		for range 3 { // and again the same
			if got := w.who(tt.change...); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
	}
}

// The order does not depend on how credentials stand in the configuration.
func TestLeaseDoesNotDependOnConfigurationOrder(t *testing.T) {
	for _, names := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "c", "a"}} {
		if got := newWorld(t, named(names...)...).who(); got != "a" {
			t.Errorf("%v: %s", names, got)
		}
	}
}

// Requests spread over equal budgets without anybody's doing.
func TestEqualBudgetsAreSpentEqually(t *testing.T) {
	w := newWorld(t, named("a", "b", "c")...)
	used := map[string]int{}
	for range 300 {
		l := w.lease()
		used[l.Credential()]++
		l.Settle(200, headers(core(used[l.Credential()], in(time.Hour))), nil)
	}
	if fmt.Sprint(used) != "map[a:100 b:100 c:100]" {
		t.Error(used)
	}
}

// A client's writes stay with one credential; when one goes, only its clients move, and
// when it comes back they are where they were. What can be vouched for has no say.
func TestSteadyWants(t *testing.T) {
	all := []string{"bot-1", "bot-2", "bot-3", "bot-4"}
	w, fewer := newWorld(t, named(all...)...), newWorld(t, named("bot-1", "bot-2", "bot-4")...)
	count := map[string]int{}
	for i := range 4000 {
		client := fmt.Sprint("client-", i)
		one := w.who(steady(client))
		count[one]++
		other := fewer.who(steady(client))
		if one != "bot-3" && one != other {
			t.Fatalf("%s moves from %s to %s because bot-3 has gone", client, one, other)
		}
		if i < 100 && w.who(steady(client), liking(all[i%4])) != one {
			t.Errorf("%s moves to where there is something to vouch for", client)
		}
	}
	for _, name := range all {
		if count[name] < 900 || count[name] > 1100 {
			t.Errorf("%s has %d of 4000 clients, want about 1000", name, count[name])
		}
	}
}

// A steady want moves when its credential is spent, and comes back at the reset.
func TestSteadyFailsOver(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	home := w.who(steady("ci"))
	w.lease(steady("ci")).Settle(200, headers(core(5000, in(time.Minute))), nil)
	if got := w.who(steady("ci")); got == home || len(got) != 1 {
		t.Errorf("spent: %s", got)
	}
	w.pass(time.Minute)
	if got := w.who(steady("ci")); got != home {
		t.Errorf("after the reset: %s, want %s", got, home)
	}
}

// Pools of one name on two GitHubs never mix, nor do two pools of one GitHub.
func TestPoolsDoNotMix(t *testing.T) {
	w := newWorld(t,
		Credential{Name: "com", GitHub: "github.com"}, Credential{Name: "ghe", GitHub: "ghe.example"},
		Credential{Name: "big", GitHub: "github.com", Pool: "big"})
	at := func(github, pool string) func(*Want) {
		return func(w *Want) { w.GitHub, w.Pool = github, pool }
	}
	love := liking("com", "ghe", "big")
	for _, tt := range []struct{ github, pool, want string }{
		{"github.com", "default", "com"}, {"ghe.example", "default", "ghe"}, {"github.com", "big", "big"},
		{"ghe.example", "big", "pool big has no credential"}, {"", "default", "pool default has no credential"},
	} {
		if got := w.who(at(tt.github, tt.pool), love); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.github, tt.pool, got, tt.want)
		}
	}
	w.lease(at("ghe.example", "default")).Settle(200, headers(core(5000, in(time.Hour))), nil)
	if w.Budget("github.com", "default", "core").Used != 0 || w.Budget("ghe.example", "default", "core").Remaining != 0 {
		t.Error("one GitHub's budget is counted on another")
	}
}

// Two hundred at once on a budget of fifty: fifty are leased, and nothing is below zero.
func TestConcurrentLeasesKeepToTheBudget(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	for _, name := range []string{"a", "b"} {
		w.lease(liking(name)).Settle(200, headers(core(4975, in(time.Hour))), nil)
	}
	var leased atomic.Int32
	var all, asked sync.WaitGroup
	asked.Add(200)
	for range 200 {
		all.Go(func() {
			l, err := w.Lease(w.want())
			if w.Budget("github.com", "default", "core").Remaining < 0 {
				t.Error("less than nothing remains")
			}
			asked.Done()
			asked.Wait() // all are in flight at once
			if err != nil {
				return
			}
			l.Settle(200, headers(core(4975+int(leased.Add(1)), in(time.Hour))), nil)
		})
	}
	all.Wait()
	if n := leased.Load(); n != 50 {
		t.Errorf("%d leases of 50 points", n)
	}
	for _, c := range w.all {
		if n := c.principal.budget("core").reserved; n != 0 {
			t.Errorf("%d points of %s stay reserved", n, c.Name)
		}
	}
}
