package exchange

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

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
	tag       string // of a representation: octopool's own validator
	body      []byte // of a representation: what Body reads
	plainSize int64  // of a representation
	stale     bool   // fetched in place of a view that was offered and not confirmed
}

// AtHand reports whether the whole body can be read without waiting for GitHub.
func (a *Answer) AtHand() bool { return a.body != nil || a.Body == http.NoBody }

// tagOf is octopool's own validator for a view: a digest of its bytes, so that it is
// the same whichever credential vouched for them.
func tagOf(view *store.Representation) string { return hex.EncodeToString(view.Body[:]) }

// account notes what GitHub's answer to a lease cost or saved.
func (a *Answer) account(lease *pool.Lease, v pool.Verdict) {
	a.Credential, a.Resource, a.Spent = lease.Credential(), v.Resource, v.Points
	if a.Outcome == Revalidated && v.Resource != "" {
		a.Saved = 1
	}
}

// conclude makes an answer fit the client's request: its conditions, its encodings,
// its method, and headers that speak of its pool and not of one credential.
func (x *Exchange) conclude(g policy.Grant, in *http.Request, a *Answer) *Answer {
	r := g.Request()
	if a.Outcome == Hit {
		a.Resource, a.Saved = pool.ResourceOf(r), 1
	}
	endToEnd(a.Header)
	remove(a.Header, theCredentials)
	if a.Resource != "" {
		w := pool.WantOf(g)
		w.Resource = a.Resource
		x.Pools.Budget(w).Tell(a.Header, a.Resource)
	}
	a.Header.Set("Cache-Status", a.cacheStatus(r))
	unreadable := a.encoding == "gzip" && !acceptsGzip(in.Header)
	if a.tag != "" && matches(in.Header.Values("If-None-Match"), a.tag) {
		if unreadable {
			a.encoding = "" // what the answer would have been
		}
		a.notModified()
		return a
	}
	if unreadable {
		a.decode(x.maxPlain())
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
func (a *Answer) decode(most int64) {
	a.Header.Del("Content-Encoding")
	if a.tag != "" {
		if plain, ok := decoded(a.body, a.encoding, most); ok {
			a.Body = io.NopCloser(bytes.NewReader(plain))
		}
		a.Header.Set("Content-Length", strconv.FormatInt(a.plainSize, 10))
		a.encoding = ""
		return
	}
	a.Header.Del("Content-Length")
	coded := a.Body
	a.encoding = ""
	a.Body = &unzipped{coded: coded}
}

// unzipped decodes a body while it is read.
type unzipped struct {
	coded io.ReadCloser
	z     *gzip.Reader
}

func (u *unzipped) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := gzip.NewReader(u.coded)
		if err != nil {
			return 0, err
		}
		u.z = z
	}
	return u.z.Read(p)
}

func (u *unzipped) Close() error { return u.coded.Close() }

// cacheStatus says how an answer came to be in the words of RFC 9211.
func (a *Answer) cacheStatus(r policy.Request) string {
	switch a.Outcome {
	case Hit:
		return "octopool; hit"
	case Revalidated:
		return "octopool; fwd=stale; fwd-status=304"
	case Fetched:
		s := "octopool; fwd=uri-miss; fwd-status=" + strconv.Itoa(a.Upstream)
		if a.stale {
			s = "octopool; fwd=stale; fwd-status=" + strconv.Itoa(a.Upstream)
		}
		if a.tag != "" {
			s += "; stored"
		}
		return s
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return "octopool; fwd=bypass; fwd-status=" + strconv.Itoa(a.Upstream)
	}
	return "octopool; fwd=method; fwd-status=" + strconv.Itoa(a.Upstream)
}
