package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// maxAside is how many damaged stores are kept.
const maxAside = 3

// moveAside gives dir another name, which it returns, and deletes the oldest of what was
// moved aside before.
func moveAside(dir string, now time.Time) (string, error) {
	aside := fmt.Sprintf("%s.broken-%d", dir, now.Unix())
	for n := 1; exists(aside); n++ {
		aside = fmt.Sprintf("%s.broken-%d-%d", dir, now.Unix(), n)
	}
	if err := os.Rename(dir, aside); err != nil {
		return "", err
	}
	parent := filepath.Dir(dir)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", err
	}
	var kept []string // oldest first
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), filepath.Base(dir)+".broken-") {
			kept = append(kept, entry.Name())
		}
	}
	for _, name := range kept[:max(0, len(kept)-maxAside)] {
		if err := os.RemoveAll(filepath.Join(parent, name)); err != nil {
			return "", err
		}
	}
	return aside, nil
}

// onDisk is what the files in dir take on disk, in bytes.
func onDisk(dir string) (bytes int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil { // else it was deleted meanwhile
			bytes += diskOf(info)
		}
	}
	return bytes
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
	manifest, _, err := badger.ReplayManifestFile(file, 0, badger.DefaultOptions(dir))
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
	if len(index) == 0 { // zeros all over, and so their checksum
		return errors.New("table has no index")
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
