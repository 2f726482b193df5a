package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// quiet is how long a kind of failure is not logged again.
const quiet = time.Minute

// failures counts what went wrong and says so, sparingly.
type failures struct {
	log   *slog.Logger
	now   func() time.Time
	count atomic.Uint64

	mu   sync.Mutex // guards said
	said map[string]time.Time
}

func newFailures(log *slog.Logger, now func() time.Time) *failures {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &failures{log: log, now: now, said: make(map[string]time.Time)}
}

// note counts err and logs it, unless its kind was logged within the last minute.
// There are few kinds; they are words, never data.
func (f *failures) note(kind string, err error) {
	f.count.Add(1)
	f.say(kind, err.Error())
}

// maxSaid bounds the text of an error: Badger's may hold what was to be stored.
const maxSaid = 200

func (f *failures) say(kind, text string) {
	text, _, _ = strings.Cut(text, "\n")
	text = text[:min(len(text), maxSaid)]
	now := f.now()
	f.mu.Lock()
	last, ok := f.said[kind]
	speak := !ok || now.Sub(last) >= quiet
	if speak {
		f.said[kind] = now
	}
	f.mu.Unlock()
	if speak {
		f.log.Warn("store", "failed", kind, "error", text)
	}
}

// badgerLog passes on what Badger complains of. Its Info lines, dozens at every
// open, are of use to Badger's own developers only.
type badgerLog struct{ *failures }

func (l badgerLog) Errorf(format string, args ...any) {
	if text := line(format, args); !strings.Contains(text, emptyFile) { // which is tried again
		l.note("badger", errors.New(text))
	}
}
func (l badgerLog) Warningf(format string, args ...any) { l.say("badger", line(format, args)) }
func (l badgerLog) Infof(string, ...any)                {}
func (l badgerLog) Debugf(string, ...any)               {}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
