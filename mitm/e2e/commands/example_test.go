package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm/config"
)

// A key of the example that is commented out has no space after its #, unlike prose.
var (
	exampleTable = regexp.MustCompile(`^#?\[\[?([a-z_.]+)\]\]?$`)
	exampleKey   = regexp.MustCompile(`^#?([a-z_0-9]+) = (.+)$`)
	exampleInner = regexp.MustCompile(`([a-z_]+) = `) // of an inline table
)

func example(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestTheExampleHasEveryKey, once, with a comment above it, and no key that is none.
func TestTheExampleHasEveryKey(t *testing.T) {
	var got []string
	table, before := "", ""
	for i, line := range example(t) {
		if m := exampleTable.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
			got = append(got, m[1])
		} else if m := exampleKey.FindStringSubmatch(line); m != nil {
			got = append(got, table+m[1])
			if strings.HasPrefix(m[2], "{") && m[1] != "permissions" && m[1] != "claims" { // whose keys are the user's
				for _, inner := range exampleInner.FindAllStringSubmatch(m[2], -1) {
					got = append(got, table+m[1]+"."+inner[1])
				}
			}
			// Two keys of which one is nothing without the other share a comment.
			if !strings.HasPrefix(before, "# ") && table+m[1] != "ca.key" && table+m[1] != "proxy.key" {
				t.Errorf("line %d: %s is not explained", i+1, m[1])
			}
		} else if line != "" && line != "#" && !strings.HasPrefix(line, "# ") {
			t.Errorf("line %d is neither key nor comment: %s", i+1, line)
		}
		before = line
	}
	want := config.Keys()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys there are (-) and keys of the example (+):\n%s", diff)
	}
}

