package pool

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"
)

func (w *world) budget(resource string) string {
	b := w.Budget("github.com", "default", resource)
	return fmt.Sprintf("%d+%d=%d until %s", b.Used, b.Remaining, b.Limit, b.Reset.UTC().Format("15:04:05"))
}

// A pool's budget is the sum of its principals', until the first comes back.
func TestBudgetOfAPool(t *testing.T) {
	w := newWorld(t, append(named("a", "b", "c"), Credential{Name: "elsewhere", Pool: "big"})...)
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"unheard of", func() {}, "0+15000=15000 until 13:00:00"},
		{"one told", func() { w.spend("a", core(100, in(30*time.Minute))) }, "100+14900=15000 until 12:30:00"},
		{"an earlier reset", func() { w.spend("b", core(4000, in(10*time.Minute))) }, "4100+10900=15000 until 12:10:00"},
		{"a larger limit", func() { w.spend("c", Report{"core", 15000, 1, 14999, in(50 * time.Minute)}) }, "4101+20899=25000 until 12:10:00"},
		{"overdrawn", func() { w.spend("b", Report{"core", 5000, 5100, 0, in(10 * time.Minute)}) }, "5101+19899=25000 until 12:10:00"},
		{"a point in flight", func() { w.lease(liking("a")) }, "5102+19898=25000 until 12:10:00"},
		{"who is silent has not spent", func() { w.silent("a", "60") }, "5102+19898=25000 until 12:10:00"},
		{"who is down does not count", func() { w.down("c") }, "5101+4899=10000 until 12:10:00"},
		{"after a reset", func() { w.pass(10 * time.Minute) }, "102+24898=25000 until 12:30:00"},
	} {
		tt.do()
		if got := w.budget("core"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got, want := newWorld(t, named("a")...).budget("search"), "0+30=30 until 12:01:00"; got != want {
		t.Errorf("search: %s, want %s", got, want)
	}
}

// Nothing is left of a pool whose credentials are all down; what is told is when one is
// tried again. Of what spends no budget and of no pool there is nothing to tell.
func TestBudgetOfNothing(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	if got, want := w.budget(""), "0+0=0 until 13:00:00"; got != want {
		t.Errorf("no resource: %s, want %s", got, want)
	}
	w.down("b")
	w.pass(time.Minute)
	w.down("a")
	if got, want := w.budget("core"), "0+0=0 until 12:10:00"; got != want {
		t.Errorf("all down: %s, want %s", got, want)
	}
	if b := w.Budget("github.com", "nowhere", "core"); b.Limit != 0 || b.Remaining != 0 {
		t.Errorf("no pool: %+v", b)
	}
}

// Headers are those GitHub sends, and read as such again.
func TestTell(t *testing.T) {
	h := http.Header{"X-Ratelimit-Used": {"1", "2"}}
	Budget{Limit: 10000, Used: 3, Remaining: 9997, Reset: in(time.Hour)}.Tell(h, "core")
	want := http.Header{
		"X-Ratelimit-Limit": {"10000"}, "X-Ratelimit-Used": {"3"}, "X-Ratelimit-Remaining": {"9997"},
		"X-Ratelimit-Reset": {fmt.Sprint(in(time.Hour).Unix())}, "X-Ratelimit-Resource": {"core"},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%v, want %v", h, want)
	}
	r, ok := ReportFrom(h)
	if !ok || r.Limit != 10000 || r.Used != 3 || r.Remaining != 9997 || !r.Reset.Equal(in(time.Hour)) || r.Resource != "core" {
		t.Errorf("read again: %+v", r)
	}
}

// Remaining is 0 exactly when the next lease would be refused for want of budget.
func TestRemainingIsZeroOnlyWhenTheNextIsRefused(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	w.spend("a", Report{"search", 30, 28, 2, in(time.Minute)})
	w.spend("b", Report{"search", 30, 27, 3, in(30 * time.Second)})
	for range 5 {
		if b := w.Budget("github.com", "default", "search"); b.Remaining == 0 {
			t.Error("nothing remains before the last lease")
		}
		w.lease(of("search"))
	}
	if b := w.Budget("github.com", "default", "search"); b.Remaining != 0 || b.Used != 60 {
		t.Errorf("after the last: %+v", b)
	}
	if got := w.who(of("search")); got == "a" || got == "b" {
		t.Errorf("leased %s with nothing left", got)
	}
}

func TestStandings(t *testing.T) {
	w := newWorld(t, Credential{Name: "c"}, Credential{Name: "b", GitHub: "ghe.example", Pool: "x"}, Credential{Name: "a"}, Credential{Name: "d"})
	w.spend("a", core(10, in(time.Hour)))
	w.spend("a", Report{"search", 30, 1, 29, in(time.Minute)})
	late := w.lease(of(""), liking("c"))
	w.down("c")
	late.Settle(403, bare("Retry-After", "60"), []byte(secondaryWords))
	w.silent("d", "60")
	w.lease(of("graphql")).Release() // asked for and never told
	coreOfA := Budget{Limit: 5000, Used: 10, Remaining: 4990, Reset: in(time.Hour)}
	none := map[string]Budget{}
	pat := func(name string, up bool, reason string, budgets map[string]Budget) Standing {
		return Standing{Name: name, GitHub: "github.com", Pool: "default", Kind: "pat", Up: up, Ready: true, Reason: reason, Budgets: budgets}
	}
	elsewhere := pat("b", true, "", none)
	elsewhere.GitHub, elsewhere.Pool = "ghe.example", "x"
	refused, silent := pat("c", false, "GitHub answered 401 Bad credentials", none), pat("d", false, "silent after a secondary limit", none)
	refused.Ready, refused.Retry, silent.Retry = false, in(recheckAfter), in(time.Minute)
	want := []Standing{
		pat("a", true, "", map[string]Budget{"core": coreOfA, "search": {Limit: 30, Used: 1, Remaining: 29, Reset: in(time.Minute)}}),
		elsewhere,
		refused,
		silent,
	}
	if got := w.Standings(); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	w.pass(time.Minute)
	got := w.Standings()
	if !got[3].Up || got[3].Reason != "" || got[2].Up || got[0].Budgets["search"] != (Budget{Limit: 30, Used: 0, Remaining: 30, Reset: w.at.Add(time.Minute)}) {
		t.Errorf("a minute later: %+v", got)
	}
}

// What every GitHub has can be told from the start, the rest when it is heard of.
func TestResources(t *testing.T) {
	w := newWorld(t, append(named("a", "b"), Credential{Name: "elsewhere", Pool: "big"})...)
	w.spend("a", Report{"scim", 15000, 1, 14999, in(time.Hour)})
	w.spend("b", Report{"scim", 15000, 1, 14999, in(time.Hour)})
	w.spend("b", core(1, in(time.Hour)))
	w.lease(of("audit_log")).Settle(403, bare(), []byte(permission))
	if got, want := fmt.Sprint(w.Resources("github.com", "default")), "[code_search core graphql scim search]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, pool := range []string{"big", "nowhere"} {
		if got, want := fmt.Sprint(w.Resources("github.com", pool)), "[code_search core graphql search]"; got != want {
			t.Errorf("%s: %s, want %s", pool, got, want)
		}
	}
}

// A credential that is down is ready again when its time has come, though nobody knows yet
// whether it is up: only a request finds out.
func TestReady(t *testing.T) {
	w := newWorld(t, named("a", "b", "c")...)
	w.down("a")
	w.spend("b", core(5000, in(time.Hour)))
	w.silent("c", "60")
	want := map[string]string{"a": "down until 12:10:00", "b": "up, ready", "c": "down until 12:01:00, ready"}
	said := func() map[string]string {
		out := map[string]string{}
		for _, s := range w.Standings() {
			out[s.Name] = "up"
			if !s.Up {
				out[s.Name] = "down until " + s.Retry.UTC().Format("15:04:05")
			}
			if s.Ready {
				out[s.Name] += ", ready"
			}
		}
		return out
	}
	if got := said(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	w.pass(recheckAfter)
	want["a"], want["c"] = "down until 12:10:00, ready", "up, ready"
	if got := said(); !reflect.DeepEqual(got, want) {
		t.Errorf("after a while: %v, want %v", got, want)
	}
}
