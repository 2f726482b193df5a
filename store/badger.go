package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// The keys of the database:
//
//	m URL ACCEPT VIEW → record of the view (see record)
//	b URL ACCEPT VIEW → its body
//
//	URL     16 bytes, digest of Host, Path, Query and Version
//	ACCEPT   8 bytes, digest of Accept
//	VIEW    32 bytes, Representation.Body
//
// Scanning the prefix m URL ACCEPT finds the views of a key, m URL those of a URL
// under every Accept. Records are small and stay in the LSM tree, where a 304
// may rewrite them; bodies lie in the value log and are written once.
//
// Digests are the first bytes of a SHA-256 over the fields, each preceded by its
// length, so that no two lists of fields give the same bytes to hash. The record
// has the fields once more: a collision is a miss.
//
// Both entries carry Badger's TTL. Touch renews that of the record, and that of
// the body, for which the body must be rewritten, once half of it has passed. A
// record whose body is gone is a miss for Body.
const (
	recordKey = 'm'
	bodyKey   = 'b'
	urlSize   = 16
	keySize   = 1 + urlSize + 8 + len(Digest{})
	scanSize  = keySize - len(Digest{}) // of the prefix that the views of a key share
)

// Badger keeps representations in a directory, in a database that survives the
// death of the process at any moment: what was put is there at the next open,
// whole or not at all. The death of the machine may cost the last writes, as
// nothing is synced.
type Badger struct {
	db       *badger.DB
	ttl      time.Duration
	now      func() time.Time
	failures *failures
	tally    tally

	// One write at a time for a key: a write first reads what views there are.
	writing [64]sync.Mutex

	open    sync.RWMutex // held for reading while db is used, since Badger unmaps its files on Close
	closed  bool         // guarded by open
	closing sync.Once
	stop    chan struct{} // closed to end housekeeping
	stopped chan struct{} // closed when it has ended

	evictions atomic.Uint64
}

func (b *Badger) Lookup(k Key) []Representation {
	var views []view
	b.use("lookup", func() error {
		return b.db.View(func(txn *badger.Txn) (err error) {
			views, err = b.views(txn, k)
			return err
		})
	})
	return representations(views)
}

func (b *Badger) Body(k Key, r *Representation) (body []byte, ok bool) {
	b.use("body", func() error {
		return b.db.View(func(txn *badger.Txn) error {
			stored, err := b.body(txn, k, r.Body, r.Encoding)
			body, ok = stored, stored != nil
			return err
		})
	})
	return body, ok
}

func (b *Badger) Put(k Key, r *Representation, body []byte) {
	now := b.now()
	rec := record{key: k, rep: *r, written: now, length: int64(len(body))}
	b.write("put", k, func(txn *badger.Txn) (change, error) {
		views, err := b.views(txn, k)
		if err != nil {
			return change{}, err
		}
		var diff change
		diff.add(&rec)
		for _, old := range views {
			if old.rep.Body == r.Body {
				diff.remove(&old.record)
			}
		}
		for _, old := range surplus(views, r.Body) {
			if err := b.delete(txn, k, old.rep.Body); err != nil {
				return change{}, err
			}
			diff.remove(&old.record)
			diff.evictions++
		}
		if err := b.set(txn, bodyKey, k, r.Body, now, appendBody(nil, r.Body, r.Encoding, body)); err != nil {
			return change{}, err
		}
		return diff, b.set(txn, recordKey, k, r.Body, now, rec.append(nil))
	})
}

func (b *Badger) Touch(k Key, r *Representation) {
	now := b.now()
	b.write("touch", k, func(txn *badger.Txn) (change, error) {
		old, err := b.record(txn, k, r.Body)
		if err != nil || old == nil {
			return change{}, err
		}
		rec := *old
		rec.rep = *r
		rec.rep.Encoding = old.rep.Encoding // the body's, which stays
		if b.ttl > 0 && now.Sub(old.written) > b.ttl/2 {
			body, err := b.body(txn, k, r.Body, old.rep.Encoding)
			if err != nil || body == nil {
				return change{}, err
			}
			rec.written = now
			if err := b.set(txn, bodyKey, k, r.Body, now, appendBody(nil, r.Body, old.rep.Encoding, body)); err != nil {
				return change{}, err
			}
		}
		return change{}, b.set(txn, recordKey, k, r.Body, now, rec.append(nil))
	})
}

