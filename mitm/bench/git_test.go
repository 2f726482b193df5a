package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What takes a process of its own runs, small, on a machine that says nothing of its figures.
func TestWithAProcess(t *testing.T) {
	t.Parallel()
	octopool := filepath.Join(t.TempDir(), "octopool")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", octopool, "octopool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, one := range []struct{ args, says string }{
		{"git --mib 3 --rounds 1 --http HTTP/1.1", "\npush "},
		{"tunnel --mib 1 --rounds 1", "\ndown "},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), append([]string{"--octopool", octopool}, strings.Fields(one.args)...), &stdout, &stderr)
		if !strings.Contains(stdout.String(), one.says) || status == 1 && !strings.Contains(stderr.String(), errMissed.Error()) || status > 1 {
			t.Errorf("%s: status %d\n%s%s", one.args, status, stdout.String(), stderr.String())
		}
	}
}
