package command

import (
	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

type completion struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

func (completion) Help() string {
	return "Prints what makes the shell complete octopool's commands and flags. octopool has to be in PATH.\n\n" +
		example(`eval "$(octopool completion bash)"    # in ~/.bashrc; zsh the same`, "octopool completion fish | source      # in ~/.config/fish/config.fish")
}

// Run prints the code for the shell, which has octopool itself asked what could follow.
func (c completion) Run(k *kong.Context) error {
	return (&kongcompletion.Completion{Shell: c.Shell, Code: true}).Run(k)
}
