// Package admin is what operators read of a running octopool: metrics and health. It
// has a listener of its own, apart from the one clients use, and changes nothing.
package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"octopool/policy"
)

// Config is what the admin listener shows.
type Config struct {
	Metrics func(io.Writer) // in Prometheus' text format
	Ready   func() error    // nil when octopool can do its work
	Token   policy.Secret   // asked for as a Bearer token; the zero Secret asks for none
}

// Handler serves /metrics, /healthz and /readyz. Health is told to anyone; metrics name
// clients and credentials, so they are behind the token where there is one.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := c.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !c.allows(r) {
			w.Header().Set("Www-Authenticate", `Bearer realm="octopool"`)
			http.Error(w, "send admin.token as a Bearer token", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		c.Metrics(w)
		metrics.WriteProcessMetrics(w)
	})
	return mux
}

// allows compares digests, in constant time, so that neither length nor content of the
// token can be learned from how long it takes.
func (c Config) allows(r *http.Request) bool {
	if c.Token.IsZero() {
		return true
	}
	scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	ok := strings.EqualFold(scheme, "Bearer") // RFC 9110, section 11.1
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(c.Token.Reveal()))
	return ok && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
