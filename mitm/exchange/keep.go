package exchange

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"octopool/policy"
	"octopool/store"
)

// heldMost is how much of a body is held back until it is complete, since octopool's ETag
// is a digest of the whole. GitHub has the whole when it sends the first byte, because its
// own ETag is one too, and JSON is of no use in parts: what this delays is the way alone.
// A longer body streams, without an ETag, and has one when it is asked for again.
const heldMost = 256 << 10

// An intake takes in the body of GitHub's answer, for those who share it to read while it
// comes.
type intake struct {
	flight *flight
	answer *Answer
	from   io.ReadCloser
	spool  *spool
	most   int64 // more is not kept, bytes
	size   int64 // of what has come
	shown  bool  // to those who can read it while it comes
	err    error // why no more comes; io.EOF at the end
}

var errTooLarge = errors.New("too large to keep")

// take begins to take in an answer, of which most bytes are kept at most. It must be
// closed.
func take(f *flight, a *Answer, resp *http.Response, most int64) *intake {
	size := max(resp.ContentLength, 0)
	if size > most {
		size = 0
	}
	t := &intake{flight: f, answer: a, from: resp.Body, spool: newSpool(size), most: most}
	a.spool = t.spool
	if resp.ContentLength > heldMost {
		t.show()
	}
	return t
}

func (t *intake) show() {
	t.shown = true
	t.flight.show(t.answer)
}

// Read is for those who look at the body while it is passed on.
func (t *intake) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.from.Read(p)
	t.err = err
	t.size += int64(n)
	t.spool.write(p[:n])
	switch {
	case t.size > t.most:
		return n, errTooLarge
	case t.size > heldMost && !t.shown:
		t.show()
	}
	return n, err
}

// pass lets go of the answer: it is read by those who wait for it and not kept.
func (t *intake) pass() {
	t.flight.land()
	t.flight.deliver(t.answer)
	t.spool.pass()
	t.most = math.MaxInt64
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	for t.err == nil {
		t.Read(buffer[:])
	}
	t.spool.finish(t.err)
}

// whole ends an answer that was kept and gives its body.
func (t *intake) whole() []byte {
	t.spool.finish(io.EOF)
	body, _ := t.spool.body()
	return body
}

// close is for when something went wrong as well: nobody waits for more for ever.
func (t *intake) close() {
	t.spool.finish(io.ErrUnexpectedEOF)
	t.from.Close()
}

// buffers are for bodies on their way.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copied reads the body to its end, copies its plain form and gives the length of that. It
// is false when the body cannot be kept.
func (t *intake) copied(encoding string, most int64, to ...io.Writer) (size int64, ok bool) {
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	err := plain(t, encoding, func(r io.Reader) (err error) {
		size, err = io.CopyBuffer(io.MultiWriter(to...), io.LimitReader(r, most+1), buffer[:])
		return err
	})
	return size, err == nil && size <= most && t.err == io.EOF
}

// storableAnswer reports whether GitHub's answer is a whole representation with a
// validator, and not known to be too large to keep.
func (x *Exchange) storableAnswer(resp *http.Response) bool {
	encoding := resp.Header.Get("Content-Encoding")
	return resp.StatusCode == http.StatusOK && resp.Header.Get("Etag") != "" &&
		(encoding == "" || encoding == "gzip") && resp.ContentLength <= x.tuning.Load().MaxEntry
}

// keep passes an answer on as it comes, and stores it once it is complete.
func (x *Exchange) keep(f *flight, q *inquiry, resp *http.Response) {
	a, etag := fetched(q, resp), resp.Header.Get("Etag")
	keeps := x.storableAnswer(resp)
	resp.Header.Del("Etag") // the credential's: octopool's own is another
	t := take(f, a, resp, x.tuning.Load().MaxEntry)
	defer t.close()
	if !keeps {
		x.remember(q, t, resp)
		t.pass()
		return
	}
	f.brings()
	follows := formulaOf(resp.Header.Values("Vary"))
	tagged, body := follows.hash(q.key.Accept, q.lease.Authorization(policy.KindREST)), newHash()
	size, ok := t.copied(a.encoding, x.maxPlain(), tagged, body)
	if !ok {
		t.pass()
		return
	}
	view := &store.Representation{
		Header:   storedHeader(resp.Header),
		ETag:     etag,
		Opaque:   !x.check(q.key, etag, sum(tagged)),
		Encoding: a.encoding,
		Size:     size,
		Stored:   q.by.At,
	}
	body.Sum(view.Body[:0])
	view.Hashed = uint8(follows) | q.marks(view.Body)
	whole := t.whole()
	a.represent(view, whole)
	f.deliver(a)
	x.replace(q, view, whole)
}

// fetched is GitHub's own answer, of which the body is yet to come.
func fetched(q *inquiry, resp *http.Response) *Answer {
	a := &Answer{
		Status: resp.StatusCode, Header: resp.Header,
		Outcome: Fetched, Upstream: resp.StatusCode, why: uriMiss,
		encoding: resp.Header.Get("Content-Encoding"),
	}
	if len(q.offered) > 0 {
		a.why = q.offered[0].why
	}
	a.account(q.lease, q.verdict)
	return a
}

// replace stores a view that a credential was sent. If the credential had vouched for
// another, that one has changed, for all who shared it. Who vouched for the same bytes
// still does, but for an opaque view only if it has the same ETag: the others know another.
func (x *Exchange) replace(q *inquiry, view *store.Representation, body []byte) {
	for i := range q.own {
		switch old := &q.own[i]; {
		case old.Body == view.Body:
			if !view.Opaque || opaqueTag(old.ETag) == opaqueTag(view.ETag) {
				view.Vouchers = slices.Clone(old.Vouchers)
			}
		case vouchedBy(old, q.by.Pool, q.by.Credential):
			x.Store.Drop(q.key, old.Body)
		}
	}
	view.Vouch(q.by)
	x.Store.Put(q.key, view, body)
}

// maxPlain bounds what a stored body may decompress to.
func (x *Exchange) maxPlain() int64 { return 16 * x.tuning.Load().MaxEntry }

// represent makes an answer of a view.
func (a *Answer) represent(view *store.Representation, body []byte) {
	a.hold(body)
	a.encoding = view.Encoding
	a.plainSize = view.Size
	a.tag = tagOf(view)
	a.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// stored is the answer that a view is. The view's header becomes the answer's.
func stored(view *store.Representation, body []byte, outcome Outcome) *Answer {
	a := &Answer{Status: http.StatusOK, Header: view.Header, Outcome: outcome}
	if view.Encoding != "" {
		a.Header.Set("Content-Encoding", view.Encoding)
	}
	a.represent(view, body)
	return a
}

// rest is a body of which the beginning was read: what was read, then the error or
// what remains.
func rest(read []byte, err error, remaining io.ReadCloser) io.ReadCloser {
	var tail io.Reader = remaining
	if err != nil {
		tail = failed{err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), tail), remaining}
}

// failed is a reader that has failed.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
