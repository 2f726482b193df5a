package store

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// That writes take long costs no lookup.
func TestRedisSlowToWrite(t *testing.T) {
	server := startRedis(t)
	s, other := openRedis(t, server.url()), openRedis(t, server.url())
	put(s, aKey, "old", noon)
	s.outbox.settle()
	server.do(t, "CLIENT", "PAUSE", "60000", "WRITE")
	put(s, aKey, "new", noon.Add(time.Second))
	for range 10 {
		wantViews(t, s, aKey, "new", "old")
		wantViews(t, other, aKey, "old")
		wantViews(t, other, Key{Path: "/cold"})
	}
	server.do(t, "CLIENT", "UNPAUSE")
	untilViews(t, other, aKey, "new", "old")
	for _, s := range []*Redis{s, other} {
		if got := s.Stats().Errors; got != 0 {
			t.Errorf("%d errors", got)
		}
	}
}

// Writes never wait: what is too much is dropped and counted, and memory is bounded.
func TestRedisOutboxIsBounded(t *testing.T) {
	server := startRedis(t)
	s := openRedis(t, server.url())
	untilBack(t, s)
	server.signal(t, syscall.SIGSTOP)
	defer server.signal(t, syscall.SIGCONT)
	body := make([]byte, 1<<20)
	r := answer(string(body), noon)
	start := time.Now()
	for i := range 200 {
		s.Put(Key{Path: fmt.Sprint(i)}, r, body)
		s.outbox.mu.Lock()
		unwritten := s.outbox.bytes
		s.outbox.mu.Unlock()
		if unwritten > maxUnwritten {
			t.Fatalf("%d bytes wait", unwritten)
		}
	}
	if took := time.Since(start); took > 30*bearable { // one write alone takes 5 s
		t.Errorf("200 puts took %v", took)
	}
	if got := s.Stats().Errors; got < 200-maxUnwritten>>20 {
		t.Errorf("%d errors", got)
	}
}

// However often a view is written while Redis is slow, what waits does not grow, and the
// last of it is what others see.
func TestRedisOutboxReplaces(t *testing.T) {
	server := startRedis(t)
	a, b := openRedis(t, server.url()), openRedis(t, server.url())
	put(a, aKey, "body", noon)
	put(a, aKey, "dropped", noon)
	a.outbox.settle()
	server.do(t, "CLIENT", "PAUSE", "60000", "WRITE")
	last := answer("body", noon.Add(time.Hour))
	for i := range 150 {
		at := noon.Add(time.Duration(i) * time.Second)
		a.Touch(aKey, put(a, aKey, "body", at))
		put(a, aKey, "dropped", at)
		a.Drop(aKey, answer("dropped", at).Body)
		a.Touch(aKey, last)
		wantViews(t, a, aKey, "body")
	}
	if got := len(a.outbox.of(spotOf(aKey, last.Body).views)); got > 4 {
		t.Errorf("%d writes of two views wait", got)
	}
	server.do(t, "CLIENT", "UNPAUSE")
	a.outbox.settle()
	untilViews(t, b, aKey, "body")
	for _, s := range []*Redis{a, b} {
		if diff := cmp.Diff([]Representation{*last}, s.Lookup(aKey)); diff != "" {
			t.Error(diff)
		}
		if got := s.Stats().Errors; got != 0 {
			t.Errorf("%d errors", got)
		}
	}
}

// What Redis refuses is counted and logged, and Redis is not given up for it.
func TestRedisOutOfMemory(t *testing.T) {
	server := startRedis(t)
	s := openRedis(t, server.url())
	put(s, aKey, "kept", noon)
	s.outbox.settle()
	server.do(t, "CONFIG", "SET", "maxmemory", "1")
	put(s, aKey, "refused", noon.Add(time.Second))
	s.outbox.settle()
	wantViews(t, s, aKey, "kept")
	if got := s.Stats().Errors; got != 1 {
		t.Errorf("%d errors", got)
	}
	server.do(t, "CONFIG", "SET", "maxmemory", "0")
	put(s, aKey, "taken", noon.Add(time.Second))
	wantViews(t, s, aKey, "taken", "kept")
}
