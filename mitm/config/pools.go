package config

import (
	"fmt"
	"strings"

	"octopool/policy/pool"
)

// Pools is what pools of these settings are made of. What sends their requests, and what
// logs, is for the caller to add.
func (s Settings) Pools() pool.Config {
	out := pool.Config{
		Credentials: s.Credentials,
		Clients:     s.Allowances,
		GitHubs:     map[string]pool.GitHub{},
		MaxWait:     s.MaxWait,
	}
	for _, g := range s.GitHubs {
		out.GitHubs[g.Host] = pool.GitHub{API: g.API(), Limits: s.Limits[g.Host]}
	}
	return out
}

// limits are those of each GitHub's principals, by host.
func (s *settler) limits(all []GitHub) map[string]pool.Limits {
	out := map[string]pool.Limits{}
	for i, g := range all {
		host := hostOf(g)
		limits := limitsOf(host)
		for _, l := range []struct {
			key     string
			written *int
			into    *int
		}{
			{"in_flight", g.Limits.InFlight, &limits.InFlight},
			{"points_per_minute", g.Limits.PointsPerMinute, &limits.Points},
			{"graphql_points_per_minute", g.Limits.GraphQLPointsPerMinute, &limits.GraphQLPoints},
			{"creations_per_minute", g.Limits.CreationsPerMinute, &limits.Creations},
			{"creations_per_hour", g.Limits.CreationsPerHour, &limits.CreationsPerHour},
		} {
			switch {
			case l.written == nil:
			case *l.written < 0:
				s.wrong(fmt.Sprintf("github[%d].limits.%s", i, l.key), "want 0, which is no limit, or more")
			default:
				*l.into = *l.written
			}
		}
		out[host] = limits
	}
	return out
}

// limitsOf are the limits that a GitHub is known to have. An Enterprise Server has none
// unless its administrator sets them (GitHub's documentation, "Configuring rate limits").
func limitsOf(host string) pool.Limits {
	if host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		return pool.GitHubLimits()
	}
	return pool.Limits{}
}
