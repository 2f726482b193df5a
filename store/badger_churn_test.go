package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// However much is written, what the store takes on disk stays within 1.3 times what it
// may take, and what goes is what was used least recently: views that are read all the
// time are there to the end.
func TestBadgerKeepsToItsBytes(t *testing.T) {
	const maxBytes = 64 << 20
	for _, size := range []int{16 << 10, 200 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			s := openBadgerWith(t, dir, BadgerOptions{TTL: 1000 * time.Hour, MaxBytes: maxBytes}, c.now, freeOn)
			key := func(i int) Key { return Key{Path: strconv.Itoa(i)} }
			noise := rand.NewChaCha8([32]byte{1})
			body := make([]byte, size)
			fill := func(i int) *Representation {
				_, _ = noise.Read(body) // never fails
				return put(s, key(i), string(body), noon)
			}
			var hot []*Representation
			for i := range 2 << 20 / size {
				hot = append(hot, fill(i))
			}
			most := int64(0)
			for written, n := 0, 0; written < 4*maxBytes; written, n = written+size, n+1 {
				fill(len(hot) + int(noise.Uint64()%(4*maxBytes/uint64(size))))
				if n%(2<<20/size) != 0 {
					continue
				}
				s.outbox.settle()
				most = max(most, onDisk(dir))
				c.set(time.Duration(n) * time.Second)
				for i, r := range hot {
					if _, ok := s.Body(key(i), r); !ok {
						t.Fatalf("%d of %d, which is read all the time, is gone", i, len(hot))
					}
				}
			}
			s.outbox.settle()
			got := s.Stats()
			t.Logf("at most %d MiB on disk, %+v", most>>20, got)
			if float64(most) > 1.3*maxBytes {
				t.Errorf("%d bytes on disk of %d", most, int64(maxBytes))
			}
			if got.Bytes < maxBytes/2 || got.Bytes > maxBytes || got.Evictions == 0 || got.Errors > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What is used decides what goes; after a restart, when it was put or touched.
func TestBadgerEvictsLeastRecentlyUsed(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := BadgerOptions{TTL: 1000 * time.Hour, MaxBytes: 64 << 20}
	s := openBadgerWith(t, dir, o, c.now, freeOn)
	key := func(i int) Key { return Key{Path: strconv.Itoa(i)} }
	body := strings.Repeat("x", 1<<20)
	reps := make([]*Representation, 8)
	for i := range reps {
		c.set(time.Duration(i) * time.Minute)
		reps[i] = put(s, key(i), body, noon)
		s.outbox.settle()
	}
	there := func() (there []int) {
		for i := range reps {
			if len(s.Lookup(key(i))) > 0 {
				there = append(there, i)
			}
		}
		return there
	}
	evict := func(views int) {
		s.tidying.Lock()
		defer s.tidying.Unlock()
		if err := s.count(); err != nil {
			t.Error(err)
		}
		if err := s.sweep(s.index.condemn(int64(views) << 20)); err != nil {
			t.Error(err)
		}
	}
	want := func(claim string, want ...int) {
		t.Helper()
		if got := there(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v are there, want %v", claim, got, want)
		}
	}
	c.set(time.Hour)
	s.Body(key(0), reps[0])
	s.Touch(key(1), reps[1])
	s.Lookup(key(2)) // looking is not using
	s.outbox.settle()
	evict(2)
	want("those that were neither read nor touched go first", 0, 1, 4, 5, 6, 7)

	c.set(2 * time.Hour)
	s.Body(key(4), reps[4])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBadgerWith(t, dir, o, c.now, freeOn)
	wantStats(t, s, 6, 0)
	evict(3)
	want("what was read is forgotten, what was touched is not", 1, 6, 7)
	wantStats(t, s, 3, 3)
	if got := s.Stats().Bytes; got < 3<<20 || got > 3<<20+3<<10 {
		t.Errorf("%d bytes", got)
	}
}

// What has expired is counted out, and its disk given back, though Badger itself would
// keep it until something else is written there.
func TestBadgerGivesBackWhatExpires(t *testing.T) {
	dir := t.TempDir()
	c := newClock()
	s := openBadgerWith(t, dir, BadgerOptions{TTL: time.Hour, MaxBytes: 64 << 20}, c.now, freeOn)
	noise := rand.NewChaCha8([32]byte{1})
	body := make([]byte, 64<<10)
	for i := range 600 {
		c.set(-2 * time.Hour) // long ago, for all but the last
		if i >= 590 {
			c.set(0)
		}
		_, _ = noise.Read(body) // never fails
		put(s, Key{Path: strconv.Itoa(i)}, string(body), noon)
		s.outbox.settle()
	}
	if err := s.tidy(true); err != nil {
		t.Fatal(err)
	}
	wantStats(t, s, 10, 0)
	if got := onDisk(dir); got > 12<<20 {
		t.Errorf("of 37 MiB that were written %d are on disk", got>>20)
	}
}
