package exchange

import (
	"crypto/sha256"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"octopool/policy/pool"
	"octopool/store"
)

// A candidate is a view that GitHub may be asked to confirm: if this request would be
// answered with its very bytes, the answer is a 304 and costs nothing. Under another key
// or another credential that takes the formula.
type candidate struct {
	store.Representation
	key store.Key
	why string // the request goes to GitHub, in the words of RFC 9211

	newer bool // than what is stored under the request's key, and likely what it is now
}

// Why a request with a candidate goes to GitHub.
const (
	stale    = "stale"     // the candidate is stored under the request's key
	varyMiss = "vary-miss" // under another Accept
	uriMiss  = "uri-miss"  // nowhere: it is a guess
)

// candidates are what GitHub may be asked to confirm for a key: what is stored under it;
// when that is nothing, what is stored for the URL under other Accepts, and the empty list.
// When what is stored likely has the same bytes under another Accept, and there they have
// changed since, the new ones come first: a change is paid for once, however it is asked for.
//
// What is not the key's own is JSON for JSON. A 304 has no Content-Type, and these have the
// same one: what a client asks for in another form has another, though it may have the same
// bytes.
func (x *Exchange) candidates(key store.Key, own views) []candidate {
	all := make([]candidate, 0, len(own)+1)
	for i := range own {
		all = append(all, candidate{Representation: own[i], key: key, why: stale})
	}
	if !asksJSON(key.Accept) || len(own) > 0 && !x.ETagLists && !mayBeTwin(&own[0], key.Accept) {
		return all
	}
	for _, s := range x.Store.Siblings(key) {
		if !asksJSON(s.Key.Accept) || !isJSON(s.Header) {
			continue
		}
		c := candidate{Representation: s.Representation, key: s.Key, why: varyMiss, newer: own.older(key, &s)}
		if c.newer || len(own) == 0 || x.ETagLists {
			all = append(all, c)
		}
	}
	if namesList(key.Path) && (len(own) == 0 || x.ETagLists) {
		all = append(all, emptyList())
	}
	return all
}

// Marks of a view, kept beside the formula's bits: what was shown of it and of what is
// stored under other Accepts.
const (
	twin  uint8 = 1 << 7 // it has the same bytes
	apart uint8 = 1 << 6 // it has others
	marks uint8 = twin | apart
)

func isTwin(view *store.Representation) bool { return view.Hashed&twin != 0 }

// mayBeTwin reports whether what a view is likely has the same bytes as what it is under
// other Accepts: that was shown, or both are all of the same plain form and the contrary
// was not.
func mayBeTwin(view *store.Representation, accepts ...string) bool {
	return isTwin(view) || view.Hashed&apart == 0 && !slices.ContainsFunc(accepts, func(a string) bool { return !asksPlainJSON(a) })
}

// older reports whether other, which is stored under another Accept, has come since the
// latest of these views, and may be what that is now.
func (v views) older(key store.Key, other *store.Sibling) bool {
	return len(v) > 0 && mayBeTwin(&v[0], key.Accept, other.Key.Accept) && other.Stored.After(v[0].Stored) &&
		!slices.ContainsFunc(v, func(r store.Representation) bool { return r.Body == other.Body })
}

// emptyList is what a list may well be. Being wrong costs nothing.
func emptyList() candidate {
	return candidate{why: uriMiss, Representation: store.Representation{
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Hashed: uint8(hashesAccept | hashesAuthorization),
		Size:   int64(len(emptyBody)),
		Body:   sha256.Sum256([]byte(emptyBody)),
	}}
}

const emptyBody = "[]"

// body is the candidate's body, if it is to be had.
func (x *Exchange) body(c *candidate) ([]byte, bool) {
	if c.why == uriMiss {
		return []byte(emptyBody), true
	}
	return x.Store.Body(c.key, &c.Representation)
}

// choose says which candidates to offer with the inquiry's credential.
func (x *Exchange) choose(q *inquiry) []*candidate {
	most := 1
	if x.ETagLists {
		most = mostOffered
	}
	return offers(q.known, q.by.Pool, q.by.Credential, most)
}

// mostOffered is how many validators a request has, where it may have several.
const mostOffered = 4

// offers are the candidates to make a request with a credential conditional on, best
// first and most at most: a newer one, then those under its own key before others, and of
// them those it vouched for. An opaque one is offered only under its own key, since contents have one
// validator for all media types, and within a pool that has vouched for it.
func offers(all []candidate, poolName, credential string, most int) []*candidate {
	var room [4]*candidate
	best := room[:0]
	if c := newest(all, poolName, credential); c != nil {
		best = append(best, c)
	}
	for _, own := range []bool{true, false} {
		for _, vouched := range []bool{true, false} {
			for i := range all {
				c := &all[i]
				if !c.newer && (c.why == stale) == own && vouchedBy(&c.Representation, poolName, credential) == vouched &&
					(!c.Opaque || own && vouchedIn(&c.Representation, poolName)) {
					best = append(best, c)
				}
			}
		}
	}
	return slices.Clone(best[:min(len(best), most)])
}

