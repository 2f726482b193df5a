package command

import (
	"context"
	"fmt"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/mint"
	"os"
	"time"
)

// narrowing are the flags that say what a token is less than what it is a part of.
type narrowing struct {
	Scope  []string `sep:"none" help:"What it may ask, as far as it could before; may be repeated." placeholder:"SCOPE"`
	Repo   []string `help:"The repositories it may ask about; may be repeated." placeholder:"OWNER/NAME"`
	Points int      `help:"What it may spend at GitHub in an hour." placeholder:"N"`
	TTL    string   `name:"ttl" help:"How long it lives; 1h if nothing is said." placeholder:"DURATION"`
}

func (n narrowing) order(client string) mint.Order {
	return mint.Order{Client: client, Scopes: n.Scope, Repositories: n.Repo, PointsPerHour: n.Points, TTL: n.TTL}
}

type clientMint struct {
	operator
	Of string `required:"" help:"The client whose part it is." placeholder:"NAME"`
	narrowing
}

func (clientMint) Help() string {
	return "It needs admin.token. The token goes to standard output, what may be told of it to standard error.\n\n" +
		example("octopool client mint --config /etc/octopool.toml --of ci --scope 'GET /repos/acme/web/**' --ttl 1h")
}

// Run prints the token.
func (m clientMint) Run(read Reader) error {
	return m.ask(read, func(ctx context.Context, place config.AdminPlace) error {
		made, err := daemon.Mint(ctx, place, m.order(m.Of))
		if err != nil {
			return err
		}
		return printMinted(made.Token, made.ID, made.Expires)
	})
}

// printMinted tells of a token where that is in nobody's way.
func printMinted(token, id string, expires time.Time) error {
	fmt.Fprintf(os.Stderr, "minted %s, good until %s at the latest\n", id, expires.UTC().Format(time.RFC3339))
	_, err := fmt.Println(token)
	return err
}
