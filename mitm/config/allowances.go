package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/policy/pool/installation"
)

// allowances are what each client may spend, and as whom.
func (s *settler) allowances(f File) []pool.Client {
	var out []pool.Client
	for i, c := range f.Client {
		at := fmt.Sprintf("client[%d]", i)
		out = append(out, pool.Client{
			Name:          c.Name,
			PointsPerHour: s.bound(at+".requests_per_hour", c.RequestsPerHour),
			Concurrency:   s.bound(at+".concurrency", c.Concurrency),
			WritesAs:      c.WritesAs,
			Repositories:  c.Repositories,
			Permissions:   c.Permissions,
		})
		var members []Credential
		for _, m := range f.Credential {
			if m.Pool == c.Pool {
				members = append(members, m)
			}
		}
		if len(members) > 0 { // else it is told that there is no such pool
			s.writesAs(at, c, members)
			s.narrowing(at, c, members)
		}
	}
	return out
}

// bound is what a client may have of something. Nothing would be a client that can do
// nothing, and 0 elsewhere means no bound: so it is neither.
func (s *settler) bound(key string, written *int) int {
	switch {
	case written == nil:
		return 0
	case *written < 1:
		s.wrong(key, "want a number above 0; leave it out for no bound")
		return 0
	}
	return *written
}

func (s *settler) writesAs(at string, c Client, members []Credential) {
	if c.WritesAs == "" {
		return
	}
	i := slices.IndexFunc(members, func(m Credential) bool { return m.Name == c.WritesAs })
	switch {
	case i < 0:
		names := make([]string, len(members))
		for j, m := range members {
			names[j] = m.Name
		}
		slices.Sort(names)
		s.wrong(at+".writes_as", "client %s: pool %s has no credential %q; there is: %s", c.Name, c.Pool, c.WritesAs, strings.Join(names, ", "))
	case c.narrowed() && !members[i].isApp():
		s.wrong(at+".writes_as", "client %s: %s is no App, and only tokens of an App can be narrowed", c.Name, c.WritesAs)
	}
}

// narrowed reports whether a client's tokens are.
func (c Client) narrowed() bool { return c.Repositories != nil || c.Permissions != nil }

// narrowing checks what a client's tokens are narrowed to. GitHub would take what is
// there but empty for no limit at all.
func (s *settler) narrowing(at string, c Client, members []Credential) {
	if !c.narrowed() {
		return
	}
	key := at + ".repositories"
	if c.Repositories == nil {
		key = at + ".permissions"
	}
	if !slices.ContainsFunc(members, Credential.isApp) {
		s.wrong(key, "client %s: only tokens of an App can be narrowed, and pool %s has none", c.Name, c.Pool)
	}
	if c.Repositories != nil && len(c.Repositories) == 0 {
		s.wrong(at+".repositories", "client %s: an empty list would limit nothing; leave repositories out for that", c.Name)
	}
	for j, full := range c.Repositories {
		owner, name, _ := strings.Cut(full, "/")
		if !policy.IsName(owner) || !policy.IsName(name) {
			s.wrong(fmt.Sprintf("%s.repositories[%d]", at, j), "client %s: %q is not OWNER/NAME", c.Name, full)
		}
	}
	if c.Permissions != nil && len(c.Permissions) == 0 {
		s.wrong(at+".permissions", "client %s: an empty table would limit nothing; leave permissions out for that", c.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Permissions)) {
		if err := installation.CheckPermissions(map[string]string{name: c.Permissions[name]}); err != nil {
			s.wrong(at+".permissions."+name, "client %s: %v", c.Name, err)
		}
	}
}
