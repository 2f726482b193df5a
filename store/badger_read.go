package store

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// views reads all views of k.
func (b *Badger) views(txn *badger.Txn, k Key) ([]view, error) {
	key := keyOf(recordKey, k, Digest{})
	views, err := b.scan(txn, key[:scanSize], math.MaxInt, func([]byte) bool { return true })
	return slices.DeleteFunc(views, func(v view) bool { return v.key != k }), err
}

// scan reads at most so many records under prefix, those with wanted keys. What cannot
// be read is passed over, and noted unless it is merely of another version.
func (b *Badger) scan(txn *badger.Txn, prefix []byte, most int, wanted func(key []byte) bool) ([]view, error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	var views []view
	for it.Rewind(); it.Valid() && len(views) < most; it.Next() {
		if !wanted(it.Item().Key()) {
			continue
		}
		v := view{order: it.Item().Version(), until: it.Item().ExpiresAt()}
		found, err := b.decode(it.Item(), &v.record)
		if err != nil {
			return views, err
		}
		if found {
			views = append(views, v)
		}
	}
	return views, nil
}

// firstGone is when the first of some views expires; 0 for never.
func firstGone(views []view) (until uint64) {
	for _, v := range views {
		if v.until != 0 && (until == 0 || v.until < until) {
			until = v.until
		}
	}
	return until
}

// record reads the record of one view, and how long it is; nil if there is none.
func (b *Badger) record(txn *badger.Txn, k Key, d Digest) (*record, int64, error) {
	key := keyOf(recordKey, k, d)
	item, err := txn.Get(key[:])
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	rec := new(record)
	if found, err := b.decode(item, rec); !found || rec.key != k || rec.rep.Body != d {
		return nil, 0, err
	}
	return rec, item.ValueSize(), nil
}

// decode decodes item into rec and says whether it is a record in its own place.
func (b *Badger) decode(item *badger.Item, rec *record) (bool, error) {
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
	return keyOf(recordKey, rec.key, rec.rep.Body) == [keySize]byte(item.Key()), nil
}

// body reads the body of the view d whose record is at key, and when it expires; nil if
// there is none in that encoding.
func (b *Badger) body(txn *badger.Txn, key [keySize]byte, d Digest, encoding string) (body []byte, until uint64, err error) {
	key = bodyOf(key)
	item, err := txn.Get(key[:])
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	err = item.Value(func(value []byte) error {
		part, err := decodeBody(value, d, encoding)
		if err != nil {
			return err
		}
		body = append(make([]byte, 0, len(part)), part...)
		return nil
	})
	if errors.Is(err, errVersion) || errors.Is(err, errForeign) {
		return nil, 0, nil // put again since the caller looked, or by another octopool
	}
	return body, item.ExpiresAt(), err
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
