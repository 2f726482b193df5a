package command

import (
	"encoding/json"
	"fmt"
	"octopool/mitm/daemon"
	"os"
)

type version struct {
	JSON bool `help:"As JSON."`
}

func (version) Help() string {
	return example("octopool version", "octopool version --json | jq -r .commit")
}

// Run prints the version, and what it was built from and with.
func (v version) Run() error {
	b := daemon.ReadBuild()
	if v.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(b)
	}
	fmt.Println(b)
	return nil
}
