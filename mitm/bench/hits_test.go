package main

import (
	"bytes"
	"strings"
	"testing"
)

// The comparisons run, on a machine that says nothing of their figures.
func TestComparisons(t *testing.T) {
	for _, args := range [][]string{{"door"}, {"fresh-hit"}, {"proxied", "--upstream", "10ms", "--rate", "100"}, {"revalidated", "--upstream", "10ms"}} {
		var stdout, stderr bytes.Buffer
		name := args[0]
		status := run(t.Context(), append(args, "--clients", "4", "--rounds", "1", "--turn", "60ms"), &stdout, &stderr)
		if strings.Count(stdout.String(), "\n") < 5 || status == 1 && !strings.Contains(stderr.String(), errMissed.Error()) || status > 1 {
			t.Errorf("%s: status %d\n%s%s", name, status, stdout.String(), stderr.String())
		}
	}
}
