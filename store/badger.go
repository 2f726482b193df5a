package store

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// The keys of the database:
//
//	m URL ACCEPT VIEW → record of the view (see record)
//	b URL ACCEPT VIEW → its body
//	v                 → the version of all this: recordVersion, layoutVersion
//
//	URL     16 bytes, digest of Host, Path, Query and Version
//	ACCEPT   8 bytes, digest of Accept
//	VIEW     8 bytes, the first of Representation.Body
//
// Scanning the prefix m URL ACCEPT finds the views of a key, m URL those of a URL
// under every Accept. Records and bodies lie in the value log, so that the LSM tree,
// which compaction writes again and again, holds little but keys. They are two, so that
// a 304 rewrites the smaller one only.
//
// Digests are the first bytes of a SHA-256 over the fields, each preceded by its
// length, so that no two lists of fields give the same bytes to hash. The record
// has the fields once more, and the body its whole digest: a collision is a miss. Keys are
// short since with a million views they are most of what Badger has in memory.
//
// Both entries carry Badger's TTL. Touch renews that of the record, and that of
// the body, for which the body must be rewritten, once half of it has passed. A
// record whose body is gone is a miss for Body.
const (
	recordKey  = 'm'
	bodyKey    = 'b'
	versionKey = 'v'
	nobodysKey = 'x' // see flush
	urlSize    = 16
	acceptLen  = 8
	viewSize   = 8
	scanSize   = 1 + urlSize + acceptLen // of the prefix that the views of a key share
	keySize    = scanSize + viewSize

	layoutVersion = 1 // of the keys

	// maxScanned is how many records of a URL Siblings looks at: a client may have one
	// URL stored under any number of Accepts.
	maxScanned = 64
)

// Badger keeps representations in a directory, in a database that survives the
// death of the process at any moment: what was written is there at the next open,
// whole or not at all. The death of the machine may cost the last writes, as
// nothing is synced.
//
// Put, Touch and Drop do not wait for the disk. What they ask for is written at once, by
// others, and until then read from memory; when too much waits to be written it is
// dropped, and counted as an error.
//
// It keeps to a number of bytes on disk. Beyond it what was used least recently goes
// first; putting, touching and reading a body is use. After a restart only the
// last put or touch of a view is known.
type Badger struct {
	db       *badger.DB
	dir      string
	ttl      time.Duration
	limits   limits
	now      func() time.Time
	free     func(dir string) int64 // see freeOn
	failures *failures
	index    index
	outbox   outbox
	hot      hotSet

	open    sync.RWMutex // held for reading while db is used, since Badger unmaps its files on Close
	closed  bool         // guarded by open
	closing sync.Once
	writers sync.WaitGroup
	stop    chan struct{}  // closed to end housekeeping
	house   sync.WaitGroup // of that

	// In this order:
	tidying  sync.Mutex   // held by whoever makes room
	scanning sync.Mutex   // held by an iterator that lasts
	writing  sync.RWMutex // for reading by a write, of which there is one at a time for a URL; for writing by housekeeping that changes what there is
	reading  sync.RWMutex // for reading by a lookup; for writing when nothing may be read (see unmap)

	counted bool          // guarded by tidying: the index knows of all that is stored
	calls   chan struct{} // for housekeeping
	used    atomic.Int64  // bytes on disk when they were last counted
	grown   atomic.Int64  // bytes written since

	growing chan struct{} // for keepUnmapped
	mapped  atomic.Int64  // bytes of files, at most, that came into memory since it was last at work

	evictions atomic.Uint64
}

func (b *Badger) Lookup(k Key) []Representation {
	if reps, ok := b.hot.views(k); ok {
		return reps
	}
	moment := b.hot.moment()
	key := keyOf(recordKey, k, Digest{})
	at := spotIn(key)
	unwritten := b.outbox.of(at.views) // first: what is not in there any more is seen in the database
	var views []view
	b.read("lookup", func() error {
		return b.db.View(func(txn *badger.Txn) (err error) {
			views, err = b.views(txn, k)
			return err
		})
	})
	own := func(field string) bool { return field[:acceptLen] == at.field[:acceptLen] }
	reps := representations(withUnwritten(views, unwritten, own))
	if len(unwritten) == 0 && b.lately(key, reps) {
		b.hot.keep(k, reps, firstGone(views), moment)
	}
	return reps
}

