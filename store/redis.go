package store

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// What is in Redis, all under a prefix with the version of this layout and of records:
//
//	octopool:1:v:{URL}            a hash of the views of a URL, under every Accept:
//	                              ACCEPT VIEW → state, line feed, record (see record)
//	octopool:1:b:{URL}ACCEPT VIEW the body of a view (see record)
//	octopool:1:board:{NAME}       what members of a board say (see Board)
//
// URL, ACCEPT and VIEW are the digests that Badger's keys have too, in base64. The braces
// make a Redis cluster keep a URL's views and bodies on one node, so that one script
// changes them together: whatever several octopools do at once, nobody sees half of it.
//
// A view's state is what scripts must know and cannot read in a record:
//
//	ORDER VOUCHED USED LENGTH ENCODING
//
// ORDER counts up with every write to the URL. VOUCHED and USED (put or touched last) are
// seconds since 1970. LENGTH and ENCODING are the stored body's, so that a touch by who
// knows another encoding changes nothing about it.
//
// Everything carries a TTL. A URL lives as long as the last used of its views; a view
// among them that is older is passed over, and removed by the next write. A touch renews
// the body's TTL once half of it has passed, as in Badger. A record whose body is gone,
// because Redis was short of memory, is a miss for Body.
const (
	redisPrefix  = "octopool:1:"
	viewsPrefix  = redisPrefix + "v:{"
	bodiesPrefix = redisPrefix + "b:{"
	acceptSize   = 11 // of an ACCEPT in base64

	// maxFields is how many views a URL keeps under all Accepts together. A client may ask
	// under any number of them.
	maxFields = 32
)

const (
	// A large body may take longer than RedisOptions.Patience: 1 ms for so many bytes.
	bytesPerMilli = 100_000

	// hot is how long an answer is kept in this process at most. Redis tells when it
	// changes; it is asked again nonetheless so that it does not take for unused, and
	// evict, what octopools read from their own memory.
	hot = time.Minute
	// maxHot is about the size of the largest body kept in this process, and read by the
	// connection that others wait for.
	maxHot = 1 << 20
	// squeezed is how many times shorter a body is in gzip, near enough.
	squeezed = 8
)

// Redis keeps representations in a Redis (from version 6) or Valkey server, where other
// octopools find them. The server should run with maxmemory and an LRU policy, since
// nothing here bounds what it keeps but the TTL.
//
// What is read often is kept in this process too, and Redis tells when it changes
// (client-side caching): a hot Lookup or Body costs no round trip. What this octopool has
// written it reads back at once. What another has written is seen after a round trip,
// and at worst some four seconds later, when the connection died without a word. That is
// harmless to who asks GitHub whether a view is still right. For who serves by the time
// of a voucher alone: that voucher was true at its time, by the clock of the octopool that
// wrote it, but another may have been told otherwise since.
//
// A request waits for Redis no longer than 50 ms, and for a body of more than 1 MiB what
// that takes at 100 MB/s. Then Redis is given up (see try), and asked again in the
// background until it answers. Meanwhile every lookup misses at once, and what is written
// is dropped. Who writes never waits.
type Redis struct {
	ttl      time.Duration
	boardTTL time.Duration
	patience time.Duration
	member   string // this store's name on boards
	now      func() time.Time
	failures *failures
	scripts  scripts
	options  rueidis.ClientOption

	// What to ask Redis by. It is nil while Redis is given up or not yet there.
	link   atomic.Pointer[link]
	asking atomic.Int64       // calls of within that are under way
	lost   chan string        // a key that Redis did not answer for, for the keeper
	life   context.Context    // ends when the store is closed
	end    context.CancelFunc // ends life
	keeper sync.WaitGroup     // the goroutine that keeps link
	closed sync.Once

	outbox outbox
	writer sync.WaitGroup // the goroutines that empty it

	entries, bytes, evictions atomic.Int64 // what this octopool's writes changed
}

// A link is two connections to Redis (to each node of it): one that is quick to answer,
// and one that may be busy with large things.
type link struct {
	reads rueidis.Client // with client-side caching
	bulk  rueidis.Client
}

var _ Store = (*Redis)(nil)

func (r *Redis) Lookup(k Key) []Representation {
	at := spotOf(k, Digest{})
	return representations(r.views("lookup", at.views, func(field string) bool {
		return strings.HasPrefix(field, acceptOf(at.field))
	}))
}

