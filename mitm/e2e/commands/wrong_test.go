package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/ca"
)

// expectation begins what a file of testdata/wrong says of itself.
const expectation = "\n# octopool says:\n"

// TestWrongConfigurations: each file of testdata/wrong is wrong in the way that its name
// says. check, serve and exec tell it in the very lines at its end, and nothing else,
// before they have made, bound or run anything.
func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	ofTheProgram(t)
	files, err := filepath.Glob("testdata/wrong/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	place := t.TempDir()
	furnish(t, place)
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			toml, comments, found := strings.Cut(string(text), expectation)
			if !found {
				t.Fatal("it does not say what octopool says")
			}
			var want strings.Builder
			for line := range strings.Lines(comments) {
				want.WriteString(strings.ReplaceAll(strings.TrimPrefix(line, "# "), "PLACE", place))
			}
			if err := os.WriteFile(filepath.Join(place, name), []byte(toml+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			before := listing(t, place)
			for _, command := range [][]string{{"check"}, {"serve"}, {"exec"}} {
				command = append(command, "--config", name)
				if command[0] == "exec" {
					if strings.Contains(want.String(), "no [[client]]") {
						continue // it brings its own
					}
					command = append(command, "--", "touch", "it-ran")
				}
				status, stdout, stderr := run(t, place, []string{"BOT_PAT=ghp_bot"}, command...)
				if status != 1 || stdout != "" {
					t.Errorf("octopool %s: exit status %d, and it prints %q", command[0], status, stdout)
				}
				if diff := cmp.Diff(want.String(), stderr); diff != "" {
					t.Errorf("octopool %s says (+) what it should not, or not (-) what it should:\n%s", command[0], diff)
				}
				if now := listing(t, place); !slices.Equal(now, before) {
					t.Errorf("octopool %s left %v, before there was %v", command[0], now, before)
				}
			}
		})
	}
}

// run runs octopool in a folder, with more in the environment.
func run(t *testing.T, dir string, environ []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // serve has no end of its own
	defer cancel()
	cmd := exec.CommandContext(ctx, "octopool", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &err
	cmd.Env = append(environment(filepath.Join(dir, "home")), environ...)
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), clean(err.String())
}

// furnish puts into a folder what the files of testdata/wrong refer to.
func furnish(t *testing.T, dir string) {
	t.Helper()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("bot.pat", "ghp_bot\n", 0o600)
	write("empty", "\n", 0o600)
	write("two-lines", "ghp_one\nghp_two\n", 0o600)
	authority, err := ca.Open(filepath.Join(dir, "ca"), []string{"github.com", "api.github.com", "uploads.github.com", "gist.github.com", "codeload.github.com", "raw.githubusercontent.com"})
	if err != nil {
		t.Fatal(err)
	}
	write("not-a-key", string(authority.RootPEM()), 0o600)
	key, err := os.ReadFile(filepath.Join(dir, "ca/intermediate/key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write("open-key.pem", string(key), 0o640)
	app, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(app)}))
	write("app.pem", text, 0o600)
	write("damaged.pem", text[:len(text)/2], 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
