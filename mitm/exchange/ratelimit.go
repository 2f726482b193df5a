package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"octopool/policy"
	"octopool/policy/pool"
)

// standing is one resource in the answer to GET /rate_limit.
type standing struct {
	Limit     int   `json:"limit"`
	Used      int   `json:"used"`
	Remaining int   `json:"remaining"`
	Reset     int64 `json:"reset"`
}

// mayHaveNoLimits reports whether a request is to a GitHub that comes without rate limits: an
// Enterprise Server. Elsewhere an answer that tells of none is one that left them out, and
// clients are told all the same: without the headers go-github takes them for zero.
func mayHaveNoLimits(r policy.Request) bool { return r.Origin.Role == policy.RoleEnterprise }

// rateLimit answers GET /rate_limit from the budgets of the client's pool: GitHub's own
// answer would speak of one credential, and has been seen to be wrong. Its form is
// GitHub's, with rate as the deprecated copy of core.
//
// An Enterprise Server that has told of no limit is asked: one without limits has a 404
// here (observed), and one with limits has told of them now.
func (x *Exchange) rateLimit(ctx context.Context, g policy.Grant, in *http.Request) (*Answer, error) {
	w := pool.WantOf(g)
	if mayHaveNoLimits(g.Request()) && !x.Pools.Limited(w.GitHub, w.Pool) {
		a, err := x.read(ctx, g, in)
		if err != nil {
			return nil, err
		}
		if a.Status != http.StatusOK {
			return x.conclude(g, in, a), nil
		}
		a.Body.Close()
	}
	resources := map[string]standing{}
	var core pool.Budget
	for _, resource := range x.Pools.Resources(w.GitHub, w.Pool) {
		w.Resource = resource
		b := x.Pools.Budget(w)
		resources[resource] = standing{b.Limit, b.Used, b.Remaining, b.Reset.Unix()}
		if resource == "core" {
			core = b
		}
	}
	body, err := json.Marshal(map[string]any{"resources": resources, "rate": resources["core"]})
	if err != nil {
		panic(err) // a bug: these are integers
	}
	a := &Answer{
		Status: http.StatusOK,
		Header: http.Header{
			"Content-Type":   {"application/json; charset=utf-8"},
			"Content-Length": {strconv.Itoa(len(body))},
			"Cache-Control":  {"no-cache"},
			"Cache-Status":   {"octopool; hit; detail=pool"},
		},
		Body:    io.NopCloser(bytes.NewReader(body)),
		Outcome: Hit,
	}
	if a.indents(in) {
		a.indent(x.tuning.Load().MaxEntry)
	}
	core.Tell(a.Header, "core")
	if in.Method == http.MethodHead {
		a.Body = http.NoBody
	}
	return a, nil
}
