package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A demo is a run of scripts/demo, from a folder that is not the repository's, for
// somebody who has a GitHub token, a proxy and settings of git in the environment.
type demo struct {
	t              *testing.T
	cmd            *exec.Cmd
	folder         string // where it may keep what it needs
	stdout, stderr bytes.Buffer
}

// demoTime is far beyond what a demo takes, with a first build.
const demoTime = 5 * time.Minute

func newDemo(t *testing.T, environ ...string) *demo {
	t.Helper()
	script, err := filepath.Abs("../../scripts/demo")
	if err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{t: t, folder: filepath.Join(t.TempDir(), "with a space")}
	if err := os.Mkdir(d.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.CommandContext(t.Context(), bash, script)
	d.cmd.Dir = t.TempDir()
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.folder,
		"GITHUB_TOKEN=ghp_somebody", "GH_TOKEN=ghp_somebody", "GITHUB_PAT_MINE=ghp_somebody", "GH_HOST=github.example.com",
		"HTTPS_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1", "GIT_SSL_CAINFO=/nowhere", "GIT_AUTHOR_NAME=Somebody")
	d.cmd.Env = append(d.cmd.Env, environ...)
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts is known by its group
	d.cmd.Cancel = func() error { return syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) }
	d.cmd.WaitDelay = 10 * time.Second
	return d
}

// run runs the demo to its end, checks that nothing is left of it and returns its exit
// status.
func (d *demo) run() int {
	d.t.Helper()
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	return d.end()
}

func (d *demo) end() int {
	d.t.Helper()
	tooLong := time.AfterFunc(demoTime, func() { d.cmd.Cancel() })
	defer tooLong.Stop()
	err := d.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	d.checkAlone()
	left, err := os.ReadDir(d.folder)
	if err != nil || len(left) > 0 {
		d.t.Errorf("the demo left %v (%v)", left, err)
	}
	return d.cmd.ProcessState.ExitCode()
}

// checkAlone waits for what is ending anyway, such as the helpers of a git that was told
// to end.
func (d *demo) checkAlone() {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); len(d.alive()) > 0; <-tick.C {
		if time.Now().After(deadline) {
			d.t.Errorf("the demo left running: %v", d.alive())
			d.cmd.Cancel()
			return
		}
	}
}

// alive are the programs of the demo's process group that still run. Those that have
// ended, and that nobody has asked how, are not among them.
func (d *demo) alive() []string {
	d.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		d.t.Fatalf("no processes: %v", err)
	}
	var alive []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		name, rest, _ := strings.Cut(string(text), ") ") // PID (NAME) STATE PPID PGRP …
		var state string
		var parent, group int
		if _, err := fmt.Sscan(rest, &state, &parent, &group); err != nil {
			d.t.Fatalf("%s: %q", file, text)
		}
		if group == d.cmd.Process.Pid && state != "Z" && state != "X" {
			alive = append(alive, name+")")
		}
	}
	return alive
}

// The demo ends with a table that adds up to what GitHub charged. It checks the cost of
// each command itself: a status of 0 says that the second run of the same reads was free.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	if status := d.run(); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, d.stdout.String(), d.stderr.String())
	}
	out := d.stdout.String()
	_, table, found := strings.Cut(out, "\nclient     requests   points spent   points saved\n")
	if !found {
		t.Fatalf("no table\n%s", out)
	}
	var sum, together [3]int
	for _, name := range []string{"ci", "deploy", "dashboard", "-", "together"} {
		line, rest, _ := strings.Cut(table, "\n")
		table = rest
		var got string
		var n [3]int
		if _, err := fmt.Sscan(line, &got, &n[0], &n[1], &n[2]); err != nil || got != name {
			t.Fatalf("row of %s: %q %v", name, line, err)
		}
		if together = n; name == "together" {
			break
		}
		if n[0] == 0 {
			t.Errorf("%s asked nothing", name)
		}
		if (name == "deploy" || name == "dashboard") && n[2] == 0 {
			t.Errorf("%s read what ci had read, and saved nothing", name)
		}
		for i := range n {
			sum[i] += n[i]
		}
	}
	if sum != together {
		t.Errorf("together is %v, the rows are %v", together, sum)
	}
	if want := fmt.Sprintf("\nGitHub charged %d points: ", together[1]); !strings.Contains(table, want) {
		t.Errorf("after the table no %q:\n%s", want, table)
	}
	for _, secret := range []string{"ghp_", "github_pat_"} {
		if strings.Contains(out+d.stderr.String(), secret) {
			t.Errorf("the demo shows a token (%s)", secret)
		}
	}
}

// A demo whose commands do something else than they should fails, and says which.
func TestDemoNoticesWhatIsWrong(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "gh"), []byte("#!/bin/sh\necho I ask nobody\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := newDemo(t, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if status := d.run(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	const want = `
     1  ci        $ gh api repos/acme/web --jq .full_name
                    acme/web
`
	const got = `
     0  ci        $ gh api repos/acme/web --jq .full_name
                    I ask nobody
     ^  WRONG: this should cost 1
     ^  WRONG: this should say: acme/web
`
	if out := d.stdout.String(); strings.Contains(out, want) || !strings.Contains(out, got) {
		t.Errorf("the demo does not say what is wrong:\n%s", out)
	}
	if !strings.Contains(d.stderr.String(), "scripts/demo: WRONG: ") {
		t.Errorf("stderr: %s", d.stderr.String())
	}
}

// A demo that is ended in the middle takes everything with it.
func TestDemoEndedEarly(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	begun := make(chan struct{})
	out := &watched{until: []byte("1. ci reads"), seen: begun}
	d.cmd.Stdout = out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-begun:
	case <-time.After(demoTime):
		t.Error("the demo does not begin")
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	if status := d.end(); status != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d\n%s%s", status, out.text, d.stderr.String())
	}
	if bytes.Contains(out.text, []byte("together")) {
		t.Error("the demo went on to its end")
	}
}

// A machine without the tools is told what to install, in one line.
func TestDemoNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDemo(t, "PATH="+t.TempDir())
	if status := d.run(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	const want = "scripts/demo: missing: go gh git curl (Debian: apt-get install gh git curl; Go: https://go.dev/doc/install)\n"
	if got := d.stdout.String() + d.stderr.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// watched keeps what is written and says when a text was.
type watched struct {
	text, until []byte
	seen        chan struct{} // closed when until was written
	said        bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	if !w.said && bytes.Contains(w.text, w.until) {
		w.said = true
		close(w.seen)
	}
	return len(p), nil
}
