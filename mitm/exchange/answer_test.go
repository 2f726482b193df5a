package exchange

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The client's own conditions are answered against octopool's ETag, after GitHub has
// vouched for it, and never reach GitHub.
func TestTheClientsConditionsAreAnsweredHere(t *testing.T) {
	w := newWorld(t)
	tag := w.get(ci, labels).Header.Get("Etag")
	bare := strings.TrimPrefix(tag, "W/")
	for _, tt := range []struct {
		name, condition string
		status          int
	}{
		{"the tag as given", tag, 304},
		{"the tag compared weakly", "W/" + bare, 304},
		{"the tag made strong", bare, 304},
		{"in a list", `"nothing", ` + tag + `, W/"else"`, 304},
		{"any", "*", 304},
		{"another tag", `W/"0123"`, 200},
		{"no tag at all", `nonsense`, 200},
	} {
		a := w.get(ci, labels, "If-None-Match", tt.condition)
		if a.Status != tt.status || (tt.status == 304) != (a.body == "") {
			t.Errorf("%s: status %d with %d bytes, want %d", tt.name, a.Status, len(a.body), tt.status)
		}
		if got := a.Header.Get("Etag"); got != tag && got != bare {
			t.Errorf("%s: ETag %s", tt.name, got)
		}
		if a.Header.Get("X-Ratelimit-Remaining") == "" || a.Header.Get("Cache-Status") == "" {
			t.Errorf("%s: no rate limit or Cache-Status on %d", tt.name, a.Status)
		}
		if sent := w.last().Header.Get("If-None-Match"); strings.Contains(sent, tt.condition) {
			t.Errorf("%s: GitHub was sent the client's condition %s", tt.name, sent)
		}
	}
	w.github.EditIssue("acme/web", 1, "other")
	issue := w.get(ci, "/repos/acme/web/issues/1")
	w.github.EditIssue("acme/web", 1, "another")
	if a := w.get(ci, "/repos/acme/web/issues/1", "If-None-Match", issue.Header.Get("Etag")); a.Status != 200 || !strings.Contains(a.body, "another") {
		t.Errorf("after a change: %d", a.Status)
	}
}

// If-Modified-Since is known to give false 304s at GitHub, so it is not even read.
func TestIfModifiedSinceIsNotRead(t *testing.T) {
	w := newWorld(t)
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for range 2 {
		if a := w.get(ci, labels, "If-Modified-Since", date); a.Status != 200 {
			t.Errorf("got %d", a.Status)
		}
		if got := w.last().Header.Get("If-Modified-Since"); got != "" {
			t.Errorf("GitHub was sent If-Modified-Since: %s", got)
		}
	}
}

// A HEAD has the headers of the GET and no body, and pays for both.
func TestAHeadIsAGetWithoutItsBody(t *testing.T) {
	w := newWorld(t)
	head, err := w.ask(ci, http.MethodHead, labels, "", "Accept-Encoding", "gzip")
	if err != nil || head.Status != 200 || head.body != "" {
		t.Fatalf("HEAD: %v, %d bytes", err, len(head.body))
	}
	w.costs(0, func() {
		full := w.get(ci, labels, "Accept-Encoding", "gzip")
		if got, want := head.Header.Get("Content-Length"), strconv.Itoa(len(full.body)); got != want {
			t.Errorf("HEAD said %s bytes, GET had %s", got, want)
		}
		for _, name := range []string{"Etag", "Content-Type", "Content-Encoding", "Link", "Last-Modified"} {
			if head.Header.Get(name) != full.Header.Get(name) {
				t.Errorf("%s: HEAD %q, GET %q", name, head.Header.Get(name), full.Header.Get(name))
			}
		}
	})
}

// GitHub's gzip is passed on as it came to who can read it, and undone for who cannot.
func TestGzipIsForThoseWhoReadIt(t *testing.T) {
	w := newWorld(t)
	want := w.direct("ghp_bot", labels)
	for _, tt := range []struct {
		accepts string
		gzipped bool
	}{
		{"", false},
		{"gzip", true},
		{"deflate, gzip;q=0.5, br", true},
		{"*", true},
		{"identity", false},
		{"gzip;q=0", false},
		{"gzip;q=0, *", false},
	} {
		for _, moment := range []string{"cold", "warm"} {
			if moment == "cold" {
				w = worldOf(t, w.github, "ghp_bot")
			}
			a := w.get(ci, labels, "Accept-Encoding", tt.accepts)
			if gzipped := a.Header.Get("Content-Encoding") == "gzip"; gzipped != tt.gzipped {
				t.Errorf("%s, %q: gzipped %t", moment, tt.accepts, gzipped)
			}
			if weak := strings.HasPrefix(a.Header.Get("Etag"), "W/"); weak != tt.gzipped {
				t.Errorf("%s, %q: ETag %s", moment, tt.accepts, a.Header.Get("Etag"))
			}
			if got, want := a.Header.Get("Content-Length"), strconv.Itoa(len(a.body)); got != "" && got != want {
				t.Errorf("%s, %q: Content-Length %s of %s", moment, tt.accepts, got, want)
			}
			if text := plainText(t, a); text != want {
				t.Errorf("%s, %q: another body: %.60s", moment, tt.accepts, text)
			}
		}
	}
}

