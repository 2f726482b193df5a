// Package audit keeps a file of what was done and by whom: every write, every refusal,
// every change of a credential and every reload, a line of JSON each. It is written
// before anybody reads it, so a line has all that is needed to understand it, and it
// never holds a token, a query or a body.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"
)

// An Event is what a line is about.
type Event string

// The events there are.
const (
	Write       Event = "write"        // a request that may have changed something at GitHub
	Refusal     Event = "refusal"      // a request that octopool answered with an error of its own
	Credential  Event = "credential"   // a credential went out of service or came back, was found or lost
	WouldRefuse Event = "would_refuse" // a request that only report_only has spared a refusal
	Reload      Event = "reload"       // of the configuration
	Start       Event = "start"
	Stop        Event = "stop"
)

// An Entry is one line.
type Entry struct {
	Time       time.Time `json:"time"`
	Event      Event     `json:"event"`
	Client     string    `json:"client,omitempty"`
	Credential string    `json:"credential,omitempty"`
	Method     string    `json:"method,omitempty"`
	Host       string    `json:"host,omitempty"`
	Path       string    `json:"path,omitempty"`      // without the query
	Operation  string    `json:"operation,omitempty"` // of GraphQL, as its client calls it
	Mutations  []string  `json:"mutations,omitempty"` // what that does, by GitHub's names
	Status     int       `json:"status,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`    // how it was answered
	Reason     string    `json:"reason,omitempty"`     // of a refusal, as in octopool_refused_total
	Message    string    `json:"message,omitempty"`    // what happened, in words
	RequestID  string    `json:"request_id,omitempty"` // GitHub's

	About map[string]string `json:"about,omitempty"` // what else is known of the client: a run's label, a job's repository
}

// A Log is an audit file that is being written. It is safe for concurrent use, and nil
// for none.
type Log struct {
	mu     sync.Mutex
	to     io.WriteCloser
	failed func(error)
}

// Open opens an audit file to append to, which only its owner may read. Beyond most bytes
// it is put aside under a name with the time in it, of which the last kept ones stay; 0
// keeps them all. failed is told when a line could not be written: a request is not
// refused for that.
func Open(file string, most int64, kept int, failed func(error)) (*Log, error) {
	// Tried here, or a wrong path would be told by the first line only.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	megabytes := max(1, int((most+1<<20-1)>>20))
	return &Log{to: &timberjack.Logger{Filename: file, MaxSize: megabytes, MaxBackups: kept, FileMode: 0o600}, failed: failed}, nil
}

// Add writes a line. It returns when the system has it.
func (l *Log) Add(e Entry) {
	if l == nil {
		return
	}
	line, err := json.Marshal(e.bounded())
	if err == nil {
		l.mu.Lock()
		_, err = l.to.Write(append(line, '\n'))
		l.mu.Unlock()
	}
	if err != nil {
		l.failed(err)
	}
}

// Bounds of what came from a client, in bytes: a path can have 64 KiB, and be six times as
// long in JSON. A line that is longer than longestLine would end all reading.
const (
	mostText      = 4 << 10
	mostMutations = 20
)

// bounded is an entry with the ends of long texts cut off.
func (e Entry) bounded() Entry {
	for _, text := range []*string{&e.Client, &e.Credential, &e.Method, &e.Host, &e.Path, &e.Operation, &e.Reason, &e.Message, &e.RequestID} {
		*text = cut(*text, mostText)
	}
	if len(e.Mutations) > mostMutations {
		e.Mutations = append(slices.Clone(e.Mutations[:mostMutations]), "…")
	}
	for i, name := range e.Mutations {
		if len(name) > mostText/mostMutations {
			e.Mutations = slices.Clone(e.Mutations) // the request has the same
			e.Mutations[i] = cut(name, mostText/mostMutations)
		}
	}
	return e
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// Close ends the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Close()
}

// files are an audit file and those that were put aside before it, oldest first.
func files(file string) ([]string, error) {
	ext := filepath.Ext(file)
	aside, err := filepath.Glob(globEscaped(file[:len(file)-len(ext)]) + "-????-??-??T??-??-??.???-size" + globEscaped(ext))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); err == nil {
		aside = append(aside, file) // Glob sorts, and the names begin with the time
	} else if len(aside) == 0 || !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return aside, nil
}

// globEscaped is a text that a pattern takes literally.
func globEscaped(text string) string {
	var out []rune
	for _, r := range text {
		switch r {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}
