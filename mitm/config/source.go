package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with a configuration. Key is where it stands, as
// in "client[1].scopes[0]"; the table, as in "client[1]", when something is missing
// there; "" when it stands nowhere.
type Problem struct {
	Key     string
	Message string
}

func (p Problem) Error() string {
	if p.Key == "" {
		return p.Message
	}
	return p.Key + ": " + p.Message
}

// Wrong is all that is wrong with a configuration: a line each, with its place, in the
// order of the file.
type Wrong []string

func (w Wrong) Error() string { return strings.Join(w, "\n") }

// A Source is a configuration as it was found: in a file, or nowhere.
type Source struct {
	Written File // what stands there and the defaults; flags may change it

	file     string
	lines    lines
	problems []Problem // that were found in reading it
}

// NewSource returns the configuration that a parser found in the text of file, as a tree
// of map[string]any, []any, []map[string]any, string, int64 and bool. Without a file all
// three are zero.
func NewSource(file, text string, tree map[string]any) Source {
	written, problems := decode(tree)
	return Source{Written: written, file: file, lines: linesOf(text), problems: problems}
}

// Wrong is an error of type [Wrong] that holds what was wrong in reading the source and
// these problems, or nil when nothing is wrong.
func (s Source) Wrong(problems []Problem) error {
	all := slices.Clone(s.problems)
	for _, p := range problems {
		if !s.explains(p) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		x, y := s.lines.of(a.Key), s.lines.of(b.Key)
		return cmp.Or(cmp.Compare(b2i(x == 0), b2i(y == 0)), cmp.Compare(x, y))
	})
	out := make(Wrong, len(all))
	for i, p := range all {
		out[i] = s.line(p)
	}
	return out
}

// explains reports whether p is that something is missing in a table where something
// could not be read. That is most often the same thing, and one line tells it better
// than two.
func (s Source) explains(p Problem) bool {
	return slices.ContainsFunc(s.problems, func(read Problem) bool {
		return p.Key == "" || strings.HasPrefix(read.Key, p.Key+".")
	})
}

func (s Source) line(p Problem) string {
	if s.file == "" {
		return "octopool: " + p.Error()
	}
	if n := s.lines.of(p.Key); n > 0 {
		return fmt.Sprintf("%s:%d: %s", s.file, n, p.Error())
	}
	return s.file + ": " + p.Error()
}

// Locate gives an error its place in the source, if it is a [Problem].
func (s Source) Locate(err error) error {
	if p, ok := errors.AsType[Problem](err); ok {
		return s.Wrong([]Problem{p})
	}
	return err
}

// Settle turns what is written into settings, and says what is wrong with it. environ is
// where env: references and the credentials of the environment come from.
func (s Source) Settle(environ []string) (Settings, []Problem) {
	st := s.settler(environ)
	if s.file != "" {
		st.files = []string{st.path(filepath.Base(s.file))}
	}
	settings := st.settings(st.complete(s.Written))
	return settings, st.problems
}

// SettleToServe is Settle for who is to serve the clients of the source. Without a file
// there is one that is not written down.
func (s Source) SettleToServe(environ []string) (Settings, []Problem) {
	settings, problems := s.Settle(environ)
	if s.file != "" && len(s.Written.Client) == 0 {
		problems = append(problems, Problem{"", "no [[client]]: nobody could use the pool; `octopool client new NAME` makes one"})
	}
	return settings, problems
}

// Places is Settle for who needs no secret, and leaves alone what only secrets are for.
func (s Source) Places(environ []string) (Places, []Problem) {
	st := s.settler(environ)
	places := st.places(st.complete(s.Written))
	return places, st.problems
}

// settler returns a settler for a file in this place. Paths in a file start at its
// folder, so that a program run from elsewhere finds the same ones.
func (s Source) settler(environ []string) *settler {
	return &settler{environ: environ, dir: filepath.Dir(s.file)}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

var quoted = regexp.MustCompile(`"[^"]{2,}"|'[^'\\ ][^' ]+'`)

// Unquoted takes out of a parser's message what it quotes of the text, but for keys: a
// value may be a secret.
func Unquoted(message string) string {
	if strings.HasPrefix(message, "Key '") {
		return message
	}
	return quoted.ReplaceAllString(message, "this text")
}
