package conformance

import (
	"fmt"
	"strings"
)

const preamble = `# Conformance

What clients of GitHub get through octopool, held against what they get without it. Each line is a session of the real program, run
in a world of its own in every column: directly at a stand-in for GitHub, through octopool with a personal access token, through
octopool with an installation of a GitHub App, and, for clients that take one, with octopool's address as base URL.

*same*: standard output, standard error and the exit status are those of the direct session, GitHub saw no request more, no write less,
the pool's credential wherever it saw one directly, and never the client's token. Request ids, times, signatures of download URLs
and validators are not compared; ` + "`Cache-Status`" + ` is octopool's own. *the same error*: so, and it ends with an error in both. Sessions with an
installation are compared with direct ones that have that installation's own token.

Written by ` + "`go test ./mitm/e2e/conformance -update`" + `; the test without ` + "`-update`" + ` fails when this file says anything else. The sessions are in that package.
`

const epilogue = `
## Terraform

Not run here: no package source that scripts/test installs from has a binary of it. What talks to GitHub in it, the GitHub provider, is made of
go-github, whose sessions are above.
`

// table is the file's content.
func table(all []row, found []cells) string {
	var b strings.Builder
	b.WriteString(preamble)
	columns := []column{direct, withPAT, withInstallation, atBaseURL}
	client := ""
	for i, r := range all {
		if r.client != client {
			client = r.client
			fmt.Fprintf(&b, "\n## %s\n\n| session |", client)
			for _, c := range columns {
				fmt.Fprintf(&b, " %s |", c)
			}
			fmt.Fprintf(&b, "\n|---%s\n", strings.Repeat("|---", len(columns))+"|")
		}
		fmt.Fprintf(&b, "| %s |", r.title)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", found[i][c])
		}
		b.WriteString("\n")
	}
	b.WriteString(epilogue)
	return b.String()
}
