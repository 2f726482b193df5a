// Package exchange answers one authorized request: from a stored representation
// that GitHub has just vouched for, or by sending it with a credential of the
// client's pool.
//
// It refuses to know connections, clients' tokens and scopes: a [policy.Grant] says
// what may be asked and for whom, and nothing is sent without one.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// An Outcome says how a request was answered.
type Outcome string

// The outcomes an exchange has. A request that got an error of ours instead is
// refused, which is for the caller to say.
const (
	Hit         Outcome = "hit"         // stored, and vouched for recently enough not to ask
	Revalidated Outcome = "revalidated" // stored, and GitHub said it has not changed
	Fetched     Outcome = "fetched"     // GitHub sent it
	Forwarded   Outcome = "forwarded"   // passed through: writes, GraphQL, git, files
)

// ErrNoGrant is returned for a request that no policy has authorized.
var ErrNoGrant = errors.New("no grant")

// Config is what an exchange works with. Store, Pools and Upstream are required.
type Config struct {
	Store store.Store
	Pools *pool.Pools

	// Upstream sends a request to GitHub. It must not follow redirects, must not
	// decompress, and must send nothing to a host that is not configured.
	Upstream http.RoundTripper

	Log       *slog.Logger
	Sent      func(Sent)    // told of every request to GitHub; may be nil
	UserAgent string        // octopool's own name, sent with what is stored
	FreshFor  time.Duration // serve without asking for this long; 0 is always ask
	MaxEntry  int64         // larger bodies are passed on and not stored, bytes
}

// Sent is one request that went to GitHub, whether or not its answer reached a client.
type Sent struct {
	Kind       policy.Kind
	Credential string // "" when none of ours was presented
	Resource   string
	Status     int // 0 when there was no answer
	Took       time.Duration
}

// An Exchange answers requests. It is safe for concurrent use.
type Exchange struct {
	Config
	now        func() time.Time
	validators validators
	formulas   formulas
	writes     writes
}

// New returns an exchange.
func New(c Config) *Exchange {
	if c.MaxEntry == 0 {
		c.MaxEntry = 8 << 20
	}
	if c.UserAgent == "" {
		c.UserAgent = "octopool"
	}
	return &Exchange{Config: c, now: time.Now}
}

// Do answers a request that policy has granted. What is asked is taken from the
// grant, not from in: in gives the query, the headers and the body.
//
// Its errors are [ErrNoGrant], [ErrTokenInQuery], those of [pool.Pools.Lease], and
// an *[Unreachable].
func (x *Exchange) Do(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	if !g.Valid() {
		return nil, ErrNoGrant
	}
	if err := checkQuery(in.URL.RawQuery); err != nil {
		return nil, err
	}
	r := g.Request()
	switch {
	case g.Presents() != policy.Pooled:
		return x.pass(ctx, g, in)
	case r.Kind == policy.KindREST && isRateLimit(r):
		return x.rateLimit(g, in), nil
	case storable(r, in.Header):
		a, err := x.revalidate(ctx, g, in)
		if err != nil {
			return nil, err
		}
		return x.conclude(g, in, a), nil
	default:
		a, err := x.forward(ctx, g, in)
		if err != nil {
			return nil, err
		}
		return x.conclude(g, in, a), nil
	}
}

// Unreachable is returned when GitHub gave no answer.
type Unreachable struct {
	Host string
	Err  error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("%s gave no answer: %v", e.Host, e.Err) }
func (e *Unreachable) Unwrap() error { return e.Err }

// revalidate is the whole story of one request whose answer may be stored.
func (x *Exchange) revalidate(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	key := keyOf(g.Request(), in)
	known := views(x.Store.Lookup(key))
	if view := x.fresh(g, known); view != nil {
		if a, ok := x.stored(key, view, Hit); ok {
			return a, nil
		}
	}
	for {
		lease, err := x.Pools.Lease(ctx, x.want(g, known))
		if err != nil {
			return nil, err
		}
		out := x.requestFor(ctx, g, key)
		out.Header.Set("Authorization", lease.Authorization(g.Request().Kind))
		offered := x.condition(out, key, known.offer(g.Pool(), lease.Credential()), lease)
		resp, verdict, err := x.send(out, g.Request().Kind, lease)
		if err != nil {
			return nil, err
		}
		if verdict.Rejected { // not executed, and the next lease is of another credential
			resp.Body.Close()
			continue
		}
		a, err := x.conclusion(g, key, known, offered, lease, resp)
		if err == nil && a == nil { // what was vouched for is gone from the store: ask for it
			known = known.without(offered)
			continue
		}
		if err == nil {
			a.account(lease, verdict)
		}
		return a, err
	}
}

// conclusion turns GitHub's answer to a request that offered a view (or none) into
// ours. It is nil without an error when the view could no longer be read.
func (x *Exchange) conclusion(g policy.Grant, key store.Key, all views, offered *store.Representation, lease *pool.Lease, resp *http.Response) (*Answer, error) {
	if resp.StatusCode != http.StatusNotModified {
		a := x.keep(g, key, all, lease, resp)
		a.stale = offered != nil
		return a, nil
	}
	resp.Body.Close()
	if offered == nil {
		return nil, &Unreachable{key.Host, errors.New("304 to a request without a condition")}
	}
	x.vouch(g, key, offered, lease, resp.Header)
	a, ok := x.stored(key, offered, Revalidated)
	if !ok {
		x.Store.Drop(key, offered.Body)
		return nil, nil
	}
	liven(a.Header, resp.Header)
	a.Upstream = resp.StatusCode
	return a, nil
}

// want says what a lease for a storable request is for.
func (x *Exchange) want(g policy.Grant, all views) pool.Want {
	w := pool.WantOf(g)
	w.Affinity = func(credential string) int { return all.affinity(g.Pool(), credential) }
	return w
}
