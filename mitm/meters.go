package mitm

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"octopool/mitm/exchange"
	"octopool/policy"
	"octopool/policy/pool"
)

// meters are the counters of one proxy. Labels come from closed vocabularies: names of
// the configuration, statuses, GitHub's own route templates.
type meters struct {
	set     *metrics.Set
	tunnels atomic.Int64

	requests family[requestLabels, *metrics.Counter]
	routes   family[routeLabels, *metrics.Counter]
	took     family[tookLabels, *metrics.PrometheusHistogram]
	toGitHub family[sentLabels, *metrics.Counter]
	gitTook  family[string, *metrics.PrometheusHistogram]
	spent    family[pointLabels, *metrics.Counter]
	saved    family[pointLabels, *metrics.Counter]
	refusals family[refusedLabels, *metrics.Counter]
	spared   family[refusedLabels, *metrics.Counter] // refusals that are reported only

	routesSpent, routesSaved family[routePointLabels, *metrics.Counter]

	limits map[string]*metrics.Counter
	bytes  map[string]*metrics.Counter
	conns  map[string]*atomic.Int64
}

type (
	requestLabels struct{ client, kind, method, code, outcome string }
	routeLabels   struct{ client, route, outcome string }
	tookLabels    struct{ kind, outcome string }
	sentLabels    struct{ credential, resource, code string }
	pointLabels   struct{ client, resource string }
	refusedLabels struct{ client, reason string }

	routePointLabels struct{ client, route string }
)

// seconds are the buckets of durations: API answers take milliseconds, a hit less, and a
// clone may take minutes.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

func newMeters() *meters {
	set := metrics.NewSet()
	histogram := func(name string) *metrics.PrometheusHistogram {
		return set.GetOrCreatePrometheusHistogramExt(name, seconds)
	}
	m := &meters{set: set, limits: map[string]*metrics.Counter{}, bytes: map[string]*metrics.Counter{}, conns: map[string]*atomic.Int64{}}
	m.requests.make = func(l requestLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_requests_total{client=%q,kind=%q,method=%q,code=%q,outcome=%q}", l.client, l.kind, l.method, l.code, l.outcome))
	}
	m.routes.make = func(l routeLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_route_requests_total{client=%q,route=%q,outcome=%q}", l.client, l.route, l.outcome))
	}
	m.took.make = func(l tookLabels) *metrics.PrometheusHistogram {
		return histogram(fmt.Sprintf("octopool_request_duration_seconds{kind=%q,outcome=%q}", l.kind, l.outcome))
	}
	m.toGitHub.make = func(l sentLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_github_requests_total{credential=%q,resource=%q,code=%q}", l.credential, l.resource, l.code))
	}
	m.gitTook.make = func(kind string) *metrics.PrometheusHistogram {
		return histogram(fmt.Sprintf("octopool_github_request_duration_seconds{kind=%q}", kind))
	}
	m.spent.make = func(l pointLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_points_spent_total{client=%q,resource=%q}", l.client, l.resource))
	}
	m.saved.make = func(l pointLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_points_saved_total{client=%q,resource=%q}", l.client, l.resource))
	}
	m.routesSpent.make = func(l routePointLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_route_points_spent_total{client=%q,route=%q}", l.client, l.route))
	}
	m.routesSaved.make = func(l routePointLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_route_points_saved_total{client=%q,route=%q}", l.client, l.route))
	}
	m.refusals.make = func(l refusedLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_refused_total{client=%q,reason=%q}", l.client, l.reason))
	}
	m.spared.make = func(l refusedLabels) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("octopool_would_refuse_total{client=%q,reason=%q}", l.client, l.reason))
	}
	for _, limit := range allLimits {
		m.limits[limit] = set.NewCounter(fmt.Sprintf("octopool_limited_total{limit=%q}", limit))
	}
	for _, direction := range []string{"sent", "received"} {
		m.bytes[direction] = set.NewCounter(fmt.Sprintf("octopool_tunnel_bytes_total{direction=%q}", direction))
	}
	for _, listener := range []string{"proxy", "intercepted"} {
		n := new(atomic.Int64)
		m.conns[listener] = n
		set.NewGauge(fmt.Sprintf("octopool_connections_active{listener=%q}", listener), func() float64 { return float64(n.Load()) })
	}
	set.NewGauge("octopool_tunnels_active", func() float64 { return float64(m.tunnels.Load()) })
	return m
}

