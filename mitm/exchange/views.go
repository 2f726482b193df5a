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

// How much a credential is preferred for what is stored.
const (
	cannotVouch = iota // nothing stored could be confirmed by it
	couldVouch         // a view follows the formula, so any credential may confirm it
	hasVouched         // it was shown to be sent one of these views
)

// affinity says how likely a credential of the pool is to get a 304.
func (v views) affinity(poolName, credential string) int {
	view := v.offer(poolName, credential)
	switch {
	case view == nil:
		return cannotVouch
	case vouchedBy(view, poolName, credential):
		return hasVouched
	}
	return couldVouch
}

// offer is the view to make a request with this credential conditional on: the one it
// vouched for, else the latest that anybody did. An opaque view is offered only within
// a pool that has vouched for it, since its validator proves nothing beyond.
func (v views) offer(poolName, credential string) *store.Representation {
	for i := range v {
		if vouchedBy(&v[i], poolName, credential) {
			return &v[i]
		}
	}
	for i := range v {
		if !v[i].Opaque || vouchedIn(&v[i], poolName) {
			return &v[i]
		}
	}
	return nil
}

// without is v less one view.
func (v views) without(view *store.Representation) views {
	gone := view.Body // view may be one of v, which moves
	return slices.DeleteFunc(v, func(r store.Representation) bool { return r.Body == gone })
}

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

// vouch records that GitHub has just confirmed a view, and merges what its 304 said
// into the stored headers (RFC 9111, section 3.2).
func (x *Exchange) vouch(g policy.Grant, key store.Key, view *store.Representation, lease *pool.Lease, h http.Header) {
	now := x.now()
	noted := now.Sub(vouchedAt(view, g.Pool())) < vouchNoted && vouchedBy(view, g.Pool(), lease.Credential())
	changed := merge(view.Header, h)
	if noted && !changed && x.FreshFor == 0 {
		return
	}
	view.Vouch(store.Voucher{Pool: g.Pool(), Credential: lease.Credential(), At: now})
	x.Store.Touch(key, view)
}

// fresh is a view that may be served without asking GitHub; nil when there is none. It
// must have been vouched for in this pool, recently enough and after the last write to
// its repository. What speaks of the credential itself is always asked for.
func (x *Exchange) fresh(g policy.Grant, all views) *store.Representation {
	if x.FreshFor <= 0 || pool.Identity(g.Request()) {
		return nil
	}
	now, written := x.now(), x.writes.last(g.Request())
	for i := range all {
		at := vouchedAt(&all[i], g.Pool())
		if now.Sub(at) < x.FreshFor && at.After(written) {
			return &all[i]
		}
	}
	return nil
}
