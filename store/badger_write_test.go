package store

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A disk that does not move holds up nobody who writes, nor who reads what was just
// written. When it moves again all of that is stored, and Close waits for it.
func TestBadgerOnASlowDisk(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	old := put(s, aKey, "old", noon)
	put(s, aKey, "older", noon.Add(-time.Hour))
	s.outbox.settle()
	s.writing.Lock() // no write ends

	put(s, aKey, "new", noon.Add(time.Second))
	s.Touch(aKey, answer("older", noon.Add(time.Minute)))
	s.Drop(aKey, old.Body)
	sibling := aKey
	sibling.Accept = "text/html"
	put(s, sibling, "page", noon)
	written := func() {
		t.Helper()
		wantViews(t, s, aKey, "older", "new")
		wantSiblings(t, s, aKey, "text/html page")
		if _, ok := s.Body(aKey, old); ok {
			t.Error("the body of a dropped view")
		}
	}
	written()
	many := strings.Repeat("x", 64<<10)
	for i := range 300 {
		put(s, Key{Path: strconv.Itoa(i)}, many, noon)
	}
	s.writing.Unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBadger(t, dir)
	written()
	for i := range 300 {
		wantViews(t, s, Key{Path: strconv.Itoa(i)}, many)
	}
}

// What waits to be written is bounded: then the newest is dropped, and counted.
func TestBadgerOnAStandingDisk(t *testing.T) {
	s := openBadger(t, t.TempDir())
	s.writing.Lock()
	body := strings.Repeat("x", 1<<20)
	key := func(i int) Key { return Key{Path: strconv.Itoa(i)} }
	for i := range 100 {
		put(s, key(i), body, noon)
	}
	there := 0
	for i := range 100 {
		there += len(s.Lookup(key(i)))
	}
	errors := s.Stats().Errors
	if there < 60 || there > maxUnwritten>>20 || errors != uint64(100-there) {
		t.Errorf("%d bodies of a MiB wait, %d errors", there, errors)
	}
	s.writing.Unlock()
	s.outbox.settle()
	wantStats(t, s, uint64(there), 0)
	wantViews(t, s, key(0), body)
	wantViews(t, s, key(99))
}

// When the disk is almost full nothing is written, and what is stored is answered with;
// when it is not any more, it goes on. A store that has filled the disk itself makes room.
func TestBadgerOnAFullDisk(t *testing.T) {
	var size atomic.Int64
	size.Store(1 << 40)
	free := func(dir string) int64 { return size.Load() - onDisk(dir) }
	dir, c := t.TempDir(), newClock()
	s := openBadgerWith(t, dir, BadgerOptions{TTL: 1000 * time.Hour}, c.now, free)
	key := func(i int) Key { return Key{Path: strconv.Itoa(i)} }
	fill := func(from, to int) {
		noise := rand.NewChaCha8([32]byte{byte(from)})
		body := make([]byte, 1<<20)
		for i := from; i < to; i++ {
			_, _ = noise.Read(body) // never fails
			put(s, key(i), string(body), noon)
			s.outbox.settle()
		}
	}
	fill(0, 100)

	size.Store(onDisk(dir) + 1<<20) // others have written
	fill(100, 101)
	wantViews(t, s, key(100))
	if got := s.Stats(); got.Errors == 0 || got.Entries != 100 || len(s.Lookup(key(0))) != 1 {
		t.Errorf("%+v", got)
	}

	size.Store(onDisk(dir) + s.limits.spare + 10<<20)
	fill(200, 400)
	c.set(time.Hour) // it is not tried all the time
	until(t, "room is made", func() bool {
		fill(400, 401)
		return s.Stats().Evictions > 0 && len(s.Lookup(key(400))) == 1
	})
	if got := s.Stats(); got.Entries < 20 || free(dir) < s.limits.spare/4 {
		t.Errorf("%+v, %d MiB free", got, free(dir)>>20)
	}
}

// On a disk without room for Badger's own files opening is an error, not the end of the
// process.
func TestBadgerDoesNotOpenOnAFullDisk(t *testing.T) {
	_, err := openWith(t.TempDir(), BadgerOptions{}, time.Now, func(string) int64 { return 1 << 20 })
	if err == nil || !strings.Contains(err.Error(), "little space left") {
		t.Error(err)
	}
}

// The text of an error may hold what was to be stored, which must not be in a log.
func TestFailuresDoNotSayMuch(t *testing.T) {
	var log strings.Builder
	f := newFailures(slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	f.note("put", fmt.Errorf("value: %s\nsecret", strings.Repeat("x", 500)))
	if strings.Contains(log.String(), "secret") || len(log.String()) > 400 {
		t.Error(log.String())
	}
}

// A body that Badger would not take is not kept, and no error.
func TestBadgerKeepsNothingHuge(t *testing.T) {
	s := openBadgerWith(t, t.TempDir(), BadgerOptions{MaxBytes: 64 << 20}, time.Now, freeOn)
	put(s, aKey, strings.Repeat("x", 2<<20), noon)
	put(s, aKey, strings.Repeat("x", 2<<20-2<<10), noon)
	s.outbox.settle()
	if got := s.Stats(); got.Entries != 1 || got.Errors != 0 {
		t.Errorf("%+v", got)
	}
}
