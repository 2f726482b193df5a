// Package commands tests octopool's commands and its configuration as a user meets them:
// shell sessions with the program itself, and with the real gh, git and curl in front of
// a GitHub stand-in.
package commands

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { os.Exit(withProgram(m.Run)) }

// withProgram builds octopool, as its README says, and puts it in PATH.
func withProgram(run func() int) int {
	dir, err := os.MkdirTemp("", "octopool-commands-")
	if err == nil {
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir, "octopool")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return run()
}

// ofTheProgram says that a test is one of the program: go test notes which files a test
// looks at, and would else take its result from the cache when only those have changed.
func ofTheProgram(t *testing.T) {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err == nil && d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case err == nil && filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is that of a new user, of whom octopool and the tools know nothing.
func environment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GH_NO_UPDATE_NOTIFIER=1", "GH_PROMPT_DISABLED=1",
	}
}

// TestScripts are the sessions. What they can say beside testscript's own commands:
//
//	github            starts a stand-in: $GITHUB is its address, github.pem its root
//	app               adds an App to it: $APP_ID, $INSTALLATION, and its key in app.pem
//	saw REGEXP        GitHub saw such a request, as METHOD HOST/PATH STATUS LOGIN POINTS
//	serve ARG…        starts octopool serve and waits until it serves; $PROXY, $ADMIN are
//	                  its URLs, and serve.out and serve.err what it said
//	end [SIGNAL]      ends it, by SIGTERM or another, and asks for exit status 0
//	status N ARG…     runs a program that must end with this status
//	says FILE         standard error was this, with $NAMES replaced and $$ a $, and nothing else
//	note NAME FILE RE sets $NAME to what the group of a regexp matches in a file, which may be
//	                  stdout or stderr
//	nowhere TEXT DIR  no file below a folder holds a text
//	unseen TEXT       nor does anything that GitHub was sent
//	taken NAME        sets $NAME to an address that somebody listens to
func TestScripts(t *testing.T) {
	ofTheProgram(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(environment(filepath.Join(env.WorkDir, "home")), "WORK="+env.WorkDir)
			env.Values[sessionKey{}] = &session{env: env}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"github": github, "app": app, "saw": saw, "serve": serve, "end": end, "status": status,
			"says": says, "note": note, "nowhere": nowhere, "unseen": unseen, "taken": taken, "issuer": issuer,
		},
	})
}

// sandboxLine is what the metrics library says at start where Linux has no pressure
// files.
var sandboxLine = regexp.MustCompile(`(?m)^.* INFO: metrics: .*\n`)

func clean(stderr string) string { return sandboxLine.ReplaceAllString(stderr, "") }

func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: says FILE")
	}
	want := os.Expand(ts.ReadFile(args[0]), func(name string) string {
		if name == "$" {
			return "$"
		}
		return ts.Getenv(name)
	})
	if got := clean(ts.ReadFile("stderr")); got != want {
		ts.Fatalf("standard error:\n%s\nwant:\n%s", got, want)
	}
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARG…")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s\n%s%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func note(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: note NAME FILE REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(m) != 2 {
		ts.Fatalf("%s does not match\n%s", args[2], ts.ReadFile(args[1]))
	}
	ts.Setenv(args[0], m[1])
}

func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] == "" {
		ts.Fatalf("usage: nowhere TEXT DIR")
	}
	files := 0
	err := filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(args[0])) {
			return fmt.Errorf("%s holds it", path)
		}
		return err
	})
	ts.Check(err)
	if files == 0 {
		ts.Fatalf("%s holds no files to look through", args[1])
	}
}
