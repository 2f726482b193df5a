package pool

import (
	"bytes"
	"cmp"
	"net/http"
	"time"

	"octopool/policy"
)

// A Lease is one credential taken for one request. It is settled once, with
// GitHub's answer, or released when there was none.
type Lease struct {
	pools     *Pools
	c         *credential
	client    *client
	principal *principal
	slot      *slot
	auth      *authorization
	resource  string // "" when the request spends nothing
	owner     string // whose it is about, as far as is known
	number    string
	hidden    bool // a 404 may be for want of a credential that sees it
	sought    bool // others have been asked for it before, and did not see it
	beyond    bool // owner is none of the credential's
	recheck   bool // its answer says whether the credential is in service again
	rateLimit *policy.RateLimit
	ended     bool // guarded by pools.mu
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
		return l.auth.bearer
	}
	return l.auth.basic
}

// Identity is a digest of what [Lease.Authorization] returns for API requests. Two
// leases with one identity are seen by GitHub as the same Authorization.
func (l *Lease) Identity() [32]byte { return l.auth.identity }

// A Verdict says what an answer meant for the credential it was sent with.
type Verdict struct {
	// Rejected is true when GitHub did not execute the request because of the
	// credential or its limits: another credential may be asked the same. The
	// same credential is not leased for it again before its time.
	Rejected bool
	// Explains is true when GitHub's rejection says more than a refusal of ours could
	// (an allow list, single sign-on): when nobody else can serve it is the answer.
	Explains bool
	// Elsewhere is true when another credential may have a better answer: something is not
	// there, was named by a number or an id that does not tell whose it is, and the credential
	// is for one account; or the want was Hidden; or a query costs more than the credential has left. Ask again
	// with Want.Except; when nobody is left this is the answer.
	Elsewhere bool
	// NotCovered is set when the answer is a 404 for want of a credential of the
	// owner's: a refusal that says so is better than GitHub's.
	NotCovered error

	Resource string // which budget was spent, "" for none
	Points   int    // what it cost
}

// Settle ends the lease with GitHub's answer: its status, its headers and, if
// [Lease.Reads] says so, the beginning of its body, since some refusals are told in words
// only. Settling again changes nothing and returns the zero Verdict.
func (l *Lease) Settle(status int, h http.Header, body []byte) Verdict {
	a := answer{status: status, means: meaningOf(status, h, body), header: h}
	if a.means == turnedAway && l.owner == "" {
		a.means = answered // it is not told by whom
	}
	a.report, a.told = ReportFrom(h)
	if l.rateLimit != nil && status == http.StatusOK {
		a.result(l.rateLimit, body)
	}
	if status == http.StatusUnauthorized {
		a.told = false // GitHub counts who it does not know by address: this is another budget
	}
	p := l.pools
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	if !l.end() {
		return Verdict{}
	}
	v := l.learn(a, now)
	l.mark(a, v.Resource, now)
	l.place(a, body, &v)
	if v.Points > 0 {
		l.client.spend(v.Points, now)
	}
	p.dispatch(now)
	return v
}

// Release ends the lease without an answer; nothing was learned.
func (l *Lease) Release() {
	p := l.pools
	p.mu.Lock()
	defer p.unlock()
	l.release(p.now())
}

func (l *Lease) release(now time.Time) {
	if !l.end() {
		return
	}
	if l.recheck {
		l.c.retry = now
	}
	l.pools.dispatch(now)
}

// end gives back what was reserved, once.
func (l *Lease) end() bool {
	if l.ended {
		return false
	}
	l.ended = true
	l.client.inFlight--
	if l.resource != "" {
		l.client.reserved--
		principal := l.principal.itself()
		principal.inFlight--
		principal.budget(l.resource).free()
	}
	return true
}

// An answer is GitHub's, read.
type answer struct {
	status int
	means  meaning
	header http.Header
	report Report
	told   bool // whether there is a report on the credential's budget
	cost   int  // points, as a query's result tells; 0 when it does not
}

// result takes in what a query's result tells. Headers are believed before it: they are
// written later.
func (a *answer) result(l *policy.RateLimit, body []byte) {
	s, ok := l.In(body)
	if !ok {
		return
	}
	a.cost = s.Cost
	if !a.told && !s.Reset.IsZero() {
		a.report, a.told = Report{Limit: s.Limit, Used: s.Used, Remaining: s.Remaining, Reset: s.Reset}, true
	}
}

