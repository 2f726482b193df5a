package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRedis(t *testing.T) {
	server := startRedis(t)
	testStore(t, func(t *testing.T) Store {
		server.do(t, "FLUSHALL")
		return openRedis(t, server.url())
	})
}

// What this octopool has put it reads back at once, from what waits to be written. Here
// nothing waits: what is read has been through Redis.
type writtenRedis struct{ *Redis }

func (s writtenRedis) Put(k Key, r *Representation, body []byte) {
	s.Redis.Put(k, r, body)
	s.outbox.settle()
}

func (s writtenRedis) Touch(k Key, r *Representation) {
	s.Redis.Touch(k, r)
	s.outbox.settle()
}

func (s writtenRedis) Drop(k Key, d Digest) {
	s.Redis.Drop(k, d)
	s.outbox.settle()
}

func TestRedisWrittenThrough(t *testing.T) {
	server := startRedis(t)
	testStore(t, func(t *testing.T) Store {
		server.do(t, "FLUSHALL")
		return writtenRedis{openRedis(t, server.url())}
	})
}

// Every claim holds too where nothing is kept in the process.
func TestRedisWithoutClientSideCaching(t *testing.T) {
	server := startRedis(t)
	testStore(t, func(t *testing.T) Store {
		server.do(t, "FLUSHALL")
		return writtenRedis{openRedis(t, server.url()+"?client_cache=0")}
	})
}

// viewsNow returns the bodies of a key's views, in order.
func viewsNow(s Store, k Key) (bodies []string) {
	for _, r := range s.Lookup(k) {
		body, ok := s.Body(k, &r)
		if !ok {
			body = []byte("<missing>")
		}
		bodies = append(bodies, string(body))
	}
	return bodies
}

func untilViews(t *testing.T, s Store, k Key, want ...string) {
	t.Helper()
	until(t, fmt.Sprintf("views are %q", want), func() bool { return cmp.Equal(viewsNow(s, k), want) })
}

// What one octopool writes, others see, also where they had looked in vain before or
// have an older answer at hand.
func TestRedisIsShared(t *testing.T) {
	server := startRedis(t)
	a, b := openRedis(t, server.url()), openRedis(t, server.url())
	wantViews(t, b, aKey)

	put(a, aKey, "first", noon)
	untilViews(t, b, aKey, "first")
	put(a, aKey, "second", noon.Add(time.Second))
	untilViews(t, b, aKey, "second", "first")
	b.Touch(aKey, answer("first", noon.Add(time.Minute)))
	untilViews(t, a, aKey, "first", "second")
	a.Drop(aKey, answer("second", noon).Body)
	untilViews(t, b, aKey, "first")
	if _, ok := b.Body(aKey, answer("second", noon)); ok {
		t.Error("the body of a dropped view")
	}

	other := aKey
	other.Accept = "text/html"
	put(b, other, "page", noon)
	until(t, "the sibling is seen", func() bool { return len(a.Siblings(aKey)) == 1 })
	if got := b.Purge(func(k Key) bool { return k == aKey }); got != 1 {
		t.Errorf("purged %d", got)
	}
	untilViews(t, a, aKey)
	untilViews(t, a, other, "page")
	for _, s := range []*Redis{a, b} {
		if got := s.Stats(); got.Errors != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// Many octopools that write one key at the same moment leave what one after the other
// could have left: MaxViews views, each with its body, and no other body.
func TestRedisRaces(t *testing.T) {
	server := startRedis(t)
	var stores []*Redis
	for range 4 {
		stores = append(stores, openRedis(t, server.url()))
	}
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			for n := range 200 {
				r := put(s, aKey, fmt.Sprint((n+i)%9), noon.Add(time.Duration(n)*time.Second))
				s.Touch(aKey, r)
				if n%7 == i {
					s.Drop(aKey, r.Body)
				}
			}
			s.outbox.settle()
		})
	}
	wg.Wait()
	for _, s := range stores {
		untilViews(t, s, aKey, viewsNow(stores[0], aKey)...)
	}
	views := viewsNow(stores[0], aKey)
	if len(views) == 0 || len(views) > MaxViews || strings.Contains(strings.Join(views, ""), "missing") {
		t.Errorf("views %q", views)
	}
	bodies, err := server.do(t, "KEYS", bodiesPrefix+"*").AsStrSlice()
	if err != nil || len(bodies) != len(views) {
		t.Errorf("%d views and the bodies %q (%v)", len(views), bodies, err)
	}
}

