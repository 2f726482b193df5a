package store

import (
	"errors"
	"math"

	"github.com/dgraph-io/badger/v4"
)

// sweepBatch is how many views a transaction deletes. A transaction has a limit, and
// holds up writes.
const sweepBatch = 256

// A doomed view is to be deleted, unless it has been used since it was last looked at.
type doomed struct {
	key  [keySize]byte // of its record
	used uint32
}

// sweep deletes the views that v is on and those that have expired. Badger hides these,
// but gives nothing of them back until something newer of the same key meets them in
// compaction, such as their deletion.
func (b *Badger) sweep(v verdict) error {
	var expired, condemned []doomed
	flush := func(most int) error {
		if len(expired) >= most {
			if _, err := b.forget(expired); err != nil {
				return err
			}
			expired = expired[:0]
		}
		if len(condemned) >= most {
			n, err := b.forget(condemned)
			if err != nil {
				return err
			}
			b.evictions.Add(uint64(n))
			condemned = condemned[:0]
		}
		return nil
	}
	b.scanning.Lock()
	defer b.scanning.Unlock()
	err := b.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{recordKey}, AllVersions: true})
		defer it.Close()
		var last [keySize]byte
		for it.Rewind(); it.Valid() && !b.stopping(); it.Next() {
			item := it.Item()
			if len(item.Key()) != keySize || last == [keySize]byte(item.Key()) {
				continue // an older version
			}
			last = [keySize]byte(item.Key())
			u := b.index.usage(viewID(last[:]))
			switch {
			case item.IsDeletedOrExpired():
				if item.ExpiresAt() > 0 {
					expired = append(expired, doomed{last, math.MaxUint32})
				}
			case v.on(u):
				condemned = append(condemned, doomed{last, u.used})
			}
			if err := flush(sweepBatch); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, flush(1))
}

// forget deletes views and returns how many.
func (b *Badger) forget(views []doomed) (int, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	c := change{now: b.now()}
	err := b.db.Update(func(txn *badger.Txn) error {
		c.txn = txn
		for _, view := range views {
			if b.index.usage(viewID(view.key[:])).used > view.used {
				continue
			}
			if err := c.delete(view.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	b.hot.clear()
	for _, key := range c.deleted {
		b.index.remove(viewID(key[:]))
	}
	return len(c.deleted), nil
}

// Purge waits for what was put before it.
func (b *Badger) Purge(match func(Key) bool) (purged int) {
	b.outbox.settle()
	b.use("purge", func() error {
		b.scanning.Lock()
		defer b.scanning.Unlock()
		var batch []doomed
		flush := func(most int) error {
			if len(batch) < most {
				return nil
			}
			n, err := b.forget(batch)
			purged += n
			batch = batch[:0]
			return err
		}
		err := b.db.View(func(txn *badger.Txn) error {
			it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{recordKey}})
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				var rec record
				found, err := b.decode(it.Item(), &rec)
				if err != nil {
					return err
				}
				if !found || !match(rec.key) {
					continue
				}
				batch = append(batch, doomed{keyOf(recordKey, rec.key, rec.rep.Body), math.MaxUint32})
				if err := flush(sweepBatch); err != nil {
					return err
				}
			}
			return nil
		})
		return errors.Join(err, flush(1))
	})
	return purged
}