// Answers that are not stored are decoded as well: what GitHub gzips is octopool's to
// undo, since octopool asked for it.
func TestAnErrorIsDecodedToo(t *testing.T) {
	w := newWorld(t)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
		rw.Header().Set("Content-Encoding", "gzip")
		rw.WriteHeader(http.StatusUnprocessableEntity)
		z := gzip.NewWriter(rw)
		io.WriteString(z, `{"message":"Validation Failed"}`)
		z.Close()
		return true
	})
	if a := w.get(ci, labels); a.body != `{"message":"Validation Failed"}` || a.Header.Get("Content-Encoding") != "" {
		t.Errorf("got %q as %q", a.body, a.Header.Get("Content-Encoding"))
	}
}

func plainText(t *testing.T, a got) string {
	t.Helper()
	if a.Header.Get("Content-Encoding") != "gzip" {
		return a.body
	}
	z, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a client may know of rate limits is its pool's, on every answer, and nothing of
// the credential's own.
func TestAnswersSpeakOfThePoolAndNotOfTheCredential(t *testing.T) {
	w := newWorld(t)
	w.github.SetScopes("ghp_bot", "repo, admin:org")
	w.github.SetExpiry("ghp_bot", time.Now().Add(time.Hour))
	w.github.SetBudget("octo-bot", "core", 5000, 100, time.Time{})
	w.get(ci, labels)
	etag := w.get(ci, labels).Header.Get("Etag")
	for name, ask := range map[string]func() got{
		"revalidated": func() got { return w.get(ci, labels) },
		"304":         func() got { return w.get(ci, labels, "If-None-Match", etag) },
		"fetched":     func() got { return w.get(ci, "/repos/acme/web/issues/1?fresh="+strconv.Itoa(w.points("core"))) },
		"404":         func() got { return w.get(ci, "/repos/acme/web/issues/999") },
		"write": func() got {
			a, err := w.ask(ci, http.MethodPost, "/repos/acme/web/issues", `{"title":"x"}`)
			if err != nil {
				t.Fatal(err)
			}
			return a
		},
	} {
		a := ask()
		number := func(name string) int { n, _ := strconv.Atoi(a.Header.Get("X-Ratelimit-" + name)); return n }
		if number("Limit") != 5000 || number("Used")+number("Remaining") != 5000 || number("Used") < 101 {
			t.Errorf("%s: limit %d, used %d, remaining %d", name, number("Limit"), number("Used"), number("Remaining"))
		}
		if reset := time.Unix(int64(number("Reset")), 0); reset.Before(time.Now()) || reset.After(time.Now().Add(2*time.Hour)) {
			t.Errorf("%s: reset %s", name, reset)
		}
		if a.Header.Get("X-Ratelimit-Resource") != "core" {
			t.Errorf("%s: resource %q", name, a.Header.Get("X-Ratelimit-Resource"))
		}
		for _, secret := range []string{"X-Oauth-Scopes", "X-Accepted-Oauth-Scopes", "Github-Authentication-Token-Expiration", "X-Github-Sso", "Set-Cookie", "Authorization"} {
			if _, there := a.Header[secret]; there {
				t.Errorf("%s: has %s", name, secret)
			}
		}
		if !strings.HasPrefix(a.Header.Get("Cache-Status"), "octopool; ") {
			t.Errorf("%s: Cache-Status %q", name, a.Header.Get("Cache-Status"))
		}
	}
}

func TestCacheStatusSaysHowTheAnswerCameToBe(t *testing.T) {
	w := newWorld(t)
	status := func(a got) string { return a.Header.Get("Cache-Status") }
	for _, tt := range []struct{ what, got, want string }{
		{"a first read", status(w.get(ci, labels)), "octopool; fwd=uri-miss; fwd-status=200; stored"},
		{"a second", status(w.get(ops, labels)), "octopool; fwd=stale; fwd-status=304"},
		{"a search", status(w.get(ci, "/search/issues?q=first")), "octopool; fwd=uri-miss; fwd-status=200"},
		{"a missing one", status(w.get(ci, "/repos/acme/none")), "octopool; fwd=uri-miss; fwd-status=404"},
		{"a range", status(w.get(ci, labels, "Range", "bytes=0-9")), "octopool; fwd=bypass; fwd-status=200"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, tt.got, tt.want)
		}
	}
	a, err := w.ask(ci, http.MethodPost, "/repos/acme/web/issues", `{"title":"x"}`)
	if err != nil || status(a) != "octopool; fwd=method; fwd-status=201" {
		t.Errorf("a write: %v, %s", err, status(a))
	}
}

// GET /rate_limit speaks of the whole pool and costs nothing, not even a request.
func TestRateLimitIsThePools(t *testing.T) {
	w := newWorld(t)
	w.github.SetBudget("octo-bot", "core", 5000, 1000, time.Time{})
	w.github.SetBudget("hubot", "core", 5000, 2000, time.Time{})
	w.get(ci, labels)
	w.get(solo, labels)
	asked := len(w.github.Seen())
	for client, want := range map[string]string{
		ci:   `"core":{"limit":5000,"used":1001,"remaining":3999,`,
		solo: `"core":{"limit":5000,"used":2000,"remaining":3000,`, // revalidated, for free
	} {
		a := w.get(client, "/rate_limit")
		if !strings.Contains(a.body, want) || !strings.Contains(a.body, `"rate":{"limit":5000,`) || !strings.Contains(a.body, `"graphql":{`) {
			t.Errorf("%s: %s", client, a.body)
		}
	}
	if len(w.github.Seen()) != asked {
		t.Error("GitHub was asked")
	}
}
