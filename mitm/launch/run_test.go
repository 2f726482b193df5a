//go:build unix

package launch

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test program be the octopool of a session: Run waits for a program
// with the standard streams of this one, and takes this one's signals.
func TestMain(m *testing.M) {
	if command := os.Getenv("LAUNCH_TEST_RUN"); command != "" {
		var exit Exit
		err := Run("/bin/sh", []string{"sh", "-c", command}, os.Environ())
		if errors.As(err, &exit) {
			os.Exit(exit.Status)
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// run is a session whose program is a shell command, in a process group of its own and
// without a terminal.
func run(t *testing.T, command string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LAUNCH_TEST_RUN="+command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func TestTheProgramsStatusIsPassedOn(t *testing.T) {
	for command, want := range map[string]int{
		"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9,
	} {
		cmd := run(t, command)
		if cmd.Run(); cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: %v, want %d", command, cmd.ProcessState, want)
		}
	}
}

func TestTheProgramHasTheStreams(t *testing.T) {
	cmd := run(t, "cat; echo two >&2")
	cmd.Stdin = strings.NewReader("one")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "onetwo\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	for signal, name := range map[syscall.Signal]string{
		syscall.SIGTERM: "TERM", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT",
		syscall.SIGHUP: "HUP", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
	} {
		// The program waits on a pipe nobody writes to, and a trap interrupts that.
		cmd := run(t, fmt.Sprintf(`trap 'echo got %s; exit 5' %[1]s; echo ready; read _`, name))
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("%s: %q", name, lines.Text())
		}
		cmd.Process.Signal(signal)
		if !lines.Scan() || lines.Text() != "got "+name {
			t.Errorf("%s: the program says %q", name, lines.Text())
		}
		stdin.Close()
		if cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("%s: %v", name, cmd.ProcessState)
		}
	}
}

func TestProgramsThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for program, want := range map[string]Exit{
		"nowhere":                     {127, errors.New("nowhere: executable file not found in $PATH")},
		filepath.Join(dir, "nowhere"): {127, errors.New(filepath.Join(dir, "nowhere") + ": no such file or directory")},
		plain:                         {126, errors.New(plain + ": permission denied")},
	} {
		_, err := Find(program)
		var got Exit
		if !errors.As(err, &got) || got.Status != want.Status || got.Error() != want.Error() {
			t.Errorf("%s: %v (%d), want %v (%d)", program, err, got.Status, want.Err, want.Status)
		}
	}
	if path, err := Find("/bin/sh"); err != nil || path != "/bin/sh" {
		t.Errorf("%s, %v", path, err)
	}
}

func TestReach(t *testing.T) {
	answer := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/healthz" {
			fmt.Fprint(w, answer)
		}
	}))
	answer = "octopool\n"
	if err := Reach(s.URL); err != nil {
		t.Error(err)
	}
	answer = "<html>"
	if err := Reach(s.URL); err == nil || !strings.Contains(err.Error(), "is no octopool") {
		t.Errorf("of another server: %v", err)
	}
	s.Close()
	if err := Reach(s.URL); err == nil || !strings.Contains(err.Error(), "start it with `octopool serve`") {
		t.Errorf("of none: %v", err)
	}
}
