package store

import (
	"errors"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	houseEvery = 5 * time.Minute
	// gcRatio is the part of a value log file that must be garbage for it to be
	// rewritten.
	gcRatio = 0.5
)

// Stats counts views and the bytes of their bodies. What expires is noticed at
// the next count, a few minutes later; right after an open the first count may
// still be under way.
func (b *Badger) Stats() Stats {
	entries, bytes := b.tally.read()
	return Stats{
		Entries:   entries,
		Bytes:     bytes,
		Errors:    b.failures.count.Load(),
		Evictions: b.evictions.Load(),
	}
}

// keepHouse counts, and gives disk back, until Close.
func (b *Badger) keepHouse() {
	defer close(b.stopped)
	b.use("count", b.recount)
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			b.use("compaction", b.collect)
			b.use("count", b.recount)
		}
	}
}

// collect gives back the disk that replaced, dropped and expired bodies take.
// Only compaction finds out which parts of the value log those are, hence Flatten.
func (b *Badger) collect() error {
	if err := b.db.Flatten(1); err != nil {
		return err
	}
	for !b.stopping() {
		err := b.db.RunValueLogGC(gcRatio)
		if errors.Is(err, badger.ErrNoRewrite) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recount counts the bodies, whose keys and sizes lie together and apart from all
// else, so that a million of them are read in about a second.
func (b *Badger) recount() error {
	b.tally.commits.Lock()
	txn := b.db.NewTransaction(false)
	b.tally.begin()
	b.tally.commits.Unlock()
	defer txn.Discard()

	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{bodyKey}})
	defer it.Close()
	var counted change
	for it.Rewind(); it.Valid(); it.Next() {
		if counted.entries%1024 == 0 && b.stopping() {
			return nil
		}
		counted.entries++
		counted.bytes += it.Item().EstimatedSize()
	}
	b.tally.end(counted)
	return nil
}

func (b *Badger) stopping() bool {
	select {
	case <-b.stop:
		return true
	default:
		return false
	}
}

// A change is what a write did to the number of views and the size of bodies.
type change struct {
	entries, bytes int64
	evictions      uint64
}

func (c *change) add(rec *record) {
	c.entries++
	c.bytes += sizeOf(rec)
}

func (c *change) remove(rec *record) {
	c.entries--
	c.bytes -= sizeOf(rec)
}

// sizeOf is what the body of rec takes, as Badger estimates it.
func sizeOf(rec *record) int64 {
	const around = int64(keySize + recordHead + len(Digest{}) + 1)
	return rec.length + around
}

// A tally knows how much is stored: what the last count found, and what has
// changed since that count began.
type tally struct {
	// Held for reading from before a commit until it is added here, so that a
	// count sees each write either in its snapshot or as a change since.
	commits sync.RWMutex

	mu             sync.Mutex // guards everything below
	counted, since change
	during         change // since a count that is under way began
}

func (t *tally) add(c change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sum := range []*change{&t.since, &t.during} {
		sum.entries += c.entries
		sum.bytes += c.bytes
	}
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.during = change{}
}

func (t *tally) end(counted change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counted, t.since = counted, t.during
}

// read returns the sums, never below zero: a view that had expired may have been
// replaced before it was counted out.
func (t *tally) read() (entries, bytes uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(max(0, t.counted.entries+t.since.entries)), uint64(max(0, t.counted.bytes+t.since.bytes))
}
