package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// ErrLocked says that another process has the directory open.
var ErrLocked = errors.New("store in use by another process")

// Options of a Badger store.
type BadgerOptions struct {
	// A view that is neither put nor touched for TTL is dropped; never, if TTL is not
	// positive.
	TTL time.Duration
	// The disk that the store may take, in bytes; any, if not positive. For a while
	// it may take a quarter more, and it is not kept to below 64 MiB. A body larger than
	// a thirty-second part of it, or than 64 MiB, is not kept.
	MaxBytes int64
	Log      *slog.Logger // may be nil
}

// OpenBadger opens the store in dir, which it makes if need be, and starts its
// housekeeping, which Close ends.
//
// It returns ErrLocked if another process has dir open, and an error if dir
// cannot be written to. Files that are damaged or not Badger's are no error: dir
// is moved aside, to its name with .broken- and the Unix time, and a fresh store
// begun, with a warning in the log. What was moved aside is kept, but for the oldest of
// more than three. A store with another version of this package's records is emptied.
func OpenBadger(dir string, o BadgerOptions) (*Badger, error) {
	return openWith(dir, o, time.Now, freeOn)
}

func openWith(dir string, o BadgerOptions, now func() time.Time, free func(dir string) int64) (*Badger, error) {
	b := &Badger{
		dir:      filepath.Clean(dir),
		ttl:      o.TTL,
		limits:   newLimits(o.MaxBytes),
		now:      now,
		free:     free,
		failures: newFailures(o.Log, now),
		stop:     make(chan struct{}),
		calls:    make(chan struct{}, 1),
		growing:  make(chan struct{}, 1),
	}
	var err error
	if b.db, err = b.openDir(); err != nil {
		return nil, fmt.Errorf("store %s: %w", b.dir, err)
	}
	b.used.Store(onDisk(b.dir))
	b.outbox.open()
	for _, queue := range b.outbox.queues {
		b.writers.Go(func() { b.deliver(queue) })
	}
	b.house.Go(b.keepHouse)
	b.house.Go(b.keepUnmapped)
	return b, nil
}

// Close waits until all is written, ends housekeeping and closes the database, which
// another process may open from then on. It returns an error after some seconds if the
// database cannot be closed, as when its files are gone. Later calls return nil.
func (b *Badger) Close() (err error) {
	b.closing.Do(func() {
		b.outbox.close()
		b.writers.Wait()
		close(b.stop)
		b.house.Wait()
		b.open.Lock()
		defer b.open.Unlock()
		b.closed = true
		b.hot.close()
		err = b.closeWithin(closeTime)
	})
	return err
}

// closeTime is far beyond what it takes to write what Badger has in memory. It goes on
// trying to for ever when its files are gone.
const closeTime = 5 * time.Second

// errStuck says that Badger did not end; the end of the process gives up the directory then.
var errStuck = errors.New("badger cannot write its files, and does not close")

func (b *Badger) closeWithin(most time.Duration) error {
	closed := make(chan error, 1)
	go func() {
		// A child that is being started has every file of its parent's until it runs, the
		// database's lock among them.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		closed <- b.db.Close()
	}()
	giveUp := time.NewTimer(most)
	defer giveUp.Stop()
	select {
	case err := <-closed:
		return err
	case <-giveUp.C:
		return fmt.Errorf("store %s: %w", b.dir, errStuck)
	}
}

// openDir opens the database in the store's directory, or a fresh one there if that
// cannot be.
func (b *Badger) openDir() (*badger.DB, error) {
	db, err := b.tryOpen()
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, errNoSpace) {
		return db, err
	}
	if barred := writable(b.dir); barred != nil {
		return nil, barred
	}
	aside, moved := moveAside(b.dir, b.now())
	if moved != nil {
		return nil, moved
	}
	b.failures.log.Warn("store moved aside, starting afresh", "dir", b.dir, "aside", aside, "error", err)
	return b.tryOpen()
}

// tryOpen opens the database in the store's directory. Badger may panic on damaged files.
func (b *Badger) tryOpen() (db *badger.DB, err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	if b.free(b.dir) < openSpace {
		return nil, errNoSpace
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: %v", p)
		}
	}()
	if err := checkTables(b.dir); err != nil {
		return nil, err
	}
	// A process that is killed when it has just made a file leaves it empty, which is an
	// error. There may be two: the value log's and one of memory.
	for range 3 {
		db, err = badger.Open(badgerOptions(b.dir, b.limits).WithLogger(badgerLog{b.failures}))
		if err == nil || !strings.Contains(err.Error(), emptyFile) {
			break
		}
	}
	// Badger's errors do not wrap; this is how it words a lock on every system.
	if err != nil && strings.Contains(err.Error(), "Another process is using this Badger database") {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	if err := checkVersion(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// emptyFile is how Badger words that it has found an empty file, and filled it in.
const emptyFile = "Create a new file"

// openSpace is what must be free on the disk for Badger to open: it writes a few
// files then, and does not live to tell of a full disk (see makeRoom).
const openSpace = 16 << 20

// checkVersion empties a database of another version.
func checkVersion(db *badger.DB) error {
	key, own := []byte{versionKey}, []byte{recordVersion, layoutVersion}
	same, empty := false, false
	if err := db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{AllVersions: true})
		defer it.Close()
		it.Rewind()
		empty = !it.Valid()
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(version []byte) error {
			same = bytes.Equal(version, own)
			return nil
		})
	}); err != nil || same {
		return err
	}
	if !empty {
		if err := db.DropAll(); err != nil {
			return err
		}
	}
	return db.Update(func(txn *badger.Txn) error { return txn.Set(key, own) })
}

// memTableSize is how much Badger collects before it makes a table of it.
const memTableSize = 1 << 20

// tableFile is the size of a table, bytes. Compaction takes twice that of memory for each
// that it makes, and makes several at once.
const tableFile = 1 << 20

// badgerOptions are for a cache of up to a million entries of 1 to 100 KB. With
// its defaults Badger takes gigabytes of memory and never gives disk back: space
// in the value log is only found to be free when tables are compacted, and with
// large tables and small entries they hardly ever are.
func badgerOptions(dir string, l limits) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(false). // a cache may lose its tail
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithCompression(options.None). // bodies come compressed
		WithBlockCacheSize(0).
		WithIndexCacheSize(64 << 20). // 0 would be all of it
		WithMemTableSize(memTableSize).
		WithNumMemtables(3).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithBaseTableSize(tableFile).
		WithValueThreshold(128).
		WithValueLogFileSize(l.file).
		WithChecksumVerificationMode(options.OnTableRead). // a damaged table would stay for good
		WithMetricsEnabled(false)
	o.TableSizeMultiplier = 1 // tables of all levels have this size
	return o
}
