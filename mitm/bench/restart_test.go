package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// built is octopool as a program.
func built(t *testing.T) string {
	t.Helper()
	octopool := filepath.Join(t.TempDir(), "octopool")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", octopool, "octopool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return octopool
}

// One octopool relieves another, and nobody who comes meanwhile is refused: not while
// nothing lasts, and not while a download and a tunnel do, which come to their end.
func TestRestart(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"--octopool", built(t), "restart", "--restarts", "3", "--rate", "60", "--every", "200ms"}, &stdout, &stderr); status != 0 {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
}
