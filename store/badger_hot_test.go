package store

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// openCounted opens a store of which the index knows when everything was used.
func openCounted(t *testing.T, now func() time.Time) *Badger {
	s := openBadgerWith(t, t.TempDir(), BadgerOptions{TTL: time.Hour}, now, freeOn)
	s.tidying.Lock()
	defer s.tidying.Unlock()
	if err := s.count(); err != nil {
		t.Fatal(err)
	}
	return s
}

// What is read all the time is not read of the database.
func TestHotIsKept(t *testing.T) {
	s := openCounted(t, time.Now)
	r := put(s, aKey, "body", noon)
	s.outbox.settle()
	wantViews(t, s, aKey, "body")
	if _, ok := s.hot.views(aKey); !ok {
		t.Error("its views were not kept")
	}
	if b, ok := s.hot.body(aKey, r.Body, ""); !ok || string(b.bytes) != "body" {
		t.Errorf("its body was not kept: %q, %v", b.bytes, ok)
	}
	wantViews(t, s, aKey, "body")
}

// What is read now and then is not kept.
func TestHotIsReadOften(t *testing.T) {
	c := newClock()
	s := openCounted(t, c.now)
	put(s, aKey, "body", noon)
	s.outbox.settle()
	for i := range 3 {
		c.set(time.Duration(i+1) * time.Minute)
		wantViews(t, s, aKey, "body")
		if _, ok := s.hot.views(aKey); ok {
			t.Fatal("it was kept")
		}
	}
	wantViews(t, s, aKey, "body")
	if _, ok := s.hot.views(aKey); !ok {
		t.Error("it was not kept when it was read twice")
	}
}

// Reading what is hot is use all the same.
func TestHotIsUsed(t *testing.T) {
	c := newClock()
	s := openCounted(t, c.now)
	r := put(s, aKey, "body", noon)
	s.outbox.settle()
	wantViews(t, s, aKey, "body")
	c.set(time.Minute)
	wantViews(t, s, aKey, "body")
	key := keyOf(recordKey, aKey, r.Body)
	if used := s.index.usage(viewID(key[:])).used; used != seconds(c.now()) {
		t.Errorf("used at %d, want %d", used, seconds(c.now()))
	}
}

// What is read while something is written may be what was there before: it is not kept.
func TestHotForgets(t *testing.T) {
	var h hotSet
	old := []Representation{*answer("old", noon)}
	before := h.moment()
	h.forget(aKey)
	h.keep(aKey, old, 0, before)
	if _, ok := h.views(aKey); ok {
		t.Error("views from before a write were kept")
	}
	h.keep(aKey, old, 0, h.moment())
	before = h.moment()
	h.clear()
	h.keep(aKey, old, 0, h.moment())
	h.keepBody(aKey, warmBody{digest: old[0].Body, bytes: []byte("old")}, before)
	if _, ok := h.body(aKey, old[0].Body, ""); ok {
		t.Error("a body from before a write was kept")
	}
	if _, ok := h.views(aKey); !ok {
		t.Error("views from after it were not")
	}
}

// Who has written reads it, whatever others read meanwhile.
func TestHotShowsWrites(t *testing.T) {
	s := openCounted(t, time.Now)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				for _, r := range s.Lookup(aKey) {
					s.Body(aKey, &r)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 300 {
		r := put(s, aKey, fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second))
		if i%2 == 0 {
			s.outbox.settle() // else it is in the outbox still
		}
		got := s.Lookup(aKey)
		if len(got) == 0 || got[0].Body != r.Body {
			t.Fatalf("%d was put and is not the first of %d views", i, len(got))
		}
		if body, ok := s.Body(aKey, &got[0]); !ok || string(body) != fmt.Sprint(i) {
			t.Fatalf("%d was put and its body is %q", i, body)
		}
	}
	close(done)
	readers.Wait()
}

