package docs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A block is a fenced one of README.md.
type block struct {
	section  string // the ## heading above it
	line     int
	language string
	mark     string // the HTML comment right above it
	text     string
}

var (
	fence   = regexp.MustCompile("^```([a-z]*)$")
	comment = regexp.MustCompile(`^<!-- (.+) -->$`)
)

// blocks reads a text in Markdown. Whatever looks like code and is not fenced is an
// error, since nobody would run it.
func blocks(text string) ([]block, error) {
	var all []block
	section, mark, open := "", "", -1
	for i, line := range strings.Split(text, "\n") {
		switch m := fence.FindStringSubmatch(line); {
		case m != nil && open >= 0:
			open = -1
		case m != nil && m[1] == "":
			return nil, fmt.Errorf("line %d: a block that does not say what it is written in", i+1)
		case m != nil:
			all = append(all, block{section: section, line: i + 1, language: m[1], mark: mark})
			open = len(all) - 1
		case open >= 0:
			all[open].text += line + "\n"
		case strings.HasPrefix(line, "    "), strings.HasPrefix(line, "\t"):
			return nil, fmt.Errorf("line %d: code that is indented is not run by any test; fence it", i+1)
		default:
			if heading, ok := strings.CutPrefix(line, "## "); ok {
				section = heading
			}
			mark = ""
			if m := comment.FindStringSubmatch(line); m != nil {
				mark = m[1]
			}
		}
	}
	if open >= 0 {
		return nil, fmt.Errorf("line %d: a block without an end", all[open].line)
	}
	return all, nil
}

func readme(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	must(t, err)
	all, err := blocks(string(text))
	must(t, err)
	return all
}

// What a reader has that we do not know.
const (
	pat    = "ghp_aBot"
	digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// theirs puts a reader's own for what the README leaves open.
func theirs(text string) string {
	return strings.NewReplacer(
		"GITHUB_TOKEN=…", "GITHUB_TOKEN="+pat,
		"GH_TOKEN=…", `GH_TOKEN="$OCTOPOOL_CLIENT_TOKEN"`,
		"GH_ENTERPRISE_TOKEN=…", `GH_ENTERPRISE_TOKEN="$OCTOPOOL_CLIENT_TOKEN"`,
		`token_sha256 = "…"`, `token_sha256 = "`+digest+`"`,
		"OWNER/REPO", "acme/web",
	).Replace(text)
}

func TestBlocks(t *testing.T) {
	for text, want := range map[string]string{
		"## A\n<!-- file: x -->\n```toml\na = 1\n```\nwords\n```sh\nls\n```\n": "[{A 3 toml file: x a = 1\n} {A 7 sh  ls\n}]",
		"a\n\n    ls\n":  "line 3: code that is indented is not run by any test; fence it",
		"```\nls\n```\n": "line 1: a block that does not say what it is written in",
		"b\n```sh\nls\n": "line 2: a block without an end",
	} {
		all, err := blocks(text)
		got := fmt.Sprint(all)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q:\n%s, want\n%s", text, got, want)
		}
	}
}
