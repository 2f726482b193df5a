package store

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// An index knows of every stored view what it takes and when it was used last, in some 30
// bytes for each. What it does not know yet, it is told by a scan after an open.
type index struct {
	shards [64]indexShard
}

type indexShard struct {
	mu    sync.Mutex // guards all
	views map[uint64]usage
	bytes int64
}

// A usage is what the index knows of a view: what its record and its body take on disk, and
// when it was used, in seconds since 1970.
type usage struct{ size, used uint32 }

// viewID is what the index calls a view by, made of the key of its record or its body.
func viewID(key []byte) uint64 { return xxhash.Sum64(key[1:]) }

// clear forgets all views.
func (x *index) clear() {
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		s.views, s.bytes = nil, 0
		s.mu.Unlock()
	}
}

func (x *index) shard(id uint64) *indexShard { return &x.shards[id%uint64(len(x.shards))] }

// put says that a view was put and takes size bytes.
func (x *index) put(id uint64, size int64, now time.Time) {
	x.change(id, func(u *usage) { *u = usage{uint32(size), seconds(now)} })
}

// touch says that a view was touched and takes so many bytes more.
func (x *index) touch(id uint64, more int64, now time.Time) {
	x.change(id, func(u *usage) { *u = usage{uint32(max(0, int64(u.size)+more)), max(u.used, seconds(now))} })
}

func (x *index) change(id uint64, f func(*usage)) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.views[id]
	s.bytes -= int64(u.size)
	f(&u)
	s.bytes += int64(u.size)
	if s.views == nil {
		s.views = make(map[uint64]usage)
	}
	s.views[id] = u
}

func (x *index) remove(id uint64) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= int64(s.views[id].size)
	delete(s.views, id)
}

// use notes that a view was used.
func (x *index) use(id uint64, now time.Time) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.views[id]; ok && u.used < seconds(now) {
		u.used = seconds(now)
		s.views[id] = u
	}
}

// expire forgets what was used before a moment.
func (x *index) expire(before time.Time) {
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		for id, u := range s.views {
			if u.used < seconds(before) {
				s.bytes -= int64(u.size)
				delete(s.views, id)
			}
		}
		s.mu.Unlock()
	}
}

func (x *index) usage(id uint64) usage {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.views[id]
}

// sums are how many views there are and what they take.
func (x *index) sums() (entries, bytes uint64) {
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		entries += uint64(len(s.views))
		bytes += uint64(s.bytes)
		s.mu.Unlock()
	}
	return entries, bytes
}

// A verdict says which views must go.
type verdict struct {
	before uint32 // those used before this second, and
	ties   int64  // of those used in this second so many bytes
}

// condemn returns which views to delete, the least recently used, for so many bytes to
// become free.
func (x *index) condemn(excess int64) verdict {
	if excess <= 0 {
		return verdict{}
	}
	var uses []usage
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		uses = slices.Grow(uses, len(s.views))
		for _, u := range s.views {
			uses = append(uses, u)
		}
		s.mu.Unlock()
	}
	slices.SortFunc(uses, func(a, b usage) int { return int(a.used) - int(b.used) })
	var v verdict
	for i, u := range uses {
		if i == 0 || u.used > v.before {
			v = verdict{before: u.used, ties: excess}
		}
		if excess -= int64(u.size); excess <= 0 {
			break
		}
	}
	return v
}

// on says whether a view must go. It must be asked once for each.
func (v *verdict) on(u usage) bool {
	if u.used != v.before || u.size == 0 {
		return u.used < v.before && u.size > 0
	}
	if v.ties <= 0 {
		return false
	}
	v.ties -= int64(u.size)
	return true
}

func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), math.MaxUint32)) }
