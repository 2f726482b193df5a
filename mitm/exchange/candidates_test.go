package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/store"
)

const (
	githubJSON = "application/vnd.github+json"
	fullJSON   = "application/vnd.github.full+json"
	oldJSON    = "application/vnd.github.v3+json"
	rawMedia   = "application/vnd.github.raw"
	diffMedia  = "application/vnd.github.diff"
)

// The same bytes under another media type are free: GitHub is asked with the validator that
// they would have there.
func TestAnotherMediaTypeOfTheSameBytesIsFree(t *testing.T) {
	w := newWorld(t)
	first := w.get(ci, labels, "Accept", githubJSON)
	for _, client := range []string{ci, solo} {
		for _, accept := range []string{oldJSON, "*/*", "application/json", oldJSON} {
			w.costs(0, func() {
				a := w.get(client, labels, "Accept", accept)
				if a.Outcome != Revalidated || a.body != first.body || a.Saved != 1 || a.Header.Get("Etag") != first.Header.Get("Etag") {
					t.Errorf("%s: %s", accept, a.Outcome)
				}
				if a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
					t.Errorf("%s: Content-Type %s", accept, a.Header.Get("Content-Type"))
				}
			})
			w.x.Wait()
		}
	}
	w.costs(0, func() {
		if a := w.get(ci, labels, "Accept", "application/vnd.github.full+json"); a.Header.Get("Cache-Status") != "octopool; fwd=vary-miss; fwd-status=304" {
			t.Errorf("Cache-Status %s", a.Header.Get("Cache-Status"))
		}
	})
}

// What a sibling's answer said of its media type is not told of another.
func TestTheMediaTypeIsNotTheSiblings(t *testing.T) {
	w := newWorld(t)
	o := offer{&candidate{why: varyMiss, Representation: store.Representation{Header: http.Header{"X-Github-Media-Type": {"github.v3; param=full"}}}}, "x"}
	if got := o.under(store.Key{}, http.Header{}).Header; len(got) != 0 {
		t.Errorf("where GitHub does not say: %v", got)
	}
	one := w.get(ci, labels, "Accept", fullJSON).Header.Get("X-Github-Media-Type")
	other := w.get(ci, labels, "Accept", githubJSON).Header.Get("X-Github-Media-Type")
	if one == "" || other == one {
		t.Errorf("full is %q, and JSON then %q", one, other)
	}
}

// Where the bytes differ, or what they are, each media type is asked for on its own.
func TestAnotherMediaTypeOfOtherBytesIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.github.WriteFile("acme/web", "docs/list.json", "[]")
	w.github.AddPull("acme/web", "pull")
	for _, tt := range []struct{ name, path, first, then string }{
		{"a file and what it holds", "/repos/acme/web/contents/docs/list.json", githubJSON, rawMedia},
		{"a file and what it holds, asked for as JSON", "/repos/acme/web/contents/docs/list.json", oldJSON, "application/vnd.github.raw+json"},
		{"what a file holds and the file", "/repos/acme/web/readme", rawMedia, githubJSON},
		{"a pull request and its changes", "/repos/acme/web/pulls/2", githubJSON, diffMedia},
		{"an issue with and without its text as HTML", issue, githubJSON, fullJSON},
	} {
		for _, accept := range []string{tt.first, tt.then} {
			a := w.get(ci, tt.path, "Accept", accept)
			if want := w.direct("ghp_bot", tt.path, "Accept", accept, "User-Agent", "octopool/test"); a.body != want {
				t.Errorf("%s: %s is\n%.80s\nwant\n%.80s", tt.name, accept, a.body, want)
			}
		}
	}
	raw := w.get(ci, "/repos/acme/web/contents/docs/list.json", "Accept", rawMedia)
	if strings.Contains(raw.Header.Get("Content-Type"), "application/json") {
		t.Errorf("raw is %s", raw.Header.Get("Content-Type"))
	}
}

func TestWhatAsksForJSON(t *testing.T) {
	for accept, want := range map[string]bool{
		"*/*": true, "application/json": true, githubJSON: true, oldJSON: true, fullJSON: true,
		"application/vnd.github.merge-info-preview+json, application/vnd.github.nebula-preview": true,
		"application/json;q=0.9, */*;q=0.1":                                                     true,
		rawMedia:                                                                                false, diffMedia: false, "application/vnd.github.sha": false, "application/vnd.github.v3.patch": false,
		"application/vnd.github+json, application/vnd.github.raw": false,
		"text/html": false, "application/sarif+json": false, "application/scim+json": false, "": false,
	} {
		if got := asksJSON(accept); got != want {
			t.Errorf("%q: %t", accept, got)
		}
	}
}