func (r *Redis) Siblings(k Key) []Sibling {
	at := spotOf(k, Digest{})
	return siblings(r.views("siblings", at.views, func(field string) bool {
		return !strings.HasPrefix(field, acceptOf(at.field))
	}))
}

// views reads those views of a URL whose fields are wanted.
func (r *Redis) views(kind, url string, wanted func(field string) bool) []view {
	var views []view
	unwritten := r.outbox.of(url) // first: what is not in there any more is seen in Redis
	r.ask(kind, url, func(ctx context.Context, l *link) error {
		stored, err := l.reads.DoCache(ctx, l.reads.B().Hgetall().Key(url).Cache().ToStaticTTL(), hot).AsStrMap()
		for field, value := range stored {
			if !wanted(field) {
				continue
			}
			if v, ok := r.decode(url, field, value); ok {
				views = append(views, v)
			}
		}
		return err
	})
	return withUnwritten(views, unwritten, wanted)
}

// decode reads the value of a field of url, unless it is not the record of a view in its
// own place or has not been used for the store's TTL.
func (r *Redis) decode(url, field, value string) (view, bool) {
	var v view
	state, text, _ := strings.Cut(value, "\n")
	parts := strings.Split(state, " ")
	if len(parts) != 5 {
		r.failures.note("record", errDamaged)
		return v, false
	}
	order, err1 := strconv.ParseUint(parts[0], 10, 64)
	used, err2 := strconv.ParseInt(parts[2], 10, 64)
	err := errors.Join(err1, err2)
	if err == nil {
		err = v.record.decode([]byte(text))
	}
	switch {
	case errors.Is(err, errVersion):
		return v, false
	case err != nil:
		r.failures.note("record", errDamaged)
		return v, false
	case r.ttl > 0 && !r.now().Before(time.Unix(used, 0).Add(r.ttl)):
		return v, false
	}
	v.order, v.rep.Encoding = order, parts[4]
	at := spotOf(v.key, v.rep.Body)
	return v, at.views == url && at.field == field
}

func (r *Redis) Body(k Key, rep *Representation) (body []byte, ok bool) {
	at := spotOf(k, rep.Body)
	if w := r.outbox.last(at); w != nil {
		return w.bodyIn(rep.Encoding)
	}
	key := bodiesOf(at.views) + at.field
	read := func(result rueidis.RedisResult) error {
		stored, err := result.AsBytes()
		if err != nil {
			return err
		}
		part, err := decodeBody(stored, rep.Body, rep.Encoding)
		if errors.Is(err, errDamaged) {
			r.failures.note("body", err)
		}
		body, ok = part, err == nil // else put again since the caller looked, or foreign
		return nil
	}
	size := rep.Size
	if rep.Encoding != "" {
		size /= squeezed
	}
	var err error
	if size <= maxHot {
		err = r.try(r.life, at.views, func(ctx context.Context, l *link) error {
			return read(l.reads.DoCache(ctx, l.reads.B().Get().Key(key).Cache().ToStaticTTL(), hot))
		})
	} else {
		// That this takes long does not say that Redis does.
		wait := r.patience + time.Duration(size/bytesPerMilli)*time.Millisecond
		err = r.within(r.life, wait, func(ctx context.Context, l *link) error {
			return read(l.bulk.Do(ctx, l.bulk.B().Get().Key(key).Build()))
		})
	}
	if err != nil && !rueidis.IsRedisNil(err) {
		r.failures.note("body", err)
	}
	return body, ok
}

// spotOf is where Redis has a view: in a field of the hash of its URL.
func spotOf(k Key, d Digest) spot {
	key := keyOf(recordKey, k, d)
	name := append(make([]byte, 0, 128), viewsPrefix...)
	name = base64.RawURLEncoding.AppendEncode(name, key[1:1+urlSize])
	name = append(name, '}')
	url := len(name)
	name = base64.RawURLEncoding.AppendEncode(name, key[1+urlSize:scanSize])
	name = base64.RawURLEncoding.AppendEncode(name, key[scanSize:])
	both := string(name)
	return spot{views: both[:url], field: both[url:]}
}

// bodiesOf is what the keys of all bodies of a URL begin with, before the field.
func bodiesOf(views string) string { return bodiesPrefix + views[len(viewsPrefix):] }

// acceptOf is what the fields of all views under one Accept begin with.
func acceptOf(field string) string { return field[:acceptSize] }
