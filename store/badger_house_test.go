package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Touching a view renews its life; the body is written again only when half of
// its own has passed.
func TestBadgerTouchRenews(t *testing.T) {
	c := newClock()
	s := openBadgerWith(t, t.TempDir(), BadgerOptions{TTL: time.Hour}, c.now, freeOn)
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
		return time.Unix(int64(at), 0).Sub(c.start)
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
		c.set(tt.after)
		if tt.after == 0 {
			put(s, aKey, "x", noon)
		} else {
			s.Touch(aKey, answer("x", noon))
		}
		s.outbox.settle()
		if got := expiry(recordKey); got != tt.record {
			t.Errorf("after %v the record expires at %v, want %v", tt.after, got, tt.record)
		}
		if got := expiry(bodyKey); got != tt.body {
			t.Errorf("after %v the body expires at %v, want %v", tt.after, got, tt.body)
		}
	}
	wantViews(t, s, aKey, "x")

	c.set(-2 * time.Hour)
	put(s, Key{}, "long ago", noon)
	s.outbox.settle()
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
		if i%100 == 0 {
			s.outbox.settle()
		}
	}
	// What the value log holds in vain is found out by compaction, and that needs
	// a few tables first.
	r := put(s, aKey, "keep", noon)
	r.Header.Set("Link", strings.Repeat("x", 500))
	for i := range 8000 {
		s.Touch(aKey, r)
		if i%100 == 0 {
			s.outbox.settle()
		}
	}
	before := len(glob(t, dir, "*.vlog"))
	s.outbox.settle()
	s.use("housekeeping", func() error { return s.tidy(true) })
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