// A list that is empty costs nothing even the first time. One that is not costs what it
// always costs.
func TestAnEmptyListIsFree(t *testing.T) {
	w := newWorld(t)
	const pulls = "/repos/acme/web/pulls"
	w.costs(0, func() {
		for i, client := range []string{ci, ci, solo} {
			a := w.get(client, pulls)
			if a.Status != http.StatusOK || a.body != "[]" || a.Outcome != Revalidated || a.Saved != 1 {
				t.Errorf("%d %s (%s)", a.Status, a.body, a.Outcome)
			}
			if a.Header.Get("Content-Type") != "application/json; charset=utf-8" || a.Header.Get("Content-Length") != "2" || a.Header.Get("Etag") == "" {
				t.Errorf("%v", a.Header)
			}
			if want := "octopool; fwd=uri-miss; fwd-status=304"; i == 0 && a.Header.Get("Cache-Status") != want {
				t.Errorf("Cache-Status %s", a.Header.Get("Cache-Status"))
			}
			w.x.Wait()
		}
	})
	w.github.AddPull("acme/web", "first")
	w.costs(1, func() {
		if a := w.get(ci, pulls); !strings.Contains(a.body, `"first"`) {
			t.Errorf("then: %s", a.body)
		}
	})
	w.costs(1, func() {
		if a := w.get(ci, labels); len(a.body) < 10 || a.Outcome != Fetched {
			t.Errorf("a full one: %s", a.body)
		}
	})
	if a := w.get(solo, "/repos/acme/api/pulls"); a.Status != http.StatusNotFound {
		t.Errorf("a stranger's: %d %s", a.Status, a.body)
	}
}

// Under opaque ETags everywhere, answers stay right, the credential that was told one gets
// its 304s and is preferred, and the operator is warned once.
func TestOpaqueETagsEverywhere(t *testing.T) {
	w := newWorld(t)
	w.github.OpaqueETags(true)
	paths := []string{"/repos/acme/web", labels, issue}
	told := map[string]string{}
	w.costs(len(paths), func() {
		for _, path := range paths {
			told[path] = w.get(both, path).Credential
		}
	})
	w.costs(0, func() {
		for range 3 {
			for _, path := range paths {
				if a := w.get(both, path); a.Outcome != Revalidated || a.Credential != told[path] {
					t.Errorf("%s by %s: %s", path, a.Credential, a.Outcome)
				}
			}
		}
	})
	first := w.get(both, labels).body
	// The one who was told is spent for a while, and the other asked: then that one knows.
	login := map[string]string{"bot-too": "octo-bot", "hub-too": "hubot"}[told[labels]]
	w.github.SetBudget(login, "core", 5000, 5000, time.Now().Add(time.Hour))
	w.costs(1, func() {
		for range 3 {
			if a := w.get(both, labels); a.Credential == told[labels] || a.body != first {
				t.Errorf("by %s: %s", a.Credential, a.Outcome)
			}
		}
	})
	w.github.EditIssue("acme/web", 1, "changed")
	w.costs(1, func() {
		if a := w.get(both, issue); !strings.Contains(a.body, "changed") {
			t.Error("an old issue")
		}
	})
	if n := strings.Count(w.log.String(), "does not follow the formula"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	w.costs(1, func() { w.get(both, issue, "Accept", oldJSON) }) // no siblings of what is opaque
}

// Who vouched for an opaque view under another ETag than it has now cannot be expected to
// again.
func TestAnotherOpaqueETagIsAnothersWord(t *testing.T) {
	for _, tt := range []struct {
		name, etag string
		opaque     bool
		vouchers   int
	}{{"the same", `W/"a"`, true, 2}, {"another", `"b"`, true, 1}, {"another by the formula", `"b"`, false, 2}} {
		w := newWorld(t)
		old := store.Representation{ETag: `"a"`, Opaque: tt.opaque, Vouchers: []store.Voucher{{Pool: "p", Credential: "c"}}}
		q := &inquiry{own: views{old}, by: store.Voucher{Pool: "p", Credential: "d"}}
		view := &store.Representation{ETag: tt.etag, Opaque: tt.opaque}
		w.x.replace(q, view, nil)
		if len(view.Vouchers) != tt.vouchers {
			t.Errorf("%s: %v", tt.name, view.Vouchers)
		}
	}
}

// With lists of validators, a 304 is of the one that it names.
func TestAListOfValidators(t *testing.T) {
	github := githubtest.New(githubtest.WithETagLists())
	t.Cleanup(github.Close)
	github.AddUser("octo-bot", "ghp_bot")
	github.AddUser("hubot", "ghp_hubot")
	github.AddRepo("acme/web", false)
	github.Grant("octo-bot", "acme/web")
	w := worldOf(t, github, "ghp_bot", func(c *Config) { c.ETagLists = true })
	const repo = "/repos/acme/web"
	mine, theirs := w.get(ci, repo), w.get(solo, repo) // two views
	if mine.body == theirs.body {
		t.Fatal("one view")
	}
	w.costs(0, func() {
		if a := w.get(solo, repo, "Accept", oldJSON); a.body != theirs.body {
			t.Errorf("another's view: %s", a.Outcome)
		}
		if a := w.get(ci, repo, "Accept", oldJSON); a.body != mine.body {
			t.Errorf("another's view: %s", a.Outcome)
		}
	})
	if n := strings.Count(w.last().Header.Get("If-None-Match"), ","); n == 0 {
		t.Errorf("one validator was sent")
	}
	github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		rw.WriteHeader(http.StatusNotModified) // of which?
		return true
	})
	if a := w.get(ci, repo); a.body != mine.body || a.Outcome != Fetched {
		t.Errorf("a 304 without a name: %s", a.Outcome)
	}
}