// A hot lookup or body asks Redis nothing, until another octopool writes.
func TestRedisHotLookupsCostNoRoundTrip(t *testing.T) {
	server := startRedis(t)
	a, b := openRedis(t, server.url()), openRedis(t, server.url())
	put(a, aKey, "body", noon)
	untilViews(t, b, aKey, "body")
	before := server.asked(t)
	for range 1000 {
		wantViews(t, b, aKey, "body")
	}
	if after := server.asked(t); after != before || before == "" {
		t.Errorf("before a thousand lookups:\n%s\nafter:\n%s", before, after)
	}
	put(a, aKey, "newer", noon.Add(time.Second))
	untilViews(t, b, aKey, "newer", "body")
}

// asked is how often the server was asked for views and for bodies.
func (s *redisServer) asked(t *testing.T) string {
	stats, err := s.do(t, "INFO", "commandstats").ToString()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(linesWith(stats, "cmdstat_hgetall", "cmdstat_get:"), " ")
}

func linesWith(text string, parts ...string) (found []string) {
	for line := range strings.Lines(text) {
		for _, part := range parts {
			if strings.Contains(line, part) {
				calls, _, _ := strings.Cut(line, ",")
				found = append(found, calls)
			}
		}
	}
	return found
}

// Touching a view renews its life, and that of its body once half of it has passed. Of a
// view whose body is gone nothing is left.
func TestRedisTouchRenews(t *testing.T) {
	server := startRedis(t)
	s := writtenRedis{openRedis(t, server.url())} // for an hour
	r := put(s, aKey, "x", noon)
	at := spotOf(aKey, r.Body)
	body := bodiesOf(at.views) + at.field
	ttl := func(key string) time.Duration {
		seconds, err := server.do(t, "TTL", key).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(seconds) * time.Second
	}
	about := func(what string, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-time.Minute {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	about("record", ttl(at.views), time.Hour)
	about("body", ttl(body), time.Hour)
	server.do(t, "EXPIRE", at.views, "120")
	server.do(t, "EXPIRE", body, "1860") // 31 minutes
	s.Touch(aKey, r)
	about("record touched", ttl(at.views), time.Hour)
	about("young body touched", ttl(body), 31*time.Minute)
	server.do(t, "EXPIRE", body, "1740") // 29 minutes
	s.Touch(aKey, r)
	about("old body touched", ttl(body), time.Hour)

	server.do(t, "DEL", body)
	until(t, "the body is missed", func() bool { _, ok := s.Body(aKey, r); return !ok })
	s.Touch(aKey, r)
	wantViews(t, s, aKey)
}

// A URL that is asked for under ever new Accepts does not grow without a bound.
func TestRedisBoundsAURL(t *testing.T) {
	server := startRedis(t)
	s := writtenRedis{openRedis(t, server.url())}
	for i := range maxFields + 10 {
		k := aKey
		k.Accept = fmt.Sprint(i)
		put(s, k, "body", noon.Add(time.Duration(i)*time.Second))
	}
	if got := s.Stats(); got.Entries != maxFields || got.Evictions != 10 {
		t.Errorf("%+v", got)
	}
	k := aKey
	k.Accept = "9"
	wantViews(t, s, k)
	k.Accept = "10"
	wantViews(t, s, k, "body")
	if keys, err := server.do(t, "DBSIZE").AsInt64(); err != nil || keys != 1+maxFields {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// Large bodies go another way and are not kept in the process.
func TestRedisLargeBodies(t *testing.T) {
	server := startRedis(t)
	a, b := openRedis(t, server.url()), openRedis(t, server.url())
	big := bytes.Repeat([]byte("0123456789abcdef"), 8<<16) // 8 MiB
	r := put(a, aKey, string(big), noon)
	until(t, "the other has it", func() bool { return len(b.Lookup(aKey)) == 1 })
	a.outbox.settle()
	for range 2 {
		body, ok := b.Body(aKey, r)
		if !ok || sha256.Sum256(body) != r.Body {
			t.Errorf("a body of %d bytes", len(body))
		}
	}
	if asked := server.asked(t); !strings.Contains(asked, "cmdstat_get:calls=2") {
		t.Error(asked)
	}
	if got := b.Stats(); got.Errors != 0 {
		t.Errorf("%+v", got)
	}
}
