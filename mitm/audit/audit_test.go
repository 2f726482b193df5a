package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, file string, most int64, kept int) *Log {
	t.Helper()
	l, err := Open(file, most, kept, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func read(t *testing.T, file string, f Filter) (paths []string) {
	t.Helper()
	broken, err := Read(file, f, func(e Entry) error {
		paths = append(paths, e.Path)
		return nil
	})
	if err != nil || broken > 0 {
		t.Fatal(broken, err)
	}
	return paths
}

// What is written can be read, by who did it, what it was, and when.
func TestReadWhatWasWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.json")
	l := open(t, file, 1<<20, 0)
	l.Add(Entry{Time: noon, Event: Write, Client: "ci", Path: "/1"})
	l.Add(Entry{Time: noon.Add(time.Hour), Event: Refusal, Client: "ci", Path: "/2"})
	l.Add(Entry{Time: noon.Add(2 * time.Hour), Event: Write, Client: "web", Path: "/3"})
	for _, tt := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "/1 /2 /3"},
		{Filter{Client: "ci"}, "/1 /2"},
		{Filter{Event: Write}, "/1 /3"},
		{Filter{Since: noon.Add(time.Hour)}, "/2 /3"},
		{Filter{Client: "ci", Since: noon.Add(2 * time.Hour)}, ""},
	} {
		if got := strings.Join(read(t, file, tt.filter), " "); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.filter, got, tt.want)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// A file that is full is put aside, and read before the one that follows it.
func TestRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit[1].json") // brackets are no pattern
	l := open(t, file, 1, 0)
	long := strings.Repeat("x", mostText-10)
	var want []string
	for i := range 600 {
		path := fmt.Sprintf("/%d/", i) + long
		l.Add(Entry{Time: noon, Event: Write, Path: path})
		want = append(want, path)
	}
	if all, err := files(file); err != nil || len(all) < 2 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	if diff := cmp.Diff(want, read(t, file, Filter{})); diff != "" {
		t.Error(diff[:min(len(diff), 500)])
	}
}

// Lines of requests that end at the same moment are whole.
func TestAddAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.json")
	l := open(t, file, 1<<20, 0)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { l.Add(Entry{Time: noon, Event: Write, Path: "/x"}) })
	}
	all.Wait()
	if got := len(read(t, file, Filter{})); got != 50 {
		t.Error(got)
	}
}

// A line that a crash cut short keeps nobody from reading the others.
func TestBrokenLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.json")
	text := `{"time":"2026-11-23T12:00:00Z","event":"write","client":"ci","method":"POST","host":"api.github.com","path":"/a\u001b[2J","status":201}` + "\n" + `{"time":"2026-`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err := Print(&out, file, Filter{}, false)
	if err == nil || !strings.Contains(err.Error(), "1 lines") {
		t.Error(err)
	}
	if got := out.String(); !strings.Contains(got, "201") || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}

// Whatever a client sends, its line can be read again, and so can those after it.
func TestLongTexts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.json")
	l := open(t, file, 1<<20, 0)
	long := strings.Repeat("<", 60<<10) // six bytes each in JSON
	var names []string
	for range 100 {
		names = append(names, long)
	}
	l.Add(Entry{Time: noon, Event: Write, Client: long, Credential: long, Method: long, Host: long, Path: long, Operation: long, Mutations: names, Reason: long, Message: long, RequestID: long})
	l.Add(Entry{Time: noon, Event: Write, Path: "/next"})
	got := read(t, file, Filter{})
	if len(got) != 2 || !strings.HasPrefix(got[0], "<<<") || got[1] != "/next" {
		t.Errorf("%d entries", len(got))
	}
	if names[0] != long {
		t.Error("what was told was changed")
	}
}

// Where there is no file an error says so, and no line is lost without a word.
func TestNoFile(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "no", "such", "folder"), 1, 0, nil); err == nil {
		t.Error("opened")
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), Filter{}, nil); err == nil {
		t.Error("read")
	}
	var failed error
	l, err := Open(filepath.Join(t.TempDir(), "audit.json"), 1, 0, func(err error) { failed = err })
	if err != nil {
		t.Fatal(err)
	}
	l.to = broken{}
	l.Add(Entry{})
	if failed == nil {
		t.Error("nobody was told")
	}
	var none *Log
	none.Add(Entry{})
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }
func (broken) Close() error              { return nil }
