package command

import (
	"errors"
	"octopool/mitm/audit"
	"os"
	"time"
)

type readAudit struct {
	file
	Client string        `help:"Of this client alone." placeholder:"NAME"`
	Event  string        `help:"Of this kind alone: write, refusal, would_refuse, credential, reload, start or stop." enum:",write,refusal,would_refuse,credential,reload,start,stop" default:"" placeholder:"KIND"`
	Since  time.Duration `help:"Not older than this, such as 90m or 168h." placeholder:"DURATION"`
	JSON   bool          `help:"The lines as they are in the file."`
}

func (readAudit) Help() string {
	return "Reads the file that audit.file names, and those that were put aside before it. octopool need not run.\n\n" +
		example("octopool audit --config /etc/octopool.toml --client ci --since 1h", "octopool audit --event write --json | jq -r .path")
}

// Run prints what the audit file of this configuration holds.
func (a readAudit) Run(read Reader) error {
	src, err := read(a.Config)
	if err != nil {
		return err
	}
	if a.Since < 0 {
		return usage{errors.New("audit: --since wants a duration above 0, such as 1h")}
	}
	where, problems := src.AuditFile()
	if err := src.Wrong(problems); err != nil {
		return err
	}
	filter := audit.Filter{Client: a.Client, Event: audit.Event(a.Event)}
	if a.Since > 0 {
		filter.Since = time.Now().Add(-a.Since)
	}
	return audit.Print(os.Stdout, where.Path, filter, a.JSON)
}
