package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// ErrLocked says that another process has the directory open.
var ErrLocked = errors.New("store in use by another process")

// OpenBadger opens the store in dir, which it makes if need be, and starts its
// housekeeping, which Close ends. A view that is neither put nor touched for ttl
// is dropped; never, if ttl is not positive.
//
// It returns ErrLocked if another process has dir open, and an error if dir
// cannot be written to. Files that are damaged or not Badger's are no error: dir
// is moved aside, to its name with .broken- and the Unix time, and a fresh store
// begun, with a warning in log.
func OpenBadger(dir string, ttl time.Duration, log *slog.Logger) (*Badger, error) {
	b := &Badger{
		ttl:      ttl,
		now:      time.Now,
		failures: newFailures(log, time.Now),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	dir = filepath.Clean(dir)
	var err error
	if b.db, err = openDir(dir, b.failures); err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	go b.keepHouse()
	return b, nil
}

// Close ends housekeeping and closes the database, which another process may open from
// then on. Later calls return nil.
func (b *Badger) Close() (err error) {
	b.closing.Do(func() {
		close(b.stop)
		<-b.stopped
		b.open.Lock()
		defer b.open.Unlock()
		b.closed = true
		// A child that is being started has every file of its parent's until it runs, the
		// database's lock among them.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		err = b.db.Close()
	})
	return err
}

// openDir opens the database in dir, or a fresh one there if that cannot be.
func openDir(dir string, f *failures) (*badger.DB, error) {
	db, err := tryOpen(dir, f)
	if err == nil || errors.Is(err, ErrLocked) {
		return db, err
	}
	if barred := writable(dir); barred != nil {
		return nil, barred
	}
	aside := fmt.Sprintf("%s.broken-%d", dir, f.now().Unix())
	for n := 1; exists(aside); n++ {
		aside = fmt.Sprintf("%s.broken-%d-%d", dir, f.now().Unix(), n)
	}
	if err := os.Rename(dir, aside); err != nil {
		return nil, err
	}
	f.log.Warn("store moved aside, starting afresh", "dir", dir, "aside", aside, "error", err)
	return tryOpen(dir, f)
}

// tryOpen opens the database in dir. Badger may panic on damaged files.
func tryOpen(dir string, f *failures) (db *badger.DB, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: %v", p)
		}
	}()
	if err := checkTables(dir); err != nil {
		return nil, err
	}
	db, err = badger.Open(badgerOptions(dir).WithLogger(badgerLog{f}))
	// Badger's errors do not wrap; this is how it words a lock on every system.
	if err != nil && strings.Contains(err.Error(), "Another process is using this Badger database") {
		return nil, ErrLocked
	}
	return db, err
}

// badgerOptions are for a cache of up to a million entries of 1 to 100 KB. With
// its defaults Badger takes gigabytes of memory and never gives disk back: space
// in the value log is only found to be free when tables are compacted, and with
// large tables and small entries they hardly ever are.
func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(false). // a cache may lose its tail
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithCompression(options.None). // bodies come compressed
		WithBlockCacheSize(0).
		WithIndexCacheSize(64 << 20). // 0 would be all of it
		WithMemTableSize(2 << 20).
		WithNumMemtables(3).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithValueThreshold(1 << 10).
		WithValueLogFileSize(64 << 20).
		WithMetricsEnabled(false)
}

// checkTables looks at the tables in dir before Badger does, because Badger ends
// the process over one that was cut off: it opens them on goroutines of its own,
// where a panic cannot be caught, and calls log.Fatal when a length in the footer
// leads outside the file. Only what the manifest lists is Badger's; the rest, such
// as the half of a table that a killed process was writing, it removes itself. A
// manifest that cannot be read is left to Badger, which returns an error.
func checkTables(dir string) error {
	file, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return nil
	}
	defer file.Close()
	manifest, _, err := badger.ReplayManifestFile(file, 0, badgerOptions(dir))
	if err != nil {
		return nil
	}
	for id := range manifest.Tables {
		name := table.NewFilename(id, dir)
		// A table that is gone by now was deleted by the process that has dir open.
		if err := checkTable(name); err != nil && exists(name) {
			return fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// checkTable verifies that a table ends in a whole index, which is written last.
// It ends in: index, its length, its checksum, the checksum's length.
func checkTable(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	before := func(n int64) ([]byte, error) {
		if n > end {
			return nil, errors.New("table is cut off")
		}
		end -= n
		part := make([]byte, n)
		_, err := file.ReadAt(part, end)
		return part, err
	}
	sized := func() ([]byte, error) {
		n, err := before(4)
		if err != nil {
			return nil, err
		}
		return before(int64(binary.BigEndian.Uint32(n)))
	}
	sum, err := sized()
	if err != nil {
		return err
	}
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil {
		return err
	}
	index, err := sized()
	if err != nil {
		return err
	}
	return y.VerifyChecksum(index, &want)
}

// writable tells a directory that may not be written to, on a disk that may be
// full or read-only, from one with damaged files: for those it returns nil.
func writable(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return nil // someone else's file
	}
	probe, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, 64<<10))
	if err := errors.Join(err, probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range files {
		if !entry.Type().IsRegular() {
			continue
		}
		file, err := os.OpenFile(filepath.Join(dir, entry.Name()), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
