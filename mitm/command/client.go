package command

import (
	"fmt"
	"octopool/mitm/daemon"
	"os"
)

type clientCommand struct {
	New     newClient     `cmd:"" help:"Make a client's token and print its registration."`
	List    listClients   `cmd:"" help:"Show the clients of a configuration."`
	Suggest suggestScopes `cmd:"" help:"Name the narrowest scopes for what a client did."`
	Test    testClient    `cmd:"" help:"Say which scope decides about a request."`
	Mint    clientMint    `cmd:"" help:"Have the running octopool sign a token that is a part of a client's."`
	Narrow  clientNarrow  `cmd:"" help:"Make a lesser token of a minted one, without asking octopool."`
	Revoke  clientRevoke  `cmd:"" help:"End a minted token, and what was narrowed from it."`
}

func (clientCommand) Help() string { return newClient{}.Help() }

type newClient struct {
	Name   string   `arg:"" help:"The client's name."`
	Prefix string   `default:"github_pat_" help:"How the token begins; tools look at it. ghs_ for a pool of Apps."`
	Scope  []string `sep:"none" help:"What it may ask; may be repeated. Without any it may do everything." placeholder:"SCOPE"`
}

func (newClient) Help() string {
	return "The token goes to standard error, the registration to standard output.\n\n" +
		example("octopool client new ci --scope 'read /repos/acme/**' >>octopool.toml")
}

// Run prints a token once, and the registration that goes into the configuration. They
// go apart: the file that gets one must not get the other.
func (n newClient) Run() error {
	text, token, err := daemon.NewRegistration(n.Name, n.Prefix, n.Scope)
	if err != nil {
		return usage{err}
	}
	fmt.Fprintf(os.Stderr, "The token of client %s, shown this once:\n\n%s\n\nIts registration, for the configuration file:\n\n", n.Name, token.Reveal())
	fmt.Print(text)
	return nil
}
