package ca

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// A CA is rotated in three stages, so that no client breaks that reads ca.pem or
// ca-bundle.pem anew once during the first:
//
//  1. The new root stands in both files beside the old one; leaves come from the old one.
//  2. From a date on leaves come from the new one. The old root is trusted as long as a
//     leaf of its lives, for octopools that do not know of the date yet.
//  3. The old root is gone from both files.
//
// On disk, beside what stored.go describes, and changed by who holds the lock:
//
//	next/              the CA of stage 2, laid out as intermediate/ is
//	former/            what intermediate/ was, in stage 2, without its key
//	rotation.json      the dates; octopools that run watch it
//	.rotation.lock     is there once a CA was ever rotated
//
// Each step is one rename or one file that is replaced. What was interrupted between two
// is completed by the next that opens the CA.
const (
	nextFolder   = "next"
	formerFolder = "former"
	rotationName = "rotation.json"
	lockName     = ".rotation.lock"
	rotatePrefix = ".rotate-"
)

// dates is what rotation.json holds.
type dates struct {
	Overlap string    `json:"overlap,omitempty"` // of stage 1, whose root is not published yet
	From    time.Time `json:"from,omitzero"`     // when stage 2 begins or began; zero before the root is published
}

// due reports whether stage 2 has come.
func (d dates) due(now time.Time) bool { return !d.From.IsZero() && !now.Before(d.From) }

// A Rotation says how far a CA's rotation is. It is zero when none is under way.
type Rotation struct {
	From  time.Time // when leaves come from the new root
	Until time.Time // when the old one is dropped
}

// UnderWay is the error of Rotate when a rotation has begun and not come to its date.
type UnderWay struct{ Rotation }

func (u *UnderWay) Error() string {
	return fmt.Sprintf("a rotation is under way: octopool serves from the new root from %s on", u.From.Format(time.RFC3339))
}

// ErrNoRotation is the error of Finish when there is nothing to finish.
var ErrNoRotation = errors.New("no rotation is under way")

// Rotate begins the rotation of the CA in dir, which from then on may sign for hosts. For
// the time of overlap octopools serve as before; without one they serve from the new root
// at once. A rotation that is under way for less than these hosts begins anew, any other
// is a *UnderWay.
func Rotate(dir string, hosts []string, overlap time.Duration) (Rotation, error) {
	return rotate(dir, hosts, overlap, time.Now())
}

func rotate(dir string, hosts []string, overlap time.Duration, now time.Time) (r Rotation, err error) {
	names, err := foldAll(hosts)
	if err != nil {
		return r, err
	}
	if overlap < 0 {
		return r, errors.New("an overlap cannot be less than nothing")
	}
	if !exists(dir, signerFolder) && !exists(dir, nextFolder) {
		return r, fmt.Errorf("there is no CA in %s to rotate; the first start makes one", dir)
	}
	unlock, err := lock(dir)
	if err != nil {
		return r, err
	}
	defer unlock()
	k, err := readKept(dir, now)
	if err != nil {
		return r, err
	}
	if k.next != nil && k.next.covers(names, now) {
		return r, &UnderWay{k.rotation()}
	}
	staged, err := stage(dir, rotatePrefix, names, now)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(staged)
	// The dates of an earlier rotation are gone before there is a next that they would
	// be taken to be of.
	if err := writeDates(dir, dates{Overlap: overlap.String()}); err != nil {
		return r, err
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, nextFolder)), os.Rename(staged, filepath.Join(dir, nextFolder)), syncDir(dir)); err != nil {
		return r, err
	}
	return publish(dir, now)
}

// Finish begins the next stage of the rotation of the CA in dir at once: octopools serve
// from the new root, or if they do, the old one is dropped. It is ErrNoRotation when
// there is no next stage.
func Finish(dir string) (Rotation, error) { return finish(dir, time.Now()) }

