package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bearable is how long what may take 50 ms takes on a machine that is very busy.
const bearable = time.Second

// lookUpAway uses a store of which Redis does not answer, and checks that the first use
// may wait and those after it miss at once. It returns the longest that one round of
// all uses took.
func lookUpAway(t *testing.T, s *Redis) (longest time.Duration) {
	t.Helper()
	r := answer("unknown", noon)
	start := time.Now()
	for i := range 500 {
		asked := time.Now()
		k := Key{Path: fmt.Sprint("/unknown/", i)}
		s.Lookup(k)
		s.Siblings(k)
		s.Body(k, r)
		s.Put(k, r, []byte("unknown"))
		s.Touch(k, r)
		s.Drop(k, r.Body)
		longest = max(longest, time.Since(asked))
	}
	if longest > bearable {
		t.Errorf("%v for what may take 50 ms", longest)
	}
	// Each lookup of its own would wait for more than a minute.
	if took := time.Since(start); took > 5*bearable {
		t.Errorf("500 rounds took %v", took)
	}
	return longest
}

// A store works again, and has what was put into it.
func untilBack(t *testing.T, s *Redis) {
	t.Helper()
	k := Key{Path: "/back"}
	until(t, "the store works again", func() bool {
		put(s, k, "back", noon)
		s.outbox.settle()
		return len(viewsNow(s, k)) == 1
	})
}

// A Redis that hangs costs a request 50 ms once, and is used again when it goes on.
func TestRedisSlow(t *testing.T) {
	server := startRedis(t)
	var log bytes.Buffer
	s := openRedisWith(t, RedisOptions{URL: server.url(), TTL: time.Hour, Log: logTo(&log)})
	put(s, aKey, "kept", noon)
	s.outbox.settle()
	// Now and then a busy machine takes longer; it need not, twice out of many times.
	for bounded := 0; bounded < 2; {
		server.signal(t, syscall.SIGSTOP)
		if lookUpAway(t, s) < 2*s.patience {
			bounded++
		}
		if s.link.Load() != nil {
			t.Fatal("Redis was not given up")
		}
		server.signal(t, syscall.SIGCONT)
		untilBack(t, s)
		wantViews(t, s, aKey, "kept")
	}
	errors := s.Stats().Errors
	if errors < 1000 {
		t.Errorf("%d errors", errors)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	// Kinds: lookup, siblings, body, put, touch, drop.
	if got := strings.Count(log.String(), "level=WARN"); got > 6 {
		t.Errorf("%d warnings of %d errors in less than a minute:\n%s", got, errors, log.String())
	}
}

// A herd that finds Redis hanging waits no longer than one does.
func TestRedisSlowForMany(t *testing.T) {
	server := startRedis(t)
	s := openRedisWith(t, RedisOptions{URL: server.url()})
	untilBack(t, s)
	server.signal(t, syscall.SIGSTOP)
	defer server.signal(t, syscall.SIGCONT)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 10_000 {
		wg.Go(func() { s.Lookup(Key{Path: fmt.Sprint(i)}) })
	}
	wg.Wait()
	if took := time.Since(start); took > 10*bearable {
		t.Errorf("%v", took)
	}
}

// What is more than a connection has room for misses, instead of waiting for room.
func TestRedisBusy(t *testing.T) {
	server := startRedis(t)
	s := openRedis(t, server.url())
	put(s, aKey, "x", noon)
	s.outbox.settle()
	s.asking.Add(maxAsking)
	wantViews(t, s, aKey)
	if got := s.Stats().Errors; got != 1 || s.link.Load() == nil {
		t.Errorf("%d errors, link %v", got, s.link.Load())
	}
	s.asking.Add(-maxAsking)
	wantViews(t, s, aKey, "x")
}

// A Redis that is gone costs next to nothing, and is used again when it is back, with
// nothing in it.
func TestRedisGone(t *testing.T) {
	server := startRedis(t)
	s := openRedisWith(t, RedisOptions{URL: server.url()})
	put(s, aKey, "lost", noon)
	untilBack(t, s)
	for range 2 {
		server.kill()
		lookUpAway(t, s)
		server.start(t)
		untilBack(t, s)
		wantViews(t, s, aKey)
	}
}

// A Redis that is down when octopool starts is used when it comes.
func TestRedisComesLate(t *testing.T) {
	server := startRedis(t)
	server.kill()
	s := openRedisWith(t, RedisOptions{URL: server.url()})
	lookUpAway(t, s)
	server.start(t)
	untilBack(t, s)
}

// A server that takes connections and says nothing holds up neither start nor end.
func TestRedisSilentFromTheStart(t *testing.T) {
	server := startRedis(t)
	server.signal(t, syscall.SIGSTOP)
	s := openRedisWith(t, RedisOptions{URL: server.url()})
	lookUpAway(t, s)
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// Closing writes what is not yet written, and does not wait long for a Redis that hangs.
func TestRedisClose(t *testing.T) {
	server := startRedis(t)
	s := openRedis(t, server.url())
	for i := range 1000 {
		put(s, Key{Path: fmt.Sprint(i)}, "body", noon)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = openRedis(t, server.url())
	for i := range 1000 {
		wantViews(t, s, Key{Path: fmt.Sprint(i)}, "body")
	}

	server.signal(t, syscall.SIGSTOP)
	put(s, aKey, "late", noon)
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

// A caller that goes away does not make Redis appear to be gone.
func TestRedisCallerGoesAway(t *testing.T) {
	server := startRedis(t)
	s := openRedis(t, server.url())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Board("b").Others(ctx); err == nil {
		t.Error("no error")
	}
	if s.link.Load() == nil {
		t.Error("Redis was given up")
	}
}
