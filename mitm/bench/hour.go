package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"octopool/mitm/githubtest"
)

// How good octopool has to be.
const mostPointsForAChange = 1.02

// hourFlags are the command line of ci-hour.
type hourFlags struct {
	size
	scale       float64
	credentials int
	points      int
	accept      string

	direct                    bool
	proxy, base, run, present string
	ca                        string
}

func (h *hourFlags) parse(e environment, args []string) error {
	flags := flag.NewFlagSet("ci-hour", flag.ContinueOnError)
	flags.DurationVar(&h.length, "length", time.Hour, "what is replayed, by its own clock")
	flags.Float64Var(&h.scale, "scale", 60, "how many times as fast")
	flags.IntVar(&h.clients, "clients", 50, "of the fleet")
	flags.IntVar(&h.resources, "resources", 2000, "URLs that the fleet reads")
	flags.IntVar(&h.requests, "requests", 20000, "of the whole fleet")
	flags.Float64Var(&h.changes, "changes", 1, "a second, by its own clock")
	flags.Uint64Var(&h.seed, "seed", 1, "what is asked and what changes follow from it alone")
	flags.IntVar(&h.credentials, "credentials", 4, "in the pool")
	flags.IntVar(&h.points, "points", 5000, "that each credential may spend")
	flags.StringVar(&h.accept, "accept", "", "of all requests, instead of what gh, octokit, go-github and a script each send")
	flags.BoolVar(&h.direct, "direct", false, "no proxy: all clients have one token")
	flags.StringVar(&h.proxy, "proxy", "", "through the forward proxy at this `URL` instead of octopool")
	flags.StringVar(&h.base, "base-url", "", "to the reverse proxy at this `URL` instead of octopool")
	flags.StringVar(&h.run, "run", "", "`command` that starts that proxy; it finds the stand-in in STANDIN_ADDR (TLS), STANDIN_CA, STANDIN_URL (plain HTTP), STANDIN_PROXY (a CONNECT proxy that leads there), credentials in STANDIN_TOKEN_1 and so on, and a folder that is kept over restarts in STANDIN_DIR. Without it, start the proxy with what is printed")
	flags.StringVar(&h.present, "token", "", "what clients present to that proxy, instead of a credential's token")
	flags.StringVar(&h.ca, "ca", "", "`file` of a certificate that clients trust besides the stand-in's")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	others := 0
	for _, chosen := range []bool{h.direct, h.proxy != "", h.base != ""} {
		if chosen {
			others++
		}
	}
	switch {
	case others > 1:
		return usage(e, "--direct, --proxy and --base-url exclude each other")
	case h.run != "" && h.proxy == "" && h.base == "":
		return usage(e, "--run needs --proxy or --base-url, to know where the proxy is")
	case h.scale <= 0 || h.changes <= 0 || min(h.clients, h.resources, h.requests, h.credentials, h.points) < 1 || h.length < time.Second:
		return usage(e, "nothing would happen with a number below 1")
	case h.clients > 1000 || h.resources > 1e6 || h.requests > 1e7:
		return usage(e, "that is more than one machine can play")
	}
	return nil
}

// runHour replays an hour of a CI fleet. At a third and at two thirds of it all
// credentials get new tokens, and in the middle of it what is measured is restarted.
func runHour(ctx context.Context, e environment, args []string) error {
	var h hourFlags
	if err := h.parse(e, args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	github := githubtest.New()
	defer github.Close()
	credentials := newCredentials(github, h.credentials, h.points)
	plan := newPlan(h.size)
	world := newWorld(github, plan.resources, credentials)

	through, done, err := h.target(e, github, credentials, dir)
	if err != nil {
		return err
	}
	defer done()
	real := time.Duration(float64(h.length) / h.scale)
	ctx, cancel := context.WithTimeout(ctx, 2*real+2*time.Minute)
	defer cancel()
	if err := through.start(ctx); err != nil {
		return err
	}
	defer through.stop()
	fmt.Fprintf(e.stdout, "ci-hour: %s; seed %d; %v at %g times its speed, about %v\n\n", through.about(), h.seed, h.length, h.scale, real.Round(time.Second))

	f := &fleet{target: through, plan: plan, begin: time.Now(), scale: h.scale, accept: h.accept}
	events := &events{fleet: f, world: world, credentials: credentials}
	var all sync.WaitGroup
	all.Go(func() { events.change(ctx) })
	all.Go(func() { events.operate(ctx, h.length) })
	f.run(ctx)
	all.Wait()
	wall := time.Since(f.begin)
	if err := through.stop(); err != nil {
		return err
	}
	if events.err != nil {
		return events.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := report(world, f, credentials, wall)
	r.print(e.stdout, through.used())
	return r.missed()
}

// target is what the flags say the fleet goes through.
func (h *hourFlags) target(e environment, github *githubtest.Server, credentials []*credential, dir string) (t target, done func(), err error) {
	none := direct{github, credentials}
	switch {
	case h.direct:
		return none, func() {}, nil
	case h.proxy != "" || h.base != "":
		return newForeign(none, h.proxy, h.base, h.run, h.present, h.ca, dir, e)
	}
	return &octopool{program: e.octopool, dir: dir, github: github, credentials: credentials, clients: h.clients}, func() {}, nil
}

// events are what happens besides what the fleet does.
type events struct {
	*fleet
	world       *world
	credentials []*credential
	err         error // of a restart
}

// change makes the plan's changes.
func (e *events) change(ctx context.Context) {
	for _, c := range e.plan.changes {
		if !e.at(ctx, c.at) {
			return
		}
		e.world.change(c.resource)
	}
}

// operate renews the tokens, restarts, and renews again.
func (e *events) operate(ctx context.Context, length time.Duration) {
	for _, step := range []struct {
		at time.Duration
		do func(context.Context) error
	}{{length / 3, e.renew}, {length / 2, e.restart}, {length * 2 / 3, e.renew}} {
		if !e.at(ctx, step.at) {
			return
		}
		if e.err = step.do(ctx); e.err != nil {
			return
		}
	}
}

// renew gives every credential a new token. The old ones work until the new ones are in
// use, as an installation's do.
func (e *events) renew(ctx context.Context) error {
	var revoke []func()
	for _, c := range e.credentials {
		revoke = append(revoke, c.renew(e.world.github))
	}
	if err := e.restart(ctx); err != nil { // which is how the new ones are told
		return err
	}
	e.asking.Lock() // nothing is under way with an old one, or a proxy that passes tokens on would be taken for a guesser
	defer e.asking.Unlock()
	for _, end := range revoke {
		end()
	}
	return nil
}

func (e *events) restart(ctx context.Context) error {
	if err := e.target.stop(); err != nil {
		return err
	}
	return e.target.start(ctx)
}
