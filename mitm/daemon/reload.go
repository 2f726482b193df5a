package daemon

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/policy"
)

// reload gives the octopool other settings while it serves, all of them or, with an
// error, none. No connection is dropped and no budget lost. It returns what has changed,
// and the keys whose change waits for a restart.
func (d *Daemon) reload(s config.Settings) (changed, restart []string, err error) {
	next, restart := possible(d.settings, s)
	rules, err := policy.New(next.Rules)
	if err != nil {
		return nil, nil, err
	}
	mint, err := mintSettings(next)
	if err != nil {
		return nil, nil, err
	}
	rotated, err := d.authority.Reread()
	if err != nil {
		return nil, nil, rotationProblem(err)
	}
	if err := d.pools.Reload(next.Pools()); err != nil { // the last that can refuse
		return nil, nil, err
	}
	d.issuers.Change(next.Issuers)
	d.proxy.Change(mitm.Rules{Policy: rules, Egress: next.Egress, Door: next.Door, Limits: next.ClientLimits, Tuning: next.Cache.Tuning})
	d.proxy.Mint.Change(mint)
	d.level.Set(next.LogLevel)
	changed = differences(d.settings, next)
	if rotated {
		changed = append(changed, "ca")
	}
	d.settings = next
	return changed, restart, nil
}

// possible are the settings of next that an octopool can take that runs with these, and the
// keys of the others. What a setting that has to wait was to protect waits with it.
func possible(running, next config.Settings) (config.Settings, []string) {
	restart := []string{}
	wait := func(key string, differs bool, keep func()) {
		if differs {
			restart = append(restart, key)
		}
		keep()
	}
	wait("data_dir", next.DataDir != running.DataDir, func() { next.DataDir = running.DataDir })
	wait("ca", next.CACert != running.CACert || next.CAKey != running.CAKey, func() {
		next.CACert, next.CAKey = running.CACert, running.CAKey
	})
	if next.ProxyListen != running.ProxyListen {
		restart = append(restart, "proxy.listen, and tunnel with it") // whose defaults are for that listener
		next.ProxyListen, next.Egress = running.ProxyListen, running.Egress
		next.Door.BaseURL = running.Door.BaseURL
	}
	if next.ProxyCert != running.ProxyCert || next.ProxyKey != running.ProxyKey {
		restart = append(restart, "proxy.tls, proxy.certificate and proxy.key")
		next.ProxyCert, next.ProxyKey = running.ProxyCert, running.ProxyKey
		next.Door.BaseURL = running.Door.BaseURL // which may be allowed for the one, and not for the other
	}
	wait("proxy.upstream", !reflect.DeepEqual(next.Next, running.Next), func() { next.Next = running.Next })
	if next.AdminListen != running.AdminListen {
		restart = append(restart, "admin.listen, and admin.token with it") // which may be none for the one, and not for the other
		next.AdminListen, next.AdminToken = running.AdminListen, running.AdminToken
	}
	was, is := running.Cache, &next.Cache
	wait("cache.backend", is.Backend != was.Backend, func() { is.Backend = was.Backend })
	wait("cache.url", !reflect.DeepEqual(is.URL, was.URL), func() { is.URL = was.URL })
	wait("cache.max_bytes", is.MaxBytes != was.MaxBytes, func() { is.MaxBytes = was.MaxBytes })
	wait("cache.ttl", is.TTL != was.TTL, func() { is.TTL = was.TTL })
	wait("audit", next.Audit != running.Audit, func() { next.Audit = running.Audit })
	wait("github", !slices.EqualFunc(next.GitHubs, running.GitHubs, sameGitHub), func() { next.GitHubs = running.GitHubs })

	limits := maps.Clone(running.Limits)
	served := map[string]bool{}
	for _, g := range running.GitHubs {
		served[g.Host] = true
		if l, ok := next.Limits[g.Host]; ok {
			limits[g.Host] = l
		}
	}
	next.Limits = limits
	all := next.Credentials
	next.Credentials = nil
	for _, c := range all {
		if served[c.GitHub] {
			next.Credentials = append(next.Credentials, c)
		} else {
			restart = append(restart, fmt.Sprintf("credential %s, which is for %s", c.Name, c.GitHub))
		}
	}
	return next, restart
}

// sameGitHub compares what the configuration says of two.
func sameGitHub(a, b mitm.GitHub) bool {
	same := a.Roots == b.Roots || a.Roots != nil && b.Roots != nil && a.Roots.Equal(b.Roots)
	a.Roots, b.Roots = nil, nil
	return same && a == b
}

// differences say for people, and for programs that look for a word, what is not as it was.
func differences(was, is config.Settings) []string {
	out := slices.Concat(
		between("client", clientsOf(was), clientsOf(is)),
		between("credential", credentialsOf(was), credentialsOf(is)))
	for _, part := range []struct {
		name    string
		was, is any
	}{
		{"policy", [3]any{was.Rules.Anonymous, was.Rules.Unknown, was.Rules.ReportOnly}, [3]any{is.Rules.Anonymous, is.Rules.Unknown, is.Rules.ReportOnly}},
		{"tunnel", was.Egress, is.Egress},
		{"proxy", was.Door, is.Door},
		{"limits", was.ClientLimits, is.ClientLimits},
		{"cache", was.Cache.Tuning, is.Cache.Tuning},
		{"pool", was.MaxWait, is.MaxWait},
		{"github.limits", was.Limits, is.Limits},
		{"log", was.LogLevel, is.LogLevel},
		{"mint", was.Mint, is.Mint},
		{"admin.token", was.AdminToken, is.AdminToken},
	} {
		if !reflect.DeepEqual(part.was, part.is) {
			out = append(out, part.name)
		}
	}
	return out
}

// between says what became of the things of one kind.
func between(kind string, was, is map[string]any) []string {
	out := []string{}
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case was[name] == nil:
			out = append(out, kind+" "+name+" added")
		case is[name] == nil:
			out = append(out, kind+" "+name+" removed")
		case !reflect.DeepEqual(was[name], is[name]):
			out = append(out, kind+" "+name+" changed")
		}
	}
	return out
}

// clientsOf is all that is set of each client.
func clientsOf(s config.Settings) map[string]any {
	out := map[string]any{}
	for _, r := range s.Rules.Clients {
		set := []any{r}
		for _, c := range s.Allowances {
			if c.Name == r.Name {
				set = append(set, c)
			}
		}
		out[r.Name] = set
	}
	return out
}

func credentialsOf(s config.Settings) map[string]any {
	out := map[string]any{}
	for _, c := range s.Credentials {
		out[c.Name] = c
	}
	return out
}
