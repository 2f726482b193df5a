package config

import (
	"fmt"

	"octopool/policy"
)

// Registrations is Settle for who only asks what clients may do: it needs no secret, and
// so no registration has its token.
func (s Source) Registrations(environ []string) ([]policy.Registration, []Problem) {
	st := s.settler(environ)
	f := st.complete(s.Written)
	var out []policy.Registration
	for i, c := range f.Client {
		at := fmt.Sprintf("client[%d]", i)
		if !policy.IsName(c.Name) {
			st.wrong(at+".name", "client %q: %s", c.Name, nameRule)
			continue
		}
		out = append(out, policy.Registration{Name: c.Name, Pool: c.Pool, Scopes: st.scopes(f, at, c), ReportOnly: c.ReportOnly || f.Policy.ReportOnly})
	}
	return out, st.problems
}

// AllowanceOf is what bounds a client, in words; "" for nothing.
func (s Source) AllowanceOf(name string) string {
	for _, c := range s.Written.Client {
		switch {
		case c.Name != name:
		case c.RequestsPerHour != nil && c.Concurrency != nil:
			return fmt.Sprintf("%d an hour, %d at once", *c.RequestsPerHour, *c.Concurrency)
		case c.RequestsPerHour != nil:
			return fmt.Sprintf("%d an hour", *c.RequestsPerHour)
		case c.Concurrency != nil:
			return fmt.Sprintf("%d at once", *c.Concurrency)
		}
	}
	return ""
}
