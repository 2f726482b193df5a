package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A Filter says which entries are wanted. The zero Filter wants all.
type Filter struct {
	Client string
	Event  Event
	Since  time.Time
}

func (f Filter) wants(e *Entry) bool {
	return (f.Client == "" || f.Client == e.Client) && (f.Event == "" || f.Event == e.Event) && !e.Time.Before(f.Since)
}

// longestLine is more than any line that is written: see Entry.bounded.
const longestLine = 256 << 10

// Read visits the entries of an audit file, and of those that were put aside before it,
// oldest first. A line that is none, such as one that a crash cut short, is passed over
// and counted.
func Read(file string, f Filter, visit func(Entry) error) (broken int, err error) {
	all, err := files(file)
	if err != nil {
		return 0, err
	}
	for _, name := range all {
		n, err := readFile(name, f, visit)
		broken += n
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it may be put aside, or dropped, meanwhile
			return broken, err
		}
	}
	return broken, nil
}

func readFile(name string, f Filter, visit func(Entry) error) (broken int, err error) {
	in, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4<<10), longestLine)
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Event == "" {
			broken++
			continue
		}
		if !f.wants(&e) {
			continue
		}
		if err := visit(e); err != nil {
			return broken, err
		}
	}
	if err := lines.Err(); err != nil {
		return broken, fmt.Errorf("%s: %w", name, err)
	}
	return broken, nil
}

// Print writes the entries that are wanted, for people or as the lines they are.
func Print(to io.Writer, file string, f Filter, asJSON bool) error {
	table := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	out := json.NewEncoder(to)
	out.SetEscapeHTML(false)
	broken, err := Read(file, f, func(e Entry) error {
		if asJSON {
			return out.Encode(e)
		}
		_, err := io.WriteString(table, e.row())
		return err
	})
	if err == nil {
		err = table.Flush()
	}
	if err == nil && broken > 0 {
		err = fmt.Errorf("audit: %d lines of %s are no entries", broken, file)
	}
	return err
}

// row is an entry as a line of a table. What came from a client is quoted if it holds
// anything that a terminal would act upon.
func (e *Entry) row() string {
	dash := func(text string) string {
		switch {
		case text == "":
			return "-"
		case strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }):
			return strconv.Quote(text)
		}
		return text
	}
	what := strings.TrimSpace(e.Method + " " + e.Host + e.Path)
	if e.Operation != "" {
		what += " " + e.Operation
	}
	if len(e.Mutations) > 0 {
		what += " (" + strings.Join(e.Mutations, ", ") + ")"
	}
	status := "-"
	if e.Status != 0 {
		status = strconv.Itoa(e.Status)
	}
	why := e.Reason
	if e.Message != "" {
		why = strings.TrimPrefix(why+": "+e.Message, ": ")
	}
	return strings.Join([]string{
		e.Time.Local().Format(time.DateTime), string(e.Event), dash(e.Client), dash(e.Credential), dash(what), status, dash(why), dash(e.RequestID),
	}, "\t") + "\n"
}
