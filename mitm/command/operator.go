package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"os"
	"os/signal"
	"syscall"
)

// operator are the flags that say which octopool to ask.
type operator struct {
	file
	AdminListen string `help:"Where its metrics and health are, instead of admin.listen." placeholder:"HOST:PORT"`
}

// ask has the octopool asked that this configuration runs.
func (o operator) ask(read Reader, use func(context.Context, config.AdminPlace) error) error {
	src, err := read(o.Config)
	if err != nil {
		return err
	}
	src.Written.Admin.Listen = cmp.Or(o.AdminListen, src.Written.Admin.Listen)
	place, problems := src.AdminPlace(os.Environ())
	if err := src.Wrong(problems); err != nil {
		return err
	}
	return src.Locate(use(context.Background(), place))
}

// show prints what an octopool has answered: the JSON as it came, or for people.
func show(answer interface{ WriteTable(io.Writer) error }, text []byte, asJSON bool) error {
	if asJSON {
		_, err := os.Stdout.Write(text)
		return err
	}
	return answer.WriteTable(os.Stdout)
}

type status struct {
	operator
	JSON  bool `help:"All there is to know, as GET /api/status has it." xor:"how"`
	Watch bool `short:"w" help:"Show it again every two seconds, until Ctrl-C." xor:"how"`
}

func (status) Help() string {
	return example("octopool status --config /etc/octopool.toml", "octopool status --watch", "octopool status --json | jq '.pools[].credentials[] | select(.up | not)'")
}

// Run asks the octopool that this configuration runs.
func (s status) Run(read Reader) error {
	return s.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		if s.Watch {
			ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
			return daemon.WatchStatus(ctx, place, os.Stdout)
		}
		answer, text, err := daemon.Status(ctx, place)
		if err != nil {
			return err
		}
		return show(answer, text, s.JSON)
	})
}

type cacheCommand struct {
	Stats cacheStats `cmd:"" help:"Show what is kept, and what that has saved."`
	Purge cachePurge `cmd:"" help:"Forget what is kept of some paths, or all."`
}

func (cacheCommand) Help() string {
	return example("octopool cache stats", "octopool cache purge '/repos/acme/**'")
}

type cacheStats struct {
	operator
	JSON bool `help:"All there is to know, as GET /api/cache has it."`
}

func (cacheStats) Help() string {
	return example("octopool cache stats --config /etc/octopool.toml", "octopool cache stats --json | jq .hit_share")
}

// Run asks the octopool that this configuration runs.
func (s cacheStats) Run(read Reader) error {
	return s.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		answer, text, err := daemon.Cache(ctx, place)
		if err != nil {
			return err
		}
		return show(answer, text, s.JSON)
	})
}

type cachePurge struct {
	operator
	Pattern string `arg:"" optional:"" help:"What to forget: a path as in a client's scopes, or a host and a path."`
	All     bool   `help:"Forget everything."`
}

func (cachePurge) Help() string {
	return "What is asked for again then costs its point again. A Redis is purged for all octopools that share it.\n\n" +
		example("octopool cache purge '/repos/acme/**'", "octopool cache purge 'ghe.example/repos/acme/web/issues/*'", "octopool cache purge --all")
}

// Run says how many answers were forgotten.
func (p cachePurge) Run(read Reader) error {
	pattern, err := daemon.PurgePattern(p.Pattern, p.All)
	if err != nil {
		return usage{fmt.Errorf("cache purge: %w", err)}
	}
	return p.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		answers, err := daemon.Purge(ctx, place, pattern)
		if err == nil {
			fmt.Printf("answers forgotten: %d\n", answers)
		}
		return err
	})
}