func finish(dir string, now time.Time) (r Rotation, err error) {
	if !exists(dir, lockName) {
		return r, ErrNoRotation
	}
	unlock, err := lock(dir)
	if err != nil {
		return r, err
	}
	defer unlock()
	k, err := readKept(dir, now)
	switch {
	case err != nil:
		return r, err
	case k.next != nil:
		err = writeDates(dir, dates{From: now})
	case k.former != nil:
		err = writeDates(dir, dates{})
	default:
		return r, ErrNoRotation
	}
	if err != nil {
		return r, err
	}
	return publish(dir, now)
}

// CoversFrom reports from when the CA in dir may sign for hosts, if it is being rotated to
// one that may.
func CoversFrom(dir string, hosts []string) (from time.Time, ok bool) {
	names, err := foldAll(hosts)
	if err != nil || !exists(dir, nextFolder) {
		return from, false
	}
	d, err := readDates(dir)
	if err != nil || d.From.IsZero() {
		return from, false
	}
	next, err := readStored(dir, nextFolder)
	return d.From, err == nil && next.covers(names, time.Now())
}

// publish writes the files that clients trust, and from when a root that is new there may
// be served from. The lock is held.
func publish(dir string, now time.Time) (r Rotation, err error) {
	k, err := readKept(dir, now)
	if err != nil {
		return r, err
	}
	if _, err := writeTrust(dir, k.rootsPEM()); err != nil {
		return r, err
	}
	if err := k.date(dir, now); err != nil {
		return r, err
	}
	return k.rotation(), advance(dir, now) // an overlap of nothing is over
}

// Reread has the authority sign with what is in its folder now, and reports whether that
// is something else than before. With an error it goes on as before.
func (a *Authority) Reread() (changed bool, err error) {
	if a.loaded || !exists(a.dir, lockName) {
		return false, nil
	}
	unlock, err := lock(a.dir)
	if err != nil {
		return false, err
	}
	defer unlock()
	k, err := readKept(a.dir, a.now())
	if err != nil {
		return false, err
	}
	was := a.kept.Load()
	k.adopt(was)
	if *k == *was {
		return false, nil
	}
	return true, a.take(k)
}

// Rotation says how far the CA's rotation is.
func (a *Authority) Rotation() Rotation { return a.kept.Load().rotation() }

// RotationFile is what changes when the CA in dir is rotated, and at each stage.
func RotationFile(dir string) string { return filepath.Join(dir, rotationName) }

// lock waits for its turn with the CA in dir. The system releases it when a process dies.
func lock(dir string) (unlock func(), err error) {
	return lockedfile.MutexAt(filepath.Join(dir, lockName)).Lock()
}

// advance completes what the dates say, and what was interrupted. The lock is held.
func advance(dir string, now time.Time) error {
	leftovers, _ := filepath.Glob(filepath.Join(dir, rotatePrefix+"*"))
	for _, path := range leftovers {
		os.RemoveAll(path)
	}
	d, err := readDates(dir)
	if err != nil {
		return err
	}
	current, next, former := filepath.Join(dir, signerFolder), filepath.Join(dir, nextFolder), filepath.Join(dir, formerFolder)
	if exists(dir, nextFolder) && (d.due(now) || !exists(dir, signerFolder)) {
		if exists(dir, signerFolder) {
			if err := errors.Join(os.RemoveAll(former), os.Rename(current, former), syncDir(dir)); err != nil {
				return err
			}
		}
		if err := errors.Join(os.Rename(next, current), syncDir(dir)); err != nil {
			return err
		}
	}
	if !exists(dir, formerFolder) {
		return nil
	}
	if !d.due(now) && !exists(dir, nextFolder) || d.due(now.Add(-leafLife)) {
		return os.RemoveAll(former)
	}
	if err := os.Remove(filepath.Join(former, keyName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func readDates(dir string) (d dates, err error) {
	file := RotationFile(dir)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil && !strings.Contains(err.Error(), file) {
		err = fmt.Errorf("%s: %w (remove it to have the rotation begin anew)", file, err)
	}
	return d, err
}

func writeDates(dir string, d dates) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return writeFile(RotationFile(dir), append(text, '\n'), 0o644)
}
