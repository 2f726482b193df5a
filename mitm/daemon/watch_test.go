package daemon

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"octopool/mitm/config"
)

// lines is a log of which each line is waited for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// A folder is where a test keeps its files.
type folder struct {
	t   *testing.T
	dir string
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) write(name, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o700))
	f.must(os.WriteFile(f.path(name), []byte(text), 0o600))
}

func (f folder) link(target, name string) { f.t.Helper(); f.must(os.Symlink(target, f.path(name))) }

// move gives a file another's name, as editors save and Kubernetes updates.
func (f folder) move(from, to string) { f.t.Helper(); f.must(os.Rename(f.path(from), f.path(to))) }

// However a file comes to have other contents, it is noticed: written in place, replaced
// by another, behind links that are replaced, and after it was not there at all.
func TestFilesAreWatched(t *testing.T) {
	for claim, tt := range map[string]struct {
		file           string
		before, change func(f folder)
	}{
		"written in place": {
			"octopool.toml", func(f folder) { f.write("octopool.toml", "one") }, func(f folder) { f.write("octopool.toml", "two") },
		},
		"replaced, as vim does": {
			"octopool.toml", func(f folder) { f.write("octopool.toml", "one") },
			func(f folder) { f.write("octopool.toml~", "two"); f.move("octopool.toml~", "octopool.toml") },
		},
		"mounted by Kubernetes": {
			"etc/octopool.toml",
			func(f folder) {
				f.write("etc/..2026_11_23/octopool.toml", "one")
				f.link("..2026_11_23", "etc/..data")
				f.link("..data/octopool.toml", "etc/octopool.toml")
			},
			func(f folder) {
				f.write("etc/..2026_11_24/octopool.toml", "two")
				f.link("..2026_11_24", "etc/..data_tmp")
				f.move("etc/..data_tmp", "etc/..data")
				f.must(os.RemoveAll(f.path("etc/..2026_11_23")))
			},
		},
		"in a release that another follows": {
			"current/etc/octopool.toml",
			func(f folder) {
				f.write("releases/1/etc/octopool.toml", "one")
				f.link("releases/1", "current")
			},
			func(f folder) {
				f.write("releases/2/etc/octopool.toml", "two")
				f.link(f.path("releases/2"), "next")
				f.move("next", "current")
			},
		},
		"edited where a link leads to": {
			"etc/octopool.toml",
			func(f folder) {
				f.write("home/real.toml", "one")
				f.write("etc/other", "")
				f.link("../home/real.toml", "etc/octopool.toml")
			},
			func(f folder) { f.write("home/real.toml~", "two"); f.move("home/real.toml~", "home/real.toml") },
		},
		"removed and made again": {
			"octopool.toml", func(f folder) { f.write("octopool.toml", "one") },
			func(f folder) { f.must(os.Remove(f.path("octopool.toml"))); f.write("octopool.toml", "two") },
		},
		"in a folder that was not there": {
			"secrets/new/key.pem", func(folder) {}, func(f folder) { f.write("secrets/new/key.pem", "two") },
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			f := folder{t, t.TempDir()}
			tt.before(f)
			files := []string{f.path(tt.file)}
			w, err := newWatcher()
			f.must(err)
			f.must(w.watch(files))
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { w.run(ctx) })
			tt.change(f)
			for {
				<-w.changed
				if text, err := os.ReadFile(files[0]); err == nil && string(text) == "two" {
					break
				}
				f.must(w.watch(files))
			}
			cancel()
			running.Wait()
		})
	}
}

// A change beside the files is no reason to read them.
func TestOtherFilesAreNotRead(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("octopool.toml", "one")
	w, err := newWatcher()
	f.must(err)
	f.must(w.watch([]string{f.path("octopool.toml")}))
	d := start(t, settings(t, gitHub(t)))
	d.settings.Files = []string{f.path("octopool.toml")}
	reads := make(chan string, 100)
	d.Follow(func() (config.Settings, error) {
		text, err := os.ReadFile(f.path("octopool.toml"))
		reads <- string(text)
		return config.Settings{}, err
	}, nil)
	go w.run(t.Context())
	f.write("other", "something")
	<-w.changed // as long as the octopool takes to see it, and longer
	f.write("octopool.toml", "two")
	if text := <-reads; text != "two" {
		t.Errorf("it was read when it was %q", text)
	}
	stop(t, d)
}

// A client's token in a file of its own is a part of the configuration, as it is written.
func TestASecretsFileIsWatched(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("ci.token", "first-token\n")
	f.write("octopool.toml", "")
	g := shop(t)
	s := settings(t, g)
	read := func() (config.Settings, error) {
		src := config.NewSource(f.path("octopool.toml"), "", map[string]any{
			"data_dir": s.DataDir, "client": []map[string]any{{"name": "ci", "token": "file:ci.token"}},
		})
		next, problems := src.SettleToServe([]string{"GITHUB_TOKEN=" + pat})
		next.ProxyListen, next.AdminListen, next.GitHubs = s.ProxyListen, s.AdminListen, s.GitHubs
		return next, src.Wrong(problems)
	}
	first, err := read()
	f.must(err)
	logged := make(lines, 1000)
	d, err := Start(first, slog.New(slog.NewTextHandler(logged, nil)))
	f.must(err)
	d.Follow(read, nil)
	c := client(t, d.Where())
	if status, _ := get(t, c, web, "first-token"); status != 200 {
		t.Errorf("before: %d", status)
	}
	f.write("ci.token~", "second-token\n")
	f.move("ci.token~", "ci.token")
	for line := range logged {
		if strings.Contains(line, `msg="configuration reloaded" why="a file has changed" changed="[client ci changed]"`) {
			break
		}
	}
	if status, _ := get(t, c, web, "second-token"); status != 200 {
		t.Errorf("the new token: %d", status)
	}
	if status, _ := get(t, c, web, "first-token"); status != 401 {
		t.Errorf("the old token: %d", status)
	}
	c.CloseIdleConnections()
	stop(t, d)
}
