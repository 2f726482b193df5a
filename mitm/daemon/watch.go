package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A watcher tells when something may have changed about files. It tells too often rather
// than too seldom: what is in them, its user has to compare.
type watcher struct {
	changed chan struct{} // has room for one
	fs      *fsnotify.Watcher
}

const (
	// An editor writes a file in several steps; what is read in between is half of it.
	calm = 200 * time.Millisecond
	// In a folder that is busy all the time nothing is ever quiet.
	patience = 2 * time.Second
)

// newWatcher returns a watcher; with an error, one that never tells.
func newWatcher() (*watcher, error) {
	f, err := fsnotify.NewWatcher()
	return &watcher{changed: make(chan struct{}, 1), fs: f}, err
}

// watch makes these the files that are watched.
func (w *watcher) watch(files []string) error {
	if w.fs == nil {
		return nil
	}
	places := map[string]bool{}
	for _, file := range files {
		addPlaces(places, file, 0)
	}
	for _, former := range w.fs.WatchList() {
		if !places[former] {
			w.fs.Remove(former) // it may be gone
		}
	}
	var errs []error
	for place := range places {
		if err := w.fs.Add(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// addPlaces adds where a change of a file shows: in the file itself, if it is written; in
// its folder, if another takes its name, as most editors and Kubernetes do; and beside each
// symbolic link that leads there. What Kubernetes mounts is a link to ..data/NAME, and
// ..data a link that is replaced.
func addPlaces(places map[string]bool, path string, links int) {
	const most = 40 // as Linux follows
	if links > most {
		return
	}
	places[path] = true
	for at := path; ; {
		folder := filepath.Dir(at)
		if at == path || isLink(at) {
			places[existing(folder)] = true
		}
		if target, err := os.Readlink(at); err == nil {
			if !filepath.IsAbs(target) {
				target = filepath.Join(folder, target)
			}
			addPlaces(places, filepath.Join(target, path[len(at):]), links+1)
			return
		}
		if folder == at {
			return
		}
		at = folder
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// existing is the folder, or the first above it that there is: in it, the folder may
// appear.
func existing(folder string) string {
	for {
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// run tells of changes until ctx is done, each time when it has been quiet for a moment.
func (w *watcher) run(ctx context.Context) {
	if w.fs == nil {
		return
	}
	defer w.fs.Close()
	var settled <-chan time.Time
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.fs.Events:
			if !ok {
				return
			}
			now := time.Now()
			if settled == nil {
				since = now
			}
			settled = time.After(min(calm, since.Add(patience).Sub(now)))
		case <-w.fs.Errors: // events were lost: look
			settled = time.After(calm)
		case <-settled:
			settled = nil
			select {
			case w.changed <- struct{}{}:
			default: // it has been told
			}
		}
	}
}
