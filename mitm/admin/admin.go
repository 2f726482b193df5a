// Package admin is what operators read of a running octopool: metrics, health, status, and a
// page that shows them. It has a listener of its own, apart from the one clients use, and changes
// nothing but what is stored, which can be asked for again; and it has the configuration read anew.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"octopool/mitm/admin/history"
	"octopool/mitm/learning"
	"octopool/mitm/mint"
	"octopool/policy"
)

// Config is what the admin listener shows.
type Config struct {
	Metrics func(io.Writer) // in Prometheus' text format
	Pools   func() []Pool   // as Status has them; asked for at every probe
	Status  func() Status
	Cache   func() Cache
	Purge   func(Pattern) (Purged, error) // an error says what is wrong with the pattern
	Mint    func(mint.Order) (mint.Token, error)
	Revoke  func(id string) error
	Reload  func(context.Context) Reloaded   // nil where there is nothing to read anew
	History func(client string) history.View // of all when it is ""
	Usage   func(client string) learning.Usage
	Token   policy.Secret // asked for as a Bearer token or at /login; the zero Secret asks for none

	sessions  *sessions     // of browsers that have shown the token
	onlookers chan struct{} // has one for each reader of events
}

// Handler serves /metrics, /api, the dashboard, /healthz and /readyz. Health is told to
// anyone; the rest is behind the token where there is one.
func Handler(c Config) http.Handler {
	c.sessions, c.onlookers = new(sessions), make(chan struct{}, mostOnlookers)
	mux, texts := http.NewServeMux(), newDescriber()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", c.ready)
	mux.HandleFunc("GET /metrics", c.guard(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		var b bytes.Buffer
		c.Metrics(&b)
		metrics.WriteProcessMetrics(&b)
		w.Write(texts.describe(b.Bytes()))
	}))
	mux.HandleFunc("GET /api/status", c.guard(func(w http.ResponseWriter, _ *http.Request) { answer(w, c.Status()) }))
	mux.HandleFunc("GET /api/history", c.guard(c.history))
	mux.HandleFunc("GET /api/clients/{name}/usage", c.guard(func(w http.ResponseWriter, r *http.Request) { answer(w, c.Usage(r.PathValue("name"))) }))
	mux.HandleFunc("GET /api/events", c.guard(c.events))
	mux.HandleFunc("GET /api/cache", c.guard(func(w http.ResponseWriter, _ *http.Request) { answer(w, c.Cache()) }))
	mux.HandleFunc("POST /api/cache/purge", c.guard(c.purge))
	mux.HandleFunc("POST /api/mint", c.guard(c.mint))
	mux.HandleFunc("POST /api/revoke", c.guard(c.revoke))
	if c.Reload != nil {
		mux.HandleFunc("POST /api/reload", c.guard(c.reload))
	}
	c.dashboard(mux)
	return mux
}

// answer is what is known, as JSON.
func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	out.Encode(what) // an error is the reader's, who has left
}

// ready says whether octopool can do some work: a credential of any pool can serve. One
// pool that cannot is told here, but is no reason to send the clients of all others
// elsewhere. Probes look at the status alone and hold no token: why is for operators.
func (c Config) ready(w http.ResponseWriter, r *http.Request) {
	pools := c.Pools()
	unable := slices.DeleteFunc(slices.Clone(pools), func(p Pool) bool { return p.Ready })
	status, text := http.StatusOK, "ready\n"
	if len(unable) == len(pools) {
		status, text = http.StatusServiceUnavailable, "not ready\n"
	}
	if len(unable) > 0 && !c.allows(r) {
		text += "a pool cannot serve; sent with admin.token, this tells which and why\n"
		unable = nil
	}
	for _, p := range unable {
		text += fmt.Sprintf("pool %s of %s cannot serve: %s\n", p.Name, p.GitHub, p.whyNot())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// whyNot names the credentials of a pool and what keeps each from serving.
func (p Pool) whyNot() string {
	var reasons []string
	for _, c := range p.Credentials {
		reasons = append(reasons, c.Name+" ("+printable(c.Reason)+")")
	}
	return strings.Join(reasons, ", ")
}
