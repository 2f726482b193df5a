package admin

import (
	"errors"
	"fmt"
	"strings"

	"octopool/policy"
)

// A Pattern names stored answers by the place that they were asked for. The zero Pattern
// names all of them.
type Pattern struct {
	text string
	host string // "" for every host

	// What is stored by number (page 2 of a list is /repositories/1296269/issues) has no
	// name here. It is named by each pattern that would name it under some name.
	paths, anyRepository, anyAccount policy.Scope
}

// ParsePattern reads a pattern of paths as scopes have it, which a host may precede:
// /repos/acme/** or ghe.example/repos/acme/**.
func ParsePattern(text string) (Pattern, error) {
	host, path, _ := strings.Cut(text, "/")
	p := Pattern{text: text, host: strings.ToLower(host)}
	path = "/" + path
	if strings.ContainsAny(host, "*{}?:@") || len(strings.Fields(text)) != 1 || !strings.Contains(text, "/") {
		return Pattern{}, fmt.Errorf("%q is not a pattern such as %q or %q", text, "/repos/acme/**", "api.github.com/repos/acme/web/issues")
	}
	for _, reading := range []struct {
		of   *policy.Scope
		path string
	}{{&p.paths, path}, {&p.anyAccount, withoutNames(path, 1)}, {&p.anyRepository, withoutNames(path, 2)}} {
		scope, err := policy.ParseScope("GET " + reading.path)
		if err != nil {
			return Pattern{}, errors.Unwrap(err)
		}
		*reading.of = scope
	}
	return p, nil
}

// withoutNames has any name for the n segments after the first.
func withoutNames(path string, n int) string {
	segments := strings.Split(path, "/")
	for i := 2; i < min(2+n, len(segments)) && segments[i] != "**"; i++ {
		segments[i] = "*"
	}
	return strings.Join(segments, "/")
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Host is the host that the pattern is for, "" if it is for every one.
func (p Pattern) Host() string { return p.host }

// Names reports whether the pattern names what is stored of an escaped path of a host. The
// results of GraphQL queries are named by every pattern for their host: what a result
// shows, the path does not tell.
func (p Pattern) Names(host, path string) bool {
	if p.text == "" {
		return true
	}
	if p.host != "" && p.host != host {
		return false
	}
	origin := policy.Origin{Host: host, Role: policy.RoleAPI}
	if strings.HasPrefix(path, "/api/") {
		origin.Role = policy.RoleEnterprise
	}
	r, err := policy.Read(origin, "GET", path, "")
	if err != nil {
		return false // no path that was ever asked for
	}
	collection, _, _ := strings.Cut(r.Number(), "/")
	switch {
	case r.Kind == policy.KindGraphQL:
		return true
	case collection == "":
		return p.paths.Allows(r)
	case collection == "repositories":
		return p.anyRepository.Allows(r.Named("x", "x"))
	}
	return p.anyAccount.Allows(r.Named("x", ""))
}
