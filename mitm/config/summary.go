package config

import (
	"cmp"
	"fmt"
	"strings"

	"octopool/mitm"
)

// String says in a few lines what an octopool with these settings is, for people. It
// holds no secret.
func (s Settings) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("listens", "%s, admin %s", s.ProxyListen, cmp.Or(s.AdminListen, "nowhere"))
	line("data", "%s", s.DataDir)
	for _, g := range s.GitHubs {
		line("intercepts", "%s", strings.Join(mitm.Hosts([]mitm.GitHub{g}), " "))
	}
	for _, c := range s.Credentials {
		line("credential", "%s, pool %s, %s", c.Name, c.Pool, c.GitHub)
	}
	for _, c := range s.Rules.Clients {
		scopes := "everything"
		if len(c.Scopes) > 0 {
			words := make([]string, len(c.Scopes))
			for i, scope := range c.Scopes {
				words[i] = scope.String()
			}
			scopes = strings.Join(words, ", ")
		}
		line("client", "%s, pool %s: %s", c.Name, c.Pool, scopes)
	}
	return b.String()
}
