package pool

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"octopool/policy"
)

// A Lease is one credential taken for one request. It is settled once, with
// GitHub's answer, or released when there was none.
type Lease struct {
	pools    *Pools
	c        *credential
	resource string
	budget   *budget // nil when the request spends none
	recheck  bool    // its answer says whether the credential is in service again
	ended    bool    // guarded by pools.mu
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
	// credential or its limits: another credential may be asked the same. The
	// same credential is not leased for it again before its time.
	Rejected bool
	Resource string // which budget was spent, "" for none
	Points   int    // what it cost
}

// Settle ends the lease with GitHub's answer: its status, its headers and, if
// [MayRefuse] says so, the beginning of its body, since some refusals are told in words
// only. Settling again changes nothing and returns the zero Verdict.
func (l *Lease) Settle(status int, h http.Header, body []byte) Verdict {
	a := answer{status: status, means: meaningOf(status, h, body), header: h}
	a.report, a.told = ReportFrom(h)
	if status == http.StatusUnauthorized {
		a.told = false // GitHub counts who it does not know by address: this is another budget
	}
	now := l.pools.now()
	l.pools.mu.Lock()
	defer l.pools.mu.Unlock()
	if !l.end() {
		return Verdict{}
	}
	v := l.learn(a, now)
	l.mark(a, now)
	return v
}

// Release ends the lease without an answer; nothing was learned.
func (l *Lease) Release() {
	now := l.pools.now()
	l.pools.mu.Lock()
	defer l.pools.mu.Unlock()
	if l.end() && l.recheck {
		l.c.retry = now
	}
}

// end gives the reserved point back, once.
func (l *Lease) end() bool {
	if l.ended {
		return false
	}
	l.ended = true
	l.budget.free()
	return true
}

// An answer is GitHub's, read.
type answer struct {
	status int
	means  meaning
	header http.Header
	report Report
	told   bool // whether there is a report on the credential's budget
}

// learn takes in what the answer said of budgets.
func (l *Lease) learn(a answer, now time.Time) Verdict {
	v := Verdict{Rejected: a.means != answered, Resource: l.resource}
	switch {
	case a.told:
		if a.report.Resource != "" {
			v.Resource = a.report.Resource
		}
		if b := l.c.principal.budget(v.Resource); b != nil {
			b.learn(a.report, now)
		}
		if !v.Rejected && a.status != http.StatusNotModified {
			v.Points = 1
		}
	case !v.Rejected && a.status < http.StatusBadRequest:
		l.budget.untold()
	}
	return v
}

// mark notes what the answer said of the credential itself.
func (l *Lease) mark(a answer, now time.Time) {
	switch a.means {
	case unknown:
		l.c.down, l.c.retry = "GitHub answered 401 Bad credentials", now.Add(recheckAfter)
		return
	case silenced:
		l.c.principal.cool(now.Add(silence(a.header, now)))
	case spent:
		// A budget that was learned keeps the credential from being leased again at
		// once. Where none was, as when the reset made no sense, silence has to.
		if !l.budget.refusedAt(now) {
			l.c.principal.cool(now.Add(silence(a.header, now)))
		}
	}
	if !l.recheck {
		return // a late answer to what was asked before the token was refused
	}
	if a.told || a.status < http.StatusBadRequest {
		l.c.down = ""
		return
	}
	l.c.retry = now // GitHub's edge erred, or git said 404: nothing was learned
}
