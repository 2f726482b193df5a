package pool

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"octopool/policy"
)

// A Lease is one credential taken for one request. It is settled once, with
// GitHub's answer, or released when there was none.
type Lease struct {
	pools    *Pools
	c        *credential
	resource string
	once     sync.Once
}

// Credential is the name of the leased credential.
func (l *Lease) Credential() string { return l.c.Name }

// Authorization is the header value to present to GitHub for a request of this kind.
// API hosts take a bearer token; git, LFS and files take Basic with the token as the
// password, and refuse a bearer (GitHub's documentation, "Authenticating as a GitHub
// App installation"; observed for personal access tokens).
func (l *Lease) Authorization(k policy.Kind) string {
	switch k {
	case policy.KindREST, policy.KindGraphQL, policy.KindUpload:
		return l.c.bearer
	}
	return l.c.basic
}

// Identity is a digest of what [Lease.Authorization] returns for API requests. Two
// leases with one identity are seen by GitHub as the same Authorization.
func (l *Lease) Identity() [32]byte { return l.c.identity }

func authorizations(token policy.Secret) (bearer, basic string) {
	return "Bearer " + token.Reveal(),
		"Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token.Reveal()))
}

func identityOf(authorization string) [32]byte { return sha256.Sum256([]byte(authorization)) }

// A Verdict says what an answer meant for the credential it was sent with.
type Verdict struct {
	// Rejected is true when GitHub did not execute the request because of the
	// credential or its limits: another credential may be asked the same.
	Rejected bool
	Resource string // which budget was spent, "" for none
	Points   int    // what it cost
}

// Settle ends the lease with GitHub's answer: its status, its headers and, if
// [MayRefuse] says so, the beginning of its body, since some refusals are told in words
// only. Settling again changes nothing and returns the zero Verdict.
func (l *Lease) Settle(status int, h http.Header, body []byte) Verdict {
	var v Verdict
	l.once.Do(func() {
		now := l.pools.now()
		l.pools.mu.Lock()
		defer l.pools.mu.Unlock()
		l.free()
		v = l.learn(status, h, body, now)
	})
	return v
}

// Release ends the lease without an answer; nothing was learned.
func (l *Lease) Release() {
	l.once.Do(func() {
		l.pools.mu.Lock()
		defer l.pools.mu.Unlock()
		l.free()
	})
}

func (l *Lease) free() {
	if l.resource != "" {
		l.c.principal.budget(l.resource).reserved--
	}
}

// learn is called with the pools locked.
func (l *Lease) learn(status int, h http.Header, body []byte, now time.Time) Verdict {
	report, told := ReportFrom(h)
	v := Verdict{Resource: l.resource}
	if told {
		if report.Resource != "" {
			v.Resource = report.Resource
		}
		l.c.principal.budget(v.Resource).learn(report, now)
	}
	switch {
	case isBadCredential(status, h, body):
		l.c.down, l.c.retry = "GitHub answered 401 Bad credentials", now.Add(recheckAfter)
		v.Rejected = true
	case limited(status, h) || isSecondary(status, body) || isSpentGraphQL(status, h, body):
		v.Rejected = true
		if isSecondary(status, body) || !l.c.principal.budget(l.resource).spentAt(now) {
			l.c.cooling = now.Add(silence(h, now))
		}
	default:
		l.c.down = ""
		if told && status != http.StatusNotModified {
			v.Points = 1
		}
	}
	return v
}

// isBadCredential reports whether GitHub did not know the token. Other 401s say that an
// endpoint wants another kind of credential, which is no fault of this one. Where
// there is no JSON to read (HEAD, git) the challenge alone has to do.
func isBadCredential(status int, h http.Header, body []byte) bool {
	if status != http.StatusUnauthorized {
		return false
	}
	return !strings.HasPrefix(h.Get("Content-Type"), "application/json") || len(body) == 0 ||
		bytes.Contains(body, []byte("Bad credentials"))
}

// limited reports whether an answer is a rejection by a rate limit as far as its
// headers tell: 429, or 403 with nothing remaining or a Retry-After (GitHub's
// documentation, "Exceeding the rate limit").
func limited(status int, h http.Header) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return h.Get("X-Ratelimit-Remaining") == "0" || h.Get("Retry-After") != ""
	}
	return false
}

// MayRefuse reports whether the body of an answer has to be read to know if GitHub
// executed the request: 401, 403 and 429, and 200 from GraphQL when nothing remains.
func MayRefuse(status int, h http.Header) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	case http.StatusOK:
		return h.Get("X-Ratelimit-Remaining") == "0" && h.Get("X-Ratelimit-Resource") == "graphql"
	}
	return false
}

// isSpentGraphQL recognises a spent budget as GraphQL tells it: a 200 with an error of
// type RATE_LIMITED and no data (GitHub's documentation, "Rate limits and query limits
// for the GraphQL API"). The query that spent the last point has nothing remaining
// either, but it has data.
func isSpentGraphQL(status int, h http.Header, body []byte) bool {
	if status != http.StatusOK || !MayRefuse(status, h) {
		return false
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Type string `json:"type"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return false
	}
	return (len(answer.Data) == 0 || string(answer.Data) == "null") && answer.Errors[0].Type == "RATE_LIMITED"
}

// isSecondary recognises a secondary limit by its words: observed answers have had
// neither Retry-After nor a spent budget.
func isSecondary(status int, body []byte) bool {
	if status != http.StatusForbidden && status != http.StatusTooManyRequests {
		return false
	}
	body = bytes.ToLower(body)
	return bytes.Contains(body, []byte("secondary rate limit")) || bytes.Contains(body, []byte("abuse detection"))
}

// silence is how long GitHub wants to hear nothing from a credential after a
// secondary limit: Retry-After, and a minute when it does not say (GitHub's
// documentation, "Best practices"). It is never nothing, so that a request that was
// rejected is not sent with the same credential at once.
func silence(h http.Header, now time.Time) time.Duration {
	const shortest, unsaid, longest = time.Second, time.Minute, time.Hour
	text := h.Get("Retry-After")
	if seconds, ok := count(text); ok {
		return min(max(time.Duration(min(seconds, 1<<20))*time.Second, shortest), longest)
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), shortest), longest)
	}
	return unsaid
}
