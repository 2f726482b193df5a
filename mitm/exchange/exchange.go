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
	"runtime/debug"
	"sync/atomic"
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
	Coalesced   Outcome = "coalesced"   // another's request, sent after this one came, brought it
	Stale       Outcome = "stale"       // stored, and GitHub could not be asked
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
	Sent      func(Sent) // told of every request to GitHub; may be nil
	UserAgent string     // octopool's own name, sent with what is stored

	Tuning // to begin with; see Exchange.Tune

	// ETagLists sends several validators at once where several are known. Whether GitHub
	// reads such a list is not known; if it does not, each that is sent costs a point.
	ETagLists bool
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
	Config     // less its tuning
	tuning     atomic.Pointer[Tuning]
	now        func() time.Time
	began      time.Time // what was written before, nobody remembers
	validators validators
	formulas   formulas
	writes     writes
	opened     opened
	flights    flights
	missing    *store.Memory // 404s, by whom they were told
	queries    *store.Memory // results of GraphQL queries
}

// Bounds of what is kept in memory alone, in bytes.
const (
	missingKept = 8 << 20
	queriesKept = 64 << 20
)

// New returns an exchange.
func New(c Config) *Exchange {
	if c.UserAgent == "" {
		c.UserAgent = "octopool"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	x := &Exchange{
		Config: c, now: time.Now, began: time.Now(),
		missing: store.NewMemory(missingKept), queries: store.NewMemory(queriesKept),
	}
	x.Tune(c.Tuning)
	x.Config.Tuning = Tuning{} // it would be that of the beginning, whatever it is by now
	return x
}

// Wait returns when nothing that may be stored is under way. What a client has read to
// its end may still be being stored.
func (x *Exchange) Wait() { x.flights.wait() }

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
	var a *Answer
	var err error
	switch {
	case g.Presents() != policy.Pooled:
		return x.pass(ctx, g, in)
	case r.Kind == policy.KindREST && isRateLimit(r):
		return x.rateLimit(ctx, g, in)
	case storable(r, in.Header):
		a, err = x.read(ctx, g, in)
	case r.Kind == policy.KindGraphQL:
		a, err = x.query(ctx, g, in)
	default:
		a, err = x.forward(ctx, g, in)
	}
	if err != nil {
		return nil, err
	}
	return x.conclude(g, in, a), nil
}

// Unreachable is returned when GitHub gave no answer.
type Unreachable struct {
	Host string
	Err  error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("%s gave no answer: %v", e.Host, e.Err) }
func (e *Unreachable) Unwrap() error { return e.Err }

// read answers a request whose answer may be stored: from the store alone where that may
// be, else with others that ask the same at the same moment.
func (x *Exchange) read(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	q := x.questionOf(g, in)
	if a := x.fresh(g, q); a != nil {
		return a, nil
	}
	return x.fly(ctx, q, wantsWhole(in), func(f *flight) error { return x.revalidate(f, g) })
}

// fly joins a flight. One that comes down by a bug of ours takes nobody else along.
func (x *Exchange) fly(ctx context.Context, q question, whole bool, story func(*flight) error) (*Answer, error) {
	return x.flights.join(ctx, q, whole, func(f *flight) (err error) {
		defer func() {
			if bug := recover(); bug != nil {
				x.Log.Error("a bug", "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
				err = errBug
			}
		}()
		return story(f)
	})
}

var errBug = errors.New("a bug of octopool's, see its log")

// revalidate is the whole story of a question whose answer may be stored.
func (x *Exchange) revalidate(f *flight, g policy.Grant) error {
	if err := f.turn(); err != nil {
		return err
	}
	if f.answered(func() *Answer { return x.fresh(g, f.question) }) {
		return nil
	}
	q := x.lookUp(g, f.question)
	q.known = x.candidates(q.key, q.own)
	t := attempt{want: x.want(q)}
	defer t.end()
	for {
		lease, err := x.Pools.Lease(f, t.want)
		if err != nil {
			return x.makeDo(f, q, &t, err)
		}
		q.with(lease, x.now())
		if f.answered(func() *Answer { return x.recall(q) }) {
			lease.Release()
			return nil
		}
		out := x.requestFor(f, g, q.key)
		out.Header.Set("Authorization", lease.Authorization(g.Request().Kind))
		q.offered = x.condition(out, q.key, x.choose(q), lease)
		f.depart(q.bringing())
		resp, verdict, err := x.send(out, g.Request().Kind, lease)
		q.verdict = verdict
		switch {
		case err == nil && verdict.NotCovered != nil:
			resp.Body.Close()
			return verdict.NotCovered
		case err == nil && t.again(resp, verdict, lease):
			f.land()
		case err != nil || resp.StatusCode >= http.StatusInternalServerError:
			return x.excuse(f, q, resp, err)
		case resp.StatusCode != http.StatusNotModified:
			q.verdict.Points += t.spent
			x.keep(f, q, resp)
			return nil
		default:
			resp.Body.Close()
			if done, err := x.reuse(f, q, resp.Header); done || err != nil {
				return err
			}
		}
	}
}

// makeDo answers when no credential is left to ask: with what GitHub said to one that
// was, if that is an answer, or with why there is none.
func (x *Exchange) makeDo(f *flight, q *inquiry, t *attempt, err error) error {
	if t.aside == nil {
		return err
	}
	q.lease, q.verdict = t.lease, t.verdict
	x.keep(f, q, t.take())
	return nil
}

// want says what a lease for an inquiry is for.
func (x *Exchange) want(q *inquiry) pool.Want {
	w := pool.WantOf(q.grant)
	w.Audience = q.pool // whose tokens are narrowed so, though a reload may have changed how its client's are
	w.Prefer = vouching(q.known, q.pool)
	return w
}
