package exchange

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
)

// replayable is the largest body that is held so that a request GitHub did not execute
// can be sent again with another credential.
const replayable = 1 << 20

// forward sends what is not stored with a credential of the client's pool: writes,
// GraphQL, git, LFS and files. Bodies stream both ways; only a small one of an API request
// or of a read is held, to be sent again.
func (x *Exchange) forward(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	body, err := bodyOf(g.Request(), in)
	if err != nil {
		return nil, err
	}
	return x.relay(ctx, g, in, body)
}

func (x *Exchange) relay(ctx context.Context, g policy.Grant, in *http.Request, b body) (*Answer, error) {
	defer x.writing(g.Request())()
	resp, a, err := x.ask(ctx, g, x.outgoing(g, in, b), b, func() {})
	if err != nil {
		return nil, err
	}
	a.Body = resp.Body
	return a, nil
}

// ask sends a request with a credential of the pool, and again with another when GitHub did
// not execute it. It calls departing each time just before.
func (x *Exchange) ask(ctx context.Context, g policy.Grant, out *http.Request, b body, departing func()) (*http.Response, *Answer, error) {
	kind := g.Request().Kind
	t := attempt{want: pool.WantOf(g)}
	defer t.end()
	t.want = x.opened.prefer(t.want, g.Request().Repo)
	for {
		lease, err := x.Pools.Lease(ctx, t.want)
		if err != nil && t.aside == nil {
			return nil, nil, err
		}
		if err != nil { // what GitHub said to one that was asked is an answer
			resp := t.take()
			a := passed(g, resp)
			a.account(t.lease, t.verdict)
			return resp, a, nil
		}
		out := out.Clone(ctx)
		out.Body = b.open()
		out.Header.Set("Authorization", lease.Authorization(kind))
		departing()
		resp, verdict, err := x.send(out, kind, lease)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case verdict.NotCovered != nil:
			resp.Body.Close()
			return nil, nil, verdict.NotCovered
		case verdict.Rejected && !verdict.Explains && b.once:
			resp.Body.Close()
			return nil, nil, &pool.Cooling{Pool: g.Pool(), Until: x.now().Add(time.Second)}
		case !b.once && t.again(resp, verdict, lease):
			continue
		}
		x.opened.note(t.want, g.Request().Repo, lease.Credential(), resp.StatusCode)
		a := passed(g, resp)
		a.account(lease, verdict)
		a.Spent += t.spent
		return resp, a, nil
	}
}

// pass sends a request without a credential of ours: an anonymous one bare, and one
// whose unregistered token the policy lets through with that token. Nothing of it is
// stored, and GitHub's answer is left as it is.
func (x *Exchange) pass(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	body, err := bodyOf(g.Request(), in)
	if err != nil {
		return nil, err
	}
	defer x.writing(g.Request())()
	out := x.outgoing(g, in, body).WithContext(ctx)
	out.Body = body.open()
	if g.Presents() == policy.Own {
		out.Header["Authorization"] = in.Header["Authorization"]
	}
	resp, _, err := x.send(out, g.Request().Kind, nil)
	if err != nil {
		return nil, err
	}
	a := passed(g, resp)
	a.Body = resp.Body
	endToEnd(a.Header)
	a.Header.Set("Cache-Status", a.cacheStatus())
	return a, nil
}

// passed is GitHub's own answer to what is not stored, of which the body is yet to come.
func passed(g policy.Grant, resp *http.Response) *Answer {
	a := &Answer{
		Status: resp.StatusCode, Header: resp.Header,
		Outcome: Forwarded, Upstream: resp.StatusCode, why: "method",
		encoding: resp.Header.Get("Content-Encoding"),
	}
	if m := g.Request().Method; m == http.MethodGet || m == http.MethodHead {
		a.why = "bypass"
	}
	return a
}

// outgoing builds the request to GitHub from the client's: where it goes and by what
// path is the grant's, headers are the client's less those of its connection, its
// credential and its cookies. The body is for the sender to open.
func (x *Exchange) outgoing(g policy.Grant, in *http.Request, b body) *http.Request {
	r := g.Request()
	out := &http.Request{
		Method:        r.Method,
		URL:           upstreamURL(r, in.URL.RawQuery),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        in.Header.Clone(),
		Host:          r.Origin.Host,
		ContentLength: b.length,
	}
	endToEnd(out.Header)
	remove(out.Header, theClients)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", x.UserAgent) // GitHub refuses API requests without one
	}
	if readsAnswer(r.Kind) {
		out.Header.Del("Accept-Encoding")
		if acceptsGzip(in.Header) {
			out.Header.Set("Accept-Encoding", "gzip")
		}
	}
	return out
}

// readsAnswer reports whether octopool may have to read an answer of this kind, and so
// must know its encoding. git and files are passed on unseen.
func readsAnswer(k policy.Kind) bool {
	return k == policy.KindREST || k == policy.KindGraphQL || k == policy.KindUpload
}

// writing notes what may be a write, now and when it was answered.
func (x *Exchange) writing(r policy.Request) (answered func()) {
	if !r.Write {
		return func() {}
	}
	x.writes.note(r, x.now())
	return func() { x.writes.note(r, x.now()) }
}

// A body is what a client sends, held or streamed.
type body struct {
	held   []byte
	stream io.ReadCloser
	length int64 // -1 when unknown
	once   bool  // streamed, so it can be sent only once
}

// bodyOf takes a client's body. Of API requests and of what git reads with, a small one of
// known length is held. A document that was granted is what is sent.
func bodyOf(r policy.Request, in *http.Request) (body, error) {
	if d := r.Document; d != nil {
		return body{held: d.Body, length: int64(len(d.Body))}, nil
	}
	if in.Body == nil || in.Body == http.NoBody || in.ContentLength == 0 {
		return body{}, nil
	}
	mayRepeat := r.Kind == policy.KindREST || r.Kind == policy.KindLFS || r.Kind == policy.KindGit && !r.Write
	if mayRepeat && in.ContentLength > 0 && in.ContentLength <= replayable {
		held := make([]byte, in.ContentLength)
		if _, err := io.ReadFull(in.Body, held); err != nil {
			return body{}, &Truncated{err}
		}
		return body{held: held, length: in.ContentLength}, nil
	}
	return body{stream: in.Body, length: in.ContentLength, once: true}, nil
}

func (b body) open() io.ReadCloser {
	switch {
	case b.once:
		return b.stream
	case len(b.held) > 0:
		return io.NopCloser(bytes.NewReader(b.held))
	}
	return nil
}

// Truncated is returned when a client's body ended before its announced length.
type Truncated struct{ Err error }

func (e *Truncated) Error() string { return "the request's body ended early: " + e.Err.Error() }
func (e *Truncated) Unwrap() error { return e.Err }
