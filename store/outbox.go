package store

import (
	"errors"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// writers is how many writes are under way at a time.
	writers = 8
	// maxUnwritten bounds what waits to be written, in bytes and, for each writer, in
	// number.
	maxUnwritten      = 64 << 20
	maxUnwrittenWrite = 1024
)

var (
	errFull   = errors.New("too much waits to be written")
	errClosed = errors.New("the store is closed")
)

// A write is a change of one view that the store may not have yet. Nothing in it changes.
type write struct {
	kind   string // put, touch or drop
	at     spot
	key    Key
	digest Digest
	done   chan struct{} // closed when the store has it, or never will

	record   []byte // encoded; of a put and a touch
	body     []byte // encoded; of a put
	encoding string // of a put
}

// putting is the write that a Put is, and touching that of a Touch. Which spot a view has
// is the store's.
func putting(at spot, k Key, r *Representation, body []byte, now time.Time) *write {
	rec := record{key: k, rep: *r, written: now, length: int64(len(body))}
	return &write{
		kind: "put", at: at, key: k, digest: r.Body,
		record:   rec.append(nil),
		body:     appendBody(nil, r.Body, r.Encoding, body),
		encoding: r.Encoding,
	}
}

func touching(at spot, k Key, r *Representation) *write {
	rec := record{key: k, rep: *r}
	return &write{kind: "touch", at: at, key: k, digest: r.Body, record: rec.append(nil)}
}

func (w *write) size() int { return len(w.record) + len(w.body) }

// replaces says that nothing is left of an earlier write of the same view once w is done.
func (w *write) replaces(earlier *write) bool {
	isTouch := w.record != nil && w.body == nil
	return !isTouch || earlier.record != nil && earlier.body == nil
}

// applyTo does to views what w does to those that are stored.
func (w *write) applyTo(views []view, order uint64) []view {
	var own []view
	same := -1
	for i, v := range views {
		if v.key == w.key {
			own = append(own, v)
			if v.rep.Body == w.digest {
				same = i
			}
		}
	}
	if w.record == nil {
		return slices.DeleteFunc(views, func(v view) bool { return v.key == w.key && v.rep.Body == w.digest })
	}
	now := view{order: order}
	now.mustDecode(w.record)
	if same >= 0 {
		if w.body == nil {
			now.rep.Encoding = views[same].rep.Encoding
		}
		views[same] = now
		return views
	}
	if w.body == nil {
		return views
	}
	for _, old := range surplus(own, w.digest) {
		views = slices.DeleteFunc(views, func(v view) bool { return v.key == w.key && v.rep.Body == old.rep.Body })
	}
	return append(views, now)
}

// bodyIn is the body that w puts, if that is in encoding.
func (w *write) bodyIn(encoding string) ([]byte, bool) {
	if w.body == nil || w.encoding != encoding {
		return nil, false
	}
	body, err := decodeBody(w.body, w.digest, encoding)
	return body, err == nil
}

// A spot is where a store has a view.
type spot struct {
	views string // names the views of its URL
	field string // names it among them, beginning with the name of its Accept
}

// An outbox holds writes until the store has them, so that nobody waits for that. Those
// of one URL are delivered in order. Lookups apply them to what they find; they are few,
// since a write of a view replaces those before it.
type outbox struct {
	seed   maphash.Seed
	queues [writers]chan *write

	mu     sync.Mutex          // guards everything below, and sending to queues
	writes map[string][]*write // by spot.views, oldest first
	bytes  int
	closed bool
}

func (o *outbox) open() {
	o.seed = maphash.MakeSeed()
	o.writes = make(map[string][]*write)
	for i := range o.queues {
		o.queues[i] = make(chan *write, maxUnwrittenWrite)
	}
}

// post takes w to be delivered, or returns errFull or errClosed.
func (o *outbox) post(w *write) error {
	w.done = make(chan struct{})
	queue := o.queues[maphash.String(o.seed, w.at.views)%writers]
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errClosed
	}
	if o.bytes > 0 && o.bytes+w.size() > maxUnwritten {
		return errFull
	}
	select {
	case queue <- w:
	default:
		return errFull
	}
	o.bytes += w.size()
	o.writes[w.at.views] = append(slices.DeleteFunc(o.writes[w.at.views], func(earlier *write) bool {
		return earlier.at.field == w.at.field && w.replaces(earlier)
	}), w)
	return nil
}

// replaced says that a later write makes w needless. To carry it out all the same does no
// harm.
func (o *outbox) replaced(w *write) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.Contains(o.writes[w.at.views], w)
}

// delivered forgets w.
func (o *outbox) delivered(w *write) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= w.size()
	rest := slices.DeleteFunc(o.writes[w.at.views], func(other *write) bool { return other == w })
	if o.writes[w.at.views] = rest; len(rest) == 0 {
		delete(o.writes, w.at.views)
	}
	close(w.done)
}

// of returns the writes of a URL, oldest first.
func (o *outbox) of(url string) []*write {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.writes[url])
}

// last returns the last write that put or dropped the body of a view; nil if there is none.
func (o *outbox) last(at spot) *write {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range slices.Backward(o.writes[at.views]) {
		if w.at.field == at.field && (w.body != nil || w.record == nil) {
			return w
		}
	}
	return nil
}

// settle waits until all that had been posted is delivered.
func (o *outbox) settle() {
	o.mu.Lock()
	var waiting []*write
	for _, writes := range o.writes {
		waiting = append(waiting, writes...)
	}
	o.mu.Unlock()
	for _, w := range waiting {
		<-w.done
	}
}

// close has deliver end once all is delivered.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	for _, queue := range o.queues {
		close(queue)
	}
}

// withUnwritten does to views what those of the writes will do whose field is wanted.
func withUnwritten(views []view, writes []*write, wanted func(field string) bool) []view {
	for i, w := range writes {
		if wanted(w.at.field) {
			views = w.applyTo(views, math.MaxUint64/2+uint64(i))
		}
	}
	return views
}
