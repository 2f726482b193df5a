package store

import (
	"bytes"
	"container/list"
	"slices"
	"sync"
)

// Memory keeps representations in memory, up to a number of bytes; the least
// recently used go first. Putting, touching and reading a body is use, looking
// up is not.
type Memory struct {
	max int64

	mu        sync.Mutex            // guards everything below
	views     map[Key][]*memoryView // of a URL, by its key without Accept
	recent    *list.List            // of *memoryView, last used first
	bytes     int64
	order     uint64
	evictions uint64
	closed    bool
}

// A memoryView holds its record encoded: what is decoded anew for every lookup
// is never shared with a caller. Neither record nor body is modified in place.
type memoryView struct {
	key      Key
	digest   Digest
	encoding string
	record   []byte
	body     []byte
	order    uint64
	place    *list.Element
}

// NewMemory returns an empty store for maxBytes bytes, or without a bound if
// maxBytes is not positive. What alone exceeds maxBytes is not kept.
func NewMemory(maxBytes int64) *Memory {
	return &Memory{max: maxBytes, views: make(map[Key][]*memoryView), recent: list.New()}
}

func (m *Memory) Lookup(k Key) []Representation {
	m.mu.Lock()
	views, records := m.encoded(k, func(other Key) bool { return other == k })
	m.mu.Unlock()
	for i := range views {
		views[i].mustDecode(records[i])
	}
	return representations(views)
}

func (m *Memory) Siblings(k Key) []Sibling {
	m.mu.Lock()
	views, records := m.encoded(k, func(other Key) bool { return other != k })
	m.mu.Unlock()
	for i := range views {
		views[i].mustDecode(records[i])
	}
	return siblings(views)
}

func (m *Memory) Body(k Key, r *Representation) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.find(k, r.Body)
	if v == nil || v.encoding != r.Encoding {
		return nil, false
	}
	m.recent.MoveToFront(v.place)
	return v.body, true
}

func (m *Memory) Put(k Key, r *Representation, body []byte) {
	v := &memoryView{key: k, digest: r.Body, encoding: r.Encoding, body: bytes.Clone(body)}
	v.record = (&record{key: k, rep: *r}).append(nil)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if old := m.find(k, r.Body); old != nil {
		m.remove(old)
	}
	if m.max > 0 && v.size() > m.max {
		return
	}
	for _, old := range surplus(m.decoded(k), r.Body) {
		m.evict(m.find(k, old.rep.Body))
	}
	m.order++
	v.order = m.order
	v.place = m.recent.PushFront(v)
	m.views[k.url()] = append(m.views[k.url()], v)
	m.bytes += v.size()
	m.makeRoom()
}

func (m *Memory) Touch(k Key, r *Representation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.find(k, r.Body)
	if v == nil {
		return
	}
	rec := record{key: k, rep: *r}
	rec.rep.Encoding = v.encoding
	m.bytes -= v.size()
	v.record = rec.append(nil)
	m.bytes += v.size()
	m.order++
	v.order = m.order
	m.recent.MoveToFront(v.place)
	m.makeRoom()
}

func (m *Memory) Drop(k Key, d Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.find(k, d); v != nil {
		m.remove(v)
	}
}

func (m *Memory) Purge(match func(Key) bool) (purged int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for place := m.recent.Front(); place != nil; {
		v := place.Value.(*memoryView)
		place = place.Next()
		if match(v.key) {
			m.remove(v)
			purged++
		}
	}
	return purged
}

func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stats{Entries: uint64(m.recent.Len()), Bytes: uint64(m.bytes), Evictions: m.evictions}
}

// Close forgets everything. It returns nil.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.views, m.bytes = nil, 0
	m.recent.Init()
	return nil
}

// find and all below are called with mu held.

func (m *Memory) find(k Key, d Digest) *memoryView {
	for _, v := range m.views[k.url()] {
		if v.digest == d && v.key == k {
			return v
		}
	}
	return nil
}

// encoded returns the views of k's URL whose key match accepts, without what is in
// their records, and these.
func (m *Memory) encoded(k Key, match func(Key) bool) (views []view, records [][]byte) {
	for _, v := range m.views[k.url()] {
		if match(v.key) {
			views = append(views, view{order: v.order})
			records = append(records, v.record)
		}
	}
	return views, records
}

func (m *Memory) decoded(k Key) []view {
	views, records := m.encoded(k, func(other Key) bool { return other == k })
	for i := range views {
		views[i].mustDecode(records[i])
	}
	return views
}

func (m *Memory) makeRoom() {
	for m.max > 0 && m.bytes > m.max {
		m.evict(m.recent.Back().Value.(*memoryView))
	}
}

func (m *Memory) evict(v *memoryView) {
	m.evictions++
	m.remove(v)
}

func (m *Memory) remove(v *memoryView) {
	m.bytes -= v.size()
	m.recent.Remove(v.place)
	url := v.key.url()
	rest := slices.DeleteFunc(m.views[url], func(other *memoryView) bool { return other == v })
	if len(rest) == 0 {
		delete(m.views, url)
		return
	}
	m.views[url] = rest
}

// size is what v takes in memory, near enough.
func (v *memoryView) size() int64 {
	const overhead = 512 // the structs, map and list cells around it
	return int64(len(v.record)+len(v.body)) + overhead
}

// mustDecode decodes a record that never left this process.
func (v *view) mustDecode(b []byte) {
	if err := v.decode(b); err != nil {
		panic("store: own record: " + err.Error())
	}
}