// A 304 that names another validator than the one it was offered confirms nothing.
func TestA304OfSomethingElseIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	first := w.get(ci, labels)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		rw.Header().Set("Etag", `"something else"`)
		rw.WriteHeader(http.StatusNotModified)
		return true
	})
	w.costs(1, func() {
		if a := w.get(ci, labels); a.Outcome != Fetched || a.body != first.body {
			t.Errorf("%s", a.Outcome)
		}
	})
}

// What is offered is preferred in this order: own views before others', and of those the
// credential's own.
func TestWhatIsOffered(t *testing.T) {
	view := func(name byte, opaque bool, vouchers ...string) store.Representation {
		r := store.Representation{Body: store.Digest{name}, Opaque: opaque}
		for _, v := range vouchers {
			poolName, credential, _ := strings.Cut(v, "/")
			r.Vouchers = append(r.Vouchers, store.Voucher{Pool: poolName, Credential: credential})
		}
		return r
	}
	own := func(r store.Representation) candidate { return candidate{Representation: r, why: stale} }
	other := func(r store.Representation) candidate { return candidate{Representation: r, why: varyMiss} }
	for _, tt := range []struct {
		name string
		all  []candidate
		want string // for credential c of pool p
	}{
		{"nothing", nil, ""},
		{"its own first", []candidate{own(view('a', false, "p/x")), own(view('b', false, "p/c"))}, "ba"},
		{"then the latest", []candidate{own(view('a', false, "q/x")), own(view('b', false, "p/x"))}, "ab"},
		{"an opaque one of the pool", []candidate{own(view('a', true, "p/x"))}, "a"},
		{"no opaque one of another", []candidate{own(view('a', true, "q/c"))}, ""},
		{"its key before another, whoever vouched", []candidate{other(view('a', false, "p/c")), own(view('b', false, "p/x"))}, "ba"},
		{"under another key its own first", []candidate{other(view('a', false, "p/x")), other(view('b', false, "p/c"))}, "ba"},
	} {
		got := ""
		for _, c := range offers(tt.all, "p", "c", 4) {
			got += string(c.Body[0])
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What GitHub sent as something else than JSON is no sibling, whatever was asked for.
func TestASiblingIsJSON(t *testing.T) {
	w := newWorld(t)
	key := store.Key{Path: issue, Accept: "*/*"}
	for accept, media := range map[string]string{oldJSON: "application/json; charset=utf-8", "application/vnd.github.raw+json": "application/vnd.github.raw; charset=utf-8"} {
		w.x.Store.Put(store.Key{Path: issue, Accept: accept}, &store.Representation{Header: http.Header{"Content-Type": {media}}}, nil)
	}
	if all := w.x.candidates(key, nil); len(all) != 1 || all[0].key.Accept != oldJSON || all[0].why != varyMiss {
		t.Errorf("%+v", all)
	}
}
