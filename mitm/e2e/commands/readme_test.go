package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"octopool/mitm/githubtest"
)

// TestTheEnterpriseOfTheReadme: the configuration in the README's section is right as it
// stands there, but for a file and a digest of the reader's own.
func TestTheEnterpriseOfTheReadme(t *testing.T) {
	ofTheProgram(t)
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## GitHub Enterprise\n")
	if !found {
		t.Fatal("there is no such section")
	}
	var toml strings.Builder
	for line := range strings.Lines(section) {
		code, is := strings.CutPrefix(line, "    ")
		if strings.Contains(code, "export ") || strings.HasPrefix(line, "## ") {
			break
		}
		if is {
			toml.WriteString(code)
		} else if strings.TrimSpace(line) == "" {
			toml.WriteString("\n")
		}
	}
	dir := t.TempDir()
	github := githubtest.New(githubtest.As("ghe.example"))
	t.Cleanup(github.Close)
	ca := filepath.Join(dir, "ghe.pem")
	config := strings.NewReplacer("/etc/octopool/ghe.pem", ca, `"…"`, `"`+strings.Repeat("0123456789abcdef", 4)+`"`).Replace(toml.String())
	for file, content := range map[string]string{ca: string(github.CAPEM()), filepath.Join(dir, "octopool.toml"): config} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"GITHUB_COM_TOKEN=ghp_a", "GHE_TOKEN=ghp_b", "ACME_TOKEN=ghp_c"}
	status, stdout, stderr := run(t, dir, environ, "check", "--config", "octopool.toml")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "ghe-bot, pool default, ghe.example") {
		t.Errorf("%d\n%s%s\n%s", status, stdout, stderr, config)
	}
}
