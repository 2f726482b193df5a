package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// mostIdle is the memory that ten thousand tunnels which carry nothing may take, in MiB.
const mostIdle = 400

// settling is how long tunnels have been idle when they are measured. Go's runtime collects
// garbage every two minutes where nothing else makes it, and then gives back what the
// handshakes have needed.
const settling = 130 * time.Second

// runIdle opens tunnels to octopool and lets them be: such as it looks into, each of which
// has had one answer, and such as it passes on. It says what memory they take, octopool's
// own included.
func runIdle(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("idle", flag.ContinueOnError)
	n := flags.Int("tunnels", 10_000, "of each kind")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *n < 100 || *n > 100_000 {
		return usage(e, "--tunnels %d: want 100 to 100000", *n)
	}
	// Each end of a tunnel is a descriptor, and the other end of what is passed on is ours too.
	if err := openFiles(2*uint64(*n) + 1000); err != nil {
		fmt.Fprintf(e.stdout, "idle: %v; a part of the tunnels, and what all of them would take\n\n", err)
	}
	missed := false
	for _, kind := range []string{"intercepted", "passed on"} {
		over, err := idleTunnels(ctx, e, kind, *n)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		missed = missed || over
	}
	if missed {
		return fmt.Errorf("%w: at most %d MiB", errMissed, mostIdle)
	}
	return ctx.Err()
}

// idleTunnels does so with n of one kind, or as many as may be open.
func idleTunnels(ctx context.Context, e environment, kind string, n int) (missed bool, err error) {
	p, err := newPassage(ctx, e)
	if err != nil {
		return false, err
	}
	defer p.stop()
	at, roots := p.at.Load().Host, p.roots
	open := func() (net.Conn, error) { return passedOn(at) }
	each := uint64(2)
	if kind == "intercepted" {
		each, open = 1, func() (net.Conn, error) {
			one, err := dial(at, "", "api.github.com", http1, roots, nil)
			if err != nil {
				return nil, err
			}
			one.will("api.github.com", "/") // without a token octopool answers by itself
			_, _, err = one.ask()
			return one.(*wire1).conn, err
		}
	}
	count := min(n, int((limitOfFiles()-1000)/each))
	before, err := residentMemory(p.child.Process.Pid)
	if err != nil {
		return false, err
	}
	conns, err := openAll(ctx, count, open)
	if err != nil {
		return false, err
	}
	wait(ctx, settling) // whatever was needed once is given back
	after, err := residentMemory(p.child.Process.Pid)
	for _, c := range conns {
		c.Close()
	}
	if err != nil {
		return false, err
	}
	whole := float64(before) + float64(after-before)*float64(n)/float64(count)
	fmt.Fprintf(e.stdout, "%6d tunnels %-12s %5.1f MiB before, %5.1f MiB with them, %4.1f KiB each\n",
		count, kind, float64(before)/(1<<20), float64(after)/(1<<20), float64(after-before)/float64(count)/1024)
	return e.memory(fmt.Sprintf("%d idle tunnels, %s", n, kind), whole, mostIdle), nil
}

// passedOn opens a tunnel to github.com, which this octopool does not intercept.
func passedOn(proxy string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return nil, err
	}
	return c, connect(c, "github.com")
}

// openAll opens so many, a few at a time.
func openAll(ctx context.Context, n int, open func() (net.Conn, error)) ([]net.Conn, error) {
	const atOnce = 32
	conns, errs := make([]net.Conn, n), make([]error, atOnce)
	var all sync.WaitGroup
	for worker := range atOnce {
		all.Go(func() {
			for i := worker; i < n && errs[worker] == nil && ctx.Err() == nil; i += atOnce {
				conns[i], errs[worker] = open()
			}
		})
	}
	all.Wait()
	return conns, cmp.Or(append(errs, ctx.Err())...) // what is wrong with one is with all
}

// openFiles raises how many files this process, and what it starts, may have open.
func openFiles(n uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = min(max(n, l.Cur), l.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	if l.Cur < n {
		return fmt.Errorf("this machine allows %d open files and not %d", l.Cur, n)
	}
	return nil
}

// limitOfFiles is how many this process may have open.
func limitOfFiles() uint64 {
	var l syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Cur
}
