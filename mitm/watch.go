package mitm

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"octopool/mitm/admin"
	"octopool/policy/pool"
)

// WriteMetrics writes everything the proxy counts, and budgets, credentials, clients and
// the store as they stand, in Prometheus' text format.
func (p *Proxy) WriteMetrics(w io.Writer) {
	now := metrics.NewSet()
	gauge := func(value float64, name string, labels ...any) {
		now.NewGauge(fmt.Sprintf(name, labels...), func() float64 { return value })
	}
	for _, s := range p.Pools.Standings() {
		gauge(float64(btoi(s.Up)), "octopool_credential_up{credential=%q}", s.Name)
		gauge(1, "octopool_credential_info{credential=%q,pool=%q,github=%q,kind=%q,principal=%q}", s.Name, s.Pool, s.GitHub, s.Kind, label(s.Principal))
		gauge(float64(s.InFlight), "octopool_credential_in_flight{credential=%q}", s.Name)
		for resource, b := range s.Budgets {
			gauge(float64(b.Limit), "octopool_budget_limit{credential=%q,resource=%q}", s.Name, resource)
			gauge(float64(b.Remaining), "octopool_budget_remaining{credential=%q,resource=%q}", s.Name, resource)
			gauge(max(0, time.Until(b.Reset).Seconds()), "octopool_budget_reset_seconds{credential=%q,resource=%q}", s.Name, resource)
		}
	}
	for _, s := range p.Pools.Spendings() {
		gauge(float64(s.InFlight), "octopool_client_requests_in_flight{client=%q}", s.Name)
		gauge(float64(s.Waiting), "octopool_client_requests_waiting{client=%q}", s.Name)
		if s.Allowance.Limit > 0 {
			gauge(float64(s.Allowance.Limit), "octopool_client_allowance_limit{client=%q}", s.Name)
			gauge(float64(s.Allowance.Remaining), "octopool_client_allowance_remaining{client=%q}", s.Name)
			gauge(max(0, time.Until(s.Allowance.Reset).Seconds()), "octopool_client_allowance_reset_seconds{client=%q}", s.Name)
		}
	}
	stored := p.Store.Stats()
	gauge(float64(stored.Entries), "octopool_store_entries")
	gauge(float64(stored.Bytes), "octopool_store_bytes")
	now.NewCounter("octopool_store_errors_total").Set(stored.Errors)
	now.NewCounter("octopool_store_evictions_total").Set(stored.Evictions)
	held, failed := p.exchange.FormulaChecks()
	now.NewCounter(`octopool_formula_total{result="match"}`).Set(held)
	now.NewCounter(`octopool_formula_total{result="mismatch"}`).Set(failed)
	gauge(float64(p.Authority.NotAfter().Unix()), "octopool_ca_expiry_timestamp_seconds")
	p.meters.set.WritePrometheus(w)
	now.WritePrometheus(w)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// label is a text of GitHub's as a metric label: a login or the name of an installation's
// account. There is one for each of our own credentials, so they are few; what is in them
// is GitHub's word, so it is cut to what accounts are called.
func label(text string) string {
	const longest = 100
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(" .-_[]", r):
			return r
		}
		return '_'
	}, text)
	return clean[:min(len(clean), longest)]
}

// Status is what operators read of the proxy: all of it but version and start, which are
// not its own.
func (p *Proxy) Status() admin.Status {
	return admin.Status{
		Now:     time.Now().UTC(),
		Pools:   p.PoolStatus(),
		Clients: p.clientStatus(),
		Store:   p.storeStatus(),
		Formula: p.formulaStatus(),
		Tunnels: admin.Tunnels{
			Active: p.meters.tunnels.Load(), SentBytes: p.meters.bytes["sent"].Get(), ReceivedBytes: p.meters.bytes["received"].Get(),
		},
	}
}

// PoolStatus are the pools, by GitHub and name, with their credentials.
func (p *Proxy) PoolStatus() []admin.Pool {
	pools := []admin.Pool{}
	for _, s := range p.Pools.Standings() {
		c := admin.Credential{
			Name: s.Name, Kind: s.Kind, Owner: s.Owner, Principal: s.Principal,
			Up: s.Up, Reason: s.Reason, InFlight: s.InFlight, Budgets: map[string]admin.Budget{},
		}
		if !s.Retry.IsZero() {
			retry := s.Retry.UTC().Round(time.Second)
			c.Retry = &retry
		}
		for resource, b := range s.Budgets {
			c.Budgets[resource] = told(b)
		}
		i := slices.IndexFunc(pools, func(o admin.Pool) bool { return o.GitHub == s.GitHub && o.Name == s.Pool })
		if i < 0 {
			i = len(pools)
			pools = append(pools, admin.Pool{GitHub: s.GitHub, Name: s.Pool})
		}
		pools[i].Credentials = append(pools[i].Credentials, c)
		pools[i].Ready = pools[i].Ready || s.Ready
	}
	slices.SortFunc(pools, func(a, b admin.Pool) int {
		return cmp.Or(strings.Compare(a.GitHub, b.GitHub), strings.Compare(a.Name, b.Name))
	})
	return pools
}

func told(b pool.Budget) admin.Budget {
	return admin.Budget{Limit: b.Limit, Used: b.Used, Remaining: b.Remaining, Reset: b.Reset.UTC().Round(time.Second)}
}

// clientStatus are the clients by name, with what was counted of each.
func (p *Proxy) clientStatus() []admin.Client {
	all := map[string]*admin.Client{}
	of := func(name string) *admin.Client {
		if all[name] == nil {
			all[name] = &admin.Client{
				Name: name, Requests: map[string]uint64{}, PointsSpent: map[string]uint64{}, PointsSaved: map[string]uint64{}, Refused: map[string]uint64{}, WouldRefuse: map[string]uint64{},
			}
		}
		return all[name]
	}
	for _, s := range p.Pools.Spendings() {
		c := of(s.Name)
		c.InFlight, c.Waiting = s.InFlight, s.Waiting
		if s.Allowance.Limit > 0 {
			allowance := told(s.Allowance)
			c.Allowance = &allowance
		}
	}
	p.meters.requests.each(func(l requestLabels, n *metrics.Counter) { of(l.client).Requests[l.outcome] += n.Get() })
	p.meters.refusals.each(func(l refusedLabels, n *metrics.Counter) { of(l.client).Refused[l.reason] += n.Get() })
	p.meters.spared.each(func(l refusedLabels, n *metrics.Counter) { of(l.client).WouldRefuse[l.reason] += n.Get() })
	p.meters.spent.each(func(l pointLabels, n *metrics.Counter) { of(l.client).PointsSpent[l.resource] += n.Get() })
	p.meters.saved.each(func(l pointLabels, n *metrics.Counter) { of(l.client).PointsSaved[l.resource] += n.Get() })
	clients := []admin.Client{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		clients = append(clients, *all[name])
	}
	return clients
}
