package mitm

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"octopool/mitm/exchange"
	"octopool/mitm/mint"
	"octopool/policy"
	"octopool/policy/pool"
)

// toldRow is a row of the README's table of refusals: a message, in which … is what differs,
// and its reasons.
type toldRow struct {
	pattern *regexp.Regexp
	reasons []string
}

// TestTroubleshootingNamesEveryRefusal: whatever octopool says to a client, the README's
// section has its very words, with the reason that metrics and the log give for it.
func TestTroubleshootingNamesEveryRefusal(t *testing.T) {
	rows := toldRefusals(t)
	used, seen := map[int]bool{}, map[string]bool{}
	for _, err := range refusable() {
		r := refusalFor(err, time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
		seen[r.reason] = true
		found := false
		for i, row := range rows {
			if row.pattern.MatchString(r.message) && slices.Contains(row.reasons, r.reason) {
				used[i], found = true, true
			}
		}
		if !found {
			t.Errorf("README.md's Troubleshooting has no row for reason %s with the words\n%s", r.reason, r.message)
		}
	}
	for i, row := range rows {
		if !used[i] {
			t.Errorf("README.md tells of a refusal that there is none of: %s", row.pattern)
		}
	}
	for _, reason := range reasonsOfRefusals(t) {
		if !seen[reason] {
			t.Errorf("refusalFor knows a reason %s: give an error for it to refusable, and a row to the README's Troubleshooting", reason)
		}
	}
}

// refusable has an error for each thing that refusalFor says.
func refusable() []error {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	connect := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	late := &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	budget := pool.Budget{Limit: 5000, Reset: noon.Add(time.Hour)}
	return []error{
		policy.ErrNoToken,
		policy.ErrUnknownToken,
		&stranger{why: policy.ErrNoToken},
		&stranger{why: policy.ErrUnknownToken},
		&policy.OutOfScope{Client: "ci", Method: "GET", Path: "/user"},
		&policy.OutOfScope{Client: "ci", Method: "POST", Path: "/graphql", Reason: "it is ambiguous"},
		&policy.BadPath{Reason: "a dot segment"},
		exchange.ErrTokenInQuery,
		&pool.NotCovered{Pool: "default", Owner: "acme"},
		&pool.NotCovered{Pool: "default"},
		&pool.OutOfService{Pool: "default", Reason: "GitHub answered 401 Bad credentials"},
		&pool.Exhausted{Pool: "default", Resource: "core", Budget: budget},
		&pool.Overspent{Client: "ci", Resource: "core", Budget: budget},
		&pool.Overspent{Client: "ci", Until: noon},
		&pool.Cooling{Pool: "default", Until: noon},
		&pool.Crowded{Pool: "default", Until: noon},
		&mint.Refusal{Reason: "ttl: a minted token lives for 24h0m0s at most (mint.max_ttl)"},
		&mint.Refusal{Reason: "a client mints tokens for itself only: leave out client"},
		&mint.Refusal{Reason: "this is not JSON that asks for a token: unexpected EOF"},
		mint.ErrOff,
		&overLimit{limitConnections},
		&overLimit{limitAddress},
		&overLimit{limitConnects},
		&overLimit{limitDocuments},
		&overLimit{limitHeader},
		errForeignHost,
		&Forbidden{"tunnel.allow does not name example.com"},
		&badTarget{"this is not"},
		errInClear,
		errBrowser,
		errUpgrade,
		&exchange.Truncated{Err: io.ErrUnexpectedEOF},
		&exchange.Unreachable{Host: "api.github.com", Err: connect},
		&exchange.Unreachable{Host: "api.github.com", Err: late},
		&net.DNSError{Name: "nowhere.example", IsNotFound: true},
		connect,
		late,
		io.ErrUnexpectedEOF, // a bug
	}
}

// toldRefusals are the rows whose second cell has reasons.
func toldRefusals(t *testing.T) []toldRow {
	t.Helper()
	_, section, found := strings.Cut(readmeText(t), "\n## Troubleshooting\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("README.md has no such section")
	}
	var rows []toldRow
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "| `") {
			continue
		}
		reasons := regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1)
		if len(reasons) == 0 || strings.Trim(cells[1], "`abcdefghijklmnopqrstuvwxyz_, ") != "" {
			continue
		}
		row := toldRow{pattern: pattern(strings.Trim(cells[0], "| `"))}
		for _, m := range reasons {
			row.reasons = append(row.reasons, m[1])
		}
		rows = append(rows, row)
	}
	return rows
}

// pattern matches what a message says, whatever stands where it has a ….
func pattern(message string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".+") + "$")
}

func readmeText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reasonsOfRefusals are the reasons that stand in refusalFor's text.
func reasonsOfRefusals(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "refuse.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	isReason := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "reason"
	}
	note := func(e ast.Expr) {
		if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
			reason, _ := strconv.Unquote(text.Value)
			reasons[reason] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if isReason(left) && len(n.Rhs) == len(n.Lhs) {
					note(n.Rhs[i])
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "reason" {
				note(n.Value)
			}
		}
		return true
	})
	if len(reasons) < 15 {
		t.Fatalf("only %v", slices.Sorted(maps.Keys(reasons)))
	}
	return slices.Sorted(maps.Keys(reasons))
}

// TestTroubleshootingTellsRealProblems: what the README says of configurations is what
// octopool says of some that are wrong, word by word.
func TestTroubleshootingTellsRealProblems(t *testing.T) {
	_, table, found := strings.Cut(readmeText(t), "\n| it says | what to do |\n")
	if !found {
		t.Fatal("README.md has no such table")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	said := "octopool.toml: no credential: set GITHUB_TOKEN or GITHUB_PAT_NAME, or add a [[credential]]\n" // mitm/e2e/commands has that
	files, err := filepath.Glob("e2e/commands/testdata/wrong/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, lines, _ := strings.Cut(string(text), "\n# octopool says:\n")
		said += lines
	}
	rows := 0
	for line := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !strings.HasPrefix(cell, "`") {
			continue
		}
		rows++
		message := pattern(strings.Trim(cell, "`"))
		if !slices.ContainsFunc(strings.Split(said, "\n"), message.MatchString) {
			t.Errorf("octopool never says %s", message)
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows", rows)
	}
}
