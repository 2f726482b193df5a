package pool

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"octopool/policy"
)

// limits of the GitHub below, small so that they are met all the time.
func limits(resource string) (limit int, window time.Duration) {
	if resource == "search" {
		return 3, time.Minute
	}
	return 12, time.Hour
}

// A purse is what GitHub counts for one user and resource.
type purse struct {
	used  int
	reset time.Time
}

// A model is GitHub, the requests on their way to it and back, and what octopool can
// know of it all.
type model struct {
	*world
	rnd *rand.Rand

	truth, told map[string]*purse    // by user and resource: at GitHub, and by the answers that came back
	revoked     map[string]bool      // users whose token GitHub does not know
	silent      map[string]time.Time // users GitHub asked to be silent, by the answers that came back
	down        map[string]time.Time // users whose token is out of service, until when
	flying      []*flight
}

// A flight is one request between its lease and its end.
type flight struct {
	*Lease
	user    string
	recheck bool

	status   int // 0: GitHub has not seen it yet
	h        http.Header
	body     string
	rejected bool
}

// user is whose token a credential has: a and a2 are one user's.
func user(credential string) string { return credential[:1] }

func newModel(t *testing.T, seed uint64) *model {
	one := policy.NewSecret("ghp_a")
	m := &model{
		world: newWorld(t,
			Credential{Name: "a", Token: one}, Credential{Name: "a2", Token: one, Owners: []string{"acme"}},
			Credential{Name: "b"}, Credential{Name: "c", Owners: []string{"umbrella"}}),
		rnd:   rand.New(rand.NewPCG(seed, 1)),
		truth: map[string]*purse{}, told: map[string]*purse{},
		revoked: map[string]bool{}, silent: map[string]time.Time{}, down: map[string]time.Time{},
	}
	for _, name := range []string{"a", "b", "c"} { // so that the small limits are known
		for _, resource := range []string{"core", "search"} {
			m.wnt.Resource, m.wnt.Owner = resource, ""
			m.fly(m.lease(liking(name)))
			m.execute(m.flying[0], http.StatusOK)
			m.land(0)
		}
	}
	return m
}

func (m *model) purse(book map[string]*purse, user, resource string) *purse {
	key := user + " " + resource
	if book[key] == nil {
		book[key] = &purse{}
	}
	return book[key]
}

func (m *model) fly(l *Lease) *flight {
	f := &flight{Lease: l, user: user(l.Credential())}
	if retry, down := m.down[f.user]; down {
		f.recheck = true
		if m.at.Before(retry) {
			m.t.Fatalf("%s is leased although it is out of service", l.Credential())
		}
		m.down[f.user] = m.at.Add(recheckAfter)
	}
	m.flying = append(m.flying, f)
	return f
}

// execute is GitHub's part. A request of a user who has nothing left would be rejected:
// that it is not is the claim.
func (m *model) execute(f *flight, status int) {
	f.status, f.h = status, bare()
	if m.revoked[f.user] {
		f.status, f.body, f.rejected = http.StatusUnauthorized, badCredentials, true
		f.h = headers(Report{"core", 60, 60, 0, m.at.Add(time.Hour)})
		return
	}
	switch status {
	case http.StatusForbidden:
		f.body = permission
	case http.StatusTooManyRequests:
		f.body, f.rejected = secondaryWords, true
		defer func() { f.h.Set("Retry-After", "20") }()
	}
	if f.resource == "" || status >= 500 {
		return
	}
	limit, window := limits(f.resource)
	p := m.purse(m.truth, f.user, f.resource)
	if !m.at.Before(p.reset) {
		*p = purse{0, m.at.Add(window).Truncate(time.Second)}
	}
	if !f.rejected && status != http.StatusNotModified {
		p.used++
	}
	if p.used > limit {
		m.t.Fatalf("GitHub rejects request %d of %d of %s %s", p.used, limit, f.user, f.resource)
	}
	f.h = headers(Report{f.resource, limit, p.used, limit - p.used, p.reset})
}

// land brings flight i's answer back, and checks the verdict.
func (m *model) land(i int) {
	f := m.drop(i)
	v := f.Settle(f.status, f.h, []byte(f.body))
	if v.Rejected != f.rejected || v.Resource != f.resource {
		m.t.Fatalf("%d %s: %+v", f.status, f.body, v)
	}
	report, ok := ReportFrom(f.h)
	told := ok && f.status != http.StatusUnauthorized
	if told && m.at.Before(report.Reset) {
		p := m.purse(m.told, f.user, f.resource)
		if !m.at.Before(p.reset) || report.Used > p.used {
			*p = purse{report.Used, report.Reset}
		}
	}
	switch f.status {
	case http.StatusUnauthorized:
		m.down[f.user] = m.at.Add(recheckAfter)
		return
	case http.StatusTooManyRequests:
		if until := m.at.Add(20 * time.Second); until.After(m.silent[f.user]) {
			m.silent[f.user] = until
		}
	}
	switch {
	case f.recheck && (told || f.status < 400):
		delete(m.down, f.user)
	case f.recheck:
		m.undecided(f.user)
	}
}

