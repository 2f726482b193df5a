// Package conformance holds what clients of GitHub get through octopool against what they
// get without it: gh, git, git-lfs, curl, wget, octokit, go-github and PyGithub, each as it comes.
//
// A row is a short session of one of them. It runs directly against a GitHub stand-in, through
// octopool with a personal access token, through octopool with an installation of an
// App, and, where the client takes a base URL instead of a proxy, at octopool's own address. Each
// run has a world of its own, and all worlds begin alike, so what was printed, the exit
// status and what GitHub saw can be compared whole (naming_test.go says what may differ,
// upstream_test.go what GitHub may see). What an installation gets is compared with what
// its token gets directly, so that a difference that GitHub makes is not octopool's.
//
// What was found is written to scripts/conformance.md, and the test fails when that file says
// something else:
//
//	go test ./mitm/e2e/conformance -run 'Conformance/gh'    some of the rows, without the file
//	go test ./mitm/e2e/conformance -update                  writes the file anew; read the diff
package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "write scripts/conformance.md")

// file is the table, from here.
const file = "../../../scripts/conformance.md"

func TestConformance(t *testing.T) {
	if os.Getenv("OCTOPOOL_NODE_MODULES") == "" {
		t.Fatal("OCTOPOOL_NODE_MODULES is not set: scripts/test installs octokit and sets it")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	kit := kit{bin: build(t), appKey: key}
	all := rows()
	found := make([]cells, len(all))
	whole := true // no row was left out by -run
	t.Run("rows", func(t *testing.T) {
		var ran sync.Map
		t.Cleanup(func() { // when the last of them is over
			for _, r := range all {
				if _, did := ran.Load(r.name()); !did {
					whole = false
				}
			}
		})
		for i, r := range all {
			t.Run(r.name(), func(t *testing.T) {
				t.Parallel()
				ran.Store(r.name(), true)
				found[i] = r.examine(t, kit)
			})
		}
	})
	if !whole || t.Failed() {
		return
	}
	got := table(all, found)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s\n(go test ./mitm/e2e/conformance -update writes the file)", diff.Diff("scripts/conformance.md", want, "found", []byte(got)))
	}
}

// build makes the program that uses go-github, and returns its folder.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "./testdata/gogithub").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// No two rows have one name, and a reason that a row gives is for a column that it has.
func TestRowsAreWellFormed(t *testing.T) {
	var names []string
	for _, r := range rows() {
		if slices.Contains(names, r.name()) {
			t.Errorf("two rows are called %s", r.name())
		}
		names = append(names, r.name())
		for c := range r.differs {
			if c == direct || c == atBaseURL && !r.base {
				t.Errorf("%s gives a reason for the column %q", r.name(), c)
			}
		}
		if strings.ContainsAny(r.title+r.app, "|\n") {
			t.Errorf("%s: a table cannot hold this", r.name())
		}
	}
}
