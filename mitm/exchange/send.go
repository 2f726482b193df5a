package exchange

import (
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

// settle ends a lease with GitHub's answer. The beginning of what may be a refusal is
// read for its words and put back.
func settle(lease *pool.Lease, resp *http.Response) pool.Verdict {
	var words []byte
	if lease.MayRefuse(resp.StatusCode, resp.Header) {
		const enough = 16 << 10
		read, err := io.ReadAll(io.LimitReader(resp.Body, enough))
		resp.Body = rest(read, err, resp.Body)
		words = read
		if resp.Header.Get("Content-Encoding") == "gzip" {
			words, _ = decoded(read, "gzip", enough)
		}
	}
	return lease.Settle(resp.StatusCode, resp.Header, words)
}
