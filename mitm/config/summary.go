package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"octopool/mitm"
	"octopool/policy/pool"
)

// String says in a few lines what an octopool with these settings is, for people. It
// holds no secret.
func (s Settings) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("listens", "%s, admin %s", s.door(), cmp.Or(s.AdminListen, "nowhere"))
	if !s.Door.BaseURL {
		line("base URL", "refused: tokens would come in clear from other machines; see proxy.tls and proxy.plain_base_url")
	}
	line("data", "%s", s.DataDir)
	for _, g := range s.GitHubs {
		line("intercepts", "%s", strings.Join(mitm.Hosts([]mitm.GitHub{g}), " "))
	}
	for _, c := range s.Credentials {
		line("credential", "%s, pool %s, %s%s", c.Name, c.Pool, c.GitHub, appOf(c.App))
	}
	for _, c := range s.Rules.Clients {
		scopes := "everything"
		if len(c.Scopes) > 0 {
			words := make([]string, len(c.Scopes))
			for i, scope := range c.Scopes {
				words[i] = scope.String()
			}
			scopes = strings.Join(words, ", ")
			if c.ReportOnly || s.Rules.ReportOnly {
				scopes += " (reported only)"
			}
		}
		line("client", "%s, pool %s%s: %s", c.Name, c.Pool, s.allowanceOf(c.Name), scopes)
	}
	for _, warning := range s.Warnings {
		line("warning", "%s", warning)
	}
	return b.String()
}

// door says where clients come, and what they must bring.
func (s Settings) door() string {
	text := s.ProxyListen
	if s.ProxyCert != "" {
		text += " with TLS"
	}
	if s.Door.RequireAuth {
		text += " for registered clients"
	}
	return text
}

// appOf says which App it is, after a comma; "" for none.
func appOf(a pool.App) string {
	switch {
	case a.Issuer == "":
		return ""
	case a.Installation == 0:
		return fmt.Sprintf(", App %s, all installations", a.Issuer)
	}
	return fmt.Sprintf(", App %s, installation %d", a.Issuer, a.Installation)
}

// allowanceOf says what bounds a client, each after a comma.
func (s Settings) allowanceOf(client string) string {
	i := slices.IndexFunc(s.Allowances, func(c pool.Client) bool { return c.Name == client })
	if i < 0 {
		return ""
	}
	var b strings.Builder
	c := s.Allowances[i]
	if c.PointsPerHour > 0 {
		fmt.Fprintf(&b, ", %d requests an hour", c.PointsPerHour)
	}
	if c.Concurrency > 0 {
		fmt.Fprintf(&b, ", %d at once", c.Concurrency)
	}
	if c.WritesAs != "" {
		fmt.Fprintf(&b, ", writes as %s", c.WritesAs)
	}
	narrowed := slices.Clone(c.Repositories)
	for _, name := range slices.Sorted(maps.Keys(c.Permissions)) {
		narrowed = append(narrowed, name+"="+c.Permissions[name])
	}
	if len(narrowed) > 0 {
		fmt.Fprintf(&b, ", tokens for %s", strings.Join(narrowed, " "))
	}
	return b.String()
}
