package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"octopool/mitm/githubtest"
)

// What a clone and a push through octopool must keep to.
const (
	leastOfTheTunnel = 0.70     // of the throughput that they have through a tunnel
	mostSpread       = 32 << 20 // bytes of memory, either way
)

// runGit clones and pushes a huge pack with the real git, in turns through octopool and
// through a plain tunnel: another octopool, which does not intercept github.com.
func runGit(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("git", flag.ContinueOnError)
	size := flags.Int("mib", 1024, "size of the pack")
	rounds := flags.Int("rounds", 3, "of which the median counts")
	version := flags.String("http", "HTTP/2", "git's http.version: HTTP/2 or HTTP/1.1")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *size < 1 || *size > 4096 || *rounds < 1 || *rounds > 20 || *version != "HTTP/2" && *version != "HTTP/1.1" {
		return usage(e, "that is nothing to measure, or too much")
	}
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newGitWorld(ctx, e, dir, *size, *version)
	if err != nil {
		return err
	}
	defer w.stop()
	fmt.Fprintf(e.stdout, "git: %d MiB of random bytes, %s, %d rounds\n\n", *size, *version, *rounds)
	fmt.Fprintf(e.stdout, "%-6s%14s%16s%8s  %-22s  %s\n", "", "tunnel MiB/s", "octopool MiB/s", "ratio", "processor s/GiB", "octopool's memory, from and to")
	for _, what := range []struct {
		name string
		do   func(context.Context, *octopool) (time.Duration, error)
	}{{"clone", w.clone}, {"push", w.push}} {
		var tunnels, ours []float64
		var memory span
		worked := map[*octopool]time.Duration{w.tunnel: -w.tunnel.working(), w.octopool: -w.octopool.working()}
		for range *rounds {
			plain, err := what.do(ctx, w.tunnel)
			if err != nil {
				return fmt.Errorf("%s through a tunnel: %w", what.name, err)
			}
			stop := watchMemory(w.octopool.child.Process.Pid, &memory)
			through, err := what.do(ctx, w.octopool)
			stop()
			if err != nil {
				return fmt.Errorf("%s through octopool: %w", what.name, err)
			}
			tunnels, ours = append(tunnels, float64(*size)/plain.Seconds()), append(ours, float64(*size)/through.Seconds())
		}
		ratio := median(ours) / median(tunnels)
		each := func(o *octopool) float64 {
			return (worked[o] + o.working()).Seconds() / float64(*rounds) * 1024 / float64(*size)
		}
		fmt.Fprintf(e.stdout, "%-6s%14.0f%16.0f%7.0f%%  tunnel %.1f, octopool %.1f  %.0f MiB, %.0f MiB\n", what.name, median(tunnels), median(ours), 100*ratio,
			each(w.tunnel), each(w.octopool), memory.least/(1<<20), memory.most/(1<<20))
		if ratio < leastOfTheTunnel {
			err = errors.Join(err, fmt.Errorf("%w: %s has at least %.0f%% of a tunnel's throughput", errMissed, what.name, 100*leastOfTheTunnel))
		}
		if memory.most-memory.least > mostSpread {
			err = errors.Join(err, fmt.Errorf("%w: %s within %d MiB of memory", errMissed, what.name, mostSpread>>20))
		}
	}
	return err
}

// A gitWorld is a GitHub with a huge repository, and the two ways there.
type gitWorld struct {
	dir              string
	github           *githubtest.Server
	octopool, tunnel *octopool
	source           string   // a bare repository with all there is
	env              []string // of git
	pushes           int
}

// hugeRepo is cloned; repositories of other names are pushed to.
const hugeRepo = "acme/huge"

func newGitWorld(ctx context.Context, e environment, dir string, size int, version string) (*gitWorld, error) {
	root := filepath.Join(dir, "github")
	w := &gitWorld{dir: dir, github: githubtest.New(githubtest.WithGitRoot(root)), source: filepath.Join(dir, "source.git")}
	w.github.KeepSeen(0)
	w.env = gitEnvironment(dir, version)
	all := newCredentials(w.github, 1, 1<<30)
	for at, intercepts := range map[**octopool]bool{&w.octopool: true, &w.tunnel: false} {
		home := filepath.Join(dir, fmt.Sprintf("intercepts-%t", intercepts))
		if err := os.Mkdir(home, 0o755); err != nil {
			return nil, err
		}
		*at = &octopool{program: e.octopool, dir: home, github: w.github, credentials: all, clients: 1, tunnels: !intercepts}
	}
	err := func() error {
		if err := w.fill(ctx, size); err != nil {
			return err
		}
		w.addRepo(hugeRepo, all[0].login)
		if err := w.share(ctx); err != nil {
			return err
		}
		for _, o := range []*octopool{w.octopool, w.tunnel} {
			if err := o.start(ctx); err != nil {
				return err
			}
			if err := w.warm(ctx, o); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// addRepo makes a private repository.
func (w *gitWorld) addRepo(name, login string) {
	w.github.AddRepo(name, true)
	w.github.Grant(login, name)
}

func (w *gitWorld) stop() {
	for _, o := range []*octopool{w.octopool, w.tunnel} {
		o.stop()
	}
	w.github.Close()
}
