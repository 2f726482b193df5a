package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

var errSlow = errors.New("writing a table takes too long")

// reclaim gives disk back. Badger rewrites a file of the value log when it knows how much
// of it is garbage, which only compaction finds out, of what is in tables. So what
// is still in memory is made a table, and all tables are compacted to one level.
func (b *Badger) reclaim() error {
	if err := b.compact(); err != nil {
		return err
	}
	// The part of a file that must be garbage for it to be rewritten.
	for _, ratio := range []float64{0.5, 0.3, 0.15} {
		for !b.stopping() {
			if ratio < 0.5 && onDisk(b.dir) < b.limits.target() {
				return nil
			}
			err := b.rewrite(ratio)
			if errors.Is(err, badger.ErrNoRewrite) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrite rewrites the file of the value log that has most garbage, if that is this part of it,
// and holds up writes meanwhile: a file is small, and Badger has had keys that were deleted
// at that moment come back.
func (b *Badger) rewrite(ratio float64) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.db.RunValueLogGC(ratio)
}

// compact compacts all there is. Flatten leaves the newest tables alone when there are
// no others and they are few.
func (b *Badger) compact() error {
	for range 4 {
		if err := b.flush(); err != nil {
			return err
		}
		if err := b.db.Flatten(1); err != nil {
			return err
		}
		if !slices.ContainsFunc(b.db.Tables(), func(t badger.TableInfo) bool { return t.Level == 0 }) {
			break
		}
	}
	return nil
}

// flush has Badger make a table of what it has in memory. There is no call for that, so
// its memory is filled, with the deletion of keys that nobody has and compaction removes.
// They are long, so that few are needed.
func (b *Badger) flush() error {
	const length, together = 4 << 10, 16
	written, err := b.mark()
	if err != nil {
		return err
	}
	for n := uint32(0); n*length < memTableSize+together*length; {
		if err := b.db.Update(func(txn *badger.Txn) error {
			for range together {
				key := bytes.Repeat([]byte{nobodysKey}, length)
				binary.BigEndian.PutUint32(key[1:], n)
				n++
				if err := txn.Delete(key); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for range 2000 { // ten seconds
		if b.stopping() || slices.ContainsFunc(b.db.Tables(), func(t badger.TableInfo) bool { return t.MaxVersion >= written }) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errSlow
}

// mark writes something that compaction does not remove, and returns its version.
func (b *Badger) mark() (version uint64, err error) {
	key := []byte{nobodysKey}
	if err := b.db.Update(func(txn *badger.Txn) error { return txn.Set(key, nil) }); err != nil {
		return 0, err
	}
	err = b.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err == nil {
			version = item.Version()
		}
		return err
	})
	return version, err
}
