// Package command is octopool's command line: it declares the commands and their flags,
// and has done what they say by the packages that can.
package command

import (
	"errors"
	"fmt"
	"octopool/mitm/config"
	"octopool/mitm/launch"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// commands is the command line.
type commands struct {
	Serve   serve         `cmd:"" help:"Run the proxy."`
	Exec    execute       `cmd:"" help:"Run a program through the proxy."`
	Env     printEnv      `cmd:"" help:"Print the variables that make programs use the proxy."`
	Client  clientCommand `cmd:"" help:"Register clients, and see what they may do."`
	CA      caCommand     `cmd:"" name:"ca" help:"Look at the certificate authority."`
	Check   check         `cmd:"" help:"Say what is wrong with the configuration."`
	Status  status        `cmd:"" help:"Show pool, clients and cache of the running octopool."`
	Cache   cacheCommand  `cmd:"" help:"Look at what the running octopool keeps, and forget it."`
	Audit   readAudit     `cmd:"" help:"Show what was done and by whom, and what was refused."`
	Version version       `cmd:"" help:"Print the version."`

	Completion completion `cmd:"" help:"Print what makes a shell complete command lines."`
}

// Help has the example of octopool itself, as each command's has its own.
func (commands) Help() string { return example("GITHUB_TOKEN=… octopool exec -- gh api user") }

// example is how a help text shows command lines: as they are, one each.
func example(lines ...string) string { return "Example:\n\n    " + strings.Join(lines, "\n    ") }

// usage is an error in the command line that its parser cannot see.
type usage struct{ error }

// A Reader reads a configuration file; the file "" is an empty one.
type Reader func(file string) (config.Source, error)

// Run runs a command line and returns the exit status.
func Run(args []string, read Reader) int {
	var c commands
	parser := kong.Must(&c, kong.Name("octopool"),
		kong.Description("A forward proxy for GitHub that keeps what GitHub vouches for and shares what a pool of credentials may spend."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"shells": launch.Shells}, kong.Writers(os.Stdout, os.Stderr), kong.Bind(read))
	kongcompletion.Register(parser) // answers, and ends the program, when a shell asks what could follow
	k, err := parser.Parse(args)
	if err != nil {
		return report(usage{err})
	}
	return report(k.Run())
}

// report tells an error and returns its exit status.
func report(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[launch.Exit](err); ok && exit.Err == nil {
		return exit.Status // the program has told its own
	} else if ok {
		fmt.Fprintf(os.Stderr, "octopool: %v\n", err)
		return exit.Status
	}
	if _, ok := errors.AsType[usage](err); ok {
		fmt.Fprintf(os.Stderr, "octopool: %v\nRun \"octopool --help\" to see what there is.\n", err)
		return 2
	}
	if _, ok := errors.AsType[config.Wrong](err); !ok { // whose lines begin with their place
		fmt.Fprint(os.Stderr, "octopool: ")
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
