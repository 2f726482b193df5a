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
	Client  string   `help:"Which client the program is. May be left out when there is one, or one that is called default." placeholder:"NAME"`
	Command []string `arg:"" passthrough:"" help:"The program and its arguments, after --."`
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
	if token := os.Getenv("OCTOPOOL_TOKEN"); token != "" {
		err = e.find(read, func(places config.Places) (err error) {
			session, err = daemon.Running(places, policy.NewSecret(token))
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
	session, err = daemon.ForProgram(settings, e.Client, quiet)
	return session, src.Locate(err)
}

type printEnv struct {
	configuration
	Shell string `default:"sh" enum:"${shells}" help:"One of ${enum}."`
}

func (printEnv) Help() string {
	return example(`eval "$(octopool env)"`, `octopool env --shell github-actions >>"$GITHUB_ENV"`)
}

// Run prints the variables of the octopool that this configuration runs.
func (e printEnv) Run(read Reader) error {
	return e.find(read, func(places config.Places) error {
		where, err := daemon.WhereIs(places)
		if err != nil {
			return err
		}
		text, err := launch.Format(e.Shell, where.Settings(os.Environ()))
		fmt.Print(text)
		return err
	})
}
