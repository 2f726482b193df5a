package policy

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// A RateLimit is where the result of a query tells what it cost and what is left: the
// names its rateLimit field and the fields of that go by, "" for what was not asked.
type RateLimit struct{ name, cost, limit, used, remaining, resetAt string }

// rateLimit finds the rateLimit field at the top of a query. One that is a dry run tells
// of what was not spent, and one that may be left out or is there twice, of nothing sure.
func (r *reading) rateLimit(o *ast.OperationDefinition) *RateLimit {
	var found []*ast.Field
	r.top(o.SelectionSet, func(f *ast.Field) {
		if f.Name == "rateLimit" {
			found = append(found, f)
		}
	})
	if len(found) != 1 || len(found[0].Arguments) > 0 {
		return nil
	}
	l := &RateLimit{name: found[0].Alias}
	r.top(found[0].SelectionSet, func(f *ast.Field) {
		switch f.Name {
		case "cost":
			l.cost = f.Alias
		case "limit":
			l.limit = f.Alias
		case "used":
			l.used = f.Alias
		case "remaining":
			l.remaining = f.Alias
		case "resetAt":
			l.resetAt = f.Alias
		}
	})
	return l
}

// Spent is what a result tells of its rate limit, as far as it was asked.
type Spent struct {
	Cost                   int // points, 0 when it is not told
	Limit, Used, Remaining int
	Reset                  time.Time // zero unless limit, remaining and this are told
}

// In reads a result, of which the end may be missing. It is false when the result does
// not tell, or what it tells makes no sense.
func (l *RateLimit) In(result []byte) (Spent, bool) {
	fields, ok := l.fieldsIn(result)
	if !ok {
		return Spent{}, false
	}
	number := func(name string) (n int, told bool) {
		const most = 1 << 30
		told = name != "" && json.Unmarshal(fields[name], &n) == nil && string(fields[name]) != "null"
		return n, told && n >= 0 && n < most
	}
	var s Spent
	cost, costs := number(l.cost)
	if costs {
		s.Cost = cost
	}
	limit, limited := number(l.limit)
	left, remains := number(l.remaining)
	var reset time.Time
	if limited && remains && l.resetAt != "" && json.Unmarshal(fields[l.resetAt], &reset) == nil && !reset.IsZero() {
		s.Limit, s.Remaining, s.Reset = limit, left, reset.UTC()
		s.Used = max(0, limit-left)
		if used, told := number(l.used); told {
			s.Used = used
		}
	}
	return s, s.Cost > 0 || !s.Reset.IsZero()
}

// fieldsIn finds the rate limit among a result's data.
func (l *RateLimit) fieldsIn(result []byte) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(result))
	var fields map[string]json.RawMessage
	ok := enter(d, "data") && enter(d, l.name) && d.Decode(&fields) == nil
	return fields, ok && fields != nil
}

// enter goes into an object, up to the value of a name.
func enter(d *json.Decoder, name string) bool {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if t == name {
			return true
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return false
		}
	}
	return false
}
