package exchange

import (
	"net/http"
	"strings"
	"testing"

	"octopool/store"
)

const labels = "/repos/acme/web/labels"

// Promise 1: however many clients and credentials there are, what has not changed is
// free, and what has changed costs one point.
func TestAnUnchangedResourceIsFreeWhoeverAsks(t *testing.T) {
	w := newWorld(t)
	var first got
	w.costs(1, func() { first = w.get(ci, labels) })
	if first.Outcome != Fetched || first.Spent != 1 || first.Credential != "bot" {
		t.Errorf("first: outcome %s, spent %d, by %s", first.Outcome, first.Spent, first.Credential)
	}
	for _, client := range []string{ci, ops, solo, both} {
		w.costs(0, func() {
			a := w.get(client, labels)
			if a.body != first.body || a.Outcome != Revalidated || a.Spent != 0 || a.Saved != 1 {
				t.Errorf("%s: outcome %s, spent %d, saved %d, same body %t", client, a.Outcome, a.Spent, a.Saved, a.body == first.body)
			}
			if a.Header.Get("Etag") != first.Header.Get("Etag") {
				t.Errorf("%s: ETag %s, the first got %s", client, a.Header.Get("Etag"), first.Header.Get("Etag"))
			}
		})
		if s := w.last(); s.Status != http.StatusNotModified || s.Header.Get("If-None-Match") == "" {
			t.Errorf("%s: GitHub answered %d to the condition %q", client, s.Status, s.Header.Get("If-None-Match"))
		}
	}
}

func TestAChangeCostsOnePointAndEverybodySeesItAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, client := range []string{ci, ops, solo, both} {
		w.get(client, "/repos/acme/web/issues/1")
	}
	for _, title := range []string{"second", "third"} {
		w.github.EditIssue("acme/web", 1, title)
		w.costs(1, func() {
			for _, client := range []string{solo, ci, both, ops} {
				if a := w.get(client, "/repos/acme/web/issues/1"); !strings.Contains(a.body, `"title":"`+title+`"`) {
					t.Errorf("%s was shown an old issue (%s)", client, a.Outcome)
				}
			}
		})
	}
}

// A renewed token changes every ETag that GitHub gives; a restart forgets everything
// but the store.
func TestANewTokenAndARestartCostNothing(t *testing.T) {
	w := newWorld(t)
	first := w.get(ci, labels)
	w.x.Wait()
	renewed := worldOf(t, w.github, "ghp_renewed", with(w.x.Store))
	w.costs(0, func() {
		if a := renewed.get(ci, labels); a.body != first.body || a.Outcome != Revalidated {
			t.Errorf("outcome %s", a.Outcome)
		}
	})
	if got := w.last().Header.Get("Authorization"); got != "Bearer ghp_renewed" {
		t.Errorf("sent %q", got)
	}
}

// A repository's permissions differ between users, so two views of one URL are kept and
// each user is shown its own.
func TestEachCredentialGetsItsOwnView(t *testing.T) {
	w := newWorld(t)
	const repo = "/repos/acme/web"
	for range 2 {
		for client, token := range map[string]string{ci: "ghp_bot", solo: "ghp_hubot"} {
			if a := w.get(client, repo); a.body != w.direct(token, repo) {
				t.Errorf("%s was shown another's view (%s)", client, a.Outcome)
			}
		}
	}
	w.costs(0, func() {
		for _, client := range []string{ci, solo, ops, solo, ci} {
			w.get(client, repo)
		}
	})
	w.github.Touch("acme/web")
	w.costs(2, func() { // one for each view
		for _, client := range []string{ci, solo, ops, solo, ci} {
			if a := w.get(client, repo); !strings.Contains(a.body, `"stargazers_count":1`) {
				t.Errorf("%s was shown an old repository (%s)", client, a.Outcome)
			}
		}
	})
}

// In a pool of both, the lease goes to the credential that can vouch for what is there.
func TestTheLeasePrefersWhoCanVouch(t *testing.T) {
	w := newWorld(t)
	first := w.get(both, "/repos/acme/web")
	w.costs(0, func() {
		for range 5 {
			if a := w.get(both, "/repos/acme/web"); a.Credential != first.Credential {
				t.Errorf("leased %s, but %s had vouched", a.Credential, first.Credential)
			}
		}
	})
}

