package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files with secrets that others can read, and a store that they can, are warned of: each
// with its key and what mends it. Nothing is said of those that are kept close.
func TestFilesOfSecrets(t *testing.T) {
	for mode, want := range map[os.FileMode][]string{
		0o600: nil,
		0o644: {"admin is a secret that every user of this machine can read; run: chmod 600 /", "pat is a secret", "ci is a secret", "upstream is a secret", "store can be read by every user"},
	} {
		dir := t.TempDir()
		reference := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil { // whatever the umask is
				t.Fatal(err)
			}
			return "file:" + path
		}
		folders := mode | mode>>2&0o111
		for _, folder := range []string{filepath.Join(dir, "data", "store"), filepath.Join(dir, "data")} {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(folder, folders|0o700); err != nil {
				t.Fatal(err)
			}
		}
		s := settled(t, NewSource("", "", table(
			"data_dir", filepath.Join(dir, "data"),
			"admin", table("token", reference("admin", "open-sesame")),
			"proxy", table("upstream", reference("upstream", "http://u:hunter2@proxy.example:1")),
			"credential", tables(table("name", "bot", "pat", reference("pat", "ghp_secret"))),
			"client", tables(table("name", "ci", "token", reference("ci", "octo_secret"))),
		)))
		got := strings.Join(s.Warnings, "\n")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("mode %04o: no warning of %s in\n%s", mode, w, got)
			}
		}
		if len(s.Warnings) != len(want) || strings.Contains(got, "_secret") || strings.Contains(got, "hunter2") {
			t.Errorf("mode %04o:\n%s", mode, got)
		}
	}
}
