package exchange

import (
	"cmp"
	"io"
	"net/http"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
)

// send asks GitHub and settles the lease with what it says; lease is nil for a request
// without a credential of ours. The error is an *[Unreachable].
func (x *Exchange) send(out *http.Request, k policy.Kind, lease *pool.Lease) (*http.Response, pool.Verdict, error) {
	sent := Sent{Kind: k}
	start := time.Now()
	resp, err := x.Upstream.RoundTrip(out)
	sent.Took = time.Since(start)
	var verdict pool.Verdict
	switch {
	case err != nil:
		err = &Unreachable{out.URL.Host, err}
		if lease != nil {
			sent.Credential = lease.Credential()
			lease.Release()
		}
	case lease != nil:
		verdict = settle(lease, resp)
		sent.Credential, sent.Resource, sent.Status = lease.Credential(), verdict.Resource, resp.StatusCode
	default:
		sent.Status = resp.StatusCode
	}
	if x.Sent != nil {
		x.Sent(sent)
	}
	return resp, verdict, err
}

// settle ends a lease with GitHub's answer. The beginning of what may be a refusal, or
// a result that tells its cost, is read and put back.
func settle(lease *pool.Lease, resp *http.Response) pool.Verdict {
	var words []byte
	if enough := lease.Reads(resp.StatusCode, resp.Header); enough > 0 {
		read, err := io.ReadAll(io.LimitReader(resp.Body, enough))
		resp.Body = rest(read, err, resp.Body)
		words = read
		if resp.Header.Get("Content-Encoding") == "gzip" {
			words, _ = decoded(read, "gzip", enough)
		}
	}
	return lease.Settle(resp.StatusCode, resp.Header, words)
}

// An attempt is one request on its way from credential to credential, until one has an
// answer.
type attempt struct {
	want pool.Want

	// What GitHub answered to one that was asked, kept in case nobody has a better one. The
	// verdict's points are all that were spent so far.
	aside   *http.Response
	lease   *pool.Lease
	verdict pool.Verdict

	spent int // points, on answers that were not the last
}

// again reports whether another credential is to be asked, and takes care of the answer
// if so.
func (t *attempt) again(resp *http.Response, v pool.Verdict, lease *pool.Lease) bool {
	switch {
	case v.Elsewhere:
		t.want.Except = append(t.want.Except, lease.Credential())
	case v.Rejected: // not executed; perhaps it was another budget than was thought
		t.want.Resource = cmp.Or(v.Resource, t.want.Resource)
	default:
		return false
	}
	t.spent += v.Points
	if !v.Elsewhere && !v.Explains {
		resp.Body.Close()
		return true
	}
	t.end()
	t.aside, t.lease, t.verdict = resp, lease, v
	t.verdict.Points = t.spent
	return true
}

// take hands the answer over that was put aside.
func (t *attempt) take() *http.Response {
	resp := t.aside
	t.aside = nil
	return resp
}

// end closes what was put aside and not taken.
func (t *attempt) end() {
	if resp := t.take(); resp != nil {
		resp.Body.Close()
	}
}
