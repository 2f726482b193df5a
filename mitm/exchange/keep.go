package exchange

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// keep makes an answer of GitHub's answer, and stores it when it is a whole
// representation with a validator. A body beyond MaxEntry is passed on as it comes.
func (x *Exchange) keep(g policy.Grant, key store.Key, all views, lease *pool.Lease, resp *http.Response) *Answer {
	a := &Answer{
		Status: resp.StatusCode, Header: resp.Header, Body: resp.Body,
		Outcome: Fetched, Upstream: resp.StatusCode,
		encoding: resp.Header.Get("Content-Encoding"),
	}
	etag := resp.Header.Get("Etag")
	if resp.StatusCode != http.StatusOK || etag == "" || (a.encoding != "" && a.encoding != "gzip") || resp.ContentLength > x.MaxEntry {
		return a
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, x.MaxEntry+1))
	if err != nil || int64(len(body)) > x.MaxEntry {
		a.Body = rest(body, err, resp.Body)
		return a
	}
	resp.Body.Close()
	plain, ok := decoded(body, a.encoding, x.maxPlain())
	if !ok {
		a.Body = io.NopCloser(bytes.NewReader(body))
		return a
	}
	f := formulaOf(resp.Header.Values("Vary"))
	view := &store.Representation{
		Header:   storedHeader(resp.Header),
		ETag:     etag,
		Hashed:   uint8(f),
		Opaque:   !x.check(key, f, etag, key.Accept, lease.Authorization(g.Request().Kind), plain),
		Encoding: a.encoding,
		Size:     int64(len(plain)),
		Body:     sha256.Sum256(plain),
		Stored:   x.now(),
	}
	x.replace(key, all, view, store.Voucher{Pool: g.Pool(), Credential: lease.Credential(), At: x.now()}, body)
	a.represent(view, body)
	return a
}

// replace stores a view that a credential was sent. If the credential had vouched for
// another, that one has changed, for all who shared it.
func (x *Exchange) replace(key store.Key, all views, view *store.Representation, by store.Voucher, body []byte) {
	for i := range all {
		switch old := &all[i]; {
		case old.Body == view.Body:
			view.Vouchers = slices.Clone(old.Vouchers)
		case vouchedBy(old, by.Pool, by.Credential):
			x.Store.Drop(key, old.Body)
		}
	}
	view.Vouch(by)
	x.Store.Put(key, view, body)
}

// maxPlain bounds what a stored body may decompress to.
func (x *Exchange) maxPlain() int64 { return 16 * x.MaxEntry }

// plain reads a view's body, decompressed.
func (x *Exchange) plain(key store.Key, view *store.Representation) ([]byte, bool) {
	body, ok := x.Store.Body(key, view)
	if !ok {
		return nil, false
	}
	return decoded(body, view.Encoding, x.maxPlain())
}

// decoded is a body without its content coding. It is false when that cannot be
// undone, or gives more than most bytes.
func decoded(body []byte, encoding string, most int64) ([]byte, bool) {
	if encoding == "" {
		return body, true
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	plain, err := io.ReadAll(io.LimitReader(z, most+1))
	return plain, err == nil && int64(len(plain)) <= most
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

// represent makes an answer of a view.
func (a *Answer) represent(view *store.Representation, body []byte) {
	a.Body = io.NopCloser(bytes.NewReader(body))
	a.encoding = view.Encoding
	a.body = body
	a.plainSize = view.Size
	a.tag = tagOf(view)
}

// stored is the answer that a view is. It is false when its body is not to be had.
func (x *Exchange) stored(key store.Key, view *store.Representation, outcome Outcome) (*Answer, bool) {
	body, ok := x.Store.Body(key, view)
	if !ok {
		return nil, false
	}
	a := &Answer{Status: http.StatusOK, Header: view.Header.Clone(), Outcome: outcome}
	a.represent(view, body)
	if a.encoding != "" {
		a.Header.Set("Content-Encoding", a.encoding)
	}
	a.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return a, true
}
