package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/policy"
	"octopool/store"
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

func scope(t *testing.T, text string) policy.Scope {
	t.Helper()
	s, err := policy.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Some paths have a freshness of their own, the first that names them.
func TestFreshnessByPath(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.FreshFor = 10 * time.Second
		c.Fresh = []Freshness{
			{scope(t, "read /repos/*/*/labels/**"), time.Minute},
			{scope(t, "read /repos/*/*/issues/*"), 0},
			{scope(t, "read /repos/**"), time.Hour},
		}
	})
	paths := map[string]time.Duration{labels: time.Minute, issue: 0, "/repos/acme/web": time.Hour, "/orgs/acme/repos": 10 * time.Second}
	for path := range paths {
		w.get(ci, path)
	}
	w.x.Wait()
	for _, age := range []time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 2 * time.Hour} {
		w.x.now = func() time.Time { return time.Now().Add(age) }
		for path, long := range paths {
			in := request(t, http.MethodGet, path, "")
			g := w.grant(ci, in)
			view := w.x.fresh(g, w.x.questionOf(g, in))
			if fresh := view != nil; fresh != (age < long) {
				t.Errorf("%s after %s: fresh %t", path, age, fresh)
			}
		}
	}
}

// Whoever insists is given nothing that GitHub has not just confirmed.
func TestNoCacheInsists(t *testing.T) {
	w := newWorld(t, freshFor(time.Hour), func(c *Config) { c.StaleIfError = time.Hour })
	w.get(ci, labels)
	for _, header := range [][2]string{{"Cache-Control", "no-cache"}, {"Cache-Control", "no-store, No-Cache"}, {"Cache-Control", "max-age=0"}, {"Pragma", "no-cache"}} {
		if a := w.get(ci, labels, header[0], header[1]); a.Outcome != Revalidated {
			t.Errorf("%s: %s", header, a.Outcome)
		}
		w.x.Wait()
	}
	if a := w.get(ci, labels, "Cache-Control", "max-age=60"); a.Outcome != Hit || a.Header.Get("Age") == "" {
		t.Errorf("who does not: %s, %v", a.Outcome, a.Header)
	}
	w.x.Upstream = unreachable{}
	if a, err := w.ask(ci, http.MethodGet, labels, "", "Cache-Control", "no-cache"); err == nil {
		t.Errorf("without GitHub: %s", a.Outcome)
	}
}

// With stale_if_error, what was confirmed not long ago stands in for a GitHub that gives no
// answer or errs, for the pool it was confirmed in, and for nothing that was written to.
func TestStaleIfError(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.StaleIfError = time.Hour })
	first := w.get(ci, labels)
	w.get(ci, "/repos/acme/api")
	w.get(ci, "/user")
	w.x.Wait()
	w.aged(2 * time.Second)
	status := 0
	broken := roundTrip(func(r *http.Request) (*http.Response, error) {
		if status == 0 {
			return nil, errUnplugged
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
	})
	github := w.x.Upstream
	w.x.Upstream = broken
	for _, tt := range []struct {
		status int
		want   string
	}{{0, "octopool; fwd=stale; detail=stale-if-error"}, {502, "octopool; fwd=stale; fwd-status=502; detail=stale-if-error"}} {
		status = tt.status
		a := w.get(ci, labels)
		if a.Status != http.StatusOK || a.body != first.body || a.Outcome != Stale || a.Header.Get("Cache-Status") != tt.want || a.Saved != 0 {
			t.Errorf("%d: %d %s %s", tt.status, a.Status, a.Outcome, a.Header.Get("Cache-Status"))
		}
		if a.Header.Get("Age") != "2" || a.Header.Get("Warning") != "" || a.Header.Get("X-Ratelimit-Limit") != "5000" {
			t.Errorf("%d: %v", tt.status, a.Header)
		}
		for client, path := range map[string]string{solo: labels, ops: "/user", ci: "/repos/acme/web/pulls"} {
			if a, err := w.ask(client, http.MethodGet, path, ""); err == nil && a.Status != tt.status {
				t.Errorf("%d: %s of %s: %d", tt.status, path, client, a.Status)
			}
		}
	}
	status = http.StatusNotFound
	if a := w.get(ci, labels); a.Status != http.StatusNotFound {
		t.Errorf("a 404 is no error of GitHub's: %d", a.Status)
	}
	w.x.Upstream = github
	if _, err := w.ask(ci, http.MethodPost, "/repos/acme/web/issues", `{"title":"x"}`); err != nil {
		t.Fatal(err)
	}
	w.x.Upstream, status = broken, 0
	if a, err := w.ask(ci, http.MethodGet, labels, ""); err == nil {
		t.Errorf("after a write: %s", a.Outcome)
	}
	if a := w.get(ci, "/repos/acme/api"); a.Outcome != Stale {
		t.Errorf("another repository: %s", a.Outcome)
	}
	w.aged(time.Hour)
	if a, err := w.ask(ci, http.MethodGet, "/repos/acme/api", ""); err == nil {
		t.Errorf("after an hour: %s", a.Outcome)
	}
}

