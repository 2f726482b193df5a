package command

import (
	"cmp"
	"context"
	"fmt"
	"octopool/mitm/daemon"
	"os"
	"os/signal"
)

type check struct {
	configuration
	Online bool `help:"Ask GitHub about every credential too: what it can see and spend. Costs a point for each token."`
}

func (check) Help() string {
	return example("octopool check --config /etc/octopool.toml", "octopool check --config /etc/octopool.toml --online")
}

// Run says what is wrong, a line each, and changes nothing.
func (c check) Run(read Reader) error {
	src, err := c.source(read)
	if err != nil {
		return err
	}
	settings, _, err := c.settleToServe(src)
	if err == nil {
		fmt.Printf("%s: ok\n%s", cmp.Or(c.Config, "defaults and environment"), settings)
	}
	if err != nil || !c.Online {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Println()
	return daemon.CheckOnline(ctx, settings, os.Stdout, os.Stderr)
}
