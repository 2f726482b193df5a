// Package e2e runs octopool's own binary with the programs it is for: gh, git and
// curl, each as it comes, in shell sessions whose output is known to the byte.
//
// A session is testdata/NAME.sh, what it prints is testdata/NAME.want. Each has a
// GitHub and an octopool of its own (house_test.go says what is in them) and begins
// with testdata/lib/session, which has the commands that are not of this world:
// directly, both, github, daemon. Whatever a session does, when it is over nothing that
// GitHub, a disk, a log or a metric holds may be a token (secrets_test.go).
//
//	go test ./mitm/e2e -run Sessions/git
//	OCTOPOOL_E2E_WRITE=1 go test ./mitm/e2e    writes the .want files anew; read the diff
package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	// The sessions run a binary that is built anew each time. Naming its parts here
	// lets go test know that an earlier result is void when one of them has changed.
	_ "octopool/mitm/daemon"
	_ "octopool/mitm/launch"
)

func TestSessions(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	bin := build(t)
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sh")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			furnished := func(t *testing.T, bin string) *house { return newHouse(t, bin) }
			if strings.HasPrefix(name, "enterprise") {
				furnished = newEstate
			}
			h := furnished(t, bin)
			got := h.session(script)
			if !t.Failed() {
				compare(t, strings.TrimSuffix(script, ".sh")+".want", got)
			}
			h.leave()
			h.checkSecrets(got)
		})
	}
}

// build makes the binary as a release is made and returns its folder.
func build(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../../main.go"); err != nil { // tells go test of it, as above
		t.Fatal(err)
	}
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(bin, "octopool"), "octopool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// sessionTime is far beyond what a session takes, and below what go test allows.
const sessionTime = 2 * time.Minute

// session runs a script to its end and returns what it printed. A script that fails
// fails the test.
func (h *house) session(script string) string {
	h.t.Helper()
	var text []byte
	for _, file := range []string{"testdata/lib/session", script} { // read here, so that go test knows of them
		part, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		text = append(text, part...)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), sessionTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", string(text))
	cmd.Dir, cmd.Env = h.work, h.env()
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err := context.Cause(ctx); errors.Is(err, context.DeadlineExceeded) {
		h.t.Errorf("still running after %v", sessionTime)
	}
	if err != nil {
		h.t.Errorf("%s: %v\n%s\noctopool's log:\n%s", filepath.Base(script), err, out.String(), h.daemon.log())
	}
	return out.String()
}

// compare checks what was printed against a file.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("OCTOPOOL_E2E_WRITE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	}
	if string(want) != got {
		t.Errorf("%s", diff.Diff(file, want, "printed", []byte(got)))
	}
}
