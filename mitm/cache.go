package mitm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"octopool/mitm/admin"
	"octopool/policy"
	"octopool/store"
)

// CacheStatus is what operators read of what is stored: all of it but version, start and
// backend, which are not the proxy's own.
func (p *Proxy) CacheStatus() admin.Cache {
	c := admin.Cache{Now: time.Now().UTC(), Store: p.storeStatus(), Formula: p.formulaStatus()}
	c.Count(p.clientStatus())
	return c
}

// Purge forgets what is stored of what a pattern names. Its error is a host that the
// pattern is for and that nothing is stored of.
func (p *Proxy) Purge(pattern admin.Pattern) (admin.Purged, error) {
	if host := pattern.Host(); host != "" && !isAPI(p.origins[host]) {
		hosts := slices.DeleteFunc(slices.Sorted(maps.Keys(p.origins)), func(host string) bool { return !isAPI(p.origins[host]) })
		return admin.Purged{}, fmt.Errorf("%q is no API of this octopool's: name %s, or no host for all of them", host, strings.Join(hosts, " or "))
	}
	before := p.Store.Stats().Errors
	n := p.exchange.Purge(func(k store.Key) bool { return pattern.Names(k.Host, k.Path) })
	out := admin.Purged{Purged: n, Errors: p.Store.Stats().Errors - before}
	p.Log.Info("purged", "pattern", pattern.String(), "answers", out.Purged, "errors", out.Errors)
	return out, nil
}

// isAPI reports whether answers of an origin may be stored.
func isAPI(o policy.Origin) bool {
	return o.Host != "" && (o.Role == policy.RoleAPI || o.Role == policy.RoleEnterprise)
}

func (p *Proxy) storeStatus() admin.Store {
	s := p.Store.Stats()
	return admin.Store{Entries: s.Entries, Bytes: s.Bytes, Errors: s.Errors, Evictions: s.Evictions}
}

func (p *Proxy) formulaStatus() admin.Formula {
	held, failed := p.exchange.FormulaChecks()
	return admin.Formula{Match: held, Mismatch: failed}
}
