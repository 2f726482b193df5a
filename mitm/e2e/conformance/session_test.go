package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"octopool/mitm/launch"
)

// An outcome is what came of a session.
type outcome struct {
	stdout, stderr string // named
	status         int
	requests       []request // that GitHub saw
	log            string    // octopool's
}

func (o outcome) text() string {
	return fmt.Sprintf("%s-- standard error\n%s-- status %d\n", o.stdout, o.stderr, o.status)
}

// sessionTime is far beyond what a session takes.
const sessionTime = time.Minute

// run runs a row's session to its end in a world of its own.
func (r row) run(t *testing.T, way way) outcome {
	t.Helper()
	h := newHouse(t, way, r.more)
	work := filepath.Join(h.folder, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), sessionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", r.script)
	cmd.Dir, cmd.Env = work, h.env()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out := outcome{}
	if err := cmd.Run(); err != nil {
		exit, exited := errors.AsType[*exec.ExitError](err)
		if !exited || !exit.Exited() {
			t.Fatalf("%v: %v\n%s%s%s", way, cmp.Or(context.Cause(ctx), err), stdout.String(), stderr.String(), h.log.String())
		}
		out.status = exit.ExitCode()
	}
	h.checkCredentials(way)
	out.stdout, out.stderr = h.named(stdout.String()), h.named(stderr.String())
	out.requests, out.log = h.requests(), h.log.String()
	return out
}

// env is what a session begins with: an empty home, the token, a way to GitHub and what to
// trust on it, as octopool tells programs, and $API, where the API is.
func (h *house) env() []string {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		h.t.Fatal(err)
	}
	base := []string{
		"PATH=" + h.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + h.folder, "TMPDIR=" + h.folder, "LANG=C.UTF-8", "TZ=UTC", "NO_COLOR=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Tester", "GIT_AUTHOR_EMAIL=tester@example.com", "GIT_AUTHOR_DATE=2026-01-05T12:00:00Z",
		"GIT_COMMITTER_NAME=Tester", "GIT_COMMITTER_EMAIL=tester@example.com", "GIT_COMMITTER_DATE=2026-01-05T12:00:00Z",
		"TESTDATA=" + testdata, "API=" + cmp.Or(h.api, "https://api.github.com"),
		"OCTOPOOL_NODE_MODULES=" + os.Getenv("OCTOPOOL_NODE_MODULES"),
	}
	base = append(base, h.variables...)
	token := cmp.Or(h.clientToken, h.credential)
	return launch.Environ(base, h.where.WithToken(h.where.Settings(base), token, base), nil)
}
