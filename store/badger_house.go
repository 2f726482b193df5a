package store

import (
	"math"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// houseEvery is how often what has expired is looked for.
const houseEvery = 5 * time.Minute

// shortEvery is how often room is made because of what others write to the disk.
const shortEvery = 5 * time.Second

// limits are what a store keeps to, in bytes.
type limits struct {
	bytes int64 // on disk; 0 without a bound
	file  int64 // of a file of the value log: disk is given back in such pieces, and what is larger cannot be kept
	spare int64 // to leave to others on the disk
}

func newLimits(maxBytes int64) limits {
	const smallestFile, largestFile = 2 << 20, 64 << 20
	l := limits{bytes: max(maxBytes, 0), file: largestFile}
	if l.bytes > 0 {
		l.file = min(max(l.bytes/32, smallestFile), largestFile)
	}
	// Tables that are compacted and value log files that are rewritten exist twice for
	// a while.
	l.spare = 64<<20 + 2*l.file
	return l
}

// step is how much is written before it is looked whether room must be made.
func (l limits) step() int64 {
	if l.bytes == 0 {
		return 16 * l.file
	}
	return max(l.bytes/32, 4<<20)
}

// What there may be of the bytes on disk. Views take less than all of it, as the cost of
// giving disk back is in the parts of files that must be written again: it is
// small where there is much garbage.
func (l limits) views() int64  { return l.of(0.9) - 8<<20 } // for Badger's logs and tables
func (l limits) target() int64 { return l.of(1.05) }        // is worth no effort
func (l limits) brake() int64  { return l.of(1.15) }        // stops writes

func (l limits) of(part float64) int64 {
	if l.bytes == 0 {
		return math.MaxInt64
	}
	return int64(part * float64(l.bytes))
}

// makeRoom returns nil when w may be written. Badger writes to mapped files, where a full
// disk is no error but the end of the process, so nothing is written when the disk is
// almost full.
func (b *Badger) makeRoom(w *write) error {
	grown := b.grown.Load()
	free := b.free(b.dir)
	if grown > b.limits.step() || free < b.limits.spare {
		call(b.calls)
	}
	if free < b.limits.spare/2 {
		return errNoSpace
	}
	if w.kind != "put" || b.used.Load()+grown <= b.limits.brake() {
		return nil
	}
	if err := b.tidy(false); err != nil {
		return err
	}
	if b.used.Load()+b.grown.Load() > b.limits.brake() {
		return errCrowded
	}
	return nil
}

// keepHouse counts, and gives disk back, until Close.
func (b *Badger) keepHouse() {
	b.use("count", func() error {
		b.tidying.Lock()
		defer b.tidying.Unlock()
		return b.count()
	})
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	var short time.Time // when the disk was last found to be
	for {
		select {
		case <-b.stop:
			return
		case <-b.calls:
			switch now := b.now(); {
			case b.grown.Load() > b.limits.step():
				b.use("housekeeping", func() error { return b.tidy(false) })
			case b.free(b.dir) < b.limits.spare && now.Sub(short) > shortEvery:
				short = now
				b.use("housekeeping", func() error { return b.tidy(true) })
			}
		case <-tick.C:
			b.use("housekeeping", func() error { return b.tidy(true) })
		}
	}
}

// count tells the index what is stored, once after an open. It reads keys alone, of which
// there may be a million in a second, and holds up writes meanwhile. It is called with
// tidying held.
func (b *Badger) count() error {
	if b.counted {
		return nil
	}
	b.counted = true
	b.writing.Lock()
	defer b.writing.Unlock()
	b.index.clear() // what was put since the open is in the database by now, and counted there
	now := b.now()
	return b.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			if len(item.Key()) != keySize {
				continue
			}
			if b.stopping() {
				return nil
			}
			var used time.Time // of a body: what its record says
			if item.Key()[0] == recordKey {
				used = time.Unix(int64(item.ExpiresAt()), 0).Add(-b.lifetime())
			}
			if used.After(now) {
				used = now // the TTL was another
			}
			b.index.touch(viewID(item.Key()), item.EstimatedSize()+tableSize, used)
		}
		return nil
	})
}

// tidy makes room: it deletes what was used least recently if there is too much, and what
// has expired if thorough, and gives back the disk that this and all that was replaced
// takes.
func (b *Badger) tidy(thorough bool) error {
	b.tidying.Lock()
	defer b.tidying.Unlock()
	if !thorough && b.grown.Load() <= b.limits.step() && b.used.Load() <= b.limits.target() {
		return nil // another has just done so
	}
	if err := b.count(); err != nil {
		return err
	}
	free := b.free(b.dir)
	if free < b.limits.spare/4 {
		return errNoSpace
	}
	_, stored := b.index.sums()
	garbage := max(0, onDisk(b.dir)-int64(stored))
	excess := b.limits.spare - free - garbage
	if surplus := int64(stored) - b.limits.views(); surplus > 0 {
		excess = max(excess, surplus+b.limits.step())
	}
	b.grown.Store(0)
	b.index.expire(b.now().Add(-b.lifetime()))
	if thorough || excess > 0 {
		if err := b.sweep(b.index.condemn(excess)); err != nil {
			return err
		}
	}
	err := b.reclaim()
	b.used.Store(onDisk(b.dir))
	return err
}

func (b *Badger) stopping() bool {
	select {
	case <-b.stop:
		return true
	default:
		return false
	}
}

// lifetime is how long an entry is kept. Without a TTL it is never over, but tells
// still when the entry was written.
func (b *Badger) lifetime() time.Duration {
	if b.ttl > 0 {
		return b.ttl
	}
	return 50 * 365 * 24 * time.Hour
}
