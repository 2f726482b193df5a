package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// query answers a GraphQL request. Queries that are equal byte for byte, of one client, in
// one pool, share a flight as reading the same URL does; what may be a mutation never does.
func (x *Exchange) query(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	b, err := bodyOf(g.Request(), in)
	if err != nil {
		return nil, err
	}
	if in.Method != http.MethodPost || len(b.held) == 0 || g.Request().Write {
		return x.relay(ctx, g, in, b)
	}
	out := x.outgoing(g, in, b)
	q := x.queryOf(g, in, out, b)
	if a := x.result(g, q); a != nil {
		return a, nil
	}
	return x.fly(ctx, q, false, func(f *flight) error { return x.resolve(f, g, out, b) })
}

// queryOf is the question that a query asks. Of the client's headers, all that reach GitHub
// are a part of it, since any may colour the answer. Its client is a part of it: two
// credentials of a pool may not see the same, and one client is told by any of them.
func (x *Exchange) queryOf(g policy.Grant, in, out *http.Request, b body) question {
	w := pool.WantOf(g)
	audience := x.Pools.Audience(w.Pool, w.Client)
	h := newHash()
	fmt.Fprintf(h, "%q %q\n", audience, w.Client)
	out.Header.Write(h)
	io.WriteString(h, "\n")
	h.Write(b.held)
	return question{
		key:  store.Key{Host: out.Host, Path: g.Request().UpstreamPath(), Query: sum(h)},
		pool: audience, steady: w.Client, strict: insists(in.Header),
	}
}

// resolve is the story of one flight of a query.
func (x *Exchange) resolve(f *flight, g policy.Grant, out *http.Request, b body) error {
	if err := f.turn(); err != nil {
		return err
	}
	if f.answered(func() *Answer { return x.result(g, f.question) }) {
		return nil
	}
	sent := x.now()
	resp, a, err := x.ask(f, g, out, b, func() {
		sent = x.now()
		f.depart(x.tuning.Load().GraphQLFreshFor > 0)
	})
	if err != nil {
		return err
	}
	t := take(f, a, resp, resultMost)
	defer t.close()
	if x.tuning.Load().GraphQLFreshFor > 0 && resp.StatusCode == http.StatusOK {
		x.keepResult(f.question, t, store.Voucher{Pool: f.question.pool, Credential: a.Credential, At: sent})
	}
	t.pass()
	return nil
}

// resultMost is the longest result of a query that is stored, bytes.
const resultMost = 1 << 20

// keepResult stores the result of a query, in memory, unless it has errors.
func (x *Exchange) keepResult(q question, t *intake, by store.Voucher) {
	var text bytes.Buffer
	size, ok := t.copied(t.answer.encoding, 16*resultMost, &text)
	if !ok || !faultless(text.Bytes()) {
		return
	}
	view := &store.Representation{
		Header: storedHeader(t.answer.Header), Encoding: t.answer.encoding,
		Size: size, Body: sha256.Sum256(text.Bytes()), Stored: by.At,
	}
	view.Vouch(by)
	x.queries.Put(q.key, view, t.whole())
}

// faultless reports whether a result has data and no errors.
func faultless(result []byte) bool {
	var r struct{ Data, Errors json.RawMessage }
	return json.Unmarshal(result, &r) == nil && len(r.Data) > 0 && string(r.Data) != "null" && len(r.Errors) == 0
}

// result answers a query with a result that is fresh; else it is nil.
func (x *Exchange) result(g policy.Grant, q question) *Answer {
	if x.tuning.Load().GraphQLFreshFor <= 0 || q.strict {
		return nil
	}
	a := x.unasked(x.queries, q, x.since(g, q, x.queries.Lookup(q.key), x.tuning.Load().GraphQLFreshFor), Hit)
	if a != nil {
		a.tag = "" // no answer to a POST has one
	}
	return a
}
