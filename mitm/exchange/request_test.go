package exchange

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"octopool/policy"
)

// Invariant 2: what is not in the key cannot colour an answer, so it is not sent.
func TestAStorableRequestIsBuiltFromItsKeyAlone(t *testing.T) {
	w := newWorld(t)
	w.get(ci, "/repos/acme/web/issues/1?per_page=5",
		"User-Agent", "curl/8.0", "Cookie", "a=b", "X-Forwarded-For", "10.0.0.1", "Time-Zone", "Europe/Berlin",
		"X-Github-Otp", "123", "If-Match", `"x"`, "Cache-Control", "no-cache", "X-Http-Method-Override", "DELETE",
		"Accept", "application/vnd.github+json", "X-Github-Api-Version", "2022-11-28")
	seen := w.last()
	want := http.Header{
		"Accept": {"application/vnd.github+json"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer ghp_bot"},
		"User-Agent": {"octopool/test"}, "X-Github-Api-Version": {"2022-11-28"},
	}
	for name := range seen.Header {
		if !slices.Equal(seen.Header[name], want[name]) {
			t.Errorf("GitHub was sent %s: %v", name, seen.Header[name])
		}
	}
	for name := range want {
		if _, there := seen.Header[name]; !there {
			t.Errorf("GitHub was not sent %s", name)
		}
	}
}

// Equal questions share an answer, different ones do not.
func TestTheKeyIsTheQuestion(t *testing.T) {
	type question struct {
		target  string
		headers []string
	}
	q := func(target string, headers ...string) question { return question{target, headers} }
	base := "/repos/acme/web/issues?state=all&per_page=2"
	for _, tt := range []struct {
		name string
		a, b question
		same bool
	}{
		{"order of the query", q(base), q("/repos/acme/web/issues?per_page=2&state=all"), true},
		{"empty pairs", q(base), q("/repos/acme/web/issues?&state=all&&per_page=2"), true},
		{"no Accept, an empty one, and any", q(base), q(base, "Accept", ""), true},
		{"any", q(base), q(base, "Accept", "*/*"), true},
		{"a media type", q(base), q(base, "Accept", "application/vnd.github.full+json"), false},
		{"a version", q(base), q(base, "X-Github-Api-Version", "2022-11-28"), false},
		{"another page", q(base), q(base + "&page=2"), false},
		{"another agent", q(base), q(base, "User-Agent", "curl/8"), true},
		{"order of equal names", q("/repos/acme/web/issues?labels=a&labels=b"), q("/repos/acme/web/issues?labels=b&labels=a"), false},
		{"a fragment of the path", q("/repos/acme/web/issues/1"), q("/repos/acme/web/issues/2"), false},
	} {
		key := func(q question) any {
			in := request(t, http.MethodGet, q.target, "", q.headers...)
			r, err := policy.Read(policy.Origin{GitHub: "github.com", Host: "api.github.com"}, in.Method, in.URL.EscapedPath(), in.URL.RawQuery)
			if err != nil {
				t.Fatal(err)
			}
			return keyOf(r, in)
		}
		if same := key(tt.a) == key(tt.b); same != tt.same {
			t.Errorf("%s: same key %t\n%v\n%v", tt.name, same, key(tt.a), key(tt.b))
		}
	}
}

// A canonical query means what the client's meant: the same values for each name, in
// the same order.
func FuzzCanonicalQuery(f *testing.F) {
	for _, raw := range []string{"", "a=1", "b=2&a=1", "a=2&b&a=1", "&&", "%61=1&a=2", "q=a%26b&q=+", "%zz=1&a", "a;b=1&c"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		canonical := canonicalQuery(raw)
		want, wantErr := url.ParseQuery(raw)
		got, gotErr := url.ParseQuery(canonical)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("%q became %q: %v, then %v", raw, canonical, wantErr, gotErr)
		}
		for name := range want {
			if !slices.Equal(want[name], got[name]) {
				t.Fatalf("%q became %q: %q is %q", raw, canonical, name, got[name])
			}
		}
		if len(got) != len(want) || canonicalQuery(canonical) != canonical {
			t.Fatalf("%q became %q, then %q", raw, canonical, canonicalQuery(canonical))
		}
		if refused := checkQuery(raw) != nil; wantErr == nil && refused != namesToken(want) {
			t.Fatalf("%q: refused %t", raw, refused)
		}
	})
}

func namesToken(v url.Values) bool {
	for name := range v {
		if strings.EqualFold(name, "access_token") {
			return true
		}
	}
	return false
}

// GitHub stopped reading tokens in queries; a client's must not get there.
func TestATokenInTheQueryIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"access_token=" + ci, "a=1&ACCESS_TOKEN=x", "%61ccess_token=x"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if _, err := w.ask(ci, method, labels+"?"+query, "{}"); !errors.Is(err, ErrTokenInQuery) {
				t.Errorf("%s ?%s: %v", method, query, err)
			}
		}
	}
	if len(w.github.Seen()) != 0 {
		t.Error("GitHub saw it")
	}
}

// A Range is passed on. One under a condition on octopool's own validator is answered
// whole, since GitHub would take it for a changed one.
func TestRanges(t *testing.T) {
	w := newWorld(t)
	tag := w.get(ci, labels).Header.Get("Etag")
	w.get(ci, labels, "Range", "bytes=0-9")
	if got := w.last().Header.Get("Range"); got != "bytes=0-9" {
		t.Errorf("GitHub was sent Range %q", got)
	}
	a := w.get(ci, labels, "Range", "bytes=0-9", "If-Range", tag)
	if a.Status != http.StatusOK || a.Outcome != Revalidated {
		t.Errorf("If-Range: %d, %s", a.Status, a.Outcome)
	}
}

// What is too large to keep is passed on whole.
func TestALargeBodyIsPassedOn(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := newWorld(t, maxEntry(64<<10))
		large := strings.Repeat(`"x",`, 50<<10)
		w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Etag", `"abc"`)
			rw.WriteHeader(http.StatusOK)
			if !known {
				rw.(http.Flusher).Flush()
			}
			io.WriteString(rw, large)
			return true
		})
		a := w.get(ci, labels)
		if a.body != large || w.x.Store.Stats().Entries != 0 {
			t.Errorf("length known %t: %d bytes of %d, %d stored", known, len(a.body), len(large), w.x.Store.Stats().Entries)
		}
		if got := a.Header.Get("Cache-Status"); got != "octopool; fwd=uri-miss; fwd-status=200" {
			t.Errorf("length known %t: %s", known, got)
		}
	}
}

// A body that GitHub breaks off is an error to the client too, and never stored.
func TestABrokenBodyIsNotStored(t *testing.T) {
	w := newWorld(t)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("Etag", `"abc"`)
		rw.Header().Set("Content-Length", "1000")
		io.WriteString(rw, `{"half":`)
		rw.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if a, err := w.ask(ci, http.MethodGet, labels, ""); err == nil {
		t.Errorf("got %d %q without an error", a.Status, a.body)
	}
	if n := w.x.Store.Stats().Entries; n != 0 {
		t.Errorf("%d stored", n)
	}
}

// Invariant 1: without a grant nothing goes upstream.
func TestWithoutAGrantNothingIsSent(t *testing.T) {
	w := newWorld(t)
	if _, err := w.x.Do(t.Context(), policy.Grant{}, request(t, http.MethodGet, labels, "")); !errors.Is(err, ErrNoGrant) {
		t.Errorf("error %v", err)
	}
	if len(w.github.Seen()) != 0 {
		t.Error("GitHub saw it")
	}
}
