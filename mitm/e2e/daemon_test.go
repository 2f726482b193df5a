package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A daemon is `octopool serve` as a process, in one life or several.
type daemon struct {
	t                *testing.T
	program, config  string
	environ          []string
	proxyAt, adminAt string // host:port

	mu             sync.Mutex // guards everything below
	cmd            *exec.Cmd
	exited         chan struct{} // closed when the present life has ended
	status         string        // how
	stdout, stderr bytes.Buffer  // of all lives
	since          int           // where in stderr the present life begins
	scraped        []byte        // metrics and all else that operators are shown, of all lives, read before each got its signal
}

// startTime is far beyond what a start takes.
const startTime = 30 * time.Second

func newDaemon(t *testing.T, program, config string, environ []string) *daemon {
	d := &daemon{t: t, program: program, config: config, environ: environ, proxyAt: freeAddr(t), adminAt: freeAddr(t)}
	t.Cleanup(func() {
		if d.running() {
			d.cmd.Process.Kill()
			<-d.exited
		}
	})
	return d
}

// start begins a life and returns when it serves.
func (d *daemon) start() error {
	if d.running() {
		return errors.New("octopool runs already")
	}
	ready := make(chan struct{})
	cmd := exec.Command(d.program, "serve", "--config", d.config)
	cmd.Env = d.environ
	d.mu.Lock()
	cmd.Stdout = kept{&d.mu, &d.stdout, " is at http://", d.stdout.Len(), sync.OnceFunc(func() { close(ready) })}
	cmd.Stderr = kept{mu: &d.mu, all: &d.stderr}
	d.cmd, d.exited, d.status, d.since = cmd, make(chan struct{}), "", d.stderr.Len()
	exited := d.exited
	d.mu.Unlock()
	if err := cmd.Start(); err != nil {
		close(exited)
		return err
	}
	go func() {
		err := cmd.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.status = statusOf(err)
		close(exited)
	}()
	select {
	case <-ready:
		return nil
	case <-exited:
		return fmt.Errorf("octopool serve %s\n%s", d.status, d.log())
	case <-time.After(startTime):
		return fmt.Errorf("octopool does not serve after %v\n%s", startTime, d.log())
	}
}

func statusOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return "exited 0"
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return "was ended by " + status.Signal().String()
	}
	return fmt.Sprintf("exited %d", exit.ExitCode())
}

// running reports whether there is a life now.
func (d *daemon) running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.exited == nil {
		return false
	}
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// signal sends TERM or KILL. The metrics of this life are read first.
func (d *daemon) signal(name string) error {
	signal, known := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[name]
	if !known {
		return fmt.Errorf("unknown signal %q", name)
	}
	if !d.running() {
		return errors.New("octopool does not run")
	}
	if err := d.scrape(); err != nil {
		return err
	}
	return d.cmd.Process.Signal(signal)
}

// die ends this life at once, from within a request of it.
func (d *daemon) die() { d.cmd.Process.Kill() }

// shown is all that operators are shown.
var shown = [...]string{"/metrics", "/api/status", "/api/history", "/api/history?client=ci", "/api/clients/ci/usage", "/api/cache", "/", "/readyz", "/healthz"}

func (d *daemon) scrape() error {
	client := &http.Client{Timeout: startTime, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range shown {
		resp, err := client.Get("http://" + d.adminAt + path)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if ready := path == "/readyz" && resp.StatusCode == http.StatusServiceUnavailable; err != nil || resp.StatusCode != http.StatusOK && !ready {
			return fmt.Errorf("%s: %s %v", path, resp.Status, err)
		}
		d.mu.Lock()
		d.scraped = append(d.scraped, text...)
		d.mu.Unlock()
	}
	return nil
}

// wait returns how this life ended.
func (d *daemon) wait(ctx context.Context) string {
	select {
	case <-d.exited:
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.status
	case <-ctx.Done():
		return "still runs"
	}
}

// log is what all lives wrote to standard error.
func (d *daemon) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stderr.String()
}

// alarms are the lines of this life's log that an operator should look at. A line that
// is no JSON is one, but for what the metrics library says on machines without cgroups.
func (d *daemon) alarms() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for line := range strings.Lines(string(d.stderr.Bytes()[d.since:])) {
		if strings.Contains(line, `"level":"INFO"`) || strings.Contains(line, "INFO: metrics: disable exposing PSI metrics") {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// peak is the most memory that this life has had, in bytes.
func (d *daemon) peak() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	var kilobytes int
	if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); !found || err != nil {
		return 0, fmt.Errorf("no VmHWM: %v", err)
	}
	return kilobytes << 10, nil
}

// kept is an output that is kept, and watched until a text has come.
type kept struct {
	mu    *sync.Mutex
	all   *bytes.Buffer
	watch string // "" for nothing
	from  int    // where in all to look for it
	came  func() // called once it has, again and again
}

func (k kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all.Write(p)
	if k.watch != "" && bytes.Contains(k.all.Bytes()[k.from:], []byte(k.watch)) {
		k.came()
	}
	return len(p), nil
}
