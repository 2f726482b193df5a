package command

import (
	"octopool/mitm/daemon"
	"os"
)

type clientNarrow struct{ narrowing }

func (clientNarrow) Help() string {
	return "The token is read from the environment, OCTOPOOL_TOKEN, or else from standard input; it is no argument, since every\n" +
		"program on the machine can read those. What comes out ends with what went in. Nothing is asked: neither key nor\n" +
		"octopool is needed.\n\n" +
		example("octopool client narrow --repo acme/web --ttl 10m <token >narrower")
}

// Run prints the token.
func (n clientNarrow) Run() error {
	made, expires, err := daemon.Narrow(os.Getenv("OCTOPOOL_TOKEN"), os.Stdin, n.order(""))
	if err != nil {
		return err
	}
	return printMinted(made.Token.Reveal(), made.ID, expires)
}
