package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// An Exit is why a program's exit status is octopool's own too. Err is nil when the
// program has run, and else says why it could not.
type Exit struct {
	Status int
	Err    error
}

func (e Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e Exit) Unwrap() error { return e.Err }

// Find looks a program up as a shell does. Its error is an [Exit] with a shell's status:
// 127 when there is none, 126 when it cannot be run.
func Find(program string) (path string, err error) {
	path, err = exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err // without the name, which is said anyway
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	status := 127
	if errors.Is(err, fs.ErrPermission) {
		status = 126
	}
	return "", Exit{status, fmt.Errorf("%s: %w", program, err)}
}

// Run runs a program that Find found to its end. The error is an [Exit] when it ends with
// another status than 0; a program that a signal ended has 128 and the signal's number,
// as with a shell. Signals are passed on, but for those that a terminal sends to the
// program as well.
func Run(path string, command, environ []string) error {
	cmd := exec.Command(path)
	cmd.Args, cmd.Env = command, environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, caught()...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return Exit{126, err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	terminal := hasTerminal()
	for {
		select {
		case s := <-signals:
			if !terminal || !fromTerminal(s) {
				cmd.Process.Signal(s)
			}
		case err := <-ended:
			return exitOf(err)
		}
	}
}

func exitOf(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Status: 128 + int(status.Signal())}
	}
	return Exit{Status: exit.ExitCode()}
}
