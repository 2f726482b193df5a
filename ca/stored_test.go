package ca

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "ca")
	if _, err := Open(dir, testHosts); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&got, "%04o %s\n", info.Mode().Perm(), name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "0700 .\n0644 ca-bundle.pem\n0644 ca.pem\n0700 intermediate\n0644 intermediate/chain.pem\n0600 intermediate/key.pem\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// Only the intermediate's key is on disk, and it is in no public file.
func TestKeysOnDisk(t *testing.T) {
	a := openTemp(t)
	dir := filepath.Dir(a.RootFile())
	for _, name := range []string{"ca.pem", "ca-bundle.pem", "intermediate/chain.pem"} {
		if bytes.Contains(mustRead(t, filepath.Join(dir, name)), []byte("PRIVATE")) {
			t.Errorf("%s holds a key", name)
		}
	}
	if n := bytes.Count(mustRead(t, filepath.Join(dir, "intermediate/key.pem")), []byte("BEGIN")); n != 1 {
		t.Errorf("key.pem holds %d keys", n)
	}
}

// A key that others can reach, or a folder that they can change, is refused with the
// file, its mode and the remedy; the remedy works.
func TestOpenRefusesLooseModes(t *testing.T) {
	for _, tt := range []struct {
		name string
		mode os.FileMode
		want string // after the folder's name
	}{
		{"", 0o777, " has mode 0777: others than its owner can put another CA here; run: chmod 755 "},
		{"", 0o770, " has mode 0770: others than its owner can put another CA here; run: chmod 750 "},
		{"intermediate", 0o750, "/intermediate has mode 0750: others than its owner can reach the CA's key; run: chmod 700 "},
		{"intermediate/key.pem", 0o640, "/intermediate/key.pem has mode 0640: others than its owner can reach the CA's key; run: chmod 600 "},
		{"intermediate/key.pem", 0o604, "/intermediate/key.pem has mode 0604: others than its owner can reach the CA's key; run: chmod 600 "},
	} {
		dir := filepath.Dir(openTemp(t).RootFile())
		path := filepath.Join(dir, tt.name)
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, testHosts)
		if want := dir + tt.want + path; err == nil || err.Error() != want {
			t.Errorf("%q %04o: got %v\nwant %s", tt.name, tt.mode, err, want)
			continue
		}
		_, remedy, _ := strings.Cut(err.Error(), "run: ")
		if out, err := exec.Command("sh", "-c", remedy).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", remedy, err, out)
		}
		if _, err := Open(dir, testHosts); err != nil {
			t.Errorf("after %s: %v", remedy, err)
		}
	}
	empty := t.TempDir() // 0777 less umask
	if err := os.Chmod(empty, 0o775); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty, testHosts); err == nil || !strings.Contains(err.Error(), "chmod 755 "+empty) {
		t.Errorf("an empty folder others can write to: %v", err)
	}
	// Others may take the root from the folder, and find the key's closed.
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty, testHosts); err != nil {
		t.Errorf("a folder others can enter: %v", err)
	}
}

// Whatever a first start left when it was cut short, the next one ends up with a CA.
func TestOpenAfterACrash(t *testing.T) {
	whole := filepath.Dir(openTemp(t).RootFile())
	for _, tt := range []struct {
		name  string
		leave func(t *testing.T, dir string)
	}{
		{"an empty folder", func(t *testing.T, dir string) {}},
		{"half a staged key", func(t *testing.T, dir string) {
			staged := filepath.Join(dir, ".staged-123")
			mustMkdir(t, staged)
			mustWrite(t, filepath.Join(staged, ".key.pem-7"), []byte("-----BEGIN PRI"), 0o600)
		}},
		{"staged but not renamed", func(t *testing.T, dir string) {
			if err := os.CopyFS(filepath.Join(dir, ".staged-123"), os.DirFS(filepath.Join(whole, "intermediate"))); err != nil {
				t.Fatal(err)
			}
		}},
		{"no trust files yet", func(t *testing.T, dir string) { copyFolder(t, dir, whole) }},
		{"half a trust file", func(t *testing.T, dir string) {
			copyFolder(t, dir, whole)
			mustWrite(t, filepath.Join(dir, ".ca.pem-42"), []byte("-----BEGIN CERT"), 0o600)
			mustWrite(t, filepath.Join(dir, "ca.pem"), []byte("-----BEGIN CERT"), 0o644)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			mustMkdir(t, dir)
			tt.leave(t, dir)
			kept, _ := os.ReadFile(filepath.Join(dir, "intermediate/chain.pem"))
			a, err := Open(dir, testHosts)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(mustLeaf(t, a, "github.com"), mustRead(t, a.RootFile()), "github.com", time.Now()); err != nil {
				t.Error(err)
			}
			if kept != nil && !bytes.Equal(kept, mustRead(t, filepath.Join(dir, "intermediate/chain.pem"))) {
				t.Error("a complete CA was made anew")
			}
			if staged, _ := filepath.Glob(filepath.Join(dir, ".staged-*")); len(staged) > 0 {
				t.Errorf("left %v", staged)
			}
		})
	}
}

func mustMkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// copyFolder copies the signing folder of a CA, with its modes.
func copyFolder(t *testing.T, to, from string) {
	t.Helper()
	mustMkdir(t, filepath.Join(to, "intermediate"))
	mustWrite(t, filepath.Join(to, "intermediate/key.pem"), mustRead(t, filepath.Join(from, "intermediate/key.pem")), 0o600)
	mustWrite(t, filepath.Join(to, "intermediate/chain.pem"), mustRead(t, filepath.Join(from, "intermediate/chain.pem")), 0o644)
}

// A process killed at any moment of a first start leaves a folder that opens.
func TestOpenAfterKill(t *testing.T) {
	for round := range 5 {
		dir := t.TempDir()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "OCTOPOOL_CA_TEST_OPEN="+filepath.Join(dir, "%d"))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 2 * (round + 1) {
			if !lines.Scan() {
				t.Fatalf("the other process ended: %v", lines.Err())
			}
		}
		child.Process.Kill() // while it makes the next CA
		child.Wait()
		dirs, err := os.ReadDir(dir)
		if err != nil || len(dirs) < 2*(round+1) {
			t.Fatal(dirs, err)
		}
		for _, d := range dirs {
			if _, err := Open(filepath.Join(dir, d.Name()), testHosts); err != nil {
				t.Error(err)
			}
		}
	}
}

// A damaged CA is an error that says what to do; it is never silently replaced,
// since clients trust it.
func TestOpenRefusesDamage(t *testing.T) {
	other := filepath.Dir(openTemp(t).RootFile())
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, folder string)
		want   string
	}{
		{"key cut short", func(t *testing.T, folder string) { cut(t, folder+"/key.pem", 30) }, "failed to find any PEM data in key input"},
		{"empty key", func(t *testing.T, folder string) { mustWrite(t, folder+"/key.pem", nil, 0o600) }, "failed to find any PEM data in key input"},
		{"no key", func(t *testing.T, folder string) { os.Remove(folder + "/key.pem") }, "key.pem: no such file"},
		{"no chain", func(t *testing.T, folder string) { os.Remove(folder + "/chain.pem") }, "chain.pem: no such file"},
		{"root cut short", func(t *testing.T, folder string) { cut(t, folder+"/chain.pem", 30) }, "chain.pem is damaged: 2 certificates begin"},
		{"root lost", func(t *testing.T, folder string) {
			data := mustRead(t, folder+"/chain.pem")
			cut(t, folder+"/chain.pem", len(data)-bytes.LastIndex(data, []byte("-----BEGIN")))
		}, "does not hold an intermediate and its root"},
		{"another's key", func(t *testing.T, folder string) {
			mustWrite(t, folder+"/key.pem", mustRead(t, other+"/intermediate/key.pem"), 0o600)
		}, "private key does not match public key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Dir(openTemp(t).RootFile())
			folder := filepath.Join(dir, "intermediate")
			tt.damage(t, folder)
			_, err := Open(dir, testHosts)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "restore "+folder) {
				t.Fatalf("Open = %v, want %q and where", err, tt.want)
			}
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, testHosts); err != nil {
				t.Errorf("after following the advice: %v", err)
			}
		})
	}
}

func cut(t *testing.T, path string, n int) {
	t.Helper()
	data := mustRead(t, path)
	if err := os.Truncate(path, int64(len(data)-n)); err != nil {
		t.Fatal(err)
	}
}

// However many start at once on an empty folder, they agree on one CA.
func TestSimultaneousOpens(t *testing.T) {
	t.Run("goroutines", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		roots := make([][]byte, 16)
		var g errgroup.Group
		for i := range roots {
			g.Go(func() error {
				a, err := Open(dir, testHosts)
				if err == nil {
					roots[i] = a.RootPEM()
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, root := range roots {
			if !bytes.Equal(root, mustRead(t, filepath.Join(dir, "ca.pem"))) {
				t.Error("two roots")
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
	t.Run("processes", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		outs := make([]string, 6)
		var g errgroup.Group
		for i := range outs {
			g.Go(func() error {
				child := exec.Command(os.Args[0])
				child.Env = append(os.Environ(), "OCTOPOOL_CA_TEST_OPEN="+dir)
				out, err := child.CombinedOutput()
				outs[i] = string(out)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err, outs)
		}
		for _, out := range outs {
			if out == "" || out != outs[0] {
				t.Errorf("roots differ: %q", outs)
			}
		}
	})
}

// A client that reads ca-bundle.pem while octopool rewrites it reads a whole one.
func TestFilesAreReplacedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bundle.pem")
	old, new := bytes.Repeat([]byte("old\n"), 1<<16), bytes.Repeat([]byte("new\n"), 1<<16)
	mustWrite(t, path, old, 0o644)
	var g errgroup.Group
	g.Go(func() error {
		for i := range 40 {
			if err := writeFile(path, [][]byte{new, old}[i%2], 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	for range 200 {
		if got := mustRead(t, path); !bytes.Equal(got, old) && !bytes.Equal(got, new) {
			t.Fatalf("a part: %d bytes", len(got))
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
