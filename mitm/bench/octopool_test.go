package main

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is shown under load by benchmarks, for a moment, with octopool as a program.
func TestWithOctopool(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "octopool")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "octopool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// One octopool relieves another, and nobody who comes meanwhile is refused: not while
	// nothing lasts, and not while a download and a tunnel do, which come to their end.
	t.Run("restart", func(t *testing.T) {
		passes(t, program, "restart", "--restarts", "3", "--rate", "60", "--every", "200ms")
	})
	t.Run("soak", func(t *testing.T) { soaked(t, program) })
	t.Run("faults", func(t *testing.T) { borne(t, program) })
	t.Run("a fault that is not borne", func(t *testing.T) { notBorne(t, program) })
}

// passes runs a benchmark that has to meet its target, and returns what it printed.
func passes(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), append([]string{"--octopool", program}, args...), &stdout, &stderr); status != 0 {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Everything at once, too short to say what octopool has in the end, and no answer is wrong.
func soaked(t *testing.T, program string) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"--octopool", program, "soak", "--for", "4s"}, &stdout, &stderr)
	if !strings.Contains(stdout.String(), "wrong or old  0\n") || status == 1 && !strings.Contains(stderr.String(), errMissed.Error()) || status > 1 {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
}

// Whatever breaks, for a moment: no answer is wrong or old, clients get what the fault
// explains and nothing else, what has not changed costs nothing, and octopool is well again
// by itself. `scripts/bench faults` is the same for longer.
func borne(t *testing.T, program string) {
	e := environment{stdout: io.Discard, stderr: io.Discard, octopool: program}
	for _, f := range faults() {
		if !f.playable() {
			t.Logf("not played, since it takes root: %s", f.name)
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s, err := suffer(t.Context(), e, f, 150*time.Millisecond)
			if err != nil {
				t.Errorf("%v; clients got %s", err, s.got)
			}
		})
	}
}

// A fault that clients notice otherwise than it says is not borne, and nor is an answer
// that is wrong or old.
func notBorne(t *testing.T, program string) {
	e := environment{stdout: io.Discard, stderr: io.Discard, octopool: program}
	f := storm(503)
	f.may = nil
	if _, err := suffer(t.Context(), e, f, 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "a client got 503") {
		t.Errorf("503s that nobody expects: %v", err)
	}
	tr := &truth{latest: []int{3}}
	for _, wrong := range []string{"", tr.text(0, 1), tr.text(0, 4), tr.text(0, 3) + " ", strings.Replace(tr.text(0, 3), "text", "test", 1), tr.text(1, 3)} {
		if err := tr.judge(0, 2, wrong); err == nil {
			t.Errorf("between versions 2 and 3 this was right: %.60s", wrong)
		}
	}
	for _, right := range []int{2, 3} {
		if err := tr.judge(0, 2, tr.text(0, right)); err != nil {
			t.Error(err)
		}
	}
}
