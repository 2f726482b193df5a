package command

import (
	"errors"
	"fmt"
	"log/slog"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/launch"
	"octopool/policy"
	"os"
)

type execute struct {
	configuration
	Client   string   `help:"Which client the program is. May be left out when there is one, or one that is called default." placeholder:"NAME"`
	OIDC     string   `name:"oidc" default:"" enum:",github-actions" help:"Who the program is by its job's OpenID Connect tokens, which are renewed while it runs: github-actions. The program does not see them." placeholder:"ISSUER"`
	Audience string   `default:"octopool" help:"Whom these tokens are made for: client.oidc.audience of the octopool that runs."`
	Label    string   `help:"A name of this run for octopool's log, such as build-123." placeholder:"NAME"`
	Command  []string `arg:"" passthrough:"" help:"The program and its arguments, after --."`
}

func (execute) Help() string {
	return "Through the running octopool if OCTOPOOL_TOKEN holds a client's token, else through one started for the program's life.\n\n" +
		example("octopool exec -- gh api user")
}

// Run runs the program and exits with its status.
func (e execute) Run(read Reader) error {
	if e.Command[0] == "--" {
		e.Command = e.Command[1:]
	}
	if len(e.Command) == 0 {
		return usage{errors.New("exec: name a program, as in: octopool exec -- gh api user")}
	}
	if e.Label != "" && !policy.IsName(e.Label) {
		return usage{errors.New("exec: --label has 1 to 64 letters, digits, dots, dashes and underscores")}
	}
	path, err := launch.Find(e.Command[0])
	if err != nil {
		return err
	}
	session, err := e.session(read)
	if err != nil {
		return err
	}
	return session.Run(path, e.Command)
}

// session is a way through the octopool that runs, or through one for the program alone.
func (e execute) session(read Reader) (session daemon.Session, err error) {
	if e.OIDC != "" {
		err = e.find(read, func(places config.Places) (err error) {
			session, err = daemon.RunningByActions(places, e.Audience, e.Label)
			return err
		})
		return session, err
	}
	if token := os.Getenv("OCTOPOOL_TOKEN"); token != "" {
		err = e.find(read, func(places config.Places) (err error) {
			session, err = daemon.Running(places, policy.NewSecret(token), e.Label)
			return err
		})
		return session, err
	}
	src, err := e.source(read)
	if err != nil {
		return session, err
	}
	settings, err := settle(src, src.Settle)
	if err != nil {
		return session, err
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	session, err = daemon.ForProgram(settings, e.Client, e.Label, quiet)
	return session, src.Locate(err)
}

type printEnv struct {
	configuration
	Shell string `default:"sh" enum:"${shells}" help:"One of ${enum}."`
}

func (printEnv) Help() string {
	return "In a job of GitHub Actions, github-actions appends to the file that GITHUB_ENV names.\n\n" +
		example(`eval "$(octopool env)"`, `octopool env --shell fish | source`, `octopool env --shell github-actions`)
}

// Run prints the variables of the octopool that this configuration runs.
func (e printEnv) Run(read Reader) error {
	return e.find(read, func(places config.Places) error {
		where, err := daemon.WhereIs(places)
		if err != nil {
			return err
		}
		settings := where.Settings(os.Environ())
		text, err := launch.Format(e.Shell, settings)
		if file := os.Getenv("GITHUB_ENV"); err == nil && e.Shell == "github-actions" && file != "" {
			if err = launch.Append(file, text); err == nil {
				fmt.Fprintf(os.Stderr, "%d variables are set for the next steps of this job\n", len(settings))
			}
			return err
		}
		fmt.Print(text)
		return err
	})
}
