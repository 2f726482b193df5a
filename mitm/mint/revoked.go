package mint

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"octopool/policy/minted"
)

// mostRevoked is how many ids are remembered. Who has to revoke more than these changes
// the key.
const mostRevoked = 100_000

// revocations are the ids of tokens that are good no more, in memory and in a file.
type revocations struct {
	file string

	mu   sync.RWMutex         // guards ids
	ids  map[string]time.Time // until when they are remembered
	disk sync.Mutex           // held while the file is written
}

// openRevocations reads the file, if there is one. One that cannot be read is an error: to
// go on without it would bring back what was revoked.
func openRevocations(file string, now time.Time) (*revocations, error) {
	r := &revocations{file: file, ids: map[string]time.Time{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		id, seconds, _ := strings.Cut(lines.Text(), " ")
		until, err := strconv.ParseInt(seconds, 10, 64)
		if !minted.IsID(id) || err != nil {
			return nil, fmt.Errorf("%s:%d: want the id of a revoked token and a time; mend the line, or remove the file and revoke again what has to be", file, n)
		}
		if t := time.Unix(until, 0); now.Before(t) {
			r.ids[id] = t
		}
	}
	return r, nil
}

func (r *revocations) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.ids)
}

// any reports whether one of these was revoked.
func (r *revocations) any(ids []string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, id := range ids {
		if _, ok := r.ids[id]; ok {
			return true
		}
	}
	return false
}

// add takes in ids and writes the file where that changes something. They count from the
// moment they are in memory, whatever becomes of the file.
func (r *revocations) add(ids map[string]time.Time, now time.Time) error {
	r.mu.Lock()
	changed, full := false, false
	maps.DeleteFunc(r.ids, func(_ string, until time.Time) bool { return !now.Before(until) })
	for id, until := range ids {
		switch {
		case !now.Before(until), !until.After(r.ids[id]):
		case len(r.ids) >= mostRevoked && r.ids[id].IsZero():
			full = true
		default:
			r.ids[id], changed = until, true
		}
	}
	r.mu.Unlock()
	var err error
	if changed {
		err = r.write()
	}
	if full {
		err = errors.Join(err, fmt.Errorf("%d tokens are revoked, and no more are remembered: change mint.keys, which ends all of them", mostRevoked))
	}
	return err
}

func (r *revocations) all() map[string]time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return maps.Clone(r.ids)
}

func (r *revocations) write() error {
	r.disk.Lock()
	defer r.disk.Unlock()
	ids := r.all() // those of now: another that wrote meanwhile had fewer
	var text bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		fmt.Fprintf(&text, "%s %d\n", id, ids[id].Unix())
	}
	return replace(r.file, text.Bytes())
}

// Revoke ends the token with this id, and all that were narrowed from it, from the next
// request on. Its error is a *Refusal when the id is none; with any other the token is
// revoked until this octopool stops.
func (m *Mint) Revoke(id string) error {
	if !minted.IsID(id) {
		return &Refusal{"a minted token's id has 32 hexadecimal digits, as it was told when the token was made and as the log has it"}
	}
	now := m.now()
	return m.revoked.add(map[string]time.Time{id: now.Add(Longest).Truncate(time.Second)}, now)
}

// A Ledger is where several octopools keep what is revoked in common. Its methods may take
// a moment and may fail: then each goes by what it knows.
type Ledger interface {
	// Add keeps ids until a time each.
	Add(ctx context.Context, ids map[string]time.Time) error
	// All are those that are kept and whose time has not come.
	All(ctx context.Context) (map[string]time.Time, error)
}

// shareEvery is how long a revocation takes to reach the others.
const shareEvery = time.Second

// Share keeps what is revoked in common with the others of a ledger, until ctx is done.
func (m *Mint) Share(ctx context.Context, l Ledger, log *slog.Logger) {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		if err := m.share(ctx, l); err != nil {
			log.Error("what others have revoked is not kept", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// share takes in what the others have revoked, and tells them what they do not know.
func (m *Mint) share(ctx context.Context, l Ledger) error {
	theirs, err := l.All(ctx)
	if err != nil {
		return nil // the store tells of a Redis that is gone
	}
	ours := m.revoked.all()
	maps.DeleteFunc(ours, func(id string, until time.Time) bool { return !until.After(theirs[id]) })
	if len(ours) > 0 {
		l.Add(ctx, ours) // or the next time
	}
	return m.revoked.add(theirs, m.now())
}
