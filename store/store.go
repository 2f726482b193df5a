// Package store keeps representations and what vouches for them.
//
// A [Representation] is one whole stored answer with status 200: its headers,
// its bytes, and the credentials to which GitHub was seen to send exactly these
// bytes ([Voucher]). One URL may have several, because two users can be sent
// different bytes for it (a repository's permissions, for one); each is a view,
// identified by the digest of its plain body.
//
// The store refuses to know HTTP: it does not judge freshness, compute ETags or
// read headers. Pools and credentials are names to it. What may be served to
// whom is decided by its caller, from the vouchers.
//
// It fails open. No method that reads or writes returns an error: a store that
// cannot answer has missed, and one that cannot keep has forgotten. Failures are
// counted in [Stats] and logged, at most once a minute for each kind.
package store

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

const (
	// MaxViews is how many representations one key keeps.
	MaxViews = 4
	// MaxVouchers is how many vouchers one representation keeps.
	MaxVouchers = 8
	// MaxSiblings is how many views Siblings returns.
	MaxSiblings = 4
)

// A Key says which question a representation answers. Fields are compared byte
// for byte; the caller makes them canonical.
type Key struct {
	Host    string
	Path    string // canonical, escaped
	Query   string // canonical
	Accept  string
	Version string // X-GitHub-Api-Version
}

// A Digest is the SHA-256 of a plain (not compressed) body.
type Digest [32]byte

// A Voucher records that GitHub was seen to send a credential of a pool these
// very bytes at a time. Stores keep the time to the millisecond.
type Voucher struct {
	Pool, Credential string
	At               time.Time
}

// A Representation is one whole stored answer.
type Representation struct {
	Header   http.Header // end-to-end headers, canonical names
	ETag     string      // as GitHub sent it, with quotes and W/
	Hashed   uint8       // the caller's own bit set: which request headers the ETag covers
	Opaque   bool        // the ETag cannot be computed for another request
	Encoding string      // "" or "gzip": how Body returns the bytes
	Size     int64       // length of the plain body
	Body     Digest      // of the plain body; identifies the view among those of its key
	Stored   time.Time   // kept to the millisecond
	Vouchers []Voucher   // most recent first, one per (Pool, Credential), at most MaxVouchers
}

// Vouch puts v in front of r's vouchers, in place of an earlier one of the same
// pool and credential, and drops the oldest past [MaxVouchers]. Copies of r
// share nothing with it afterwards.
func (r *Representation) Vouch(v Voucher) {
	vouchers := make([]Voucher, 1, min(len(r.Vouchers)+1, MaxVouchers))
	vouchers[0] = v
	for _, old := range r.Vouchers {
		if len(vouchers) == MaxVouchers {
			break
		}
		if old.Pool != v.Pool || old.Credential != v.Credential {
			vouchers = append(vouchers, old)
		}
	}
	r.Vouchers = vouchers
}

// vouched is when r was last known to be what GitHub sends.
func (r *Representation) vouched() time.Time {
	if len(r.Vouchers) == 0 {
		return r.Stored
	}
	return r.Vouchers[0].At
}

// A Store keeps representations. All methods may be called concurrently, also
// during and after Close. Nothing a caller passes in is shared with the store, and
// nothing it gets but the bytes Body returns and the values in a header: it may put
// others in their place, and must not modify them.
type Store interface {
	// Lookup returns the views of k, most recently vouched first. Of two vouched
	// in the same second, the one written later comes first.
	Lookup(k Key) []Representation

	// Body returns the body of r in r.Encoding, exactly as it was put under k and
	// r.Body, or false. Callers must not modify it.
	Body(k Key, r *Representation) ([]byte, bool)

	// Put keeps r and its body, which is in r.Encoding, in place of the view of k
	// that has the same digest. Of more than MaxViews views the least recently
	// vouched is dropped, never the one just put. That the body hashes to r.Body
	// is the caller's word.
	Put(k Key, r *Representation, body []byte)

	// Touch replaces what is stored about the view r.Body of k, vouchers included,
	// but not its body. It renews the time the store keeps the view for. A view
	// that is not stored (any more) is not brought back. Of two callers touching
	// one view at the same moment the later wins whole; nothing is merged.
	Touch(k Key, r *Representation)

	// Drop forgets the view d of k.
	Drop(k Key, d Digest)

	// Siblings returns views of k's URL (the same Host, Path, Query and Version) under
	// other Accepts, in the order of Lookup and at most MaxSiblings. Of a URL that
	// is stored under very many Accepts a store may look at a part only.
	Siblings(k Key) []Sibling

	// Purge forgets every view whose key match accepts, and returns how many. It may
	// take seconds. A view put meanwhile may stay. match must not use the store.
	Purge(match func(Key) bool) int

	// Stats is cheap enough to be read at every scrape.
	Stats() Stats

	// Close releases what the store holds. Afterwards every lookup misses.
	Close() error
}

// A Sibling is a view under another key of the same URL.
type Sibling struct {
	Key Key
	Representation
}

// Stats describes a store. Entries and Bytes may be estimates; Errors and
// Evictions count since the store was opened.
type Stats struct {
	Entries   uint64 // views
	Bytes     uint64
	Errors    uint64
	Evictions uint64 // views dropped to make room
}

// Off stores nothing and is a valid [Store].
type Off struct{}

func (Off) Lookup(Key) []Representation              { return nil }
func (Off) Body(Key, *Representation) ([]byte, bool) { return nil, false }
func (Off) Put(Key, *Representation, []byte)         {}
func (Off) Touch(Key, *Representation)               {}
func (Off) Drop(Key, Digest)                         {}
func (Off) Siblings(Key) []Sibling                   { return nil }
func (Off) Purge(func(Key) bool) int                 { return 0 }
func (Off) Stats() Stats                             { return Stats{} }
func (Off) Close() error                             { return nil }

var (
	_ Store = Off{}
	_ Store = (*Memory)(nil)
	_ Store = (*Badger)(nil)
)

// A view is a decoded record. Its order counts up with every write to the store
// and so tells apart what was vouched for in the same second.
type view struct {
	record
	order uint64
	until uint64 // seconds since 1970 at which the store forgets it; 0 where that is not known
}

// lastVouchedFirst sorts views as Lookup returns them.
func lastVouchedFirst(views []view) {
	slices.SortFunc(views, func(a, b view) int {
		return cmp.Or(b.rep.vouched().Compare(a.rep.vouched()), cmp.Compare(b.order, a.order))
	})
}

// representations is what Lookup returns for views.
func representations(views []view) []Representation {
	if len(views) == 0 {
		return nil
	}
	lastVouchedFirst(views)
	reps := make([]Representation, len(views))
	for i := range views {
		reps[i] = views[i].rep
	}
	return reps
}

// siblings is what Siblings returns of views under other Accepts.
func siblings(views []view) []Sibling {
	lastVouchedFirst(views)
	var found []Sibling
	for _, v := range views[:min(len(views), MaxSiblings)] {
		found = append(found, Sibling{v.key, v.rep})
	}
	return found
}

// url is k without its Accept.
func (k Key) url() Key {
	k.Accept = ""
	return k
}

// surplus returns the views that must go before one with digest d is put beside
// them.
func surplus(views []view, d Digest) []view {
	others := slices.DeleteFunc(slices.Clone(views), func(v view) bool { return v.rep.Body == d })
	if len(others) < MaxViews {
		return nil
	}
	lastVouchedFirst(others)
	return others[MaxViews-1:]
}
