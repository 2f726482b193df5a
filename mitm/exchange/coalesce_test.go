package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const issue = "/repos/acme/web/issues/1"

// A herd on a cold key: the first is sent; those who come after it wait for it, and then
// what it brought is confirmed for all of them at once.
func TestAHerdOnAColdKeyCostsOnePointAndOne304(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.open = make(chan struct{})
		all := w.herd(50, ci, issue)
		if n := y.sent.Load(); n != 1 {
			t.Errorf("%d were sent at once", n)
		}
		close(y.open)
		if n := outcomes(all); n[Fetched] != 1 || n[Revalidated] != 1 || n[Coalesced] != 48 {
			t.Errorf("outcomes %v", n)
		}
		spent, saved := 0, 0
		for _, one := range all {
			spent, saved = spent+one.Spent, saved+one.Saved
			if one.body != all[0].body || one.Status != http.StatusOK || one.Header.Get("Etag") != all[0].Header.Get("Etag") {
				t.Errorf("another answer: %d %s", one.Status, one.body)
			}
		}
		if n := w.points("core"); n != 1 || spent != 1 || saved != 49 || y.sent.Load() != 2 {
			t.Errorf("%d points, %d told, %d saved, in %d requests", n, spent, saved, y.sent.Load())
		}
		if got := all[9].Header.Get("Cache-Status"); got != "octopool; fwd=stale; fwd-status=304; collapsed" {
			t.Errorf("Cache-Status %s", got)
		}
	})
}

// On a warm key who comes while another is under way waits for it a moment: a change is paid
// for once. The others go together.
func TestAHerdOnAWarmKeyPaysAChangeOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		w.get(ci, issue)
		w.x.Wait()
		w.github.EditIssue("acme/web", 1, "another title")
		y.sent.Store(0)
		y.open = make(chan struct{})
		all := w.herd(50, ci, issue)
		if n := y.sent.Load(); n != 1 {
			t.Errorf("%d were sent at once", n)
		}
		close(y.open)
		if n := outcomes(all); n[Fetched] != 1 || n[Revalidated] != 1 || n[Coalesced] != 48 {
			t.Errorf("outcomes %v", n)
		}
		if n := w.points("core"); n != 2 {
			t.Errorf("%d points for what was there and a change", n)
		}
	})
}

// One answer that takes long holds nobody up, but only a handful are under way.
func TestASlowAnswerHoldsNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		w.get(ci, issue)
		w.x.Wait()
		y.sent.Store(0)
		y.open = make(chan struct{})
		all := w.aHandful(ci, issue)
		if n := y.sent.Load(); n != mostAloft {
			t.Errorf("%d were sent", n)
		}
		all = append(all, w.herd(46, ci, issue)...)
		time.Sleep(2 * patience)
		if n := y.sent.Load(); n != mostAloft {
			t.Errorf("then %d were sent", n)
		}
		close(y.open)
		if n := outcomes(all); n[Revalidated] != mostAloft+1 || n[Coalesced] != 50-mostAloft-1 {
			t.Errorf("outcomes %v", n)
		}
		if n := w.points("core"); n != 1 {
			t.Errorf("%d points", n)
		}
	})
}

// aHandful asks as often as requests for the same are under way at most, each when the one
// before it has lost its patience and was sent.
func (w *world) aHandful(token, path string) (all []*asking) {
	for range mostAloft {
		all = append(all, w.herd(1, token, path)...)
		time.Sleep(patience)
		synctest.Wait()
	}
	return all
}

// Promise 2, where it is hardest: an answer that takes long is old when it arrives. Whoever
// wrote meanwhile and reads again is not given it, however many others wait for it.
func TestWhoWritesReadsTheWriteWhileOthersRead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.took = func(r *http.Request) error {
			if r.Method == http.MethodGet {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}
		var readers sync.WaitGroup
		over := make(chan struct{})
		for i := range 8 {
			readers.Go(func() {
				for time.Sleep(time.Duration(i) * 13 * time.Millisecond); ; time.Sleep(7 * time.Millisecond) {
					select {
					case <-over:
						return
					default:
						if _, err := w.ask(ops, http.MethodGet, issue, ""); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		shared := 0
		for n := range 40 {
			time.Sleep(33 * time.Millisecond)
			title := fmt.Sprint("title ", n)
			if a, err := w.ask(ci, http.MethodPatch, issue, `{"title":"`+title+`"}`); err != nil || a.Status != http.StatusOK {
				t.Fatalf("write %d: %v", n, err)
			}
			a := w.get(ci, issue)
			if !strings.Contains(a.body, `"title":"`+title+`"`) {
				t.Errorf("after write %d: %.80s (%s)", n, a.body, a.Outcome)
			}
			if a.Outcome == Coalesced {
				shared++
			}
		}
		close(over)
		readers.Wait()
		if shared == 0 {
			t.Error("nothing was ever shared")
		}
	})
}

// Who leaves takes nobody along; when all have left, the request ends and is nobody's.
func TestAFlightEndsWhenTheLastHasLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.open = make(chan struct{})
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		ended := make(chan struct{})
		w.x.Upstream = roundTrip(func(r *http.Request) (*http.Response, error) {
			context.AfterFunc(r.Context(), func() { close(ended) })
			return y.RoundTrip(r)
		})
		a := w.begin(first, ci, http.MethodGet, issue, "")
		b := w.begin(second, ci, http.MethodGet, issue, "") // waits for the first
		leave()
		<-a.over
		if !errors.Is(a.err, context.Canceled) {
			t.Errorf("who left got %v", a.err)
		}
		<-ended
		ended = make(chan struct{})
		synctest.Wait() // the second is sent now
		c := w.begin(t.Context(), ci, http.MethodGet, issue, "")
		d := w.begin(t.Context(), ops, http.MethodGet, issue, "")
		leaveToo()
		<-b.over
		<-ended
		ended = make(chan struct{})
		close(y.open)
		if n := outcomes([]*asking{c, d}); n[Fetched] != 1 || n[Coalesced] != 1 {
			t.Errorf("who stayed: %v, %v %v", n, c.err, d.err)
		}
	})
}

