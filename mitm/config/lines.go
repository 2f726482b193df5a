package config

import (
	"fmt"
	"regexp"
	"strings"
)

// lines says on which line each key of a TOML file stands. Tables of an array are
// numbered, as in client[1].name, and in client[1].permissions.contents below a header
// that says [client.permissions]. No TOML library tells; what this does not find, such as
// a key of an inline table, is found by what it stands in.
type lines map[string]int

var (
	tableLine = regexp.MustCompile(`^\s*\[(\[?)\s*([A-Za-z0-9_.-]+)\s*\]`)
	keyLine   = regexp.MustCompile(`^\s*"?([A-Za-z0-9_.-]+)"?\s*=\s*(\[?)`)
	listToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|#.*|[\]{]`)
)

func linesOf(text string) lines {
	l := lines{}
	count := map[string]int{}
	table, list, listed := "", "", 0 // list is that which goes on in the next line
	for i, line := range strings.Split(text, "\n") {
		if list == "" {
			if m := tableLine.FindStringSubmatch(line); m != nil {
				name := withNumbers(m[2], count)
				if m[1] != "" {
					l.add(name, i+1)
					count[name]++
					name = fmt.Sprintf("%s[%d]", name, count[name]-1)
				}
				l.add(name, i+1)
				table = name + "."
				continue
			}
			m := keyLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			l.add(table+m[1], i+1)
			if m[2] == "" {
				continue
			}
			list, listed, line = table+m[1], 0, line[len(m[0]):]
		}
		for _, token := range listToken.FindAllString(line, -1) {
			if token == "]" || token == "{" { // what is in inline tables is not told apart
				list = ""
				break
			}
			if token[0] != '#' {
				l.add(fmt.Sprintf("%s[%d]", list, listed), i+1)
				listed++
			}
		}
	}
	return l
}

// withNumbers is the name of a table in which what is an array has the number of its last
// table, which is the one that TOML means. count is how many each array has so far.
func withNumbers(name string, count map[string]int) string {
	out, rest, more := strings.Cut(name, ".")
	for more {
		if n := count[out]; n > 0 {
			out = fmt.Sprintf("%s[%d]", out, n-1)
		}
		var part string
		part, rest, more = strings.Cut(rest, ".")
		out += "." + part
	}
	return out
}

// add notes the first line that a key stands on.
func (l lines) add(key string, n int) {
	if _, ok := l[key]; !ok {
		l[key] = n
	}
}

// of is the line of a key, or of what it is in; 0 when that is nowhere.
func (l lines) of(key string) int {
	for key != "" {
		if n, ok := l[key]; ok {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}
