package mitm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"octopool/mitm/exchange"
	"octopool/mitm/mint"
	"octopool/policy"
	"octopool/policy/pool"
)

// A refusal is an answer of our own, in the shape that GitHub's have.
type refusal struct {
	status  int
	reason  string // a metric label
	message string
	doc     string // documentation_url
	header  http.Header
}

// Where GitHub's own refusals point, and what tools look for at their end.
const (
	docRateLimits = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
	docSecondary  = docRateLimits + "#about-secondary-rate-limits"
	docREST       = "https://docs.github.com/rest"
)

// refusalFor is the only place where an error becomes a status. The words are those that
// tools look for (PyGithub, Renovate, octokit and go-github, by their source): only a
// rate limit reads like one.
func refusalFor(err error, now time.Time) refusal {
	r := refusal{status: http.StatusInternalServerError, reason: "internal", message: "octopool: internal error", doc: docREST, header: http.Header{}}
	if e, ok := errors.AsType[*pool.Exhausted](err); ok {
		r.status, r.reason, r.doc = http.StatusForbidden, "budget", docRateLimits
		r.message = fmt.Sprintf("API rate limit exceeded for pool %s: it has no %s budget left until %s. (octopool)", e.Pool, e.Resource, e.Budget.Reset.UTC().Format(time.RFC3339))
		spent := e.Budget
		spent.Remaining, spent.Used = 0, spent.Limit
		spent.Tell(r.header, e.Resource)
		return r
	}
	if e, ok := errors.AsType[*pool.Cooling](err); ok {
		r.status, r.reason, r.doc = http.StatusForbidden, "secondary", docSecondary
		r.message = secondaryMessage(e)
		r.header.Set("Retry-After", strconv.Itoa(wholeSeconds(e.Until.Sub(now))))
		return r
	}
	if e, ok := errors.AsType[*pool.Crowded](err); ok {
		r.status, r.reason, r.doc = http.StatusForbidden, "pace", docSecondary
		r.message = secondaryMessage(e)
		r.header.Set("Retry-After", strconv.Itoa(wholeSeconds(e.Until.Sub(now))))
		return r
	}
	if e, ok := errors.AsType[*pool.Overspent](err); ok {
		r.status, r.reason, r.doc = http.StatusForbidden, "allowance", docRateLimits
		if e.Budget.Limit == 0 {
			r.reason, r.doc = "concurrency", docSecondary
			r.message = secondaryMessage(e)
			r.header.Set("Retry-After", strconv.Itoa(wholeSeconds(e.Until.Sub(now))))
			return r
		}
		r.message = "API rate limit exceeded for client " + e.Client + ": its own allowance, which octopool keeps, not GitHub's. (octopool: " + e.Error() + ")"
		spent := e.Budget
		spent.Remaining, spent.Used = 0, spent.Limit
		spent.Tell(r.header, e.Resource)
		return r
	}
	if e, ok := errors.AsType[*Forbidden](err); ok {
		r.status, r.reason, r.message = http.StatusForbidden, "tunnel", e.Error()
		return r
	}
	if e, ok := errors.AsType[*overLimit](err); ok {
		r.status, r.reason, r.message = http.StatusServiceUnavailable, "limit", "octopool: "+e.Error()
		r.header.Set("Retry-After", "1")
		switch e.limit {
		case limitAddress, limitConnects:
			r.status = http.StatusTooManyRequests
		case limitHeader:
			r.status = http.StatusRequestHeaderFieldsTooLarge
			r.header.Del("Retry-After")
		}
		return r
	}
	if e, ok := errors.AsType[*badTarget](err); ok {
		r.status, r.reason, r.message = http.StatusBadRequest, "target", "octopool: "+e.Error()
		return r
	}
	if e, ok := errors.AsType[*policy.BadPath](err); ok {
		r.status, r.reason, r.message = http.StatusBadRequest, "path", "octopool: "+e.Error()
		return r
	}
	if e, ok := errors.AsType[*policy.OutOfScope](err); ok {
		r.status, r.reason, r.message = http.StatusForbidden, "scope", e.Error()
		return r
	}
	if e, ok := errors.AsType[*pool.NotCovered](err); ok {
		r.status, r.reason, r.message = http.StatusForbidden, "owner", "octopool: "+e.Error()
		return r
	}
	if e, ok := errors.AsType[*pool.OutOfService](err); ok {
		r.status, r.reason, r.message = http.StatusServiceUnavailable, "credential", "octopool: "+e.Error()
		return r
	}
	if _, ok := errors.AsType[*exchange.Truncated](err); ok {
		r.status, r.reason, r.message = http.StatusBadRequest, "body", "octopool: the request's body ended early" // no more: the cause holds addresses
		return r
	}
	if e, ok := errors.AsType[*exchange.Unreachable](err); ok {
		r.status, r.reason, r.message = http.StatusBadGateway, "unreachable", "octopool: "+e.Host+" gave no answer"
		if isTimeout(err) {
			r.status, r.reason = http.StatusGatewayTimeout, "timeout"
		}
		return r
	}
	if e, ok := errors.AsType[*stranger](err); ok {
		r.status, r.reason, r.message = http.StatusProxyAuthRequired, "proxy_auth", "octopool: "+e.Error()
		r.header.Set("Proxy-Authenticate", `Basic realm="octopool"`) // or git never sends what its proxy's URL holds
		return r
	}
	if e, ok := errors.AsType[*mint.Refusal](err); ok {
		r.status, r.reason, r.message = http.StatusBadRequest, "mint", "octopool: "+e.Error()
		return r
	}
	switch {
	case errors.Is(err, mint.ErrOff):
		r.status, r.reason, r.message = http.StatusForbidden, "mint", "octopool: "+mint.ErrOff.Error()
	case errors.Is(err, errInClear), errors.Is(err, errBrowser):
		r.status, r.reason, r.message = http.StatusForbidden, "base_url", "octopool: "+err.Error()
	case errors.Is(err, errUpgrade):
		r.status, r.reason, r.message = http.StatusNotImplemented, "upgrade", "octopool: "+errUpgrade.Error()
	case errors.Is(err, policy.ErrNoToken):
		r.status, r.reason, r.message = http.StatusUnauthorized, "no_token", "Requires authentication (octopool: send the token of a registered client)"
		r.header.Set("Www-Authenticate", `Basic realm="GitHub"`) // or git never asks its helper
	case errors.Is(err, policy.ErrUnknownToken):
		r.status, r.reason, r.message = http.StatusUnauthorized, "unknown_token", "Bad credentials (octopool: no client is registered with this token)"
		r.header.Set("Www-Authenticate", `Basic realm="GitHub"`)
	case errors.Is(err, errForeignHost):
		r.status, r.reason, r.message = http.StatusMisdirectedRequest, "host", "octopool: "+errForeignHost.Error()
	case errors.Is(err, exchange.ErrTokenInQuery):
		r.status, r.reason, r.message = http.StatusBadRequest, "query", "octopool: "+exchange.ErrTokenInQuery.Error()
	case isTimeout(err):
		r.status, r.reason, r.message = http.StatusGatewayTimeout, "timeout", "octopool: no answer in time"
	case isNetwork(err):
		r.status, r.reason, r.message = http.StatusBadGateway, "unreachable", "octopool: "+networkText(err)
	}
	return r
}