// Of several who wait for one flight, those who stay are answered.
func TestLeaversDoNotEndWhatOthersWaitFor(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.open = make(chan struct{})
		w.herd(1, solo, issue) // what is waited for
		ctx, leave := context.WithCancel(t.Context())
		a := w.begin(ctx, ci, http.MethodGet, issue, "")
		b := w.begin(t.Context(), ci, http.MethodGet, issue, "")
		leave()
		<-a.over
		close(y.open)
		if <-b.over; b.err != nil || b.Outcome != Revalidated {
			t.Errorf("%v, %+v", b.err, b.Answer)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An error is for those who waited for it, and nobody else: the next ask again.
func TestErrorsAreNotSharedBeyondTheFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.open = make(chan struct{})
		y.took = func(*http.Request) error { return errUnplugged }
		all := w.herd(50, ci, issue)
		close(y.open)
		if n := outcomes(all); n["error"] != 50 || y.sent.Load() != 2 {
			t.Errorf("%v in %d requests", n, y.sent.Load())
		}
		y.took = nil
		if a := w.get(ci, issue); a.Status != http.StatusOK {
			t.Errorf("then: %d", a.Status)
		}
		y.open, y.sent = make(chan struct{}), atomic.Int64{}
		missing := w.herd(50, ci, "/repos/acme/web/issues/99")
		close(y.open)
		if n := outcomes(missing); n[Fetched] != 2 || n[Coalesced] != 48 || y.sent.Load() != 2 {
			t.Errorf("404s: %v in %d requests", n, y.sent.Load())
		}
	})
}

// A bug comes down on those who wait for it, is written down, and is over.
func TestABugInAFlightIsContained(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.took = func(*http.Request) error { panic("a wing") }
		if _, err := w.ask(ci, http.MethodGet, issue, ""); !errors.Is(err, errBug) {
			t.Errorf("error %v", err)
		}
		if log := w.log.String(); !strings.Contains(log, "a wing") || !strings.Contains(log, "coalesce_test.go") {
			t.Errorf("log: %s", log)
		}
		y.took = nil
		if a := w.get(ci, issue); a.Status != http.StatusOK {
			t.Errorf("then: %d", a.Status)
		}
	})
}

// Who shares a flight shares a pool, and where the answer speaks of the credential also
// the client.
func TestWhoMayNotShare(t *testing.T) {
	for _, tt := range []struct {
		name   string
		a, b   string
		target string
		sent   int64
	}{
		{"two clients of a pool", ci, ops, issue, 1},
		{"two pools", ci, both, issue, 2},
		{"two clients, of who they are", ci, ops, "/user", 2},
		{"a client, of who it is", ci, ci, "/user", 1},
	} {
		inBubble(t, func(t *testing.T, w *world, y *way) {
			y.open = make(chan struct{})
			first := w.herd(1, solo, tt.target) // what they wait for
			y.sent.Store(0)
			all := append(w.herd(1, tt.a, tt.target), w.herd(1, tt.b, tt.target)...)
			close(y.open)
			outcomes(first)
			if outcomes(all); y.sent.Load() != tt.sent {
				t.Errorf("%s: %d requests, want %d", tt.name, y.sent.Load(), tt.sent)
			}
		})
	}
}

// What is shared is fitted to each: its encoding, its method, its condition.
func TestEachGetsItsOwnKindOfTheSharedAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		tag := w.get(ci, labels, "Accept-Encoding", "gzip").Header.Get("Etag")
		want := w.get(ci, labels).body
		w.x.Wait()
		y.open = make(chan struct{})
		w.aHandful(ci, labels)
		ask := func(method string, headers ...string) *asking {
			return w.begin(t.Context(), ci, method, labels, "", headers...)
		}
		plain, zipped, head, same := ask("GET"), ask("GET", "Accept-Encoding", "gzip"), ask("HEAD"), ask("GET", "If-None-Match", tag, "Accept-Encoding", "gzip")
		y.sent.Store(0)
		close(y.open)
		outcomes([]*asking{plain, zipped, head, same})
		if y.sent.Load() != 1 {
			t.Errorf("%d requests", y.sent.Load())
		}
		if plain.body != want || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("plain: %s", plain.body)
		}
		if plainText(t, zipped.got) != want || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("zipped: %s", zipped.body)
		}
		if head.body != "" || head.Header.Get("Content-Length") != fmt.Sprint(len(want)) {
			t.Errorf("HEAD: %q, %s", head.body, head.Header.Get("Content-Length"))
		}
		if same.Status != http.StatusNotModified || same.body != "" || same.Header.Get("Etag") != tag {
			t.Errorf("conditional: %d %q", same.Status, same.body)
		}
	})
}

// Pools share no flight, but what one brings the other need only have confirmed.
func TestAPoolWaitsForWhatAnotherBrings(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		y.open = make(chan struct{})
		all := append(w.herd(10, ci, issue), w.herd(10, solo, issue)...)
		close(y.open)
		outcomes(all)
		if n := w.points("core"); n != 1 {
			t.Errorf("%d points", n)
		}
	})
}
