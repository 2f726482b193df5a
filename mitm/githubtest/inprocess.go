package githubtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// WithoutListener makes a server that listens nowhere and is reached by Transport and
// Client alone. It starts no goroutine of its own, so that it lives in a
// testing/synctest bubble, whose clock is then its own. It has no Addr and no Relay.
func WithoutListener() Option { return func(s *Server) { s.silent = true } }

// Transport reaches the server without a network, whichever host a URL names: each
// request has a goroutine of its own until it is answered, and the answer comes
// when it is whole. A request whose context ends is given up, on both sides. There is no
// TLS, compression is the caller's business, and redirects are not followed.
func (s *Server) Transport() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Server }

var errClosed = errors.New("githubtest: the server is closed")

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	if err := r.Context().Err(); err != nil {
		body.Close()
		return nil, err
	}
	if !t.s.enter() {
		body.Close()
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(r.Context())
	unhook := context.AfterFunc(t.s.life, cancel)
	answered := make(chan *buffer, 1)
	go func() {
		defer t.s.handlers.Done()
		defer cancel()
		defer unhook()
		defer body.Close()
		answered <- t.answer(incoming(r, ctx, body))
	}()
	var b *buffer
	select {
	case b = <-answered:
	case <-ctx.Done():
		select { // it ends when the answer is whole, too
		case b = <-answered:
		default:
			body.Close() // wakes a handler that reads it
		}
	}
	switch err := context.Cause(r.Context()); {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, errClosed
	}
	return b.response(r)
}

// answer runs the handler, which may break off.
func (t inProcess) answer(r *http.Request) (b *buffer) {
	b = &buffer{header: http.Header{}}
	defer func() {
		if bug := recover(); bug != nil {
			if bug != http.ErrAbortHandler {
				panic(bug)
			}
			b.broken = true
		}
	}()
	t.s.ServeHTTP(b, r)
	return b
}

// incoming is an outgoing request as a server sees it.
func incoming(r *http.Request, ctx context.Context, body io.ReadCloser) *http.Request {
	in := r.Clone(ctx)
	in.Body = body
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.Header = http.Header{}
	for name, values := range r.Header {
		key := http.CanonicalHeaderKey(name)
		in.Header[key] = append(in.Header[key], values...)
	}
	switch agents, sent := in.Header["User-Agent"]; {
	case !sent:
		in.Header["User-Agent"] = []string{"Go-http-client/1.1"}
	case len(agents) == 0 || agents[0] == "": // net/http's way to send none
		delete(in.Header, "User-Agent")
	}
	if r.ContentLength > 0 {
		in.Header["Content-Length"] = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:1"
	in.TLS, in.Response = nil, nil
	return in
}

// A buffer is an answer in the making.
type buffer struct {
	header  http.Header
	sent    http.Header // header as it was when the status was written
	status  int
	body    bytes.Buffer
	flushed bool
	broken  bool
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status != 0 || status < 200 { // 1xx come before the answer
		return
	}
	b.status, b.sent = status, b.header.Clone()
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

// Flush leaves the length open, as it does on a connection. The answer comes when it is
// whole all the same.
func (b *buffer) Flush() {
	b.WriteHeader(http.StatusOK)
	b.flushed = true
}

// response is the answer as a client gets it. What broke off before its status was never
// answered; after it, the body ends too early.
func (b *buffer) response(r *http.Request) (*http.Response, error) {
	if b.broken && b.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	b.WriteHeader(http.StatusOK)
	resp := &http.Response{
		StatusCode: b.status, Status: strconv.Itoa(b.status) + " " + http.StatusText(b.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
	}
	for name, values := range b.sent {
		key := http.CanonicalHeaderKey(name)
		resp.Header[key] = append(resp.Header[key], values...)
	}
	bodyless := r.Method == http.MethodHead || b.status == http.StatusNoContent || b.status == http.StatusNotModified
	resp.ContentLength = int64(b.body.Len())
	if length, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil && r.Method == http.MethodHead {
		resp.ContentLength = length
	}
	switch {
	case bodyless:
		resp.Body = http.NoBody
	case b.broken:
		resp.ContentLength = -1
		resp.Body = io.NopCloser(io.MultiReader(&b.body, brokenOff{}))
	default:
		resp.Body = io.NopCloser(bytes.NewReader(b.body.Bytes()))
		if b.flushed && resp.Header.Get("Content-Length") == "" {
			resp.ContentLength = -1
		} else {
			resp.Header.Set("Content-Length", strconv.Itoa(b.body.Len()))
		}
		if resp.Header.Get("Content-Type") == "" && b.body.Len() > 0 {
			resp.Header.Set("Content-Type", http.DetectContentType(b.body.Bytes()))
		}
	}
	return resp, nil
}

// brokenOff is the end of a body whose connection broke.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
