package command

import (
	"errors"
	"fmt"
	"octopool/ca"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"time"
)

type caRotate struct {
	file
	Overlap time.Duration `default:"720h" help:"How long octopool goes on serving from the old root, for clients to read the new one." placeholder:"DURATION"`
	Finish  bool          `help:"Have the next stage begin now: serve from the new root; the second time, drop the old one."`
}

func (caRotate) Help() string {
	return `What happens when:

1. At once a new root stands in ca.pem and ca-bundle.pem, before the old one. octopool still serves from the old one. Let every client read a file anew, or install the new root where you have installed the old one.

2. When the overlap ends, octopool serves from the new root. It goes by its clock: nothing has to run then.

3. Seven days later the old root is dropped from both files, by the next octopool or command that opens them.

A running octopool takes a rotation up by itself. Hosts that were added to the configuration are covered by the new root; rotate, and add them to the running octopool when it serves from that.

` + example("octopool ca rotate --config /etc/octopool.toml", "octopool ca rotate --finish", "octopool ca rotate --overlap 0s    # the key was stolen: clients fail until they read ca.pem")
}

// Run says what happens when.
func (c caRotate) Run(read Reader) error {
	if c.Overlap < 0 {
		return usage{errors.New("ca rotate: --overlap cannot be less than nothing")}
	}
	return configuration{file: c.file}.find(read, func(places config.Places) error {
		r, err := daemon.Rotate(places, c.Overlap, c.Finish)
		if err == nil {
			printRotation(places.DataDir, r)
		}
		return err
	})
}

func printRotation(dir string, r ca.Rotation) {
	day := func(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
	switch {
	case r == ca.Rotation{}:
		fmt.Printf("The old root is dropped from ca.pem and ca-bundle.pem in %s.\n", dir)
	case time.Now().Before(r.From):
		fmt.Printf("A new root is in ca.pem and ca-bundle.pem in %s, beside the old one.\n\n"+
			"  until %s  octopool serves from the old root: have every client read one of the files anew\n"+
			"  from then on                octopool serves from the new root; `octopool ca rotate --finish` has it begin at once\n"+
			"  on %s     the old root is dropped from the files\n", dir, day(r.From), day(r.Until))
	default:
		fmt.Printf("octopool serves from the new root. The old one is dropped from ca.pem and ca-bundle.pem in %s on %s;\n"+
			"`octopool ca rotate --finish` drops it at once.\n", dir, day(r.Until))
	}
}
