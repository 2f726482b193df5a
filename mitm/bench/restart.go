package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// restartFlags are what runRestart can be told.
type restartFlags struct {
	rate, restarts int
	every          time.Duration
}

// runRestart has two octopools relieve each other on sockets that outlive both, as
// systemd's do, under a load of clients that come anew with every request. No request may
// fail, what has not changed costs no point, and downloads and tunnels that are under way
// come to their end.
func runRestart(ctx context.Context, e environment, args []string) error {
	var f restartFlags
	flags := flag.NewFlagSet("restart", flag.ContinueOnError)
	flags.IntVar(&f.rate, "rate", 200, "requests a second, each over a new connection")
	flags.IntVar(&f.restarts, "restarts", 20, "how often the octopool that serves is ended")
	flags.DurationVar(&f.every, "every", time.Second, "time between one that serves and its end")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if f.rate < 1 || f.rate > 1000 || f.restarts < 1 || f.restarts > 1000 || f.every < 10*time.Millisecond || f.every > time.Minute {
		return usage(e, "restart: -rate is 1 to 1000, -restarts 1 to 1000, -every 10ms to 1m")
	}
	r, err := newRelief(ctx, e)
	if err != nil {
		return err
	}
	defer r.end()
	begin := time.Now()
	stop := r.truth.newcomers(ctx, r.serving, f.rate, &r.tally)
	for n := range f.restarts {
		if !wait(ctx, f.every) {
			err = ctx.Err()
			break
		}
		// Every other time something is under way that lasts.
		if err = r.relieve(ctx, n%2 == 0); err != nil {
			break
		}
	}
	stop()
	if err != nil {
		return err
	}
	return r.report(e, time.Since(begin), f)
}

// relief is the world of this benchmark: two octopools, of which one serves and the other
// waits.
type relief struct {
	github           *githubtest.Server
	credentials      []*credential
	truth            *truth
	tally            tally
	dir              string
	files            []*os.File // the sockets
	proxy            string     // host:port
	serving, waiting *octopool
	promised         <-chan string // what the waiting one says once it serves
	echo             net.Listener  // at the end of tunnels

	pauses         [2][]time.Duration // from an end to the next that serves: with nothing under way, and with something
	lasted, ended  int                // what was under way that came to its end, and octopools that did
	lastingFailed  []error
	longestGoodbye time.Duration
}

func newRelief(ctx context.Context, e environment) (*relief, error) {
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return nil, err
	}
	github := githubtest.New()
	r := &relief{github: github, dir: dir, credentials: newCredentials(github, 2, 1<<20), truth: newTruth(github, 40)}
	r.serving = r.another(e.octopool)
	err = r.listen()
	if err == nil {
		err = r.configure()
	}
	if err == nil {
		err = r.serving.launch(ctx)
	}
	if err == nil {
		r.waiting = r.another(e.octopool)
		r.promised, err = r.waiting.begin()
	}
	if err != nil {
		r.end()
		return nil, err
	}
	go r.answerEchoes()
	return r, nil
}

// another is an octopool on the same sockets and data.
func (r *relief) another(program string) *octopool {
	return &octopool{program: program, dir: r.dir, github: r.github, clients: loadClients, credentials: r.credentials, sockets: r.files}
}

func (r *relief) listen() (err error) {
	addrs := make([]string, 2)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // the file is another of the same socket
		file, err := shared(l.(*net.TCPListener))
		if err != nil {
			return err
		}
		r.files, addrs[i] = append(r.files, file), l.Addr().String()
	}
	r.serving.sockets, r.proxy = r.files, addrs[0]
	r.echo, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "admin"), []byte(addrs[1]), 0o600)
}

// shared is a listener's socket for processes to come. It stays as it is, not blocking:
// net's own File would have it block whenever a process is started with it, and those that
// have it already could not close it any more.
func shared(l *net.TCPListener) (file *os.File, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Control(func(fd uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		var of int
		if of, err = syscall.Dup(int(fd)); err == nil {
			syscall.CloseOnExec(of)
			file = os.NewFile(uintptr(of), "socket")
		}
	})
	return file, errors.Join(err, failed)
}

// configure writes what octopool's own configuration of a benchmark says, but for the
// listeners, which are the sockets', and tunnels, which lead to this machine.
func (r *relief) configure() error {
	if err := r.serving.configure(); err != nil { // which writes tokens and certificates
		return err
	}
	admin, err := os.ReadFile(filepath.Join(r.dir, "admin"))
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(r.echo.Addr().String())
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir = \"data\"\nproxy.listen = %q\nadmin.listen = %q\npolicy.anonymous = \"reject\"\ntunnel = { private = true, ports = [443, %s] }\n", r.proxy, admin, port)
	fmt.Fprintf(&b, "[[github]]\nhost = \"github.com\"\ndial = %q\nca_file = \"github.pem\"\n", r.github.Addr())
	b.WriteString("limits = { in_flight = 0, points_per_minute = 0, graphql_points_per_minute = 0, creations_per_minute = 0, creations_per_hour = 0 }\n")
	for _, c := range r.credentials {
		fmt.Fprintf(&b, "[[credential]]\nname = %q\npat = \"file:%s.token\"\n", c.name, c.name)
	}
	for client := range loadClients {
		fmt.Fprintf(&b, "[[client]]\nname = \"job-%02d\"\ntoken_sha256 = %q\n", client, policy.DigestOf(fleetToken(client)))
	}
	return os.WriteFile(filepath.Join(r.dir, "octopool.toml"), []byte(b.String()), 0o600)
}

