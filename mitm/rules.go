package mitm

import (
	"net/http"

	"octopool/mitm/exchange"
	"octopool/policy"
)

// Rules are what may change while a proxy serves. A request is bound by those it came
// under: they are looked up once for each, and never changed in place.
type Rules struct {
	Policy *policy.Policy
	Egress Egress
	Door   Door
	Limits Limits
	Tuning
}

// Tuning says when GitHub need not be asked; see [exchange.Tuning].
type Tuning = exchange.Tuning

// A Freshness is how long answers to some requests are served without asking GitHub.
type Freshness = exchange.Freshness

// Change gives the proxy other rules. They hold for the next request of every client, on
// connections that are open too; requests and tunnels that are under way are left alone.
func (p *Proxy) Change(r Rules) {
	p.exchange.Tune(r.Tuning)
	r.Egress.own = p.isOwn
	p.rules.Store(&r)
	if t, ok := p.forwarder.Transport.(*http.Transport); ok {
		t.CloseIdleConnections() // to where they may not lead any more
	}
}