// learn takes in what the answer said of budgets.
func (l *Lease) learn(a answer, now time.Time) Verdict {
	v := Verdict{Rejected: a.means != answered && a.means != tooDear, Explains: a.means == turnedAway, Resource: l.resource}
	principal := l.principal.itself()
	switch {
	case a.told:
		if a.report.Resource != "" {
			v.Resource = a.report.Resource
		}
		grown := 0
		if b := principal.budget(v.Resource); b != nil {
			grown = b.learn(a.report, now)
		}
		if a.means == answered && a.status != http.StatusNotModified {
			v.Points = 1
			if v.Resource == "graphql" { // a query costs what it asks for
				v.Points = max(1, cmp.Or(a.cost, grown))
			}
		}
	case !v.Rejected && a.status < http.StatusBadRequest:
		principal.budget(l.resource).untold()
	}
	return v
}

// mark notes what the answer said of the credential itself.
func (l *Lease) mark(a answer, resource string, now time.Time) {
	p, principal := l.pools, l.principal.itself()
	switch a.means {
	case unknown:
		l.doubt(now)
		return
	case suspended:
		p.takeDown(l.c, "GitHub: this installation has been suspended", now)
		return
	case turnedAway:
		l.c.bar(l.owner, now.Add(barredFor))
	case silenced:
		principal.strike(a.header, now)
	case spent:
		// A budget that was learned keeps the credential from being leased again at
		// once. Where none was, as when the reset made no sense, silence has to.
		if !principal.budget(resource).refusedAt(now) {
			principal.cool(now.Add(silence(a.header, 0, now)))
		}
	case answered, tooDear:
		if a.told && !now.Before(principal.cooling) {
			principal.strikes = 0
		}
		l.slot.doubted = l.slot.doubted && l.slot.auth != l.auth
	}
	if !l.recheck {
		return // a late answer to what was asked before the token was refused
	}
	if a.told || a.status < http.StatusBadRequest {
		p.bringBack(l.c)
		return
	}
	l.c.retry = now // GitHub's edge erred, or git said 404: nothing was learned
}

// doubt is for a token that GitHub does not know. That of an installation may have been
// revoked, so another is got, once.
func (l *Lease) doubt(now time.Time) {
	const why = "GitHub answered 401 Bad credentials"
	switch {
	case l.slot.auth != l.auth: // it has been renewed meanwhile, or is being
	case l.c.app == nil, l.slot.doubted:
		l.slot.doubted = false
		l.pools.takeDown(l.c, why, now)
	default:
		l.slot.auth, l.slot.doubted, l.slot.wanted = nil, true, true
		l.pools.wake()
	}
}

// strike keeps the silence that a secondary limit asked for: longer each time where it
// did not say for how long.
func (p *principal) strike(h http.Header, now time.Time) {
	if now.Before(p.cooling) { // asked before the last one was heard
		p.cool(now.Add(silence(h, p.strikes-1, now)))
		return
	}
	p.cool(now.Add(silence(h, p.strikes, now)))
	p.strikes++
}

// place takes in what the answer says of where things are.
func (l *Lease) place(a answer, body []byte, v *Verdict) {
	notThere := a.status == http.StatusNotFound && !v.Rejected
	notHere := notThere || a.status == http.StatusForbidden && !v.Rejected && bytes.Contains(body, []byte(notTheInstallations))
	switch {
	case a.means == tooDear:
		v.Elsewhere = true
	case l.blind() && a.status == http.StatusOK && !v.Rejected:
		v.Elsewhere = foundNothing(body)
	case notThere && l.beyond:
		v.NotCovered = &NotCovered{l.c.Pool, l.owner}
	case notThere && l.hidden:
		v.Elsewhere = true
	case notHere && l.owner == "" && l.number != "":
		v.Elsewhere = l.c.app != nil
	case a.status < http.StatusBadRequest && l.sought && l.owner == "" && l.number != "" && l.c.account != "":
		l.pools.remember(numbered{l.c.GitHub, l.number}, l.c.account) // others do not see it, so it is not just public
	}
}

// notTheInstallations is how GitHub refuses an installation what it may not change, such as
// another account's public repository.
const notTheInstallations = "Resource not accessible by integration"

// remember notes whom a number stands for.
func (p *Pools) remember(number numbered, owner string) {
	const most = 1 << 14 // numbers come from requests
	if len(p.numbers) >= most {
		clear(p.numbers)
	}
	p.numbers[number] = owner
}
