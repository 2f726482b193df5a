package oidc

import (
	"fmt"
	"io"

	"github.com/VictoriaMetrics/metrics"
)

// meters count by issuer, of which the configuration names each.
type meters struct{ set *metrics.Set }

func newMeters() *meters { return &meters{metrics.NewSet()} }

// token counts one that was not remembered. Issuers that nobody has configured go by "".
func (m *meters) token(issuer, result string) {
	m.set.GetOrCreateCounter(fmt.Sprintf("octopool_oidc_tokens_total{issuer=%q,result=%q}", issuer, result)).Inc()
}

// fetched counts a question for an issuer's keys.
func (m *meters) fetched(issuer string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.set.GetOrCreateCounter(fmt.Sprintf("octopool_oidc_key_fetches_total{issuer=%q,result=%q}", issuer, result)).Inc()
}

// WriteMetrics writes what was counted, and how old each issuer's keys are, in Prometheus'
// text format.
func (v *Verifier) WriteMetrics(w io.Writer) {
	now := metrics.NewSet()
	v.mu.RLock()
	for url, i := range v.issuers {
		if age, known := i.keys.age(); known {
			now.NewGauge(fmt.Sprintf("octopool_oidc_keys_age_seconds{issuer=%q}", url), age.Seconds)
		}
	}
	v.mu.RUnlock()
	v.meters.set.WritePrometheus(w)
	now.WritePrometheus(w)
}