// What has no siblings is not looked for again until something is written that may be one.
func TestHotHasSiblings(t *testing.T) {
	s := openCounted(t, time.Now)
	other := aKey
	other.Accept += "; other"
	put(s, aKey, "body", noon)
	s.outbox.settle()
	s.Siblings(aKey)
	if s.hot.isAlone(aKey) {
		t.Error("what is not hot was kept")
	}
	wantViews(t, s, aKey, "body")
	if found := s.Siblings(aKey); len(found) != 0 || !s.hot.isAlone(aKey) {
		t.Errorf("%d siblings, and that was not kept", len(found))
	}
	before := s.hot.moment()
	put(s, other, "body", noon)
	if found := s.Siblings(aKey); len(found) != 1 {
		t.Errorf("%d siblings after one was put", len(found))
	}
	s.outbox.settle()
	s.hot.keepAlone(aKey, before)
	if found := s.Siblings(aKey); len(found) != 1 {
		t.Errorf("%d siblings when it is stored", len(found))
	}
	s.Drop(other, answer("body", noon).Body)
	s.outbox.settle()
	wantViews(t, s, aKey, "body")
	if found := s.Siblings(aKey); len(found) != 0 || s.hot.isAlone(other) {
		t.Errorf("%d siblings after it was dropped", len(found))
	}
	if found := s.Siblings(other); len(found) != 1 {
		t.Errorf("the dropped one has %d siblings", len(found))
	}
}

// What is deleted from the database is not served any more, nor is anything of a closed one.
func TestHotIsDropped(t *testing.T) {
	s := openCounted(t, time.Now)
	for _, k := range []Key{aKey, {Path: "other"}} {
		put(s, k, "body", noon)
		s.outbox.settle()
		wantViews(t, s, k, "body")
	}
	if n := s.Purge(func(k Key) bool { return k == aKey }); n != 1 {
		t.Errorf("purged %d", n)
	}
	wantViews(t, s, aKey)
	wantViews(t, s, Key{Path: "other"}, "body")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantViews(t, s, Key{Path: "other"})
}

// What expires in the database does so here.
func TestHotExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hotSet
		r := *answer("body", noon)
		in := func(d time.Duration) uint64 { return uint64(time.Now().Add(d).Unix()) }
		h.keep(aKey, []Representation{r}, in(2*time.Hour), h.moment())
		h.keepBody(aKey, warmBody{digest: r.Body, until: in(time.Hour)}, h.moment())
		time.Sleep(time.Hour - time.Second)
		if _, ok := h.body(aKey, r.Body, ""); !ok {
			t.Error("the body has gone too soon")
		}
		time.Sleep(time.Second)
		if _, ok := h.body(aKey, r.Body, ""); ok {
			t.Error("the body is still there")
		}
		if _, ok := h.views(aKey); !ok {
			t.Error("the views have gone too soon")
		}
		time.Sleep(time.Hour)
		if _, ok := h.views(aKey); ok {
			t.Error("the views are still there")
		}
	})
}

// It keeps to its bytes, and what is used stays.
func TestHotIsBounded(t *testing.T) {
	var h hotSet
	body := bytes.Repeat([]byte("x"), hotBody)
	keep := func(k Key) {
		r := *answer("body", noon)
		h.keep(k, []Representation{r}, 0, h.moment())
		h.keepBody(k, warmBody{digest: r.Body, bytes: body}, h.moment())
	}
	keep(aKey)
	for i := range 100 {
		keep(Key{Path: fmt.Sprint(i)})
		total := int64(0)
		for _, all := range []map[Key]*warm{h.young, h.old} {
			for _, w := range all {
				total += w.size()
			}
		}
		if total > hotBytes {
			t.Fatalf("%d bytes after %d", total, i)
		}
		if _, ok := h.views(aKey); !ok {
			t.Fatalf("what is used was gone after %d", i)
		}
	}
	if _, ok := h.views(Key{Path: "0"}); ok {
		t.Error("what is not used is still there")
	}
}
