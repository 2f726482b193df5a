package exchange

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// An inquiry is a question as it is put to GitHub, and what is known of its answer. Only
// the one flight that carries it uses it.
type inquiry struct {
	grant policy.Grant
	question
	own   views       // what is stored under the key
	known []candidate // what GitHub may be asked to confirm

	// Of the last time it was sent:
	lease   *pool.Lease
	by      store.Voucher // what the credential vouches for was so then, or later
	offered []offer
	verdict pool.Verdict
}

func (x *Exchange) questionOf(g policy.Grant, in *http.Request) question {
	w := pool.WantOf(g)
	return question{
		key: keyOf(g.Request(), in), pool: x.Pools.Audience(w.Pool, w.Client), payer: x.Pools.Payer(w.Client),
		owner: strings.ToLower(w.Owner), steady: w.Steady, strict: insists(in.Header),
	}
}

// lookUp finds what is stored under a question's key.
func (x *Exchange) lookUp(g policy.Grant, q question) *inquiry {
	return &inquiry{grant: g, question: q, own: x.Store.Lookup(q.key)}
}

// with notes who is about to be asked for it, and when.
func (q *inquiry) with(lease *pool.Lease, now time.Time) {
	q.lease = lease
	q.by = store.Voucher{Pool: q.pool, Credential: lease.Credential(), At: now}
}

// bringing reports whether the answer is likely to be of use to who asks next: unless it
// is expected to confirm what is stored under this key.
func (q *inquiry) bringing() bool { return len(q.offered) == 0 || q.offered[0].why != stale }

// marks are those that what GitHub sent has from what it is in the place of. If a newer
// one from under another Accept was offered in vain, it has changed again, or the two are
// apart: then what is stored under the key would have been confirmed.
func (q *inquiry) marks(sent store.Digest) uint8 {
	switch {
	case len(q.own) == 0:
		return 0
	case len(q.offered) > 0 && q.offered[0].newer && slices.ContainsFunc(q.own, func(r store.Representation) bool { return r.Body == sent }):
		return apart
	}
	return q.own[0].Hashed & marks
}

// wantsWhole reports whether a client is told what only the complete answer can tell: a
// digest of it, or whether that is the one the client has.
func wantsWhole(in *http.Request) bool {
	return in.Method == http.MethodHead || in.Header.Get("If-None-Match") != ""
}
