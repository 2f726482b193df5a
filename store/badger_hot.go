package store

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// hotBytes is about how much a hot keeps.
	hotBytes = 32 << 20
	// hotBody is the longest body in it.
	hotBody = 1 << 20
	// hotWithin is how long ago a view must have been used, at most, to be kept when it is
	// used again: who reads everything once does not fill memory with it.
	hotWithin = 10 * time.Second
)

// A hotSet has in memory what was read of the database a moment ago: the views of a key,
// decoded, and their bodies. What is read all the time is read there once, and neither
// found, nor decoded, nor copied again.
//
// It never has anything else than the database: what a write may change is forgotten when
// that is posted, and what is read while anything is written is not kept.
type hotSet struct {
	mu         sync.Mutex // guards everything below
	young, old map[Key]*warm
	alone      map[Key]string // the one Accept under which a URL is stored, by its key without one
	bytes      int64          // of young
	writes     uint64         // how often something was forgotten
	closed     bool
}

// A warm is what a hotSet has of a key. Its views and what they hold do not change.
type warm struct {
	views  []Representation
	until  uint64 // seconds since 1970 at which one of the views expires
	bodies []warmBody
}

type warmBody struct {
	view     uint64 // see viewID
	digest   Digest
	encoding string
	until    uint64
	bytes    []byte
}

// moment is to be told to keep by who read the database after it.
func (h *hotSet) moment() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// views are those of a key, if it has them.
func (h *hotSet) views(k Key) ([]Representation, bool) {
	h.mu.Lock()
	w := h.find(k)
	h.mu.Unlock()
	if w == nil {
		return nil, false
	}
	return copies(w.views), true
}

// body is that of one of a key's views, if it has it.
func (h *hotSet) body(k Key, d Digest, encoding string) (warmBody, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.find(k)
	if w == nil {
		return warmBody{}, false
	}
	i := slices.IndexFunc(w.bodies, func(b warmBody) bool { return b.digest == d && b.encoding == encoding })
	if i < 0 || gone(w.bodies[i].until) {
		return warmBody{}, false
	}
	return w.bodies[i], true
}

// keep takes the views of a key, which were read after the moment.
func (h *hotSet) keep(k Key, views []Representation, until, moment uint64) {
	w := &warm{views: copies(views), until: until}
	for i := range w.views {
		w.views[i].Header = roomy(w.views[i].Header)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writes == moment && !h.closed {
		h.put(k, w, w.size())
	}
}

// keepBody takes the body of a view, which was read after the moment.
func (h *hotSet) keepBody(k Key, b warmBody, moment uint64) {
	if len(b.bytes) > hotBody {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.find(k)
	if w == nil || h.writes != moment {
		return
	}
	others := slices.DeleteFunc(slices.Clone(w.bodies), func(other warmBody) bool { return other.digest == b.digest })
	h.put(k, &warm{views: w.views, until: w.until, bodies: append(others, b)}, int64(len(b.bytes)))
}

// isAlone reports whether it is known that nothing is stored for a key's URL under other
// Accepts.
func (h *hotSet) isAlone(k Key) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	accept, ok := h.alone[k.url()]
	return ok && accept == k.Accept
}

// keepAlone takes down that nothing was found there, after the moment. Only of what is hot
// otherwise it does.
func (h *hotSet) keepAlone(k Key, moment uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.young[k] == nil || h.writes != moment {
		return
	}
	if h.alone == nil {
		h.alone = make(map[Key]string)
	}
	h.alone[k.url()] = k.Accept
}

// forget is for when the views of a key are not what they were.
func (h *hotSet) forget(k Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	delete(h.young, k)
	delete(h.old, k)
	delete(h.alone, k.url())
}

// clear is for when some views of any key are not there any more.
func (h *hotSet) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	h.young, h.old, h.alone, h.bytes = nil, nil, nil, 0
}

func (h *hotSet) close() {
	h.clear()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// find is what there is of a key. It is called with mu held.
func (h *hotSet) find(k Key) *warm {
	w := h.young[k]
	if w == nil {
		if w = h.old[k]; w == nil {
			return nil
		}
		delete(h.old, k)
		h.put(k, w, w.size())
	}
	if gone(w.until) {
		return nil
	}
	return w
}

// put makes w the youngest, of so many bytes more than before. The old ones go when there
// are enough young ones. It is called with mu held.
func (h *hotSet) put(k Key, w *warm, more int64) {
	if h.young == nil || h.bytes+more > hotBytes/2 {
		h.young, h.old, h.alone, h.bytes = make(map[Key]*warm), h.young, nil, 0
		delete(h.old, k)
		more = w.size()
	}
	h.young[k] = w
	h.bytes += more
}

func (w *warm) size() (size int64) {
	for i := range w.views {
		size += footprint(&w.views[i])
	}
	for _, b := range w.bodies {
		size += int64(len(b.bytes))
	}
	return size
}

// footprint is about what a representation takes in memory.
func footprint(r *Representation) int64 {
	const fixed, each = 512, 64
	size := fixed + each*len(r.Vouchers)
	for name, values := range r.Header {
		size += 2*each + len(name)
		for _, v := range values {
			size += len(v)
		}
	}
	return int64(size)
}

// copies are representations that a caller may change.
func copies(all []Representation) []Representation {
	all = slices.Clone(all)
	for i := range all {
		all[i].Header = maps.Clone(all[i].Header)
		all[i].Vouchers = slices.Clone(all[i].Vouchers)
	}
	return all
}

// roomy is a header with room for what makes an answer's of it, which its clones have too.
func roomy(h http.Header) http.Header {
	const room = 12
	c := make(http.Header, len(h)+room)
	maps.Copy(c, h)
	return c
}

// gone reports whether Badger would say that what has this ExpiresAt is.
func gone(until uint64) bool { return until != 0 && until <= uint64(time.Now().Unix()) }
