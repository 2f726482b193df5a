package exchange

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// An Answer is what the client gets, and what is to be said about how it came to be.
// Its Body must be closed.
type Answer struct {
	Status int
	Header http.Header
	Body   io.ReadCloser

	Outcome    Outcome
	Credential string // "" when none was used
	Resource   string // whose budget it touched; "" for none
	Spent      int    // points
	Saved      int    // points that an exchange without a store would have spent
	Upstream   int    // GitHub's status; 0 when it was not asked

	encoding  string // how Body is encoded: "" or "gzip", or what GitHub chose
	body      []byte // the whole that Body reads; nil when it is not at hand
	spool     *spool // else, of an answer that is shared: what Body reads
	tag       string // of a representation: octopool's own validator
	plainSize int64  // of a representation
	why       string // it was forwarded, in the words of RFC 9211; "" when it was not
	detail    string // more in such words
	collapsed bool   // another's request brought it
}

// AtHand reports whether the whole body can be read without waiting for GitHub.
func (a *Answer) AtHand() bool { return a.body != nil || a.Body == http.NoBody }

// hold makes the answer one whose body is at hand.
func (a *Answer) hold(body []byte) {
	a.body = body
	h := &held{}
	h.Reset(body)
	a.Body = h
}

// held is a body at hand.
type held struct{ bytes.Reader }

func (*held) Close() error { return nil }

// shared is the answer for one of those who share it. One that collapsed into another's
// request cost nothing. If the body streams, left is called when it is closed.
func (a *Answer) shared(s *seat, collapsed bool, left func()) *Answer {
	mine := *a
	mine.Header = maps.Clone(a.Header)
	if a.body != nil {
		mine.hold(a.body)
	} else {
		mine.Body = a.spool.open(s, left)
	}
	if !collapsed || a.Outcome == Hit {
		return &mine
	}
	mine.collapsed, mine.Spent, mine.Saved = true, 0, 1
	if a.Outcome == Stale {
		mine.Saved = 0
	} else {
		mine.Outcome = Coalesced
	}
	return &mine
}

// tagOf is octopool's own validator for a view: a digest of its bytes, so that it is
// the same whichever credential vouched for them.
func tagOf(view *store.Representation) string { return digits(view.Body[:]) }

// account notes what GitHub's answer to a lease cost or saved.
func (a *Answer) account(lease *pool.Lease, v pool.Verdict) {
	a.Credential, a.Resource, a.Spent = lease.Credential(), v.Resource, v.Points
	if a.Outcome == Revalidated && v.Resource != "" {
		a.Saved = 1
	}
}

// age tells how long ago GitHub vouched for what is served without its word (RFC 9111,
// section 5.1).
func (a *Answer) age(since time.Duration) {
	a.Header.Set("Age", strconv.Itoa(int(max(since, 0).Seconds())))
}

// conclude makes an answer fit the client's request: its conditions, its encodings,
// its method, and headers that speak of its pool and not of one credential.
func (x *Exchange) conclude(g policy.Grant, in *http.Request, a *Answer) *Answer {
	r := g.Request()
	if a.Outcome == Hit {
		a.Resource, a.Saved = pool.ResourceOf(r), 1
	}
	if a.Outcome == Stale && a.Resource == "" {
		a.Resource = pool.ResourceOf(r)
	}
	endToEnd(a.Header)
	remove(a.Header, theCredentials)
	if a.Resource != "" {
		w := pool.WantOf(g)
		w.Resource = a.Resource
		b := x.Pools.Budget(w)
		if a.Status == http.StatusForbidden || a.Status == http.StatusTooManyRequests {
			b = b.NotSpent() // a limit of GitHub's would not have come so far
		}
		if !b.Unlimited || !mayHaveNoLimits(r) {
			b.Tell(a.Header, a.Resource)
		}
	}
	a.Header.Set("Cache-Status", a.cacheStatus())
	unreadable := a.encoding == "gzip" && !acceptsGzip(in.Header)
	if a.tag != "" && matches(in.Header.Values("If-None-Match"), a.tag) {
		if unreadable {
			a.encoding = "" // what the answer would have been
		}
		a.notModified()
		return a
	}
	if unreadable {
		a.decode()
	}
	if a.indents(in) {
		a.indent(x.tuning.Load().MaxEntry)
	}
	if a.tag != "" {
		a.Header.Set("Etag", a.etag())
	}
	if in.Method == http.MethodHead {
		a.Body.Close()
		a.Body = http.NoBody
	}
	return a
}

// etag is octopool's validator: weak for encoded bytes, as GitHub's are.
func (a *Answer) etag() string {
	if a.encoding != "" {
		return `W/"` + a.tag + `"`
	}
	return `"` + a.tag + `"`
}

// matches evaluates If-None-Match (RFC 9110, section 13.1.2).
func matches(conditions []string, tag string) bool {
	for _, line := range conditions {
		for one := range strings.SplitSeq(line, ",") {
			if opaqueTag(one) == tag || strings.TrimSpace(one) == "*" {
				return true
			}
		}
	}
	return false
}

// notModified turns an answer into a 304. Its ETag is the one a 200 would have had.
func (a *Answer) notModified() {
	a.Body.Close()
	a.Body = http.NoBody
	a.Status = http.StatusNotModified
	a.Header.Set("Etag", a.etag())
	remove(a.Header, []string{"Content-Encoding", "Content-Length", "Content-Type"})
}

// decode undoes the content coding for a client that cannot.
func (a *Answer) decode() {
	a.Header.Del("Content-Encoding")
	a.Header.Del("Content-Length")
	if a.tag != "" {
		a.Header.Set("Content-Length", strconv.FormatInt(a.plainSize, 10))
	}
	a.encoding = ""
	a.Body = &unzipped{coded: a.Body}
}

// cacheStatus says how an answer came to be in the words of RFC 9211.
func (a *Answer) cacheStatus() string {
	s := "octopool; hit"
	if a.why != "" {
		s = "octopool; fwd=" + a.why
	}
	if a.why != "" && a.Upstream != 0 {
		s += "; fwd-status=" + strconv.Itoa(a.Upstream)
	}
	if a.Outcome == Fetched && a.tag != "" {
		s += "; stored"
	}
	if a.collapsed {
		s += "; collapsed"
	}
	if a.detail != "" {
		s += "; detail=" + a.detail
	}
	return s
}
