package conformance

import "strings"

// libraryRows are programs of a few lines that use a library. Each step of one prints what
// came of it.
func libraryRows() []row {
	const (
		octokit  = `node "$TESTDATA/octokit.mjs" `
		gogithub = `gogithub `
		pygithub = `/usr/bin/python3 "$TESTDATA/pygithub.py" `
	)
	var all []row
	for _, library := range []struct{ name, program string }{{"octokit", octokit}, {"go-github", gogithub}, {"PyGithub", pygithub}} {
		for _, step := range []row{
			{title: "who am I", script: "user", app: noUser},
			{title: "a repository, twice", script: "repository repository"},
			{title: "all pages of a list", script: "issues"},
			{title: "an issue made, commented, closed", script: "write"},
			{title: "what is not there", fails: true, script: "missing"},
			{title: "a search", script: "search"},
			{title: "a file made, changed, read", script: "contents"},
			{title: "a check run or a status", script: "status"},
			{title: "rate limits", script: "limits"},
			{title: "GraphQL", script: "graphql"},
			{title: "a release's file", script: "asset"},
		} {
			if library.name == "PyGithub" && (step.script == "graphql" || step.script == "asset") {
				continue // 1.55 has neither
			}
			if library.name == "PyGithub" && strings.Contains("issues write contents status", step.script) {
				step.differs = map[column]difference{atBaseURL: {"PyGithub fails: it takes no URL of another host, and bodies have GitHub's; HTTPS_PROXY is for it", "",
					"-- standard error\nAssertionError api.github.com\n-- status 1\n"}}
			}
			step.client, step.base, step.script = library.name, true, library.program+step.script
			all = append(all, step)
		}
	}
	return all
}
