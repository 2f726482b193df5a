package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"octopool/mitm/admin"
	"octopool/mitm/config"
)

// A follower keeps an octopool at what its configuration says. One goroutine does all of
// it, one reading after the other.
type follower struct {
	*Daemon
	read func() (config.Settings, error)
	hup  <-chan os.Signal
	asks chan chan admin.Reloaded

	files []string          // whose change is one of the configuration
	seen  [sha256.Size]byte // what was in them before they were last read

	ctx    context.Context
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// Follow has the configuration read anew when hup brings a signal, when one of its files
// changes, and when an operator asks the admin listener for it. What was read replaces the
// settings of the octopool, if it makes sense; else nothing changes, and the log, /metrics
// and /api/status tell. It is called once, with what reads as it was read for [Start].
// read returns the settings as far as they could be made, too, when it returns an error.
func (d *Daemon) Follow(read func() (config.Settings, error), hup <-chan os.Signal) {
	f := &d.following
	f.Daemon, f.hup, f.asks = d, hup, make(chan chan admin.Reloaded)
	f.read = func() (config.Settings, error) {
		s, err := read()
		s.Files = withRotation(s.Files, d.settings.Places)
		return s, err
	}
	f.files = withRotation(d.settings.Files, d.settings.Places)
	f.seen = digestOf(f.files)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	d.show(f.ask)
	w, err := newWatcher()
	if err == nil {
		err = w.watch(f.files)
	}
	if err != nil {
		d.log.Warn("files of the configuration cannot be watched; send SIGHUP after a change", "err", err)
	}
	f.ended.Go(func() { w.run(f.ctx) })
	f.ended.Go(func() { f.run(w) })
}

// stop ends what Follow began, if it did.
func (f *follower) stop() {
	if f.cancel != nil {
		f.cancel()
		f.ended.Wait()
	}
}

func (f *follower) run(w *watcher) {
	for {
		w.watch(f.files) // what cannot be watched was told at the start
		var late <-chan time.Time
		if f.outdated() { // it changed before it was watched
			late = time.After(calm)
		}
		select {
		case <-f.ctx.Done():
			return
		case <-f.hup:
			f.reload("SIGHUP")
		case answer := <-f.asks:
			answer <- f.reload("asked for")
		case <-w.changed:
			f.look()
		case <-late:
			f.look()
		}
	}
}

// look reloads if a file has changed, and not only something beside it.
func (f *follower) look() {
	if f.outdated() {
		f.reload("a file has changed")
	}
}

// outdated reports whether something else is in the files than when they were last read.
func (f *follower) outdated() bool { return digestOf(f.files) != f.seen }

// ask has the configuration read anew for an operator.
func (f *follower) ask(ctx context.Context) admin.Reloaded {
	answer := make(chan admin.Reloaded, 1)
	select {
	case f.asks <- answer:
		return <-answer
	case <-ctx.Done():
	case <-f.ctx.Done():
	}
	return admin.Reloaded{Changed: []string{}, Restart: []string{}, Problems: []string{"octopool is stopping"}}
}

// reload reads the configuration, takes it if it can be taken, and tells everybody.
func (f *follower) reload(why string) admin.Reloaded {
	told := *f.configuration.Load()
	told.Read = time.Now().UTC().Round(time.Second)
	changed := []string{}
	s, err := f.settle()
	if err == nil {
		changed, told.Restart, err = f.Daemon.reload(s)
	}
	if told.Current = err == nil; told.Current {
		told.Loaded, told.Problems = told.Read, []string{}
	} else {
		told.Restart, told.Problems, changed = f.configuration.Load().Restart, problemsOf(err), []string{}
	}
	f.configuration.Store(&told)
	if slices.Contains(changed, "admin.token") {
		f.show(f.ask) // who has shown the old one has to show the new one
	}
	for _, problem := range told.Problems {
		f.log.Error("configuration not reloaded; octopool goes on with the one it has", "why", why, "problem", problem)
	}
	if told.Current {
		f.log.Info("configuration reloaded", "why", why, "changed", changed)
		for _, key := range told.Restart {
			f.log.Warn("configuration: a change that needs a restart", "key", key)
		}
		for _, warning := range s.Warnings {
			f.log.Warn("configuration", "warning", warning)
		}
	}
	done := admin.Reloaded{Changed: changed, Restart: told.Restart, Problems: told.Problems}
	f.audit.reloaded(why, done)
	return done
}

// settle reads the configuration, and remembers what was in its files before: what changes
// meanwhile is then seen to differ. Which files they are is known once they have been read,
// so where there are others it is read again.
func (f *follower) settle() (s config.Settings, err error) {
	for range 3 { // one more for each reference to a file that says there is another
		f.seen = digestOf(f.files)
		s, err = f.read()
		files := s.Files
		if err != nil { // it may not have come to all of them
			files = union(f.files, s.Files)
		}
		if slices.Equal(files, f.files) {
			break
		}
		f.files = files
	}
	return s, err
}

// problemsOf are those that an error tells of, one or more.
func problemsOf(err error) []string {
	if wrong, ok := errors.AsType[config.Wrong](err); ok {
		return wrong
	}
	return []string{err.Error()}
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, one := range b {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// digestOf is of what is in files, or of why it cannot be read.
func digestOf(files []string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(name)
		fmt.Fprintf(h, "%q %d %v\n", name, len(text), err)
		h.Write(text)
	}
	h.Sum(sum[:0])
	return sum
}
