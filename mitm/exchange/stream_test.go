package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"octopool/store"
)

// trickle is a GitHub that sends one body when it is told to.
type trickle struct {
	*io.PipeWriter
	read *io.PipeReader
	size int64 // announced; -1 when it is not
}

func newTrickle(size int64) *trickle {
	r, w := io.Pipe()
	return &trickle{w, r, size}
}

func (s *trickle) RoundTrip(r *http.Request) (*http.Response, error) {
	context.AfterFunc(r.Context(), func() { s.CloseWithError(context.Canceled) })
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Etag": {`"abc"`}}
	return &http.Response{StatusCode: http.StatusOK, Header: h, ContentLength: s.size, Body: s.read}, nil
}

// do asks and returns the answer, of which the body is yet to be read.
func (w *world) do(ctx context.Context, method string, headers ...string) *Answer {
	w.t.Helper()
	in := request(w.t, method, issue, "", headers...)
	a, err := w.x.Do(ctx, w.grant(ci, in), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func bubble(t *testing.T, test func(t *testing.T, w *world), settings ...setting) {
	t.Helper()
	github := newGitHub(t)
	synctest.Test(t, func(t *testing.T) { test(t, worldOf(t, github, "ghp_bot", settings...)) })
}

func letters(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(random.IntN(26))
	}
	return b
}

// What is long goes out as it comes in, and is stored all the same. Next time it has an ETag.
func TestALongAnswerStreamsAndIsStored(t *testing.T) {
	text := letters(2 << 20)
	for _, size := range []int64{-1, int64(len(text))} {
		bubble(t, func(t *testing.T, w *world) {
			github := newTrickle(size)
			w.x.Upstream = github
			go github.Write(text[:heldMost+100])
			a := w.do(t.Context(), http.MethodGet)
			got := make([]byte, heldMost+100)
			if _, err := io.ReadFull(a.Body, got); err != nil || a.AtHand() || a.Header.Get("Etag") != "" {
				t.Errorf("%d bytes announced: %v, %v", size, err, a.Header)
			}
			go func() {
				github.Write(text[heldMost+100:])
				github.Close()
			}()
			rest, err := io.ReadAll(a.Body)
			if a.Body.Close(); err != nil || !bytes.Equal(append(got, rest...), text) {
				t.Errorf("%d bytes announced: %v, %d bytes", size, err, len(got)+len(rest))
			}
			w.x.Wait()
			w.x.Upstream = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("If-None-Match") != `"abc"` {
					t.Errorf("GitHub was offered %q", r.Header.Get("If-None-Match"))
				}
				return &http.Response{StatusCode: http.StatusNotModified, Header: http.Header{}, Body: http.NoBody}, nil
			})
			if again := w.get(ci, issue); again.body != string(text) || again.Header.Get("Etag") == "" {
				t.Errorf("%d bytes announced, then: %d bytes, %v", size, len(again.body), again.Header)
			}
		})
	}
}

// Who asks what only the whole can tell waits for the whole.
func TestAHeadAndAConditionWaitForTheWhole(t *testing.T) {
	text := letters(1 << 20)
	bubble(t, func(t *testing.T, w *world) {
		github := newTrickle(-1)
		w.x.Upstream = github
		go func() {
			github.Write(text)
			github.Close()
		}()
		a := w.do(t.Context(), http.MethodHead)
		if a.Header.Get("Etag") == "" || a.Header.Get("Content-Length") != strconv.Itoa(len(text)) {
			t.Errorf("HEAD: %v", a.Header)
		}
		tag := a.Header.Get("Etag")
		w.x.Wait()
		w.x.Store = store.NewMemory(0)
		github = newTrickle(-1)
		w.x.Upstream = github
		go func() {
			github.Write(text)
			github.Close()
		}()
		if a := w.do(t.Context(), http.MethodGet, "If-None-Match", tag); a.Status != http.StatusNotModified {
			t.Errorf("conditional: %d", a.Status)
		}
	})
}

// together is three answers of one flight: they come while another is under way, which
// then fails.
func (w *world) together(github http.RoundTripper) [3]*Answer {
	w.t.Helper()
	gate, calls := make(chan struct{}), 0
	w.x.Upstream = roundTrip(func(r *http.Request) (*http.Response, error) {
		if calls++; calls > 1 {
			return github.RoundTrip(r)
		}
		<-gate
		return nil, errUnplugged
	})
	first := w.begin(w.t.Context(), solo, http.MethodGet, issue, "")
	var answers [3]*Answer
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.do(w.t.Context(), http.MethodGet) })
	}
	synctest.Wait()
	close(gate)
	<-first.over
	all.Wait()
	if calls != 2 {
		w.t.Errorf("%d requests", calls)
	}
	return answers
}

