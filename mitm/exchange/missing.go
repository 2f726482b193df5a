package exchange

import (
	"net/http"

	"octopool/store"
)

// missingMost is the longest 404 that is remembered, bytes. GitHub's have a few hundred.
const missingMost = 16 << 10

// remember takes down a 404, for the credential that was told. What is not there for one
// may be there for another.
func (x *Exchange) remember(q *inquiry, t *intake, resp *http.Response) {
	if x.tuning.Load().NegativeFor <= 0 || resp.StatusCode != http.StatusNotFound || resp.ContentLength > missingMost {
		return
	}
	t.most = missingMost
	body := newHash()
	size, ok := t.copied(t.answer.encoding, missingMost, body)
	if !ok {
		return
	}
	view := &store.Representation{Header: storedHeader(resp.Header), Encoding: t.answer.encoding, Size: size, Stored: q.by.At}
	body.Sum(view.Body[:0])
	view.Vouch(q.by)
	x.missing.Put(q.key, view, t.whole())
}

// recall answers with a 404 that the inquiry's credential was told a moment ago, if that
// may be; else it is nil.
func (x *Exchange) recall(q *inquiry) *Answer {
	if x.tuning.Load().NegativeFor <= 0 || q.strict {
		return nil
	}
	written := x.writes.last(q.grant.Request())
	for _, view := range x.missing.Lookup(q.key) {
		for _, told := range view.Vouchers {
			age := q.by.At.Sub(told.At)
			if told.Pool != q.by.Pool || told.Credential != q.by.Credential || age >= x.tuning.Load().NegativeFor || !told.At.After(written) {
				continue
			}
			if body, ok := x.missing.Body(q.key, &view); ok {
				a := stored(&view, body, Hit)
				a.Status, a.tag = http.StatusNotFound, ""
				a.age(age)
				return a
			}
		}
	}
	return nil
}
