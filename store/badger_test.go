package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dgraph-io/badger/v4"
)

func openBadger(t testing.TB, dir string) *Badger {
	t.Helper()
	s, err := OpenBadger(dir, time.Hour, slog.New(slog.NewTextHandler(t.Output(), nil)))
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
	before := waitForStats(t, s, 99)
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
	after := waitForStats(t, s, 99)
	if ratio := float64(after.Bytes) / float64(before.Bytes); ratio < 0.95 || ratio > 1.05 {
		t.Errorf("%d bytes before, %d after", before.Bytes, after.Bytes)
	}
}

// waitForStats waits until the first count, which an open does not wait for, has
// found so many entries.
func waitForStats(t *testing.T, s Store, entries uint64) Stats {
	t.Helper()
	for give := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		stats := s.Stats()
		if stats.Entries == entries {
			return stats
		}
		if time.Now().After(give) {
			t.Fatalf("%+v, want %d entries", stats, entries)
		}
	}
}

func TestBadgerIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openBadger(t, dir)
	put(s, aKey, "x", noon)
	if _, err := OpenBadger(dir, time.Hour, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	wantViews(t, s, aKey, "x")
}

// Whatever is found in its place, a store opens, warns once and keeps what it
// could not read beside it.
func TestBadgerMovesDamagedFilesAside(t *testing.T) {
	truncate := func(pattern string, keep float64) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range glob(t, dir, pattern) {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(name, int64(float64(info.Size())*keep)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	garble := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range glob(t, dir, pattern) {
				if err := os.WriteFile(name, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, tt := range map[string]struct {
		damage func(t *testing.T, dir string)
		kept   bool // Badger copes by itself; whatever it still has must be right
	}{
		"manifest garbled":       {garble("MANIFEST"), false},
		"manifest of no length":  {truncate("MANIFEST", 0), false},
		"key registry garbled":   {garble("KEYREGISTRY"), false},
		"tables garbled":         {garble("*.sst"), false},
		"tables cut off":         {truncate("*.sst", 0.5), false},
		"tables of no length":    {truncate("*.sst", 0), false},
		"tables of one byte":     {truncate("*.sst", 1e-5), false},
		"value log cut off":      {truncate("*.vlog", 0.5), true},
		"value log of no length": {truncate("*.vlog", 0), false},
		"value log garbled":      {garble("*.vlog"), false},
		"memory log garbled":     {garble("*.mem"), true},
		"discard stats garbled":  {garble("DISCARD"), true},
		"discard stats short":    {truncate("DISCARD", 1e-6), true},
		"a file in its place": {func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, []byte("mine"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, false},
		"nothing wrong": {func(*testing.T, string) {}, true},
		"half a table, ignored": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "000999.sst"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := openBadger(t, dir)
			bodies := make([]string, 30)
			for i := range bodies {
				bodies[i] = strings.Repeat(fmt.Sprint(i), 500)
				put(s, Key{Path: fmt.Sprint(i)}, bodies[i], noon)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, dir)

			var log bytes.Buffer
			s, err := OpenBadger(dir, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range bodies {
				k := Key{Path: fmt.Sprint(i)}
				for _, r := range s.Lookup(k) {
					if got, ok := s.Body(k, &r); ok && string(got) != want {
						t.Errorf("%d: a wrong body of %d bytes", i, len(got))
					}
				}
			}
			put(s, aKey, "fresh", noon)
			wantViews(t, s, aKey, "fresh")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			aside := glob(t, filepath.Dir(dir), "store.broken-*")
			if warned := strings.Contains(log.String(), "moved aside"); warned == tt.kept || (len(aside) == 0) != tt.kept {
				t.Errorf("aside: %q, log: %s", aside, log.String())
			}
		})
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestBadgerReturnsErrorsOfThePlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBadger(filepath.Join(file, "store"), time.Hour, nil); err == nil {
		t.Error("opened below a file")
	}
}

// A record that was damaged, is of another version or belongs elsewhere is a
// miss, and the other views of its key are not affected.
func TestBadgerMissesWhatIsNotItsOwn(t *testing.T) {
	sound := (&record{key: aKey, rep: *answer("x", noon)}).append(nil)
	other := record{key: aKey, rep: *answer("x", noon)}
	other.key.Path = "/collision"
	damaged := bytes.Clone(sound)
	damaged[20]++
	newer := bytes.Clone(sound)
	newer[0]++
	otherView := (&record{key: aKey, rep: *answer("y", noon)}).append(nil)
	for name, tt := range map[string]struct {
		record []byte
		errors uint64
	}{
		"damaged":         {damaged, 1},
		"empty":           {nil, 1},
		"another version": {newer, 0},
		"another key":     {other.append(nil), 0},
		"another view":    {otherView, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := openBadger(t, t.TempDir())
			put(s, aKey, "sound", noon)
			put(s, aKey, "x", noon)
			overwrite(t, s, keyOf(recordKey, aKey, answer("x", noon).Body), tt.record)
			wantViews(t, s, aKey, "sound")
			if got := s.Stats().Errors; got != tt.errors {
				t.Errorf("%d errors, want %d", got, tt.errors)
			}
			put(s, aKey, "x", noon)
			wantViews(t, s, aKey, "x", "sound")
		})
	}
}

func TestBadgerMissesDamagedBody(t *testing.T) {
	s := openBadger(t, t.TempDir())
	r := put(s, aKey, "body", noon)
	key := keyOf(bodyKey, aKey, r.Body)
	stored := appendBody(nil, r.Body, "", []byte("body"))
	for name, value := range map[string][]byte{
		"torn":          stored[:len(stored)-1],
		"flipped":       append(bytes.Clone(stored[:len(stored)-1]), 'z'),
		"another's":     appendBody(nil, Digest{1}, "", []byte("body")),
		"of nothing":    nil,
		"newer version": append([]byte{recordVersion + 1}, stored[1:]...),
	} {
		overwrite(t, s, key, value)
		if body, ok := s.Body(aKey, r); ok {
			t.Errorf("%s: %q", name, body)
		}
	}
	put(s, aKey, "body", noon)
	wantViews(t, s, aKey, "body")

	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Delete(key[:]) }); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Body(aKey, r); ok || len(s.Lookup(aKey)) != 1 {
		t.Error("a record without its body is found by Lookup and missed by Body")
	}
}

func overwrite(t *testing.T, s *Badger, key [keySize]byte, value []byte) {
	t.Helper()
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(key[:], value) }); err != nil {
		t.Fatal(err)
	}
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
	s, err := OpenBadger(dir, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	waitForStats(t, s, 1) // the first count has found it …
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
		if _, ok := s.Body(aKey, r); ok || s.Lookup(aKey) != nil {
			t.Error("a failing store answered")
		}
	}
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

// Touching a view renews its life; the body is written again only when half of
// its own has passed.
func TestBadgerTouchRenews(t *testing.T) {
	s := openBadger(t, t.TempDir()) // for an hour
	start := time.Now().Truncate(time.Second)
	expiry := func(kind byte) time.Duration {
		t.Helper()
		var at uint64
		if err := s.db.View(func(txn *badger.Txn) error {
			key := keyOf(kind, aKey, answer("x", noon).Body)
			item, err := txn.Get(key[:])
			if err == nil {
				at = item.ExpiresAt()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return time.Unix(int64(at), 0).Sub(start)
	}
	for _, tt := range []struct {
		after        time.Duration
		record, body time.Duration
	}{
		{0, 60 * time.Minute, 60 * time.Minute},
		{29 * time.Minute, 89 * time.Minute, 60 * time.Minute},
		{30 * time.Minute, 90 * time.Minute, 60 * time.Minute},
		{31 * time.Minute, 91 * time.Minute, 91 * time.Minute},
		{60 * time.Minute, 120 * time.Minute, 91 * time.Minute},
		{62 * time.Minute, 122 * time.Minute, 122 * time.Minute},
	} {
		s.now = func() time.Time { return start.Add(tt.after) }
		if tt.after == 0 {
			put(s, aKey, "x", noon)
		} else {
			s.Touch(aKey, answer("x", noon))
		}
		if got := expiry(recordKey); got != tt.record {
			t.Errorf("after %v the record expires at %v, want %v", tt.after, got, tt.record)
		}
		if got := expiry(bodyKey); got != tt.body {
			t.Errorf("after %v the body expires at %v, want %v", tt.after, got, tt.body)
		}
	}
	wantViews(t, s, aKey, "x")

	s.now = func() time.Time { return start.Add(-2 * time.Hour) }
	put(s, Key{}, "long ago", noon)
	wantViews(t, s, Key{})
}

// Housekeeping gives back the disk of replaced bodies and loses nothing else.
func TestBadgerGivesDiskBack(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	noise := rand.NewChaCha8([32]byte{1})
	body := make([]byte, 32<<10)
	for i := range 6000 { // 190 MiB, of which 10 MiB stay
		_, _ = noise.Read(body) // never fails
		k := Key{Path: fmt.Sprint(i % 320)}
		for _, old := range s.Lookup(k) {
			s.Drop(k, old.Body)
		}
		put(s, k, string(body), noon)
	}
	// What the value log holds in vain is found out by compaction, and that needs
	// a few tables first.
	r := put(s, aKey, "keep", noon)
	r.Header.Set("Link", strings.Repeat("x", 500))
	for range 8000 {
		s.Touch(aKey, r)
	}
	before := len(glob(t, dir, "*.vlog"))
	s.use("compaction", s.collect)
	s.use("count", s.recount)
	if after := len(glob(t, dir, "*.vlog")); after >= before {
		t.Errorf("%d value log files before, %d after", before, after)
	}
	stats := s.Stats()
	if stats.Entries != 321 || stats.Errors != 0 || stats.Bytes < 10<<20 || stats.Bytes > 11<<20 {
		t.Errorf("%+v", stats)
	}
	for i := range 320 {
		k := Key{Path: fmt.Sprint(i)}
		if r := s.Lookup(k); len(r) != 1 {
			t.Errorf("key %d has %d views", i, len(r))
		} else if _, ok := s.Body(k, &r[0]); !ok {
			t.Errorf("key %d lost its body", i)
		}
	}
	wantViews(t, s, aKey, "keep")
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
		s, err := OpenBadger(dir, time.Hour, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
