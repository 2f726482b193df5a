package main

import (
	"fmt"

	"octopool/mitm/githubtest"
)

// addDemo fills a world large enough for lists to have pages: acme/web is public
// and acme/api private, and two users may write to both.
func addDemo(s *githubtest.Server) {
	s.AddUser("octo-bot", "ghp_demoBot")
	s.AddUser("hubot", "github_pat_demoHubot")
	s.AddRepo("acme/web", false)
	s.AddRepo("acme/api", true)
	for _, login := range []string{"octo-bot", "hubot"} {
		s.Grant(login, "acme/web")
		s.Grant(login, "acme/api")
	}
	addWeb(s)
	for n := range 3 {
		s.AddIssue("acme/api", fmt.Sprintf("Endpoint %d answers too late", n+1))
	}
	s.WriteFile("acme/api", "openapi.yaml", "openapi: 3.1.0\ninfo: {title: acme, version: '1'}\n")
}

// addApp installs an App on acme, whose installation is as good a credential as the users' tokens.
func addApp(s *githubtest.Server) map[string]string {
	app := s.AddApp("acme-ci")
	in := s.Install(app, "acme")
	return map[string]string{"app.pem": string(app.PEM()), "app": fmt.Sprintf("%d %d\n", app.ID(), in.ID())}
}

func addWeb(s *githubtest.Server) {
	const web = "acme/web"
	s.WriteFile(web, "index.html", "<!doctype html>\n<title>acme</title>\n")
	s.WriteFile(web, "src/main.js", "console.log('acme')\n")
	s.WriteFile(web, "docs/guide.md", "# Guide\n\nOpen index.html.\n")
	parts := []string{"menu", "search box", "footer", "sign-in page", "map", "price list", "contact form", "photo gallery"}
	troubles := []string{"overlaps on small screens", "loads twice", "forgets its state", "cannot be reached by keyboard", "is not translated"}
	for n := range len(parts) * len(troubles) { // 40
		s.AddIssue(web, fmt.Sprintf("The %s %s", parts[n%len(parts)], troubles[n/len(parts)]))
	}
	for n, title := range []string{"Load the menu once", "Translate the footer", "Let the map keep its state"} {
		pull := s.AddPull(web, title)
		s.AddCheckRunAt(web, fmt.Sprintf("change-%d", pull), "build", "success")
		conclusion := "success"
		if n == 2 {
			conclusion = "failure"
		}
		s.AddCheckRunAt(web, fmt.Sprintf("change-%d", pull), "test", conclusion)
	}
	s.AddCheckRun(web, "build", "success")
	s.AddRelease(web, "v1.0", map[string][]byte{
		"acme-web-1.0.js": []byte("console.log('acme 1.0')\n"),
		"checksums.txt":   []byte("not checked\n"),
	})
}