// secondaryMessage begins and ends as GitHub's does: newer tools look at how it begins,
// PyGithub 1.55, which Debian 12 has, at how it ends.
func secondaryMessage(why error) string {
	return "You have exceeded a secondary rate limit. (octopool: " + why.Error() + ") Please wait a few minutes before you try again."
}

// wholeSeconds is a duration as Retry-After has it: whole seconds, one at least.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(max(d.Seconds(), 1))) }

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func isNetwork(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

// networkText says what went wrong without the addresses of this machine.
func networkText(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "no address for " + dns.Name
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return "cannot connect: " + op.Err.Error()
	}
	return "cannot connect"
}

// body is the JSON that GitHub's errors have.
func (r refusal) body() string {
	text, err := json.Marshal(struct {
		Message string `json:"message"`
		Doc     string `json:"documentation_url"`
		Status  string `json:"status"`
	}{r.message, r.doc, strconv.Itoa(r.status)})
	if err != nil {
		panic(err) // a bug: these are strings
	}
	return string(text)
}

// graphQL is a spent budget as GraphQL tells it: GitHub answers 200 (GitHub's
// documentation, "Rate limits and query limits for the GraphQL API").
func (r refusal) graphQL() string {
	type fault struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	text, err := json.Marshal(struct {
		Errors []fault `json:"errors"`
	}{[]fault{{"RATE_LIMITED", r.message}}})
	if err != nil {
		panic(err) // a bug: these are strings
	}
	return string(text)
}

// write sends the refusal to whoever asked with this method. HEAD gets the header of
// what GET would get.
func (r refusal) write(w http.ResponseWriter, method, body string) {
	h := w.Header()
	for name, values := range r.fields(body) {
		h[name] = values
	}
	w.WriteHeader(r.status)
	if method != http.MethodHead {
		io.WriteString(w, body)
	}
}

// fields are the refusal's own header and what every answer of ours has.
func (r refusal) fields(body string) http.Header {
	h := r.header.Clone()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Status", "octopool; detail=refused")
	return h
}

// refuse answers a request inside a tunnel with an error of ours.
func (p *Proxy) refuse(w *record, in *http.Request, err error) {
	r := refusalFor(err, time.Now())
	w.refusal = r.reason
	p.meters.refused(cmp.Or(w.client, "-"), r.reason)
	body := r.body()
	switch {
	case r.reason == "budget" && w.asked.Kind == policy.KindGraphQL:
		r.status, body = http.StatusOK, r.graphQL()
	case w.asked.Kind == policy.KindGit: // git shows its user what is plain text, and nothing else
		r.header.Set("Content-Type", "text/plain; charset=utf-8")
		body = r.message + "\n"
		if told := refusedPush(w.asked, in, r); told != nil {
			r.status, body = http.StatusOK, string(told)
			r.header.Set("Content-Type", "application/x-git-receive-pack-result")
		}
	}
	if r.header.Get("X-Ratelimit-Limit") == "" && w.asked.Kind == policy.KindREST && w.pool != "" {
		p.notSpent(w, r.header)
	}
	if w.body != nil && in.ProtoMajor == 1 && in.ContentLength >= 0 && in.ContentLength <= drained {
		w.body.drain()
	}
	r.write(w, in.Method, body)
}

// notSpent tells of the pool's budget on a refusal that is none of a rate limit. Tools
// take any 403 with nothing remaining for one, so something is always left.
func (p *Proxy) notSpent(w *record, h http.Header) {
	resource := pool.ResourceOf(w.asked)
	if resource == "" {
		return
	}
	b := p.Pools.Budget(pool.Want{GitHub: w.asked.Origin.GitHub, Pool: w.pool, Client: w.client, Resource: resource})
	b.NotSpent().Tell(h, resource)
}

// connectRefusal is the answer to a CONNECT that is turned away. Tools show little of
// it, but curl -v and logs do.
func connectRefusal(in *http.Request, err error) *http.Response {
	r := refusalFor(err, time.Now())
	body := r.body()
	return &http.Response{
		StatusCode: r.status,
		ProtoMajor: 1, ProtoMinor: 1,
		Header:        r.fields(body),
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       in,
		Close:         true,
	}
}