// With negative_for, a 404 is taken for granted for a while, by the credential that was told,
// and not after a write that may have made what was missing.
func TestNegativeAnswers(t *testing.T) {
	const missing = "/repos/acme/web/issues/2"
	w := newWorld(t, func(c *Config) { c.NegativeFor = time.Minute })
	var first got
	w.costs(1, func() { first = w.get(ci, missing) })
	w.costs(0, func() {
		for _, client := range []string{ci, ops} {
			a := w.get(client, missing)
			if a.Status != http.StatusNotFound || a.body != first.body || a.Outcome != Hit || a.Saved != 1 || a.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
				t.Errorf("%s: %d %s %s", client, a.Status, a.Outcome, a.body)
			}
			if a.Header.Get("Etag") != "" || a.Header.Get("Cache-Status") != "octopool; hit" {
				t.Errorf("%s: %v", client, a.Header)
			}
		}
	})
	g := w.grant(ci, request(t, http.MethodGet, missing, ""))
	q := w.x.lookUp(g, w.x.questionOf(g, request(t, http.MethodGet, missing, "")))
	for credential, told := range map[string]bool{"bot": true, "another": false} {
		q.by = store.Voucher{Pool: "default", Credential: credential, At: time.Now()}
		if a := w.x.recall(q); (a != nil) != told {
			t.Errorf("%s of the pool: told %t", credential, a != nil)
		}
	}
	w.costs(1, func() { w.get(ci, missing, "Cache-Control", "no-cache") })
	w.costs(1, func() { w.get(solo, missing) })
	w.costs(1, func() { w.get(ci, missing+"?other") })
	w.aged(2 * time.Second)
	if _, err := w.ask(ops, http.MethodPost, "/repos/acme/web/issues", `{"title":"second"}`); err != nil {
		t.Fatal(err)
	}
	if a := w.get(ci, missing); a.Status != http.StatusOK {
		t.Errorf("after it was made: %d", a.Status)
	}
	w.get(ci, "/repos/acme/web/issues/3")
	w.aged(time.Minute)
	w.costs(1, func() { w.get(ci, "/repos/acme/web/issues/3") })
	if n := w.x.Store.Stats().Entries; n != 1 {
		t.Errorf("%d in the store", n)
	}
}

// A read whose answer takes long may be from before a write that began and ended meanwhile.
func TestASlowReadIsNotFreshAfterAWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		slow := make(chan struct{})
		y.took = func(r *http.Request) error {
			if r.Method == http.MethodGet {
				<-slow
			}
			return nil
		}
		read := w.begin(t.Context(), ops, http.MethodGet, issue, "")
		time.Sleep(5 * time.Second)
		if _, err := w.ask(ci, http.MethodPatch, issue, `{"title":"written"}`); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		close(slow)
		<-read.over
		w.x.Wait()
		if a := w.get(ci, issue); !strings.Contains(a.body, "written") {
			t.Errorf("the write is not seen (%s)", a.Outcome)
		}
	}, freshFor(time.Hour))
}

// A store outlives the octopool that wrote it, and what that one knew of writes.
func TestNothingIsFreshFromAnotherLife(t *testing.T) {
	w := newWorld(t, freshFor(time.Hour))
	w.get(ci, issue)
	if a, err := w.ask(ci, http.MethodPatch, issue, `{"title":"written"}`); err != nil || a.Status != http.StatusOK {
		t.Fatal(err)
	}
	w.x.Wait()
	next := worldOf(t, w.github, "ghp_bot", with(w.x.Store), freshFor(time.Hour))
	next.x.began = time.Now()
	if a := next.get(ci, issue); !strings.Contains(a.body, "written") {
		t.Errorf("the write is not seen (%s)", a.Outcome)
	}
}

// A client may write and ask while a flight is about to be answered without GitHub.
func TestAWriteWhileAFreshAnswerIsFound(t *testing.T) {
	var s flights
	old, found := &Answer{Header: http.Header{}, body: []byte("old")}, 0
	a, err := s.join(t.Context(), question{}, false, func(f *flight) error {
		if f.answered(func() *Answer {
			if found++; found == 1 {
				return old
			}
			return nil // it has been written to
		}) {
			t.Error("it was the answer")
		}
		if s.boarding[question{}] != nil {
			t.Error("who comes now boards")
		}
		f.deliver(&Answer{Header: http.Header{}, body: []byte("new")})
		return nil
	})
	if err != nil || string(a.body) != "new" {
		t.Errorf("%v, %s", err, a.body)
	}
}