func (b *Badger) Drop(k Key, d Digest) {
	b.write("drop", k, func(txn *badger.Txn) (diff change, err error) {
		old, err := b.record(txn, k, d)
		if err != nil {
			return change{}, err
		}
		if old != nil {
			diff.remove(old)
		}
		return diff, b.delete(txn, k, d)
	})
}

// views reads all views of k. Records it cannot read are passed over, and noted
// unless they are merely of another version.
func (b *Badger) views(txn *badger.Txn, k Key) ([]view, error) {
	key := keyOf(recordKey, k, Digest{})
	it := txn.NewIterator(badger.IteratorOptions{Prefix: key[:scanSize]})
	defer it.Close()
	var views []view
	for it.Rewind(); it.Valid(); it.Next() {
		v := view{order: it.Item().Version()}
		found, err := b.read(it.Item(), k, &v.record)
		if err != nil {
			return views, err
		}
		if found {
			views = append(views, v)
		}
	}
	return views, nil
}

// record reads the record of one view; nil if there is none.
func (b *Badger) record(txn *badger.Txn, k Key, d Digest) (*record, error) {
	key := keyOf(recordKey, k, d)
	item, err := txn.Get(key[:])
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rec := new(record)
	if found, err := b.read(item, k, rec); !found {
		return nil, err
	}
	return rec, nil
}

// read decodes item into rec and says whether it is a record of k.
func (b *Badger) read(item *badger.Item, k Key, rec *record) (bool, error) {
	var bad error
	err := item.Value(func(value []byte) error {
		bad = rec.decode(value)
		return nil
	})
	switch {
	case err != nil:
		return false, err
	case bad == errVersion:
		return false, nil
	case bad != nil:
		b.failures.note("record", bad)
		return false, nil
	}
	return rec.key == k && keyOf(recordKey, k, rec.rep.Body) == [keySize]byte(item.Key()), nil
}

// body reads the body of one view; nil if there is none in that encoding.
func (b *Badger) body(txn *badger.Txn, k Key, d Digest, encoding string) ([]byte, error) {
	key := keyOf(bodyKey, k, d)
	item, err := txn.Get(key[:])
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var body []byte
	err = item.Value(func(value []byte) error {
		part, err := decodeBody(value, d, encoding)
		if err != nil {
			return err
		}
		body = append(make([]byte, 0, len(part)), part...)
		return nil
	})
	if errors.Is(err, errVersion) || errors.Is(err, errForeign) {
		return nil, nil // put again since the caller looked, or by another octopool
	}
	return body, err
}

func (b *Badger) set(txn *badger.Txn, kind byte, k Key, d Digest, now time.Time, value []byte) error {
	key := keyOf(kind, k, d)
	entry := badger.NewEntry(key[:], value)
	if b.ttl > 0 {
		entry.ExpiresAt = uint64(now.Add(b.ttl).Unix())
	}
	return txn.SetEntry(entry)
}

func (b *Badger) delete(txn *badger.Txn, k Key, d Digest) error {
	meta, body := keyOf(recordKey, k, d), keyOf(bodyKey, k, d)
	return errors.Join(txn.Delete(meta[:]), txn.Delete(body[:]))
}

// write runs f in a transaction, the only one for k at that moment, and takes
// account of what it changed. The transaction is small (bodies in the value log
// do not count towards Badger's limit), so it need never be split.
func (b *Badger) write(kind string, k Key, f func(*badger.Txn) (change, error)) {
	b.use(kind, func() error {
		key := keyOf(recordKey, k, Digest{})
		lock := &b.writing[int(key[1])%len(b.writing)]
		lock.Lock()
		defer lock.Unlock()
		b.tally.commits.RLock()
		defer b.tally.commits.RUnlock()
		var diff change
		err := b.db.Update(func(txn *badger.Txn) (err error) {
			diff, err = f(txn)
			return err
		})
		if err != nil {
			return err
		}
		b.tally.add(diff)
		b.evictions.Add(diff.evictions)
		return nil
	})
}

// use runs f while the database is open and notes its failure. Badger panics on
// some damaged files; a damaged store has missed.
func (b *Badger) use(kind string, f func() error) {
	b.open.RLock()
	defer b.open.RUnlock()
	defer func() {
		if p := recover(); p != nil {
			b.failures.note(kind, fmt.Errorf("badger: %v", p))
		}
	}()
	if b.closed {
		b.failures.note(kind, badger.ErrDBClosed)
		return
	}
	if err := f(); err != nil {
		b.failures.note(kind, err)
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
