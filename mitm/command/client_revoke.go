package command

import (
	"context"
	"fmt"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
)

type clientRevoke struct {
	operator
	ID string `arg:"" help:"The token's id, as it was told when it was made, and as the log has it."`
}

func (clientRevoke) Help() string {
	return "It holds from the next request on, on open connections too, and for all octopools that share a Redis.\n\n" +
		example("octopool client revoke 0123456789abcdef0123456789abcdef")
}

// Run says what was revoked.
func (r clientRevoke) Run(read Reader) error {
	return r.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		err := daemon.Revoke(ctx, place, r.ID)
		if err == nil {
			fmt.Printf("revoked %s\n", r.ID)
		}
		return err
	})
}
