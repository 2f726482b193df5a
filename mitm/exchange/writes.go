package exchange

import (
	"strings"
	"sync"
	"time"

	"octopool/policy"
)

// writes remembers when a repository was last written to through octopool, so that
// nothing older is served as fresh: clients read what they wrote.
type writes struct {
	mu sync.Mutex // guards at
	at map[string]time.Time
}

// writesKept bounds the memory. When it is full everything is forgotten but for the
// time, which then counts as a write to all.
const writesKept = 1 << 14

// everywhere is where a write counts that names no repository, and one forgotten.
const everywhere = ""

func place(r policy.Request) string {
	if r.Repo == "" {
		return everywhere
	}
	return strings.ToLower(r.Origin.GitHub + "/" + r.Owner + "/" + r.Repo)
}

// note records a write. It is called before the write is sent and again after it was
// answered: between the two its effect may or may not be visible.
func (w *writes) note(r policy.Request, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil || len(w.at) >= writesKept {
		forgotten := len(w.at) > 0
		w.at = make(map[string]time.Time)
		if forgotten {
			w.at[everywhere] = now
		}
	}
	w.at[place(r)] = now
}

// last is when anything was written that the answer to r may show.
func (w *writes) last(r policy.Request) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.at[everywhere]
	if at := w.at[place(r)]; at.After(last) {
		last = at
	}
	if r.Repo == "" { // lists of an owner, searches: any write may show
		for _, at := range w.at {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}