// TestTheExampleIsRight as it is shipped: with a credential in the environment nothing is
// wrong with it, and without one that is all that is wrong.
func TestTheExampleIsRight(t *testing.T) {
	ofTheProgram(t)
	dir := t.TempDir()
	copyExample(t, dir, func(line string) string { return line })
	if status, stdout, stderr := run(t, dir, nil, "check", "--config", "config.example.toml"); status != 1 || stdout != "" ||
		stderr != "config.example.toml: no credential: set GITHUB_TOKEN or GITHUB_PAT_NAME, or add a [[credential]]\n" {
		t.Errorf("%d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := run(t, dir, []string{"GITHUB_TOKEN=ghp_bot"}, "check", "--config", "config.example.toml"); status != 0 ||
		!strings.HasPrefix(stdout, "config.example.toml: ok\n") || stderr != "" {
		t.Errorf("%d\n%s%s", status, stdout, stderr)
	}
}

// TestTheExampleWithEveryKeySet: what is commented out is right, too, but for files and
// variables that a machine may not have. Of keys that exclude each other there are two sets.
func TestTheExampleWithEveryKeySet(t *testing.T) {
	ofTheProgram(t)
	for _, tt := range []struct {
		claim   string
		without []string
		want    []string
	}{
		{"an App, Redis, and a client's token in a file",
			[]string{"#pat =", "#client_id", "#max_bytes", `#backend = "badger"`, "token_sha256"},
			[]string{
				"proxy.tls: proxy.certificate and proxy.key are there, but not in use: set tls = true, or take them away",
				"admin.token: the environment variable OCTOPOOL_ADMIN_TOKEN is not set",
				"mint.keys[0]: open /etc/octopool/mint-key: no such file or directory",
				"ca.certificate: open /etc/octopool/ca.pem: no such file or directory",
				"ca.key: open /etc/octopool/ca-key.pem: no such file or directory",
				"cache.url: the environment variable OCTOPOOL_REDIS_URL is not set",
				"github[0].ca_file: open /etc/octopool/github-ca.pem: no such file or directory",
				"credential[0].private_key: open /etc/octopool/app.pem: no such file or directory",
				"client[0].oidc: client ci has a token and an issuer; make it two clients",
				"client[0].oidc.ca_file: open /etc/octopool/issuer-ca.pem: no such file or directory",
			}},
		{"a pat, the disk, and a client's digest",
			[]string{"#app_id", "#private_key", "#client_id", "#installation_id", "#url", "#token = \"file", "#repositories", "#permissions", "#certificate", "#key ="},
			[]string{
				"admin.token: the environment variable OCTOPOOL_ADMIN_TOKEN is not set",
				"mint.keys[0]: open /etc/octopool/mint-key: no such file or directory",
				"github[0].ca_file: open /etc/octopool/github-ca.pem: no such file or directory",
				"credential[0].pat: the environment variable GITHUB_PAT_BOT is not set",
				"client[0].oidc: client ci has a token and an issuer; make it two clients",
				"client[0].oidc.ca_file: open /etc/octopool/issuer-ca.pem: no such file or directory",
			}},
	} {
		dir := t.TempDir()
		copyExample(t, dir, func(line string) string {
			switch {
			case slices.ContainsFunc(tt.without, func(key string) bool { return strings.HasPrefix(line, key) }):
				if strings.Contains(line, "backend") {
					return `backend = "redis"`
				}
				return "#"
			case exampleTable.MatchString(line), exampleKey.MatchString(line):
				return strings.TrimPrefix(line, "#")
			}
			return line
		})
		_, stdout, stderr := run(t, dir, nil, "check", "--config", "config.example.toml")
		if stdout != "" {
			t.Errorf("%s: it prints %s", tt.claim, stdout)
		}
		var got []string
		for line := range strings.Lines(stderr) {
			_, problem, _ := strings.Cut(strings.TrimSpace(line), ": ")
			got = append(got, problem)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.claim, diff)
		}
	}
}

// TestTheExampleTellsDefaults: what it says to be assumed is.
func TestTheExampleTellsDefaults(t *testing.T) {
	examples := []string{"data_dir", "proxy.certificate", "proxy.key", "proxy.upstream", "admin.token", "mint.keys", "audit.file", "ca.certificate", "ca.key", "cache.url", "cache.max_bytes", "tunnel.allow"} // have no fixed default
	tree := map[string]any{}
	table, entry := "", false
	for _, line := range example(t) {
		if m := exampleTable.FindStringSubmatch(line); m != nil {
			table = m[1]
			if strings.HasPrefix(strings.TrimPrefix(line, "#"), "[[") || strings.HasPrefix(table, "client.") {
				entry = true // which have no default
				continue
			}
			tree[table], entry = map[string]any{}, false
			continue
		}
		m := exampleKey.FindStringSubmatch(line)
		if m == nil || entry {
			continue
		}
		if table == "" {
			if !slices.Contains(examples, m[1]) {
				tree[m[1]] = valueOf(t, m[2])
			}
		} else if !slices.Contains(examples, table+"."+m[1]) {
			tree[table].(map[string]any)[m[1]] = valueOf(t, m[2])
		}
	}
	want := config.Default()
	want.Tunnel.Deny = []string{}
	if diff := cmp.Diff(want, config.NewSource("config.example.toml", "", tree).Written); diff != "" {
		t.Errorf("defaults (-) and what the example says of them (+):\n%s", diff)
	}
}

// valueOf reads the few kinds of values that defaults have.
func valueOf(t *testing.T, text string) any {
	t.Helper()
	if inner, ok := strings.CutPrefix(text, "["); ok {
		list := []any{}
		if inner = strings.TrimSuffix(inner, "]"); inner != "" {
			for item := range strings.SplitSeq(inner, ", ") {
				list = append(list, valueOf(t, item))
			}
		}
		return list
	}
	if quoted, err := strconv.Unquote(text); err == nil {
		return quoted
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	t.Fatalf("what is %s?", text)
	return nil
}

func copyExample(t *testing.T, dir string, edit func(line string) string) {
	t.Helper()
	var b strings.Builder
	for _, line := range example(t) {
		b.WriteString(edit(line) + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "config.example.toml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