// newest is the newer candidate that came last, of those that the credential vouched for
// if there are any; nil when none is newer.
func newest(all []candidate, poolName, credential string) *candidate {
	var best *candidate
	bestVouched := false
	for i := range all {
		c := &all[i]
		if !c.newer || c.Opaque {
			continue
		}
		vouched := vouchedBy(&c.Representation, poolName, credential)
		if best == nil || vouched && !bestVouched || vouched == bestVouched && c.Stored.After(best.Stored) {
			best, bestVouched = c, vouched
		}
	}
	return best
}

// vouching are the credentials of the pool that were shown to be sent what they would be
// offered. What follows the formula any other may confirm as well, what is opaque none.
func vouching(all []candidate, poolName string) []string {
	var names []string
	for i := range all {
		for _, v := range all[i].Vouchers {
			if v.Pool != poolName || slices.Contains(names, v.Credential) {
				continue
			}
			if best := offers(all, poolName, v.Credential, 1); len(best) > 0 && vouchedBy(&best[0].Representation, poolName, v.Credential) {
				names = append(names, v.Credential)
			}
		}
	}
	return names
}

// without is all less one.
func without(all []candidate, c *candidate) []candidate {
	key, gone := c.key, c.Body // c may be one of all, which moves
	return slices.DeleteFunc(all, func(o candidate) bool { return o.key == key && o.Body == gone })
}

// An offer is a candidate with the validator it has for one request.
type offer struct {
	*candidate
	etag string
}

// condition makes a request conditional on candidates, and returns those of which the
// validator is known.
func (x *Exchange) condition(out *http.Request, key store.Key, best []*candidate, lease *pool.Lease) []offer {
	var offered []offer
	var list []string
	for _, c := range best {
		if etag, ok := x.validator(key, c, out, lease); ok {
			offered = append(offered, offer{c, etag})
			list = append(list, etag)
		}
	}
	if len(list) > 0 {
		out.Header.Set("If-None-Match", strings.Join(list, ", "))
	}
	return offered
}

// confirmed is the offer that a 304 is about. It is nil when the 304 names another, or of
// several none: then nobody knows.
func confirmed(offered []offer, h http.Header) *offer {
	named := h.Get("Etag")
	if named == "" && len(offered) == 1 {
		return &offered[0]
	}
	for i := range offered {
		if opaqueTag(offered[i].etag) == opaqueTag(named) {
			return &offered[i]
		}
	}
	return nil
}

// reuse answers with what a 304 has confirmed. It is not done when that cannot be told, or
// is gone from the store: then it is asked for.
func (x *Exchange) reuse(f *flight, q *inquiry, said http.Header) (done bool, err error) {
	if len(q.offered) == 0 {
		return false, &Unreachable{q.key.Host, errors.New("304 to a request without a condition")}
	}
	meant := confirmed(q.offered, said)
	if meant == nil {
		q.known = nil
		return false, nil
	}
	body, ok := x.body(meant.candidate)
	if !ok {
		x.Store.Drop(meant.key, meant.Body)
		q.known = without(q.known, meant.candidate)
		return false, nil
	}
	view := meant.under(q.key, said)
	changed := merge(view.Header, said)
	shown := *view
	shown.Header = maps.Clone(view.Header)
	a := stored(&shown, body, Revalidated)
	liven(a.Header, said)
	a.why, a.Upstream = meant.why, http.StatusNotModified
	a.account(q.lease, q.verdict)
	if x.freshFor(q.grant.Request()) > 0 {
		f.brings() // who comes next need not ask
	}
	f.deliver(a)
	if meant.why == stale {
		x.vouch(q, view, changed)
		return true, nil
	}
	x.replace(q, view, body)
	if meant.why == varyMiss && !isTwin(&meant.Representation) {
		meant.Hashed = meant.Hashed&^apart | twin
		x.Store.Touch(meant.key, &meant.Representation)
	}
	return true, nil
}

// under is what a confirmed candidate is under the key it was confirmed for. What GitHub
// calls the media type differs, and is the 304's to say.
func (o *offer) under(key store.Key, said http.Header) *store.Representation {
	view := o.Representation
	view.Header = maps.Clone(view.Header)
	if o.why == stale {
		return &view
	}
	view.ETag, view.Vouchers = o.etag, nil
	if o.why == varyMiss {
		view.Hashed = view.Hashed&^apart | twin
	}
	delete(view.Header, "X-Github-Media-Type")
	if vary := said["Vary"]; o.why == uriMiss && vary != nil {
		view.Header["Vary"] = vary
	}
	return &view
}
