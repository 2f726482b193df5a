package store

import (
	"fmt"
	"testing"
	"time"
)

// What is not octopool's, or damaged, is a miss, and does not stand in the way.
func TestRedisMissesWhatIsNotItsOwn(t *testing.T) {
	server := startRedis(t)
	at := spotOf(aKey, answer("x", noon).Body)
	sound := string((&record{key: aKey, rep: *answer("x", noon)}).append(nil))
	foreign := record{key: aKey, rep: *answer("x", noon)}
	foreign.key.Path = "/collision"
	otherView := string((&record{key: aKey, rep: *answer("y", noon)}).append(nil))
	state := fmt.Sprintf("1 %d %d 1 \n", noon.Unix(), time.Now().Unix())
	field := func(value string) func() {
		return func() { server.do(t, "HSET", at.views, at.field, value) }
	}
	for name, tt := range map[string]struct {
		spoil  func()
		errors uint64
	}{
		"damaged":         {field(state + sound[:20] + "x" + sound[21:]), 1},
		"empty":           {field(""), 1},
		"without a state": {field(sound), 1},
		"odd state":       {field("1 2 x 4 \n" + sound), 1},
		"another version": {field(state + "\x7f" + sound[1:]), 0},
		"another key":     {field(state + string(foreign.append(nil))), 0},
		"another view":    {field(state + otherView), 0},
		"unused for long": {field(fmt.Sprintf("1 %d %d 1 \n", noon.Unix(), time.Now().Add(-time.Hour).Unix()) + sound), 0},
		"odd field": {func() {
			server.do(t, "HDEL", at.views, at.field)
			server.do(t, "HSET", at.views, at.field[:12], state+sound)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server.do(t, "FLUSHALL")
			s := writtenRedis{openRedis(t, server.url())}
			put(s, aKey, "sound", noon)
			put(s, aKey, "x", noon)
			wantViews(t, s, aKey, "x", "sound")
			tt.spoil()
			untilViews(t, s, aKey, "sound")
			if got := s.Stats().Errors; got < tt.errors || tt.errors == 0 && got != 0 {
				t.Errorf("%d errors, want %d", got, tt.errors)
			}
			put(s, aKey, "x", noon)
			wantViews(t, s, aKey, "x", "sound")
		})
	}
	t.Run("no hash", func(t *testing.T) {
		server.do(t, "FLUSHALL")
		s := writtenRedis{openRedis(t, server.url())}
		server.do(t, "SET", at.views, "garbage")
		other := Key{Path: "/other"}
		put(s, other, "x", noon)
		for range 20 { // an error is an answer: Redis is not given up for it
			wantViews(t, s, aKey)
			wantViews(t, s, other, "x")
		}
		if got := s.Purge(func(Key) bool { return true }); got != 1 {
			t.Errorf("purged %d", got)
		}
		put(s, aKey, "x", noon)
		wantViews(t, s, aKey, "x")
	})
	t.Run("a body", func(t *testing.T) {
		server.do(t, "FLUSHALL")
		s := writtenRedis{openRedis(t, server.url())}
		r := put(s, aKey, "body", noon)
		at := spotOf(aKey, r.Body)
		key := bodiesOf(at.views) + at.field
		value := string(appendBody(nil, r.Body, "", []byte("body")))
		for name, value := range map[string]string{
			"torn":          value[:len(value)-1],
			"flipped":       value[:len(value)-1] + "z",
			"another's":     string(appendBody(nil, Digest{1}, "", []byte("body"))),
			"of nothing":    "",
			"newer version": "\x7f" + value[1:],
		} {
			server.do(t, "SET", key, value)
			until(t, "the body "+name+" is missed", func() bool { _, ok := s.Body(aKey, r); return !ok })
			put(s, aKey, "body", noon)
			wantViews(t, s, aKey, "body")
		}
		server.do(t, "DEL", key)
		server.do(t, "LPUSH", key, "a list")
		until(t, "a list is missed", func() bool { _, ok := s.Body(aKey, r); return !ok })
		put(s, aKey, "body", noon)
		wantViews(t, s, aKey, "body")
	})
}
