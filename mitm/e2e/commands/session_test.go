package commands

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"octopool/mitm/githubtest"
)

// A session is what one script has started.
type session struct {
	env    *testscript.Env
	github *githubtest.Server
	daemon *exec.Cmd
	read   sync.WaitGroup // until the daemon's output has ended
	out    *os.File
	err    *os.File
}

type sessionKey struct{}

func sessionOf(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

// github starts a stand-in with a private and a public repository, and one user.
func github(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: github")
	}
	g := githubtest.New()
	ts.Defer(g.Close)
	sessionOf(ts).github = g
	g.AddUser("octo-bot", "ghp_bot")
	g.AddRepo("acme/web", false)
	g.AddRepo("acme/api", true)
	g.Grant("octo-bot", "acme/web")
	g.Grant("octo-bot", "acme/api")
	ts.Setenv("GITHUB", g.Addr())
	ts.Check(os.WriteFile(ts.MkAbs("github.pem"), g.CAPEM(), 0o600))
}

// app adds an App to the stand-in that is installed where the repositories are.
func app(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 || sessionOf(ts).github == nil {
		ts.Fatalf("usage: app, after github")
	}
	g := sessionOf(ts).github
	a := g.AddApp("octo-app")
	ts.Setenv("APP_ID", fmt.Sprint(a.ID()))
	ts.Setenv("INSTALLATION", fmt.Sprint(g.Install(a, "acme").ID()))
	ts.Check(os.WriteFile(ts.MkAbs("app.pem"), a.PEM(), 0o600))
}

func saw(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: saw REGEXP")
	}
	pattern := regexp.MustCompile(args[0])
	var all []string
	found := false
	for _, seen := range sessionOf(ts).github.Seen() {
		all = append(all, seen.String())
		found = found || pattern.MatchString(seen.String())
	}
	if found == neg {
		ts.Fatalf("GitHub saw:\n%s", strings.Join(all, "\n"))
	}
}

func unseen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] == "" {
		ts.Fatalf("usage: unseen TEXT")
	}
	if places := sessionOf(ts).github.Contains(args[0]); len(places) > 0 {
		ts.Fatalf("GitHub saw it: %s", strings.Join(places, "; "))
	}
}

func taken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: taken NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// serve starts octopool and returns when its log says that it serves.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	if neg || s.daemon != nil {
		ts.Fatalf("usage: serve ARG…, once at a time")
	}
	program, err := exec.LookPath("octopool")
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"serve"}, args...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environmentOf(ts)
	s.out, err = os.Create(filepath.Join(s.env.WorkDir, "serve.out"))
	ts.Check(err)
	s.err, err = os.Create(filepath.Join(s.env.WorkDir, "serve.err"))
	ts.Check(err)
	cmd.Stdout = s.out
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	s.daemon = cmd
	ts.Defer(func() {
		if s.daemon != nil {
			s.daemon.Process.Kill()
			s.read.Wait()
			s.daemon.Wait()
		}
	})
	serving := make(chan map[string]any, 1)
	s.read.Go(func() {
		lines := bufio.NewReader(stderr)
		for {
			line, err := lines.ReadBytes('\n')
			s.err.Write(line)
			var entry map[string]any
			if json.Unmarshal(line, &entry) == nil && entry["msg"] == "serving" {
				serving <- entry
			}
			if err != nil {
				close(serving)
				return
			}
		}
	})
	entry, ok := <-serving
	if !ok {
		ts.Fatalf("octopool serve ended:\n%s", ts.ReadFile("serve.err"))
	}
	ts.Setenv("PROXY", fmt.Sprint(entry["proxy"]))
	ts.Setenv("ADMIN", fmt.Sprint(entry["admin"]))
}

// environmentOf are the variables of a script, as its own commands have them.
func environmentOf(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	if neg || len(args) > 1 || s.daemon == nil {
		ts.Fatalf("usage: end [SIGNAL], after serve")
	}
	signal := syscall.SIGTERM
	if len(args) == 1 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[0]]
	}
	ts.Check(s.daemon.Process.Signal(signal))
	s.read.Wait()
	err := s.daemon.Wait()
	s.daemon = nil
	s.out.Close()
	s.err.Close()
	if err != nil && signal != syscall.SIGKILL {
		ts.Fatalf("octopool serve ended with %v:\n%s", err, ts.ReadFile("serve.err"))
	}
}
