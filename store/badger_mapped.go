package store

import "path/filepath"

const (
	// maxMapped is how much of the value log may be in the process's memory.
	maxMapped = 64 << 20
	// perRead is what a read may bring there besides what is read: the pages around it,
	// which the system maps too.
	perRead = 64 << 10
)

// Badger maps all of the value log, and so all of it that was ever read or written counts as
// memory of this process. That is the system's cache of files, which it takes back when it
// needs to, but nothing that observes the process can tell. So the mapping is
// emptied from time to time; what was mapped stays in the system's cache.
//
// A mapping must not end meanwhile, for its addresses could be another's then: of value log
// files mappings begin and end in writes, when they are rewritten and at the end of
// iterators, all of which are kept out. (Tables come and go in Badger's own time. They
// stay mapped.)

// keepUnmapped empties the mapping whenever it has grown by maxMapped, until Close.
func (b *Badger) keepUnmapped() {
	left := int64(0) // of all mapped files, when it was emptied last
	for {
		select {
		case <-b.stop:
			return
		case <-b.growing:
			b.mapped.Store(max(0, mappedFiles()-left))
			if b.mapped.Load() < maxMapped || !b.scanning.TryLock() {
				continue
			}
			b.use("unmapping", b.unmap)
			b.scanning.Unlock()
			left = mappedFiles()
			b.mapped.Store(0)
		}
	}
}

// unmap empties the mapping. It is called with scanning held.
func (b *Badger) unmap() error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.reading.Lock()
	defer b.reading.Unlock()
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
		call(b.growing)
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

// call wakes who waits for calls, which has room for one.
func call(calls chan<- struct{}) {
	select {
	case calls <- struct{}{}:
	default:
	}
}
