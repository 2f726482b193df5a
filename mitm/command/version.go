package command

import (
	"fmt"
	"octopool/mitm/daemon"
	"runtime"
)

type version struct{}

func (version) Help() string { return example("octopool version") }

// Run prints the version and what it was built with.
func (version) Run() error {
	fmt.Printf("octopool %s %s %s/%s\n", daemon.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
