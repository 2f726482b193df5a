// Command bench runs octopool's benchmarks: each makes its own small world on loopback,
// measures for a bounded time, prints what it found and ends. What it needs of a GitHub
// is the stand-in of githubtest, in the same process.
//
//	scripts/bench                 lists the benchmarks
//	scripts/bench NAME [FLAGS]    runs one; --help after the name shows its flags
//
// The exit status is 1 when a benchmark missed its target and 2 for bad usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A bench is one benchmark. Its run returns errMissed when what it measured is not good
// enough.
type bench struct {
	name, about string
	apart       bool // not among "all", because it takes long or is all
	run         func(ctx context.Context, e environment, args []string) error
}

// environment is what a benchmark has of the world outside.
type environment struct {
	stdout, stderr io.Writer
	octopool       string // path of the program
	source         string // folder of its source
	results        *results
}

func benches() []bench {
	return []bench{
		{"all", "every other one but soak, and one table of what has a budget", true, runAll},
		{"ci-hour", "an hour of a CI fleet, replayed: points for each change seen, stale and corrupt answers", false, runHour},
		{"door", "new tunnels a second, in per cent of a bare door's", false, runDoor},
		{"faults", "what breaks, what clients get meanwhile, and how octopool recovers", false, runFaults},
		{"fresh-hit", "throughput of stored answers, in per cent of a door with no exchange behind it", false, runFreshHit},
		{"git", "clone and push of a huge pack: throughput in per cent of a plain tunnel's, and memory", false, runGit},
		{"idle", "memory of ten thousand tunnels that carry nothing", false, runIdle},
		{"inner", "the Go benchmarks that have a budget: identity, policy, pool, exchange, store", false, runInner},
		{"proxied", "answers that GitHub is asked for, in per cent of a bare reverse proxy's, and their p99", false, runProxied},
		{"reload", "a steady load while the configuration is reloaded, half the time with a broken file", false, runReload},
		{"restart", "new connections at a rate while one octopool relieves another, again and again", false, runRestart},
		{"revalidated", "what an answer that GitHub vouches for adds to GitHub's own time", false, runRevalidated},
		{"soak", "everything at once for twenty minutes: what octopool has when it is quiet again", true, runSoak},
		{"tunnel", "throughput of a tunnel, in per cent of a bare splice", false, runTunnel},
		{"upload", "the memory that octopool has for a large file on its way up with gh", false, runUpload},
	}
}

var (
	errMissed = errors.New("the target was missed")
	errUsage  = errors.New("bad usage") // the flag package has said which
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the whole program. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { list(stderr) }
	e := environment{stdout: stdout, stderr: stderr, results: &results{}}
	flags.StringVar(&e.octopool, "octopool", "octopool", "")
	flags.StringVar(&e.source, "source", ".", "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		list(stdout)
		return 0
	}
	for _, b := range benches() {
		if b.name != flags.Arg(0) {
			continue
		}
		err := b.run(ctx, e, flags.Args()[1:])
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		}
		fmt.Fprintf(stderr, "scripts/bench: %s: %v\n", b.name, err)
		return 1
	}
	fmt.Fprintf(stderr, "scripts/bench: there is no %q\n", flags.Arg(0))
	list(stderr)
	return 2
}

func list(w io.Writer) {
	fmt.Fprintln(w, "usage: scripts/bench NAME [FLAGS]")
	for _, b := range benches() {
		fmt.Fprintf(w, "  %-12s %s\n", b.name, b.about)
	}
}

// parse reads a benchmark's flags; it takes no other arguments.
func parse(flags *flag.FlagSet, e environment, args []string) error {
	flags.SetOutput(e.stderr)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case flags.NArg() > 0:
		return usage(e, "%s takes no argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

// usage says what is wrong with a command line.
func usage(e environment, format string, args ...any) error {
	fmt.Fprintf(e.stderr, "scripts/bench: "+format+"\n", args...)
	return errUsage
}
