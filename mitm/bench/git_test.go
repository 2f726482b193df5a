package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The comparison runs, small, on a machine that says nothing of its figures.
func TestGit(t *testing.T) {
	t.Parallel()
	octopool := filepath.Join(t.TempDir(), "octopool")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", octopool, "octopool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"--octopool", octopool, "git", "--mib", "3", "--rounds", "1", "--http", "HTTP/1.1"}, &stdout, &stderr)
	if !strings.Contains(stdout.String(), "\npush ") || status == 1 && !strings.Contains(stderr.String(), errMissed.Error()) || status > 1 {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
}
