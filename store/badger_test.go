package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func openBadger(t testing.TB, dir string) *Badger {
	t.Helper()
	return openBadgerWith(t, dir, BadgerOptions{TTL: time.Hour}, time.Now, freeOn)
}

func openBadgerWith(t testing.TB, dir string, o BadgerOptions, now func() time.Time, free func(string) int64) *Badger {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := openWith(dir, o, now, free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A clock shows the time since start that it is set to.
type clock struct {
	start time.Time
	since atomic.Int64
}

func newClock() *clock                   { return &clock{start: time.Now().Truncate(time.Second)} }
func (c *clock) set(since time.Duration) { c.since.Store(int64(since)) }
func (c *clock) now() time.Time          { return c.start.Add(time.Duration(c.since.Load())) }

func TestBadger(t *testing.T) {
	testStore(t, func(t *testing.T) Store { return openBadger(t, t.TempDir()) })
}

func TestBadgerReopened(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	for i := range 100 {
		put(s, Key{Path: fmt.Sprint(i)}, strings.Repeat("x", i*100), noon)
	}
	s.Drop(Key{Path: "7"}, answer(strings.Repeat("x", 700), noon).Body)
	before := wantStats(t, s, 99, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBadger(t, dir)
	for i := range 100 {
		if i != 7 {
			wantViews(t, s, Key{Path: fmt.Sprint(i)}, strings.Repeat("x", i*100))
		}
	}
	wantViews(t, s, Key{Path: "7"})
	until(t, "all is counted", func() bool {
		after := s.Stats()
		ratio := float64(after.Bytes) / float64(before.Bytes)
		return after.Entries == 99 && ratio > 0.95 && ratio < 1.05
	})
}

func TestBadgerIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openBadger(t, dir)
	put(s, aKey, "x", noon)
	if _, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	wantViews(t, s, aKey, "x")
}

// A database that fails costs misses and one line of log for each kind of use.
func TestBadgerFailing(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	s := openBadger(t, dir)
	r := put(s, aKey, "x", noon)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantStats(t, s, 1, 0) // the first count has found it …
	s.open.Lock()         // … and is over
	err = s.db.Close()
	s.open.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.Put(aKey, r, []byte("x"))
		s.Touch(aKey, r)
		s.Drop(aKey, r.Body)
		s.outbox.settle()
		if _, ok := s.Body(aKey, r); ok || s.Lookup(aKey) != nil {
			t.Error("a failing store answered")
		}
	}
	s.outbox.settle()
	if got := s.Stats().Errors; got != 15 {
		t.Errorf("%d errors, want 15", got)
	}
	if got := strings.Count(log.String(), "level=WARN msg=store "); got != 5 || strings.Count(log.String(), "\n") != 5 {
		t.Errorf("%d warnings, want 5:\n%s", got, log.String())
	}
}

func TestBadgerPanicIsAMiss(t *testing.T) {
	s := openBadger(t, t.TempDir())
	s.use("lookup", func() error { panic("index out of range") })
	if got := s.Stats().Errors; got != 1 {
		t.Errorf("%d errors", got)
	}
	put(s, aKey, "x", noon)
	wantViews(t, s, aKey, "x")
}

func TestFailuresAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := newFailures(slog.New(slog.NewTextHandler(&log, nil)), time.Now)
		for range 121 {
			f.note("lookup", errors.New("broken"))
			f.note("put", errors.New("broken"))
			time.Sleep(time.Second)
		}
		if got := strings.Count(log.String(), "failed=lookup error=broken"); got != 3 {
			t.Errorf("%d lines in two minutes and a second, want 3", got)
		}
		if got := f.count.Load(); got != 242 {
			t.Errorf("counted %d", got)
		}
	})
}

// FuzzKeyInjective claims that different keys never share what is hashed for
// them, so that only a collision of SHA-256 could confuse them.
func FuzzKeyInjective(f *testing.F) {
	f.Add("h", "/p", "q", "a", "v", "h", "/pq", "", "a", "v")
	f.Add("h", "/p", "", "av", "", "h", "/p", "", "a", "v")
	f.Add("", "\x01", "", "", "", "\x01", "", "", "", "")
	f.Fuzz(func(t *testing.T, h1, p1, q1, a1, v1, h2, p2, q2, a2, v2 string) {
		k1, k2 := Key{h1, p1, q1, a1, v1}, Key{h2, p2, q2, a2, v2}
		sameURL := h1 == h2 && p1 == p2 && q1 == q2 && v1 == v2
		if got := bytes.Equal(appendURL(nil, k1), appendURL(nil, k2)); got != sameURL {
			t.Errorf("%+v and %+v: same URL to hash = %v", k1, k2, got)
		}
		b1, b2 := keyOf(recordKey, k1, Digest{}), keyOf(recordKey, k2, Digest{})
		if got := b1 == b2; got != (k1 == k2) {
			t.Errorf("%+v and %+v: same key = %v", k1, k2, got)
		}
		if got := bytes.Equal(b1[:1+urlSize], b2[:1+urlSize]); got != sameURL {
			t.Errorf("%+v and %+v: same prefix of the URL = %v", k1, k2, got)
		}
	})
}

// A program started at the moment of Close would inherit the lock until it runs, and
// whoever opens the store then would be told that it is in use.
func TestBadgerIsFreeOnceClosed(t *testing.T) {
	dir := t.TempDir()
	var starting sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					exec.Command("true").Run()
				}
			}
		})
	}
	defer starting.Wait()
	defer close(done)
	for range 20 {
		s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