// relieve ends the octopool that serves, waits until the other does, and has a new one
// wait. With lasting, a download and a tunnel are under way that end after that.
func (r *relief) relieve(ctx context.Context, lasting bool) error {
	finish := func() []error { return nil }
	if lasting {
		var err error
		if finish, err = r.beginLasting(ctx); err != nil {
			return err
		}
	}
	old := r.serving
	start := time.Now()
	left := make(chan error, 1)
	go func() { left <- old.stop() }()
	if err := r.waiting.listening(ctx, r.promised); err != nil {
		return err
	}
	kind := map[bool]int{true: 1}[lasting]
	r.pauses[kind] = append(r.pauses[kind], time.Since(start))
	r.serving, r.waiting = r.waiting, r.another(old.program)
	var err error
	if r.promised, err = r.waiting.begin(); err != nil {
		return err
	}
	failed := finish()
	r.lastingFailed = append(r.lastingFailed, failed...)
	if lasting {
		r.lasted += 2 - len(failed)
	}
	if err := <-left; err != nil {
		return fmt.Errorf("the octopool that was relieved: %w", err)
	}
	r.ended++
	r.longestGoodbye = max(r.longestGoodbye, time.Since(start))
	return nil
}

// beginLasting begins a download, whose second half GitHub holds back, and a tunnel. finish
// lets both end, and says what went wrong with each.
func (r *relief) beginLasting(ctx context.Context) (finish func() []error, err error) {
	const half = 1 << 20
	begun, release := make(chan bool, 1), make(chan bool)
	r.github.Intercept(func(w http.ResponseWriter, in *http.Request) bool {
		if in.URL.Path != "/acme/web/tar.gz/lasting" {
			return false
		}
		w.Write(make([]byte, half))
		w.(http.Flusher).Flush()
		begun <- true
		select {
		case <-release:
		case <-in.Context().Done():
		}
		w.Write(make([]byte, half))
		return true
	})
	transport := r.serving.transport(flavour{})
	got := make(chan error, 1)
	go func() { got <- download(ctx, transport, r.serving.token(0), 2*half) }()
	tunnel, err := net.DialTimeout("tcp", r.proxy, patience)
	if err != nil {
		return nil, err
	}
	target := r.echo.Addr().String()
	fmt.Fprintf(tunnel, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	if err := granted(tunnel); err != nil {
		return nil, err
	}
	select {
	case <-begun:
	case err := <-got:
		return nil, fmt.Errorf("a download ended before it was half: %w", err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func() (failed []error) {
		close(release)
		if err := <-got; err != nil {
			failed = append(failed, fmt.Errorf("a download: %w", err))
		}
		if err := echoed(tunnel); err != nil {
			failed = append(failed, fmt.Errorf("a tunnel: %w", err))
		}
		transport.CloseIdleConnections()
		return failed
	}, nil
}

func download(ctx context.Context, transport *http.Transport, token string, size int64) error {
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://codeload.github.com/acme/web/tar.gz/lasting", nil)
	if err != nil {
		panic(err) // a bug: the URL is ours
	}
	in.Header = bearer(token)
	resp, err := (&http.Client{Transport: transport}).Do(in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes, status %d", n, size, resp.StatusCode)
	}
	return err
}

// echoed says something in a tunnel, hears it again, and ends the tunnel.
func echoed(tunnel net.Conn) error {
	defer tunnel.Close()
	tunnel.SetDeadline(time.Now().Add(patience))
	const text = "still there?"
	io.WriteString(tunnel, text)
	back := make([]byte, len(text))
	if _, err := io.ReadFull(tunnel, back); err != nil || string(back) != text {
		return fmt.Errorf("%q %v", back, err)
	}
	return nil
}

func (r *relief) answerEchoes() {
	for {
		c, err := r.echo.Accept()
		if err != nil {
			return // the benchmark has ended
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

func (r *relief) end() {
	for _, o := range []*octopool{r.waiting, r.serving} { // in this order, or the one would relieve the other
		if o != nil {
			o.stop()
		}
	}
	if r.echo != nil {
		r.echo.Close()
	}
	for _, f := range r.files {
		f.Close()
	}
	r.github.Close()
	os.RemoveAll(r.dir)
}

// report prints what came of it.
func (r *relief) report(e environment, took time.Duration, f restartFlags) error {
	failed, why := r.tally.failures()
	points, _ := spent(r.github, r.credentials)
	most := len(r.truth.latest) + r.truth.changes()
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("restarts", "%d in %.1f s; %d ended by themselves, the last within %v", f.restarts, took.Seconds(), r.ended, r.longestGoodbye.Round(time.Millisecond))
	line("requests", "%d at %d a second, each over a new connection", r.tally.asked.Load(), f.rate)
	line("failed or wrong", "%d %s", failed, why)
	line("answered within", "%v half of them, %v 99 %%, %v all", r.tally.quantile(0.5).Round(time.Millisecond), r.tally.quantile(0.99).Round(time.Millisecond), r.tally.quantile(1).Round(time.Millisecond))
	for kind, name := range []string{"nobody answered for", "  with a download under way"} {
		if all := r.pauses[kind]; len(all) > 0 {
			line(name, "%v (median)", median(all).Round(time.Millisecond))
		}
	}
	line("downloads and tunnels", "%d came to their end, %d did not", r.lasted, len(r.lastingFailed))
	line("points", "%d, for %d answers that were new", points, most)
	out.Flush()
	// An octopool may leave before what came last is stored, if that takes as long as a slow disk does.
	if failed > 0 || len(r.lastingFailed) > 0 || r.ended != f.restarts || points > most+f.restarts {
		return errors.Join(errMissed, errors.Join(r.lastingFailed...))
	}
	return nil
}
