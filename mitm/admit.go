package mitm

import (
	"errors"
	"net/http"

	"octopool/policy"
)

// A Door says who may come in at the proxy listener, and how.
type Door struct {
	// RequireAuth closes the proxy to those whose Proxy-Authorization names no client.
	RequireAuth bool

	// BaseURL answers API requests to the listener itself, without a tunnel. They hold a
	// token, so it is for listeners that are TLS or loopback, or where the network is
	// trusted.
	BaseURL bool
}

// A stranger is someone whom the proxy does not let in: who names no client where one is
// required, or one that is not registered.
type stranger struct{ why error }

func (e *stranger) Error() string {
	if errors.Is(e.why, policy.ErrNoToken) {
		return "this proxy is for registered clients: write its URL as http://NAME:TOKEN@HOST:PORT"
	}
	return "no client is registered with the token of the proxy's URL"
}

func (e *stranger) Unwrap() error { return e.why }

// admit finds the client that a request's Proxy-Authorization names, for all that comes
// through its tunnel. Without one there is none, if that may be. One that names nobody is
// refused in any case: who sends it would else go on as somebody else.
func (p *Proxy) admit(r *http.Request) (policy.Named, error) {
	rules := p.rules.Load()
	named, err := p.recognize(r.Context(), rules.Policy, r.Header["Proxy-Authorization"])
	if errors.Is(err, policy.ErrNoToken) && !rules.Door.RequireAuth {
		return named, nil
	}
	if err != nil {
		return named, &stranger{err}
	}
	return named, nil
}
