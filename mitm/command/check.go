package command

import (
	"cmp"
	"fmt"
)

type check struct{ configuration }

func (check) Help() string { return example("octopool check --config /etc/octopool.toml") }

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
	return err
}