// Invariant 4: what a pool may not see, the store does not show it.
func TestWhatAPoolMayNotSeeIsNotShown(t *testing.T) {
	w := newWorld(t)
	if a := w.get(ci, "/repos/acme/api"); a.Status != http.StatusOK {
		t.Fatalf("the owner got %d", a.Status)
	}
	a := w.get(solo, "/repos/acme/api")
	if a.Status != http.StatusNotFound || strings.Contains(a.body, "acme/api") {
		t.Errorf("a stranger got %d %s", a.Status, a.body)
	}
	w.costs(0, func() {
		if a := w.get(ci, "/repos/acme/api"); a.Outcome != Revalidated {
			t.Errorf("after the stranger: %s", a.Outcome)
		}
	})
}

// Once access is withdrawn, the next request shows it, whatever is stored.
func TestWithdrawnAccessIsSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	w.get(ci, "/repos/acme/api")
	w.github.Ungrant("octo-bot", "acme/api")
	if a := w.get(ci, "/repos/acme/api"); a.Status != http.StatusNotFound {
		t.Errorf("got %d", a.Status)
	}
}

// Nobody else's 404 is anybody's answer, and neither a 404 nor a 500 ends what was
// stored before it.
func TestErrorsAreNeitherStoredNorEvict(t *testing.T) {
	w := newWorld(t)
	first := w.get(ci, labels)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		http.Error(rw, `{"message":"Server Error"}`, http.StatusInternalServerError)
		return true
	})
	if a := w.get(ci, labels); a.Status != http.StatusInternalServerError || a.Header.Get("Cache-Status") != "octopool; fwd=stale; fwd-status=500" {
		t.Errorf("got %d, %s", a.Status, a.Header.Get("Cache-Status"))
	}
	w.github.Intercept(nil)
	w.costs(0, func() {
		if a := w.get(ci, labels); a.body != first.body {
			t.Errorf("after a 500: %s", a.Outcome)
		}
	})
}

// Statistics that GitHub has yet to compute are a 202, which may carry an ETag. It stands
// for nothing.
func TestOnlyA200IsStored(t *testing.T) {
	w := newWorld(t)
	status := http.StatusAccepted
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("Etag", `"abc"`)
		rw.WriteHeader(status)
		rw.Write([]byte(`{}`))
		return true
	})
	for _, status = range []int{202, 203, 206, 404} {
		if a := w.get(ci, "/repos/acme/web/stats/contributors"); a.Status != status || w.x.Store.Stats().Entries != 0 {
			t.Errorf("%d: got %d, %d stored", status, a.Status, w.x.Store.Stats().Entries)
		}
	}
}

// The day GitHub changes the formula, answers stay right, and one credential's own
// validators still revalidate.
func TestOpaqueValidatorsAreOfferedAsReceivedInTheirPoolOnly(t *testing.T) {
	w := newWorld(t)
	w.github.OpaqueETags(true)
	first := w.get(ci, labels)
	w.costs(0, func() {
		if a := w.get(ops, labels); a.Outcome != Revalidated || a.body != first.body {
			t.Errorf("in the pool: %s", a.Outcome)
		}
	})
	w.costs(1, func() {
		if a := w.get(solo, labels); a.Outcome != Fetched {
			t.Errorf("in another pool: %s", a.Outcome)
		}
	})
	if s := w.last(); s.Header.Get("If-None-Match") != "" {
		t.Errorf("another pool was offered %s", s.Header.Get("If-None-Match"))
	}
	if held, failed := w.x.FormulaChecks(); held != 0 || failed != 2 {
		t.Errorf("formula checks: %d held, %d failed", held, failed)
	}
	if warnings := strings.Count(w.log.String(), "does not follow the formula"); warnings != 1 {
		t.Errorf("%d warnings, want one", warnings)
	}
	w.github.Touch("acme/web") // changes the repository, not its labels
	w.github.OpaqueETags(false)
	w.costs(1, func() { // the formula is back: the opaque validator no longer matches
		if a := w.get(ci, labels); a.body != first.body {
			t.Error("another body")
		}
	})
	w.costs(0, func() { w.get(solo, labels); w.get(ci, labels) })
}

