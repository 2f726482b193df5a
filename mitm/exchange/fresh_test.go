package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// aged makes the exchange believe that time has passed.
func (w *world) aged(by time.Duration) {
	now := w.x.now
	w.x.now = func() time.Time { return now().Add(by) }
}

// With fresh_for, what was vouched for a moment ago is served without asking; then it is
// asked for again.
func TestFreshAnswersAreServedWithoutAsking(t *testing.T) {
	w := newWorld(t, freshFor(30*time.Second))
	first := w.get(ci, labels)
	asked := len(w.github.Seen())
	for _, client := range []string{ci, ops} {
		a := w.get(client, labels)
		if a.Outcome != Hit || a.body != first.body || a.Saved != 1 || a.Header.Get("Cache-Status") != "octopool; hit" {
			t.Errorf("%s: %s, saved %d, %s", client, a.Outcome, a.Saved, a.Header.Get("Cache-Status"))
		}
		if a.Header.Get("X-Ratelimit-Limit") != "5000" {
			t.Errorf("%s: limit %q", client, a.Header.Get("X-Ratelimit-Limit"))
		}
	}
	if n := len(w.github.Seen()) - asked; n != 0 {
		t.Errorf("GitHub was asked %d times", n)
	}
	w.aged(31 * time.Second)
	if a := w.get(ci, labels); a.Outcome != Revalidated {
		t.Errorf("afterwards: %s", a.Outcome)
	}
	if a := w.get(ops, labels); a.Outcome != Hit {
		t.Errorf("and then: %s", a.Outcome)
	}
}

// Freshness is a pool's own: nothing is served to a pool that none of its credentials
// has vouched for.
func TestFreshnessIsThePoolsOwn(t *testing.T) {
	w := newWorld(t, freshFor(time.Minute))
	w.get(ci, labels)
	if a := w.get(solo, labels); a.Outcome != Revalidated {
		t.Errorf("another pool: %s", a.Outcome)
	}
	if a := w.get(solo, labels); a.Outcome != Hit {
		t.Errorf("once vouched for: %s", a.Outcome)
	}
	w.get(ci, "/repos/acme/api")
	if a := w.get(solo, "/repos/acme/api"); a.Status != http.StatusNotFound {
		t.Errorf("a private one: %d", a.Status)
	}
}

// Clients read what they wrote: a write ends the freshness of its repository, and of
// everything that may show it.
func TestAWriteEndsFreshness(t *testing.T) {
	w := newWorld(t, freshFor(time.Hour))
	w.github.AddRepo("acme/other", false)
	const issues, others, search = "/repos/acme/web/issues", "/repos/acme/other/issues", "/orgs/acme/repos"
	for _, path := range []string{issues, others, search} {
		w.get(ci, path)
	}
	w.aged(2 * time.Second) // vouching times are kept to the second
	if _, err := w.ask(ci, http.MethodPost, issues, `{"title":"just written"}`); err != nil {
		t.Fatal(err)
	}
	if a := w.get(ops, issues); !strings.Contains(a.body, "just written") {
		t.Errorf("the write is not seen (%s)", a.Outcome)
	}
	if a := w.get(ops, search); a.Outcome == Hit {
		t.Error("a list that may show it was served as fresh")
	}
	if a := w.get(ops, others); a.Outcome != Hit {
		t.Errorf("another repository: %s", a.Outcome)
	}
}

// What was read while a write was under way may be from before it.
func TestAReadDuringAWriteIsNotFreshAfterIt(t *testing.T) {
	w := newWorld(t, freshFor(time.Hour))
	const issues = "/repos/acme/web/issues"
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.aged(5 * time.Second)
			w.get(ops, issues)
			w.aged(5 * time.Second)
		}
		return false
	})
	if _, err := w.ask(ci, http.MethodPost, issues, `{"title":"just written"}`); err != nil {
		t.Fatal(err)
	}
	if a := w.get(ops, issues); !strings.Contains(a.body, "just written") {
		t.Errorf("the write is not seen (%s)", a.Outcome)
	}
}

// Who am I is always asked: the credential may have changed.
func TestIdentityIsNeverFresh(t *testing.T) {
	w := newWorld(t, freshFor(time.Hour))
	for range 2 {
		if a := w.get(ci, "/user"); a.Outcome == Hit {
			t.Error("served without asking")
		}
	}
}

// Writes are forgotten in time, but never in the wrong direction.
func TestForgottenWritesCountEverywhere(t *testing.T) {
	var w writes
	g := newWorld(t)
	read := func(path string) time.Time {
		in := request(t, http.MethodGet, path, "")
		return w.last(g.grant(ci, in).Request())
	}
	at := time.Unix(1000, 0)
	for i := range writesKept + 1 {
		in := request(t, http.MethodPost, "/repos/acme/r"+strings.Repeat("x", 1+i%60)+time.Duration(i).String()+"/issues", "")
		at = at.Add(time.Second)
		w.note(g.grant(ci, in).Request(), at)
	}
	if n := len(w.at); n > writesKept {
		t.Errorf("%d kept", n)
	}
	if got := read("/repos/acme/rx0s/issues"); got.Before(time.Unix(1001, 0)) {
		t.Errorf("a forgotten write counts from %s", got)
	}
}
