package conformance

import (
	"bytes"
	"fmt"

	"octopool/mitm/githubtest"
)

// furnish makes the world that every run begins with. The user octo-bot may write to
// acme/web, which is public, and acme/api, which is private; nobody may see acme/vault.
func furnish(g *githubtest.Server) {
	g.AddUser("octo-bot", userToken)
	g.AddRepo("acme/web", false)
	g.AddRepo("acme/api", true)
	g.AddRepo("acme/vault", true)
	g.AddRepo("other/lib", false)
	g.AddRepo("octo-bot/dotfiles", false)
	g.Grant("octo-bot", "acme/web")
	g.Grant("octo-bot", "acme/api")
	g.AddIssue("acme/web", "The menu loads twice")
	g.AddIssue("acme/web", "The footer is not translated")
	g.AddPull("acme/web", "Load the menu once")
	g.WriteFile("acme/web", "src/main.js", "console.log('acme')\n")
	g.AddRelease("acme/web", "v1.0", map[string][]byte{"web.js": []byte("console.log('acme 1.0')\n"), "sums.txt": []byte("none\n")})
	for n := range 35 { // more than a page
		g.AddIssue("acme/api", fmt.Sprintf("Endpoint %d answers too late", n+1))
	}
	g.AddRelease("acme/api", "v2.0", map[string][]byte{"api.bin": bytes.Repeat([]byte("api 2.0\n"), 40<<10)})
	g.AddWorkflow("acme/web", "ci.yml", "CI")
	g.AddWorkflow("acme/api", "ci.yml", "CI")
}

// withActions adds runs of workflows, and returns what sessions call them. It is for the rows that
// read them: each needs git, which costs more than all of the world above.
func withActions(g *githubtest.Server) (variables []string) {
	g.AddWorkflow("acme/web", "ci.yml", "CI")
	g.AddWorkflow("acme/api", "ci.yml", "CI")
	good := g.AddRun("acme/web", "ci.yml", "success", "build", "test")
	bad := g.AddRun("acme/web", "ci.yml", "failure", "build", "test")
	private := g.AddRun("acme/api", "ci.yml", "success", "build")
	g.AddArtifact("acme/web", good, "report", "report.txt", "all is well\n")
	g.AddArtifact("acme/api", private, "report", "report.txt", "nobody knows\n")
	return []string{fmt.Sprint("GOOD=", good), fmt.Sprint("BAD=", bad), fmt.Sprint("PRIVATE=", private)}
}

// withChecks adds check runs to the head of the pull request.
func withChecks(g *githubtest.Server) (variables []string) {
	g.AddCheckRunAt("acme/web", "change-3", "build", "success")
	g.AddCheckRunAt("acme/web", "change-3", "test", "success")
	return nil
}