// Contents carry a git object id: the same for every credential and every media type.
func TestContentsAreKeptForEachMediaType(t *testing.T) {
	w := newWorld(t)
	w.github.WriteFile("acme/web", "docs/guide.md", "Hello\n")
	const path, raw = "/repos/acme/web/contents/docs/guide.md", "application/vnd.github.raw"
	for range 2 {
		if a := w.get(ci, path); !strings.HasPrefix(a.body, "{") {
			t.Errorf("JSON was asked for, got %.40s", a.body)
		}
		if a := w.get(ci, path, "Accept", raw); a.body != "Hello\n" {
			t.Errorf("raw was asked for, got %.40s", a.body)
		}
	}
	w.costs(0, func() { w.get(ci, path); w.get(ops, path, "Accept", raw) })
	if _, failed := w.x.FormulaChecks(); failed != 0 {
		t.Errorf("%d formula failures counted for what never followed it", failed)
	}
}

// A body that the store no longer has is asked for again, in the same request.
func TestABodyThatIsGoneIsFetched(t *testing.T) {
	forgetful := &forgetful{Store: store.NewMemory(0)}
	w := newWorld(t, with(forgetful))
	first := w.get(ci, labels)
	w.get(ci, labels) // the validator is now known without its body
	forgetful.forget = true
	if a := w.get(ci, labels); a.body != first.body || a.Outcome != Fetched {
		t.Errorf("outcome %s, same body %t", a.Outcome, a.body == first.body)
	}
	forgetful.forget = false
	w.costs(0, func() { w.get(ci, labels) })
}

// forgetful is a store that loses bodies.
type forgetful struct {
	store.Store
	forget bool
}

func (f *forgetful) Body(k store.Key, r *store.Representation) ([]byte, bool) {
	if f.forget {
		return nil, false
	}
	return f.Store.Body(k, r)
}

// Without a store octopool still answers, at GitHub's price.
func TestWithoutAStoreEverythingIsFetched(t *testing.T) {
	w := newWorld(t, with(store.Off{}))
	w.costs(2, func() {
		if a, b := w.get(ci, labels), w.get(ci, labels); a.body != b.body || b.Outcome != Fetched {
			t.Errorf("outcome %s", b.Outcome)
		}
	})
}

// What a 304 says of a representation is told to clients and kept.
func TestHeadersOfA304AreMerged(t *testing.T) {
	w := newWorld(t)
	w.get(ci, labels)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		h := rw.Header()
		h.Set("X-Poll-Interval", "300")
		h.Set("X-Github-Request-Id", "AAAA:1")
		h.Set("Content-Type", "text/plain") // not the representation's
		rw.WriteHeader(http.StatusNotModified)
		return true
	})
	a := w.get(ci, labels)
	if a.Header.Get("X-Poll-Interval") != "300" || a.Header.Get("X-Github-Request-Id") != "AAAA:1" ||
		!strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || a.Header.Get("Etag") == "" {
		t.Errorf("headers: %v", a.Header)
	}
	w.github.Intercept(nil)
	if a := w.get(ci, labels); a.Header.Get("X-Poll-Interval") != "300" || a.Header.Get("X-Github-Request-Id") == "AAAA:1" {
		t.Errorf("kept: %q, %q", a.Header.Get("X-Poll-Interval"), a.Header.Get("X-Github-Request-Id"))
	}
}

// A 304 that nobody asked for is no answer.
func TestA304WithoutAConditionIsAnError(t *testing.T) {
	w := newWorld(t)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.WriteHeader(http.StatusNotModified)
		return true
	})
	if _, err := w.ask(ci, http.MethodGet, "/repos/acme/web", ""); err == nil || !strings.Contains(err.Error(), "304 to a request without a condition") {
		t.Errorf("error %v", err)
	}
}
