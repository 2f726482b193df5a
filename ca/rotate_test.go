package ca

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// savedTrust is what a client has that read the files at this moment.
func savedTrust(t *testing.T, a *Authority) *Authority {
	t.Helper()
	saved := &Authority{dir: t.TempDir()}
	mustWrite(t, saved.RootFile(), mustRead(t, a.RootFile()), 0o644)
	mustWrite(t, saved.BundleFile(), mustRead(t, a.BundleFile()), 0o644)
	return saved
}

func mustReread(t *testing.T, a *Authority) {
	t.Helper()
	if changed, err := a.Reread(); err != nil || !changed {
		t.Fatalf("Reread = %v, %v", changed, err)
	}
}

// Whoever reads the files anew during the overlap is served in every stage, and whoever
// never does in the first.
func TestRealClientsThroughARotation(t *testing.T) {
	a := openTemp(t)
	steered := newSteeredNet(t)
	const host = "api.github.com"
	steered.serve(host, a.TLSConfig(host))
	trust := map[string]*Authority{"the old root": savedTrust(t, a)}
	check := func(stage string, accepted map[string]bool) {
		var all sync.WaitGroup
		for _, client := range realClients {
			if client.needs == "java" || client.needs == "wget" { // java reads one root of a file; wget is GnuTLS as git is
				continue
			}
			program, err := exec.LookPath(client.needs)
			if err != nil {
				t.Fatalf("%s is not installed: run scripts/test", client.needs)
			}
			for name, want := range accepted {
				all.Go(func() {
					out, err := client.run(t, program, trust[name], steered, host)
					if got := err == nil && strings.Contains(out, steered.answer(host)); got != want {
						t.Errorf("%s: %s with %s: served is %v (%v)\n%s", stage, client.name, name, got, err, out)
					}
				})
			}
		}
		all.Wait()
	}

	if _, err := Rotate(a.dir, testHosts, DefaultOverlap); err != nil {
		t.Fatal(err)
	}
	mustReread(t, a)
	trust["both roots"] = savedTrust(t, a)
	check("stage 1", map[string]bool{"the old root": true, "both roots": true})

	if _, err := Finish(a.dir); err != nil {
		t.Fatal(err)
	}
	mustReread(t, a)
	check("stage 2", map[string]bool{"the old root": false, "both roots": true})

	if _, err := Finish(a.dir); err != nil {
		t.Fatal(err)
	}
	mustReread(t, a)
	trust["the new root"] = savedTrust(t, a)
	check("stage 3", map[string]bool{"both roots": true, "the new root": true})
	if n := bytes.Count(mustRead(t, a.RootFile()), []byte("BEGIN")); n != 1 {
		t.Errorf("%d roots are left", n)
	}
}

