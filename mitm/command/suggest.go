package command

import (
	"context"
	"fmt"
	"os"

	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/policy"
)

type suggestScopes struct {
	operator
	Name string `arg:"" help:"The client's name."`
	JSON bool   `help:"What it did, as GET /api/clients/NAME/usage has it."`
}

func (suggestScopes) Help() string {
	return "Asks the running octopool, which remembers a day. Let the client do all it has to do, with report_only if it has scopes that are too narrow.\n\n" +
		example("octopool client suggest ci --config /etc/octopool.toml")
}

// Run prints the narrowest scopes that would have allowed what the client did.
func (s suggestScopes) Run(read Reader) error {
	if !policy.IsName(s.Name) {
		return usage{fmt.Errorf("client suggest: %q is no name", s.Name)}
	}
	return s.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		u, text, err := daemon.Usage(ctx, place, s.Name)
		switch {
		case err != nil:
			return err
		case s.JSON:
			_, err := os.Stdout.Write(text)
			return err
		case len(u.Uses) == 0:
			return fmt.Errorf("client %s has done nothing since %s that the running octopool remembers", s.Name, u.Since.Format("2006-01-02 15:04 MST"))
		}
		return u.WriteTOML(os.Stdout)
	})
}