// Those who share what streams read it at their own pace, be it kept or passed on.
func TestASlowReaderSlowsNobody(t *testing.T) {
	text := letters(3 << 20)
	for _, most := range []int64{8 << 20, 1 << 20} {
		bubble(t, func(t *testing.T, w *world) {
			github := newTrickle(-1)
			go func() {
				github.Write(text)
				github.Close()
			}()
			answers := w.together(github)
			beginning := make([]byte, 10)
			if _, err := io.ReadFull(answers[2].Body, beginning); err != nil {
				t.Error(err)
			}
			for i, a := range answers { // one after the other: whoever comes later is slow
				got, err := io.ReadAll(a.Body)
				if i == 2 {
					got = append(beginning, got...)
				}
				if a.Body.Close(); err != nil || !bytes.Equal(got, text) {
					t.Errorf("at most %d kept: reader %d got %d bytes, %v", most, i, len(got), err)
				}
			}
			w.x.Wait()
			if kept := w.x.Store.Stats().Entries == 1; kept != (most > int64(len(text))) {
				t.Errorf("at most %d kept: stored %t", most, kept)
			}
		}, maxEntry(most))
	}
}

// What is not kept is not read ahead of who reads it.
func TestWhatIsPassedOnIsNotHoarded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		github := newTrickle(-1)
		w.x.Upstream = github
		sent := 0
		go func() {
			for piece := letters(64 << 10); ; sent += len(piece) {
				if _, err := github.Write(piece); err != nil {
					return
				}
			}
		}()
		a := w.do(t.Context(), http.MethodGet)
		synctest.Wait()
		if most := heldMost + 2*spoolAhead + 128<<10; sent > most {
			t.Errorf("%d bytes were read ahead, want at most %d", sent, most)
		}
		a.Body.Close()
	}, maxEntry(heldMost))
}

// A body that breaks off breaks off for all, and is not stored; who leaves in the middle
// ends it only for himself.
func TestABodyThatBreaksOffIsSeenByAll(t *testing.T) {
	text := letters(1 << 20)
	bubble(t, func(t *testing.T, w *world) {
		github := newTrickle(-1)
		go func() {
			github.Write(text)
			github.CloseWithError(errUnplugged)
		}()
		answers := w.together(github)
		answers[0].Body.Close()
		if _, err := answers[0].Body.Read(make([]byte, 1)); err == nil {
			t.Error("read after Close")
		}
		for _, a := range answers[1:] {
			got, err := io.ReadAll(a.Body)
			if a.Body.Close(); !errors.Is(err, errUnplugged) || !bytes.Equal(got, text) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		}
		w.x.Wait()
		if n := w.x.Store.Stats().Entries; n != 0 {
			t.Errorf("%d stored", n)
		}
	})
}

// A client that leaves while nothing comes is not waited for, and GitHub is told.
func TestALeaverIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		github := newTrickle(1 << 20)
		w.x.Upstream = github
		ctx, leave := context.WithCancel(t.Context())
		a := w.do(ctx, http.MethodGet)
		time.AfterFunc(time.Minute, leave)
		if _, err := a.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		a.Body.Close()
		synctest.Wait()
		if _, err := github.Write([]byte("x")); err == nil {
			t.Error("GitHub is still read")
		}
	})
}

// Whatever pieces a body is written in and read in, every reader gets the whole.
func TestSpool(t *testing.T) {
	random := rand.New(rand.NewPCG(20261123, 2))
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			text := letters(random.IntN(2 * spoolAhead))
			s := newSpool(int64(random.IntN(2) * len(text)))
			var readers sync.WaitGroup
			for range 1 + random.IntN(4) {
				r := s.open(t.Context(), func() {})
				pause, step := time.Duration(random.IntN(3)), 1+random.IntN(64<<10)
				readers.Go(func() {
					defer r.Close()
					var got []byte
					for piece := make([]byte, step); ; time.Sleep(pause) {
						n, err := r.Read(piece)
						if got = append(got, piece[:n]...); err != nil {
							break
						}
					}
					if !bytes.Equal(got, text) {
						t.Errorf("read %d bytes of %d", len(got), len(text))
					}
				})
			}
			passAt := random.IntN(2*len(text) + 1)
			for at := 0; at < len(text); {
				n := min(len(text)-at, 1+random.IntN(64<<10))
				s.write(text[at : at+n])
				if at += n; at >= passAt {
					s.pass()
				}
				time.Sleep(time.Duration(random.IntN(3)))
			}
			s.finish(io.EOF)
			readers.Wait()
			if body, whole := s.body(); whole && passAt > len(text) && !bytes.Equal(body, text) {
				t.Error("the whole is another")
			}
		})
	}
}
