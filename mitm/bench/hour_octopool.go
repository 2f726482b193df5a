package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// octopool is the program, with a data folder that outlives it.
type octopool struct {
	program     string
	dir         string
	github      *githubtest.Server
	credentials []*credential
	clients     int
	tunnels     bool       // it does not intercept github.com
	dial        string     // where it finds github.com; "" for the stand-in
	sockets     []*os.File // that it is given, by the names proxy and admin; none for its own
	limits      []string   // the words of a command that runs it, prlimit for one
	environ     []string   // what it has in its environment besides

	child  *exec.Cmd
	logged chan struct{} // closed when all of its log was read
	at     atomic.Pointer[url.URL]
	roots  *x509.CertPool

	memory int64 // the most it had, bytes
	worked time.Duration
}

func (o *octopool) base() string            { return gitHubAPI }
func (o *octopool) token(client int) string { return fleetToken(client) }
func (o *octopool) about() string           { return "octopool" }

func (o *octopool) used() string {
	return fmt.Sprintf("%d MiB at most, %.1f s of processor time", o.memory>>20, o.worked.Seconds())
}

func (o *octopool) transport(f flavour) *http.Transport {
	return newTransport(f, func(*http.Request) (*url.URL, error) { return o.at.Load(), nil }, o.roots)
}

// served finds where octopool listens in the line by which it says so.
var served = regexp.MustCompile(`"proxy":"(http://[^"]+)"`)

func (o *octopool) start(ctx context.Context) error {
	if err := o.configure(); err != nil {
		return err
	}
	return o.launch(ctx)
}

// launch starts it with the configuration that is there.
func (o *octopool) launch(ctx context.Context) error {
	said, err := o.begin()
	if err != nil {
		return err
	}
	return o.listening(ctx, said)
}

// command is its process, to be.
func (o *octopool) command() *exec.Cmd {
	words := append(slices.Clone(o.limits), o.program, "serve", "--config", filepath.Join(o.dir, "octopool.toml"))
	environ := []string{"HOME=" + o.dir, "PATH=" + os.Getenv("PATH")}
	if len(o.sockets) > 0 { // as systemd does
		words = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, words...)
		environ = append(environ, "LISTEN_FDS=2", "LISTEN_FDNAMES=proxy:admin")
	}
	c := exec.Command(words[0], words[1:]...)
	c.Env, c.ExtraFiles = append(environ, o.environ...), o.sockets
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for us, who then stop it
	return c
}

// begin starts the process. What it says once it serves, or instead, is for listening.
func (o *octopool) begin() (said chan string, err error) {
	o.child = o.command()
	stderr, err := o.child.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := o.child.Start(); err != nil {
		o.child = nil
		return nil, err
	}
	said = make(chan string, 1)
	o.logged = make(chan struct{})
	go func() {
		defer close(o.logged)
		defer close(said)
		var before []string
		for lines, serving := bufio.NewScanner(stderr), false; lines.Scan(); {
			if serving {
				continue // the log is read so that writing it costs what it costs
			}
			before = append(before, lines.Text())
			if found := served.FindStringSubmatch(lines.Text()); found != nil {
				serving = true
				said <- found[1]
			}
		}
		if len(said) == 0 {
			said <- strings.Join(before, "\n")
		}
	}()
	return said, nil
}

// listening waits until octopool has said where it is, and trusts its authority.
func (o *octopool) listening(ctx context.Context, said <-chan string) error {
	var where string
	select {
	case where = <-said:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !strings.HasPrefix(where, "http://") {
		return fmt.Errorf("octopool did not start: %s", cmp.Or(where, "it says nothing"))
	}
	at, err := url.Parse(where)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(filepath.Join(o.dir, "data", "ca.pem"))
	if err != nil {
		return err
	}
	if o.roots == nil { // it keeps its authority
		o.roots = x509.NewCertPool()
		o.roots.AppendCertsFromPEM(pem)
	}
	o.at.Store(at)
	return nil
}

func (o *octopool) stop() error {
	if o.child == nil {
		return nil
	}
	o.memory = max(o.memory, mostMemory(o.child.Process.Pid))
	o.child.Process.Signal(syscall.SIGTERM)
	giveUp := time.AfterFunc(patience, func() { o.child.Process.Kill() })
	<-o.logged // before Wait, which closes the pipe
	err := o.child.Wait()
	if !giveUp.Stop() {
		err = errors.Join(err, errors.New("octopool did not end by itself"))
	}
	state := o.child.ProcessState
	o.worked += state.UserTime() + state.SystemTime()
	o.child = nil
	return err
}

// configure writes the configuration with the credentials' newest tokens.
func (o *octopool) configure() error {
	var b strings.Builder
	fmt.Fprintf(&b, `data_dir = "data"
[proxy]
listen = "127.0.0.1:0"
[admin]
listen = ""
[policy]
anonymous = "reject"
[[github]]
host = "github.com"
dial = %q
ca_file = "github.pem"
git = %t
# A scaled hour has its minutes too often for limits by the minute.
limits = { in_flight = 0, points_per_minute = 0, graphql_points_per_minute = 0, creations_per_minute = 0, creations_per_hour = 0 }
`, cmp.Or(o.dial, o.github.Addr()), !o.tunnels)
	for _, c := range o.credentials {
		text, err := c.configure(o.dir)
		if err != nil {
			return err
		}
		b.WriteString(text)
	}
	for client := range o.clients {
		fmt.Fprintf(&b, "[[client]]\nname = \"job-%02d\"\ntoken_sha256 = %q\n", client, policy.DigestOf(fleetToken(client)))
	}
	if err := os.WriteFile(filepath.Join(o.dir, "github.pem"), o.github.CAPEM(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.dir, "octopool.toml"), []byte(b.String()), 0o600)
}