// A family is the metrics that differ in their labels only. It remembers them by their
// labels' values, since building a name for each request costs more than counting.
type family[K comparable, M any] struct {
	make func(K) M
	made sync.Map // of K to M
}

func (f *family[K, M]) of(labels K) M {
	if m, ok := f.made.Load(labels); ok {
		return m.(M)
	}
	m := f.make(labels)
	f.made.Store(labels, m)
	return m
}

// each visits every metric of the family that there is by now.
func (f *family[K, M]) each(visit func(K, M)) {
	f.made.Range(func(labels, m any) bool {
		visit(labels.(K), m.(M))
		return true
	})
}

// request counts a request that has ended. Everything it counts is in its record.
func (m *meters) request(w *record, method, route string, took time.Duration) {
	client, kind, outcome := cmp.Or(w.client, "-"), w.kind(), w.outcome()
	m.requests.of(requestLabels{client, kind, methodLabel(method), strconv.Itoa(w.status), outcome}).Inc()
	m.took.of(tookLabels{kind, outcome}).Update(took.Seconds())
	if route != "" {
		m.routes.of(routeLabels{client, route, outcome}).Inc()
	}
	if w.spared != nil {
		m.spared.of(refusedLabels{client, refusalFor(w.spared, w.start).reason}).Inc()
	}
	if a := w.answer; a != nil && a.Resource != "" {
		m.spent.of(pointLabels{client, a.Resource}).Add(a.Spent)
		m.saved.of(pointLabels{client, a.Resource}).Add(a.Saved)
		if route != "" && a.Spent > 0 {
			m.routesSpent.of(routePointLabels{client, route}).Add(a.Spent)
		}
		if route != "" && a.Saved > 0 {
			m.routesSaved.of(routePointLabels{client, route}).Add(a.Saved)
		}
	}
}

// sent counts a request to GitHub.
func (m *meters) sent(s exchange.Sent) {
	m.toGitHub.of(sentLabels{cmp.Or(s.Credential, "-"), cmp.Or(s.Resource, "-"), strconv.Itoa(s.Status)}).Inc()
	m.gitTook.of(string(s.Kind)).Update(s.Took.Seconds())
}

// asked counts a request that the pools sent for themselves: what it cost is no client's.
func (m *meters) asked(a pool.Asked) {
	m.sent(exchange.Sent{Kind: policy.KindREST, Credential: a.Credential, Resource: a.Resource, Status: a.Status, Took: a.Took})
	if a.Resource != "" {
		m.spent.of(pointLabels{"-", a.Resource}).Add(a.Points)
	}
}

func (m *meters) refused(client, reason string) { m.refusals.of(refusedLabels{client, reason}).Inc() }

// limited counts that a client met a limit.
func (m *meters) limited(limit string) { m.limits[limit].Inc() }

// badStream counts what net/http tells of HTTP/2, in names of its own such as
// conn_ENHANCE_YOUR_CALM_too_many_early_resets.
func (m *meters) badStream(what string) {
	switch {
	case strings.Contains(what, "over_max_streams"):
		m.limited(limitStreams)
	case strings.Contains(what, "too_many_early_resets"): // CVE-2023-44487
		m.limited(limitResets)
	}
}

// tunnelled returns what counts the bytes of one direction.
func (m *meters) tunnelled(direction string) func(int64) {
	c := m.bytes[direction]
	return func(n int64) { c.AddInt64(n) }
}

// connections returns what counts a server's open connections.
func (m *meters) connections(listener string) func(net.Conn, http.ConnState) {
	n := m.conns[listener]
	return func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			n.Add(1)
		case http.StateHijacked, http.StateClosed:
			n.Add(-1)
		}
	}
}

// methodLabel is a method out of a closed set.
func methodLabel(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "other"
}
