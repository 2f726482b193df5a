package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHowShellsAreTold(t *testing.T) {
	settings := []Setting{{"HTTPS_PROXY", "http://127.0.0.1:8080"}, {"SSL_CERT_FILE", "/home/a bot/$HOME/it's \\here"}}
	for shell, want := range map[string]string{
		"sh": `export HTTPS_PROXY=http://127.0.0.1:8080
export SSL_CERT_FILE='/home/a bot/$HOME/it'\''s \here'
`,
		"fish": `set -gx HTTPS_PROXY 'http://127.0.0.1:8080'
set -gx SSL_CERT_FILE '/home/a bot/$HOME/it\'s \\here'
`,
		"powershell": `$env:HTTPS_PROXY = 'http://127.0.0.1:8080'
$env:SSL_CERT_FILE = '/home/a bot/$HOME/it''s \here'
`,
		"github-actions": `HTTPS_PROXY=http://127.0.0.1:8080
SSL_CERT_FILE=/home/a bot/$HOME/it's \here
`,
	} {
		if got, err := Format(shell, settings); err != nil || got != want {
			t.Errorf("%s:\n%s%v\nwant:\n%s", shell, got, err, want)
		}
	}
	settings[1].Value = `/home/a bot/"$HOME"`
	want := "HTTPS_PROXY=http://127.0.0.1:8080\nSSL_CERT_FILE='/home/a bot/\"$HOME\"'\n"
	if got, err := Format("dotenv", settings); err != nil || got != want {
		t.Errorf("dotenv:\n%s%v\nwant:\n%s", got, err, want)
	}
}

// TestWhatCannotBeSaid: nothing is better than half of the variables, or others.
func TestWhatCannotBeSaid(t *testing.T) {
	for _, tt := range []struct{ shell, value string }{
		{"github-actions", "a\nGITHUB_ENV_INJECTED=b"},
		{"github-actions", "a\rb"},
		{"dotenv", "it's"},
		{"dotenv", "a\nB=c"},
		{"dotenv", `a \ b`},
		{"sh", "a\x00b"},
		{"tcsh", "a"},
	} {
		if got, err := Format(tt.shell, []Setting{{"A", "fine"}, {"B", tt.value}}); err == nil || got != "" {
			t.Errorf("%s is told %q as %q", tt.shell, tt.value, got)
		}
	}
}

func TestPowerShellsOtherQuotes(t *testing.T) {
	got, _ := Format("powershell", []Setting{{"A", "\u2018;calc;\u2019 \u201a \u201b \u201c"}})
	if want := "$env:A = '\u2018\u2018;calc;\u2019\u2019 \u201a\u201a \u201b\u201b \u201c'\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzShell shows that a shell which is told a value has that value.
func FuzzShell(f *testing.F) {
	for _, text := range []string{"/plain/path", "with space", "it's", `back\slash`, "$(false)`false`", "a\nb\n", "-n", "", "~", "é\xff", "!x", "a=b #c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, value string) {
		set, err := Format("sh", []Setting{{"VALUE", value}})
		if err != nil {
			if !strings.Contains(value, "\x00") {
				t.Errorf("%q: %v", value, err)
			}
			return
		}
		if got := shell(t, `eval "$1"; printf %s. "$VALUE"`, set); got != value+"." {
			t.Errorf("sh reads %q as %q", set, got)
		}
		set, err = Format("dotenv", []Setting{{"VALUE", value}})
		if err != nil {
			return
		}
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := shell(t, `set -a; . "$1"; sh -c 'printf %s. "$VALUE"'`, file); got != value+"." {
			t.Errorf("a shell reads the .env file %q as %q", set, got)
		}
	})
}

func shell(t *testing.T, script, argument string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", script, "sh", argument).Output()
	if err != nil {
		t.Errorf("sh cannot read %q: %v", argument, err)
	}
	return string(out)
}
