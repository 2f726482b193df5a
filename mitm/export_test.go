package mitm

import (
	"context"
	"net/http"

	"octopool/policy"
)

// Handler is what comes in at the proxy listener, for tests without one.
func (p *Proxy) Handler() http.Handler { return p.outer.Handler }

// Identify is how a proxy with these verifiers identifies a request outside of any tunnel that
// was named.
func Identify(ctx context.Context, rules *policy.Policy, authorization []string, verifiers ...Verifier) (policy.Caller, error) {
	p := &Proxy{Config: Config{Verifiers: verifiers}}
	return p.identify(ctx, rules, policy.Named{}, authorization)
}

// AllLimits are the names of the limits that are counted.
func AllLimits() []string { return allLimits[:] }
