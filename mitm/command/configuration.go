package command

import (
	"cmp"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"os"
)

// file is the flag that says which configuration.
type file struct {
	Config string `short:"c" help:"Configuration file (TOML). Without one: defaults, and credentials from GITHUB_PAT_NAME or GITHUB_TOKEN." placeholder:"FILE"`
}

// configuration are the flags that say which configuration, and change it.
type configuration struct {
	file
	Listen string `help:"Where the proxy listens, instead of proxy.listen." placeholder:"HOST:PORT"`
}

// source reads the configuration.
func (c configuration) source(read Reader) (config.Source, error) {
	src, err := read(c.Config)
	src.Written.Proxy.Listen = cmp.Or(c.Listen, src.Written.Proxy.Listen)
	return src, err
}

// settle makes settings of a source, and says all that would keep an octopool from
// starting with them.
func settle(src config.Source, how func(environ []string) (config.Settings, []config.Problem)) (config.Settings, error) {
	settings, problems := how(os.Environ())
	return settings, src.Wrong(append(problems, daemon.CheckAuthority(settings.Places)...))
}

// settleToServe is settle for who serves clients. Without a file there is one.
func (c configuration) settleToServe(src config.Source) (settings config.Settings, first daemon.First, err error) {
	settings, err = settle(src, src.SettleToServe)
	if err == nil && c.Config == "" {
		first, err = daemon.FirstClient(settings.DataDir)
		settings.Rules.Clients = append(settings.Rules.Clients, first.Registration)
	}
	return settings, first, err
}

// find is for what needs no secret: to know where an octopool is, and what to trust.
func (c configuration) find(read Reader, use func(config.Places) error) error {
	src, err := c.source(read)
	if err != nil {
		return err
	}
	places, problems := src.Places(os.Environ())
	if err := src.Wrong(problems); err != nil {
		return err
	}
	return src.Locate(use(places))
}