// Nobody has to be there when a stage begins: an octopool that runs goes by its clock, and
// who opens the CA afterwards finds it so.
func TestRotationGoesByItsDates(t *testing.T) {
	a := openTemp(t)
	var ahead atomic.Int64 // leaves are renewed in the background
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	a.now = clock
	old := a.RootPEM()
	r, err := Rotate(a.dir, testHosts, DefaultOverlap)
	if err != nil {
		t.Fatal(err)
	}
	mustReread(t, a)
	both := a.RootPEM()
	if !bytes.HasSuffix(both, old) || len(both) < len(old)*3/2 || !bytes.Equal(both, mustRead(t, a.RootFile())) || !bytes.HasPrefix(mustRead(t, a.BundleFile()), both) {
		t.Fatalf("the files do not hold the new root before the old one:\n%s", both)
	}
	served := func(a *Authority) string {
		t.Helper()
		leaf := mustLeaf(t, a, "github.com")
		if err := verify(leaf, both, "github.com", clock()); err != nil {
			t.Fatal(err)
		}
		if verify(leaf, old, "github.com", clock()) == nil {
			return "old"
		}
		return "new"
	}
	reopened := func() *Authority {
		t.Helper()
		again, err := open(a.dir, testHosts, clock)
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	for _, tt := range []struct {
		after time.Duration
		want  string
		roots int
	}{
		{0, "old", 2},
		{DefaultOverlap - time.Hour, "old", 2},
		{DefaultOverlap + time.Minute, "new", 2},
		{DefaultOverlap + leafLife - time.Hour, "new", 2},
		{DefaultOverlap + leafLife + time.Minute, "new", 1},
	} {
		ahead.Store(int64(tt.after))
		if got := served(a); got != tt.want {
			t.Errorf("after %s the octopool that runs serves from the %s root", tt.after, got)
		}
		again := reopened()
		if got := served(again); got != tt.want {
			t.Errorf("after %s an octopool that starts serves from the %s root", tt.after, got)
		}
		if got := bytes.Count(mustRead(t, a.RootFile()), []byte("BEGIN")); got != tt.roots {
			t.Errorf("after %s %d roots are trusted", tt.after, got)
		}
	}
	if got := reopened().Rotation(); got != (Rotation{}) {
		t.Errorf("at the end there is still %v", got)
	}
	if r.Until.Sub(r.From) != leafLife {
		t.Errorf("the old root was to be trusted from %s until %s", r.From, r.Until)
	}
	if keys, _ := filepath.Glob(filepath.Join(a.dir, "*", keyName)); len(keys) != 1 {
		t.Errorf("keys are left: %v", keys)
	}
}

// A rotation is for the hosts that the configuration has then; one that has begun for
// fewer begins anew, and any other is under way.
func TestRotationForNewHosts(t *testing.T) {
	a := openTemp(t)
	more := append([]string{"git.example.com"}, testHosts...)
	if _, err := Rotate(a.dir, testHosts, time.Hour); err != nil {
		t.Fatal(err)
	}
	_, err := Rotate(a.dir, testHosts, time.Hour)
	if under, ok := errors.AsType[*UnderWay](err); !ok || under.From.IsZero() {
		t.Errorf("a second rotation: %v", err)
	}
	if _, err := Rotate(a.dir, more, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*NotCovered](openErr(a.dir, more)); !ok {
		t.Error("the old CA signs for a new host during the overlap")
	}
	if _, err := Finish(a.dir); err != nil {
		t.Fatal(err)
	}
	if err := openErr(a.dir, more); err != nil {
		t.Error(err)
	}
	if _, err := Finish(a.dir); err != nil { // drops the old root
		t.Error(err)
	}
	if _, err := Finish(a.dir); !errors.Is(err, ErrNoRotation) {
		t.Errorf("nothing left to finish: %v", err)
	}
	if _, err := Rotate(filepath.Join(t.TempDir(), "none"), more, time.Hour); err == nil || !strings.Contains(err.Error(), "there is no CA") {
		t.Errorf("without a CA: %v", err)
	}
}

func openErr(dir string, hosts []string) error {
	_, err := Open(dir, hosts)
	return err
}

// rotateForParent rotates until it is killed.
func rotateForParent(dir string) {
	for {
		for _, step := range []func() error{
			func() error { _, err := Rotate(dir, testHosts, time.Hour); return err },
			func() error { _, err := Finish(dir); return err },
			func() error { _, err := Finish(dir); return err },
		} {
			err := step()
			if _, under := errors.AsType[*UnderWay](err); err != nil && !under && !errors.Is(err, ErrNoRotation) {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fmt.Println("round")
	}
}

// Killed anywhere in a rotation, the files that clients trust are those of what an
// octopool serves that starts then.
func TestRotationSurvivesAKill(t *testing.T) {
	dir := openTemp(t).dir
	for i := range 25 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "OCTOPOOL_CA_TEST_ROTATE="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 256)
		n, _ := out.Read(line) // it rotates
		if !strings.HasPrefix(string(line[:n]), "round") {
			t.Fatalf("the child says: %s", line[:n])
		}
		for began := time.Now(); time.Since(began) < time.Duration(i)*211*time.Microsecond; { // another moment each time
		}
		child.Process.Kill()
		child.Wait()
		trusted := mustRead(t, filepath.Join(dir, rootName))
		a, err := Open(dir, testHosts)
		if err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
		if err := verify(mustLeaf(t, a, "github.com"), trusted, "github.com", time.Now()); err != nil {
			t.Errorf("after kill %d: %v", i, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, rotatePrefix+"*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// An interrupted promotion is completed: there is a moment without the folder that signs.
func TestPromotionIsCompleted(t *testing.T) {
	a := openTemp(t)
	if _, err := Rotate(a.dir, testHosts, time.Hour); err != nil {
		t.Fatal(err)
	}
	both := mustRead(t, a.RootFile())
	if err := writeDates(a.dir, dates{From: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(a.dir, signerFolder), filepath.Join(a.dir, formerFolder)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(a.dir, testHosts)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.RootPEM(), both) || exists(a.dir, nextFolder) || exists(a.dir, filepath.Join(formerFolder, keyName)) {
		t.Error("another CA was made, or the promotion was not completed")
	}
}
