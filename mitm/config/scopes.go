package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"octopool/policy"
)

// checkGitHub sees to it that a scope says which GitHub it is for where its client can
// reach several, since acme of one is not acme of another, and that there is that one. The
// key is the scope's place.
func (s *settler) checkGitHub(f File, c Client, key string, scope policy.Scope) {
	reached := map[string]bool{}
	for _, one := range f.Credential {
		if one.Pool == c.Pool {
			reached[strings.ToLower(one.GitHub)] = true
		}
	}
	all := strings.Join(slices.Sorted(maps.Keys(reached)), ", ")
	switch named := scope.GitHub(); {
	case named == "" && len(reached) > 1:
		s.wrong(key, "client %s: pool %s has credentials for %s: say which one %q is for, as in %q", c.Name, c.Pool, all, scope, onGitHub(scope, slices.Sorted(maps.Keys(reached))[0]))
	case named != "" && !reached[named]:
		s.wrong(key, "client %s: pool %s has no credential for %s; there is one for: %s", c.Name, c.Pool, named, all)
	}
}

// onGitHub is a scope without a GitHub, for one.
func onGitHub(scope policy.Scope, host string) string {
	methods, pattern, _ := strings.Cut(scope.String(), " ")
	return strings.TrimSuffix(fmt.Sprintf("%s %s/%s", methods, host, strings.TrimPrefix(pattern, "/")), "/")
}
