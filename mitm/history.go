package mitm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"octopool/mitm/admin/history"
	"octopool/mitm/audit"
	"octopool/policy"
)

// lookEvery is how often the counters are read for the history.
const lookEvery = 10 * time.Second

// Remember keeps the history of the last day, which [Proxy.History] tells, until ctx is done.
func (p *Proxy) Remember(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.look()
		}
	}
}

// History is what was remembered up to now, of one client or, when it is "", of all.
func (p *Proxy) History(client string) history.View {
	return p.history.View(p.look(), client)
}

// look adds what was counted since the last look.
func (p *Proxy) look() (now time.Time) {
	p.looking.Lock() // a reading must not come behind a later one
	defer p.looking.Unlock()
	now = time.Now().UTC()
	p.history.Add(now, p.reading())
	return now
}

// reading is what the counters and budgets are now. Requests without a route, such as git's,
// are told by their kind.
func (p *Proxy) reading() history.Reading {
	r := history.Reading{
		Outcomes: map[string]uint64{}, Clients: map[string]history.Tally{}, Calls: map[history.Call]history.Tally{}, Budgets: map[history.Budget]int{},
	}
	client := func(name string, came history.Tally) { r.Clients[name] = r.Clients[name].Plus(came) }
	call := func(client, route string, came history.Tally) {
		c := history.Call{Client: client, Route: route}
		r.Calls[c] = r.Calls[c].Plus(came)
	}
	p.meters.requests.each(func(l requestLabels, n *metrics.Counter) {
		r.Outcomes[l.outcome] += n.Get()
		client(l.client, history.Tally{Requests: n.Get()})
		if !hasRoute(policy.Kind(l.kind)) {
			call(l.client, l.kind, asked(l.outcome, n.Get()))
		}
	})
	p.meters.routes.each(func(l routeLabels, n *metrics.Counter) { call(l.client, l.route, asked(l.outcome, n.Get())) })
	p.meters.routesSpent.each(func(l routePointLabels, n *metrics.Counter) { call(l.client, l.route, history.Tally{Spent: n.Get()}) })
	p.meters.routesSaved.each(func(l routePointLabels, n *metrics.Counter) { call(l.client, l.route, history.Tally{Saved: n.Get()}) })
	p.meters.refusals.each(func(l refusedLabels, n *metrics.Counter) { client(l.client, history.Tally{Refused: n.Get()}) })
	p.meters.spent.each(func(l pointLabels, n *metrics.Counter) { client(l.client, history.Tally{Spent: n.Get()}) })
	p.meters.saved.each(func(l pointLabels, n *metrics.Counter) { client(l.client, history.Tally{Saved: n.Get()}) })
	for _, s := range p.Pools.Standings() {
		for resource, b := range s.Budgets {
			r.Budgets[history.Budget{Credential: s.Name, Resource: resource}] = b.Remaining
		}
	}
	return r
}

// asked is requests that were answered so.
func asked(outcome string, n uint64) history.Tally {
	if outcome == "refused" {
		return history.Tally{Requests: n, Refused: n}
	}
	return history.Tally{Requests: n}
}

// hasRoute reports whether requests of a kind have routes of GitHub's API.
func hasRoute(kind policy.Kind) bool {
	return kind == policy.KindREST || kind == policy.KindGraphQL || kind == policy.KindUpload
}

// remember notes a request that went wrong, with the error as the log has it. What GitHub
// answered in the hundreds of 400 is its client's business.
func (p *Proxy) remember(w *record, r *http.Request, err error) {
	t := history.Trouble{
		Client: cmp.Or(w.client, "-"), Method: r.Method, Host: w.asked.Origin.Host, Path: r.URL.Path, // never the query: it can hold secrets
		Status: w.status,
	}
	switch {
	case errors.Is(r.Context().Err(), context.Canceled): // the client left
		return
	case w.answer == nil && w.asked.Kind == policy.KindGit && errors.Is(err, policy.ErrNoToken):
		return // git always asks without its token first
	case w.answer == nil && err != nil:
		t.Reason, t.Detail = w.refusal, err.Error()
	case err != nil:
		t.Reason, t.Detail = "broken", err.Error()
	case w.status >= http.StatusInternalServerError:
		t.Reason, t.Detail = "github", fmt.Sprintf("GitHub answered %d", w.status)
	default:
		return
	}
	p.history.Trouble(time.Now().UTC(), t)
}

// turnedAway counts and notes a tunnel or plain request that is refused before anybody
// knows whose it is.
func (p *Proxy) turnedAway(method, target string, err error) {
	now := time.Now().UTC()
	r := refusalFor(err, now)
	p.meters.refused("-", r.reason)
	p.history.Trouble(now, history.Trouble{Client: "-", Method: method, Host: target, Status: r.status, Reason: r.reason, Detail: err.Error()})
	p.Audit.Add(audit.Entry{Time: now, Event: audit.Refusal, Method: method, Host: target, Status: r.status, Reason: r.reason, Message: err.Error()})
}
