package command

import (
	"fmt"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"os"
)

type caCommand struct {
	Path  caPath  `cmd:"" help:"Print where the root certificate is kept."`
	Print caPrint `cmd:"" help:"Print the root certificate (PEM)."`

	Rotate caRotate `cmd:"" help:"Replace the root certificate, with a time during which both are trusted."`
}

func (caCommand) Help() string { return caPath{}.Help() }

type caPath struct {
	configuration
	Bundle bool `help:"The bundle with the system's roots instead, for variables that replace what a tool trusts."`
}

func (caPath) Help() string {
	return example(`sudo cp "$(octopool ca path)" /usr/local/share/ca-certificates/octopool.crt`)
}

// Run prints a path.
func (c caPath) Run(read Reader) error {
	return c.find(read, func(places config.Places) error {
		authority, err := daemon.OpenAuthority(places)
		if err != nil {
			return err
		}
		if c.Bundle {
			fmt.Println(authority.BundleFile())
		} else {
			fmt.Println(authority.RootFile())
		}
		return nil
	})
}

type caPrint struct{ configuration }

func (caPrint) Help() string { return example("octopool ca print >octopool.pem") }

// Run prints the root.
func (c caPrint) Run(read Reader) error {
	return c.find(read, func(places config.Places) error {
		authority, err := daemon.OpenAuthority(places)
		if err == nil {
			_, err = os.Stdout.Write(authority.RootPEM())
		}
		return err
	})
}