// lately reports whether one of the views with keys like this was used not long ago.
func (b *Badger) lately(key [keySize]byte, reps []Representation) bool {
	since := seconds(b.now().Add(-hotWithin))
	for i := range reps {
		copy(key[scanSize:], reps[i].Body[:])
		if b.index.usage(viewID(key[:])).used >= since {
			return true
		}
	}
	return false
}

func (b *Badger) Siblings(k Key) []Sibling {
	if b.hot.isAlone(k) {
		return nil
	}
	moment := b.hot.moment()
	key := keyOf(recordKey, k, Digest{})
	at := spotIn(key)
	unwritten := b.outbox.of(at.views)
	var views []view
	b.read("siblings", func() error {
		return b.db.View(func(txn *badger.Txn) (err error) {
			views, err = b.scan(txn, key[:1+urlSize], maxScanned, func(other []byte) bool {
				return !bytes.HasPrefix(other, key[:scanSize])
			})
			return err
		})
	})
	views = slices.DeleteFunc(views, func(v view) bool { return v.key.url() != k.url() })
	others := func(field string) bool { return field[:acceptLen] != at.field[:acceptLen] }
	found := siblings(withUnwritten(views, unwritten, others))
	if len(unwritten) == 0 && len(found) == 0 {
		b.hot.keepAlone(k, moment)
	}
	return found
}

func (b *Badger) Body(k Key, r *Representation) (body []byte, ok bool) {
	if w, ok := b.hot.body(k, r.Body, r.Encoding); ok {
		b.index.use(w.view, b.now())
		return w.bytes, true
	}
	moment := b.hot.moment()
	key := keyOf(recordKey, k, r.Body)
	if w := b.outbox.last(spotIn(key)); w != nil {
		return w.bodyIn(r.Encoding)
	}
	var until uint64
	b.read("body", func() error {
		return b.db.View(func(txn *badger.Txn) (err error) {
			body, until, err = b.body(txn, key, r.Body, r.Encoding)
			ok = body != nil
			return err
		})
	})
	if ok {
		id := viewID(key[:])
		b.mapping(int64(len(body)))
		b.index.use(id, b.now())
		b.hot.keepBody(k, warmBody{id, r.Body, r.Encoding, until, body}, moment)
	}
	return body, ok
}

// Stats counts views and the bytes of their bodies and records. What expires is
// noticed a few minutes later; right after an open not all may have been counted.
func (b *Badger) Stats() Stats {
	entries, bytes := b.index.sums()
	return Stats{
		Entries:   entries,
		Bytes:     bytes,
		Errors:    b.failures.count.Load(),
		Evictions: b.evictions.Load(),
	}
}

// keyOf returns the database key of the view d of k. For the prefix of all views
// the digest is immaterial.
func keyOf(kind byte, k Key, d Digest) (key [keySize]byte) {
	key[0] = kind
	var buf [512]byte
	url := sha256.Sum256(appendURL(buf[:0], k))
	accept := sha256.Sum256(appendString(buf[:0], k.Accept))
	copy(key[1:], url[:urlSize])
	copy(key[1+urlSize:scanSize], accept[:])
	copy(key[scanSize:], d[:])
	return key
}

// appendURL appends the fields that make a URL in a form that gives them back.
func appendURL(dst []byte, k Key) []byte {
	for _, s := range [...]string{k.Host, k.Path, k.Query, k.Version} {
		dst = appendString(dst, s)
	}
	return dst
}

// spotIn is where the outbox has the view of a database key.
func spotIn(key [keySize]byte) spot {
	return spot{views: string(key[1 : 1+urlSize]), field: string(key[1+urlSize:])}
}

// recordOf is the database key of the record of a view in the outbox.
func recordOf(at spot) (key [keySize]byte) {
	key[0] = recordKey
	copy(key[1:], at.views)
	copy(key[1+urlSize:], at.field)
	return key
}

// bodyOf is the database key of the body of a view whose record is at key.
func bodyOf(key [keySize]byte) [keySize]byte {
	key[0] = bodyKey
	return key
}
