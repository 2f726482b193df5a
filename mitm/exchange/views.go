package exchange

import (
	"net/http"
	"slices"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// views are the stored representations of one key, most recently vouched for first.
// Two credentials may see different bytes at one URL (a repository's permissions
// differ between users), so there can be several.
type views []store.Representation

func vouchedBy(view *store.Representation, poolName, credential string) bool {
	return slices.ContainsFunc(view.Vouchers, func(w store.Voucher) bool {
		return w.Pool == poolName && w.Credential == credential
	})
}

func vouchedIn(view *store.Representation, poolName string) bool {
	return slices.ContainsFunc(view.Vouchers, func(w store.Voucher) bool { return w.Pool == poolName })
}

// vouchedAt is when a credential of the pool last vouched for the view; zero if none
// did.
func vouchedAt(view *store.Representation, poolName string) time.Time {
	var last time.Time
	for _, w := range view.Vouchers {
		if w.Pool == poolName && w.At.After(last) {
			last = w.At
		}
	}
	return last
}

// A vouch is written down again after this long, so that an unchanged resource that is
// read all the time does not write all the time.
const vouchNoted = time.Minute

// vouch records that GitHub has confirmed a view. One that has changed in more than that
// is written down in any case.
func (x *Exchange) vouch(q *inquiry, view *store.Representation, changed bool) {
	noted := vouchNoted
	if x.freshFor(q.grant.Request()) > 0 {
		noted = 0
	} else if x.tuning.Load().StaleIfError > 0 {
		noted = min(vouchNoted, x.tuning.Load().StaleIfError/8)
	}
	if !changed && vouchedBy(view, q.by.Pool, q.by.Credential) && q.by.At.Sub(vouchedAt(view, q.by.Pool)) < noted {
		return
	}
	view.Vouch(q.by)
	x.Store.Touch(q.key, view)
}

// A Freshness is how long answers to some requests are served without asking GitHub.
type Freshness struct {
	Paths policy.Scope
	For   time.Duration
}

// freshFor is how long an answer to r is served without asking. What speaks of the
// credential itself is always asked for.
func (x *Exchange) freshFor(r policy.Request) time.Duration {
	if pool.Identity(r) {
		return 0
	}
	for _, f := range x.tuning.Load().Fresh {
		if f.Paths.Allows(r) {
			return f.For
		}
	}
	return x.tuning.Load().FreshFor
}

// since is a view that a credential of the question's pool has vouched for less than so
// long ago, and after the last write to its repository; nil when there is none.
func (x *Exchange) since(g policy.Grant, asked question, all views, long time.Duration) *store.Representation {
	if long <= 0 || len(all) == 0 {
		return nil
	}
	now, written := x.now(), x.writes.last(g.Request())
	for i := range all {
		if at := vouchedAt(&all[i], asked.pool); now.Sub(at) < long && at.After(written) {
			return &all[i]
		}
	}
	return nil
}

// fresh answers from the store alone, if it may; else it is nil. What was vouched for in an
// earlier life of the store may have been written to since.
func (x *Exchange) fresh(g policy.Grant, asked question) *Answer {
	long := min(x.freshFor(g.Request()), x.now().Sub(x.began))
	if long <= 0 || asked.strict {
		return nil
	}
	q := x.lookUp(g, asked)
	return x.unasked(x.Store, q.question, x.since(g, asked, q.own, long), Hit)
}

// excuse answers for a GitHub that gave no answer, or one that it is at fault itself: with
// what is stored, if that may be.
func (x *Exchange) excuse(f *flight, q *inquiry, resp *http.Response, err error) error {
	var a *Answer
	if !q.strict && !pool.Identity(q.grant.Request()) {
		a = x.unasked(x.Store, q.question, x.since(q.grant, q.question, q.own, x.tuning.Load().StaleIfError), Stale)
	}
	switch {
	case a == nil && err != nil:
		return err
	case a == nil:
		x.keep(f, q, resp)
		return nil
	case err == nil:
		resp.Body.Close()
		a.Upstream = resp.StatusCode
	}
	a.why, a.detail = stale, "stale-if-error"
	a.account(q.lease, q.verdict)
	f.deliver(a)
	return nil
}

// unasked is the answer that a view is without GitHub's word.
func (x *Exchange) unasked(from store.Store, q question, view *store.Representation, outcome Outcome) *Answer {
	if view == nil {
		return nil
	}
	body, ok := from.Body(q.key, view)
	if !ok {
		return nil
	}
	a := stored(view, body, outcome)
	a.age(x.now().Sub(vouchedAt(view, q.pool)))
	return a
}
