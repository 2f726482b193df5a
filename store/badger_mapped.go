package store

import "path/filepath"

const (
	// maxMapped is how much of the value log may be in the process's memory.
	maxMapped = 48 << 20
	// perRead is what of it a read may bring there: the pages around what is read, which
	// the system maps too, of a record and of a body.
	perRead = 128 << 10
)

// Badger maps all of the value log, and so all of it that was ever read or written counts as
// memory of this process. That is the system's cache of files, which it takes back when it
// needs to, but nothing that observes the process can tell. So the mapping is
// emptied from time to time; what was mapped stays in the system's cache.
//
// A mapping must not end meanwhile, for its addresses could be another's then: of value log
// files mappings begin and end in writes, housekeeping and at the end of lookups, all
// of which are kept out. (Tables come and go in Badger's own time. They stay mapped.)

// unmap empties the mapping, unless there is housekeeping, which may last.
func (b *Badger) unmap() error {
	if !b.tidying.TryLock() {
		return nil
	}
	defer b.tidying.Unlock()
	b.writing.Lock()
	defer b.writing.Unlock()
	b.reading.Lock()
	defer b.reading.Unlock()
	b.mapped.Store(0)
	dir, err := filepath.EvalSymlinks(b.dir)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return dropMapped(func(file string) bool {
		return filepath.Dir(file) == dir && filepath.Ext(file) == ".vlog"
	})
}

// mapping takes account of so many bytes that may have been mapped.
func (b *Badger) mapping(bytes int64) {
	if b.mapped.Add(bytes) > maxMapped {
		b.call()
	}
}

// read runs f, which looks something up, like use.
func (b *Badger) read(kind string, f func() error) {
	b.mapping(perRead)
	b.use(kind, func() error {
		b.reading.RLock()
		defer b.reading.RUnlock()
		return f()
	})
}

// call has housekeeping look whether there is something to do.
func (b *Badger) call() {
	select {
	case b.calls <- struct{}{}:
	default:
	}
}