// undecided is a re-check that found nothing out: the next request may.
func (m *model) undecided(user string) {
	if _, down := m.down[user]; down {
		m.down[user] = m.at
	}
}

// reload gives every token another name, and perhaps other owners; one has two names at
// times. What was refused may be tried again.
func (m *model) reload() {
	var all []Credential
	for i, user := range []string{"a", "b", "c", "a"} {
		c := Credential{Name: fmt.Sprintf("%s%d%d", user, i, m.rnd.IntN(2)), GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_" + user)}
		if m.rnd.IntN(3) == 0 {
			c.Owners = []string{[]string{"acme", "umbrella"}[m.rnd.IntN(2)]}
		}
		if i < 3 || m.rnd.IntN(2) == 0 {
			all = append(all, c)
		}
	}
	if err := m.Reload(Config{Credentials: all}); err != nil {
		m.t.Fatal(err)
	}
	for user := range m.down {
		m.undecided(user)
	}
}

func (m *model) drop(i int) *flight {
	f := m.flying[i]
	m.flying = append(m.flying[:i], m.flying[i+1:]...)
	return f
}

// inFlight counts the points that are reserved.
func (m *model) inFlight(user, resource string) int {
	n := 0
	for _, f := range m.flying {
		if f.user == user && f.resource == resource {
			n++
		}
	}
	return n
}

// couldServe is who may be leased, by what is known.
func (m *model) couldServe(w Want) []string {
	var out []string
	for _, c := range m.all {
		if w.Owner != "" && len(c.Owners) > 0 && c.Owners[0] != w.Owner {
			continue
		}
		retry, down := m.down[user(c.Name)]
		if down && m.at.Before(retry) || m.at.Before(m.silent[user(c.Name)]) {
			continue
		}
		if w.Resource != "" {
			left, _ := limits(w.Resource)
			if p := m.purse(m.told, user(c.Name), w.Resource); m.at.Before(p.reset) {
				left -= p.used
			}
			if left <= m.inFlight(user(c.Name), w.Resource) {
				continue
			}
		}
		out = append(out, c.Name)
	}
	return out
}

func (m *model) check() {
	for _, c := range m.all {
		for resource, b := range c.principal.budgets {
			if want := m.inFlight(user(c.Name), resource); b.reserved != want || b.reserved < 0 {
				m.t.Fatalf("%d points of %s %s are reserved for %d requests", b.reserved, c.Name, resource, want)
			}
		}
	}
	for _, resource := range []string{"core", "search"} {
		b := m.Budget("github.com", "default", resource)
		if b.Remaining < 0 || b.Used < 0 || b.Used+b.Remaining != b.Limit || !b.Reset.After(m.at) {
			m.t.Fatalf("%s: %+v at %s", resource, b, m.at)
		}
	}
}

func (m *model) step() {
	pick := func(of ...string) string { return of[m.rnd.IntN(len(of))] }
	switch action := m.rnd.IntN(20); {
	case action < 8:
		w := Want{GitHub: "github.com", Pool: "default", Resource: pick("core", "core", "search", ""), Owner: pick("", "acme", "umbrella"), Steady: pick("", "ci")}
		could := m.couldServe(w)
		l, err := m.Lease(w)
		switch {
		case err == nil && len(could) == 0, err != nil && len(could) > 0:
			m.t.Fatalf("%+v: %v, although %v could serve", w, err, could)
		case err == nil:
			m.fly(l)
		}
	case action < 14 && len(m.flying) > 0:
		if f := m.flying[m.rnd.IntN(len(m.flying))]; f.status == 0 {
			m.execute(f, []int{200, 200, 200, 304, 304, 404, 403, 500, 429}[m.rnd.IntN(9)])
		}
	case action < 18 && len(m.flying) > 0:
		i := m.rnd.IntN(len(m.flying))
		if m.flying[i].status != 0 {
			m.land(i)
			return
		}
		f := m.drop(i) // it never arrived
		f.Release()
		if f.recheck {
			m.undecided(f.user)
		}
	case action == 18:
		m.pass(time.Duration(m.rnd.Int64N(int64(time.Minute))))
		if m.rnd.IntN(10) == 0 {
			m.pass(time.Duration(m.rnd.Int64N(int64(time.Hour))))
		}
	case m.rnd.IntN(4) == 0:
		m.reload()
	default:
		if u := pick("a", "b", "c"); m.rnd.IntN(6) == 0 {
			m.revoked[u] = !m.revoked[u]
		}
	}
}

// Whatever happens in whatever order, with answers that overtake one another, windows
// that end, tokens that are revoked and come back, configurations that are reloaded, and
// limits of both kinds: GitHub never has to reject a request for its budget, a lease is refused only when nothing serves,
// and no point is reserved that is not in flight.
func TestAnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range 600 {
				m.step()
				m.check()
			}
			for len(m.flying) > 0 {
				m.drop(0).Release()
			}
			m.check()
		})
	}
}
