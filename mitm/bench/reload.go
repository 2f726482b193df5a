package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// reloadFlags are what runReload can be told.
type reloadFlags struct {
	rate, reloads int
	every         time.Duration
}

// runReload gives an octopool a steady load while its configuration is reloaded again and
// again, every other time with a file that is broken: no request may fail, no point be
// lost count of, and memory stays what it was.
func runReload(ctx context.Context, e environment, args []string) error {
	var f reloadFlags
	flags := flag.NewFlagSet("reload", flag.ContinueOnError)
	flags.IntVar(&f.rate, "rate", 200, "requests a second")
	flags.IntVar(&f.reloads, "reloads", 100, "how often the configuration is reloaded, half of them with a broken file")
	flags.DurationVar(&f.every, "every", 200*time.Millisecond, "time between two reloads")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if f.rate < 1 || f.rate > 2000 || f.reloads < 2 || f.reloads > 10000 || f.every < 10*time.Millisecond || f.every > time.Minute {
		return usage(e, "reload: -rate is 1 to 2000, -reloads 2 to 10000, -every 10ms to 1m")
	}
	r, err := newReloading(ctx, e)
	if err != nil {
		return err
	}
	defer r.end()
	stop := r.load(ctx, f.rate)
	wait(ctx, 10*time.Second) // connections are made, the heap has its size
	before, err := r.look()
	if err != nil {
		return err
	}
	begin, half := time.Now(), before
	for n := range f.reloads {
		if n == f.reloads/2 {
			if half, err = r.look(); err != nil {
				return err
			}
		}
		if err := r.reload(n); err != nil {
			return err
		}
		if !wait(ctx, f.every) {
			return ctx.Err()
		}
	}
	took := time.Since(begin)
	stop()
	after, err := r.look()
	if err != nil {
		return err
	}
	return r.report(e, f, took, before, half, after)
}

// wait is false when the benchmark ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A reloading is the world of this benchmark.
type reloading struct {
	*octopool
	*steadyLoad
	admin string // host:port
	dir   string
}

// newReloading starts an octopool with two credentials.
func newReloading(ctx context.Context, e environment) (*reloading, error) {
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return nil, err
	}
	github := githubtest.New()
	r := &reloading{dir: dir, octopool: &octopool{
		program: e.octopool, dir: dir, github: github, clients: loadClients, credentials: newCredentials(github, 2, 1<<20),
	}}
	r.steadyLoad = newSteadyLoad(github)
	if r.admin, err = anAddr(); err == nil {
		err = r.octopool.configure() // which writes the tokens, and GitHub's certificate
	}
	if err == nil {
		err = r.write(r.configuration(0))
	}
	if err == nil {
		err = r.launch(ctx)
	}
	if err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

func (r *reloading) end() {
	r.stop()
	r.github.Close()
	os.RemoveAll(r.dir)
}

// write replaces the file, as editors do.
func (r *reloading) write(text string) error {
	file := filepath.Join(r.dir, "octopool.toml")
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(file+"~", file)
}

// configuration is the nth that makes sense: clients come, go and change, a credential has
// now one name and now another, and the log says now more and now less.
func (r *reloading) configuration(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `data_dir = "data"
proxy.listen = "127.0.0.1:0"
admin.listen = %q
log.level = %q
cache.backend = "memory"
pool.max_wait = "%ds"
policy.anonymous = "reject"
[[github]]
host = "github.com"
dial = %q
ca_file = "github.pem"
limits = { in_flight = 0, points_per_minute = 0, graphql_points_per_minute = 0, creations_per_minute = 0, creations_per_hour = %d }
`, r.admin, []string{"info", "warn"}[n%2], 10+n%3, r.github.Addr(), n%2*100000)
	for i, c := range r.credentials {
		name := c.name
		if i == 1 {
			name = fmt.Sprintf("%s-%d", name, n%2)
		}
		fmt.Fprintf(&b, "[[credential]]\nname = %q\npat = \"file:%s.token\"\n", name, c.name)
	}
	for client := range loadClients {
		fmt.Fprintf(&b, "[[client]]\nname = \"job-%02d\"\ntoken_sha256 = %q\nrequests_per_hour = %d\n", client, policy.DigestOf(fleetToken(client)), 1<<20+n)
	}
	fmt.Fprintf(&b, "[[client]]\nname = \"guest-%d\"\ntoken_sha256 = %q\n", n, policy.DigestOf(fmt.Sprint("guest ", n)))
	return b.String()
}

// broken is the nth that makes none.
func (r *reloading) broken(n int) string {
	return r.configuration(n) + []string{"[[client]\n", "colour = \"green\"\n", "token = \"file:nowhere.token\"\n", "scopes = []\n"}[n/2%4]
}

// reload has octopool read the nth file, and checks what it says of it.
func (r *reloading) reload(n int) error {
	text, want := r.configuration(n), http.StatusOK
	if n%2 == 1 {
		text, want = r.broken(n), http.StatusUnprocessableEntity
	}
	if err := r.write(text); err != nil {
		return err
	}
	resp, err := http.Post("http://"+r.admin+"/api/reload", "application/json", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var told struct{ Problems []string }
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || resp.StatusCode != want {
		return fmt.Errorf("reload %d: %s %q %v, want %d", n, resp.Status, told.Problems, err, want)
	}
	return nil
}

// report prints what came of it.
func (r *reloading) report(e environment, f reloadFlags, took time.Duration, before, half, after looked) error {
	failed, why := r.failures()
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("reloads", "%d good, %d broken, in %.1f s", (f.reloads+1)/2, f.reloads/2, took.Seconds())
	line("requests", "%d at %d a second, over %d connections", r.asked.Load(), f.rate, r.dialled.Load())
	line("failed", "%d %s", failed, why)
	line("points", "before\tafter")
	line("  GitHub counted", "%d\t%d", before.counted, after.counted)
	line("  octopool's budgets say", "%d\t%d", before.learned, after.learned)
	line("  octopool's clients and itself spent", "%d\t%d", before.spent, after.spent)
	line("memory", "%.1f MiB before, %.1f MiB after half, %.1f MiB after all", before.mebibytes(), half.mebibytes(), after.mebibytes())
	out.Flush()
	const most = 1.25 // times what it was: the heap breathes
	if failed > 0 || r.dialled.Load() != loadClients || after.learned != after.counted || after.spent != after.counted ||
		float64(after.memory) > most*float64(before.memory) {
		return errMissed
	}
	return nil
}
