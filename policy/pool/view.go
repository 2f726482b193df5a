package pool

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Budget is what may still be spent on a resource, until its reset.
type Budget struct {
	Limit, Used, Remaining int
	Reset                  time.Time

	// Unlimited is set where GitHub has answered and told of no limit, as an Enterprise Server
	// without limits does. The other fields then hold what a GitHub with limits usually has.
	Unlimited bool
}

// Tell writes the budget into an answer's headers as GitHub does.
func (b Budget) Tell(h http.Header, resource string) {
	values := []string{ // in one piece of memory: it is told with every answer
		strconv.Itoa(b.Limit), strconv.Itoa(b.Remaining), strconv.Itoa(b.Used),
		strconv.FormatInt(b.Reset.Unix(), 10), resource,
	}
	for i, name := range [...]string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Used", "X-Ratelimit-Reset", "X-Ratelimit-Resource"} {
		h[name] = values[i : i+1 : i+1]
	}
}

// NotSpent is the budget with something left. Tools take any 403 with nothing remaining for a
// rate limit (go-github and octokit, by their source), so one that is none tells this.
func (b Budget) NotSpent() Budget {
	b.Remaining = max(b.Remaining, 1)
	b.Limit = max(b.Limit, b.Used+b.Remaining)
	return b
}

// Budget is what may still be spent on a want's resource by all credentials in service of
// its pool together, or what is left of its client's allowance if that is less: what
// clients are told in place of one credential's headers. Its reset is the first at which
// some of it comes back. Remaining is 0 only when the next lease would be refused, be it
// for lack of budget, of allowance or of a credential in service.
func (p *Pools) Budget(w Want) Budget {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	cl := p.client(w.Client)
	var room [16]*principal
	serving := room[:0]
	var back time.Time // when the first that is out of service may be tried again
	for _, c := range p.members[member{w.GitHub, w.Pool}] {
		switch {
		case !cl.narrowing.uses(c):
		case c.up(now):
			serving = append(serving, c.principal)
		case back.IsZero() || c.retry.Before(back):
			back = c.retry
		}
	}
	for _, a := range p.apps {
		switch {
		case !a.isFor(&w) || a.found:
		case a.problem == "": // the next lease waits for it
			serving = append(serving, newPrincipal(a.GitHub, Limits{}))
		default:
			back = earlier(back, later(a.retry, now.Add(time.Second)))
		}
	}
	b := sum(serving, w.Resource, now)
	if len(serving) == 0 && !back.IsZero() {
		b.Reset = back // not the window's end, or tools would be silent for an hour
	}
	if cl.PointsPerHour > 0 && w.Resource != "" {
		if own := cl.standing(now); own.Remaining < b.Remaining || b.Unlimited {
			return own
		}
	}
	return b
}

// sum adds the budgets of principals, each once, however many credentials it has.
func sum(principals []*principal, resource string, now time.Time) Budget {
	total := Budget{Reset: now.Add(newBudget(resource).window)}
	told, untold := 0, 0
	for i, p := range principals {
		held := p.budget(resource)
		if held == nil || slices.Contains(principals[:i], p) {
			continue
		}
		b := held.standing(now)
		total.Limit += b.Limit
		total.Used += b.Used
		total.Remaining += b.Remaining
		if b.Unlimited {
			untold++
		} else {
			told++
		}
		if b.Reset.Before(total.Reset) {
			total.Reset = b.Reset
		}
	}
	total.Unlimited = untold > 0 && told == 0
	return total
}

// Standing is one credential as an operator sees it.
type Standing struct {
	Name, GitHub, Pool string
	Kind               string // "pat" or "installation"
	Owner              string // of an installation
	Up                 bool
	Reason             string    // why it is not up
	Retry              time.Time // when what keeps it from being up may have passed; zero when it is up

	// Ready is whether a request may be sent with it: it is up, silent for a while, or
	// down for so long that the next request finds out. An App that GitHub has not yet
	// answered is not.
	Ready bool

	// Principal is whose budgets they are: "user octocat", "installation 42 of acme", or ""
	// while GitHub has not been asked. Of credentials of one principal only the first by
	// name has Budgets, so that whoever adds them up counts none twice.
	Principal string
	Budgets   map[string]Budget // by resource, those heard of
	InFlight  int               // requests of the principal that GitHub has not answered
}

// Standings are all credentials by name, and Apps of which no installation is known.
func (p *Pools) Standings() []Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	out := make([]Standing, 0, len(p.all))
	told := map[*principal]bool{}
	for _, c := range p.all {
		s := p.standing(c, now)
		if !told[c.principal] {
			told[c.principal] = true
			s.InFlight = c.principal.inFlight
			for resource, b := range c.principal.budgets {
				if b.heard() {
					s.Budgets[resource] = b.standing(now)
				}
			}
		}
		out = append(out, s)
	}
	for _, a := range p.apps {
		if slices.ContainsFunc(p.all, func(c *credential) bool { return c.app == a }) {
			continue
		}
		s := Standing{Name: a.Name, GitHub: a.GitHub, Pool: a.Pool, Kind: "installation", Budgets: map[string]Budget{}, Reason: a.unknown(), Retry: a.retry}
		if s.Reason == "" {
			s.Reason = "the App is installed nowhere it may be used"
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Standing) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (p *Pools) standing(c *credential, now time.Time) Standing {
	s := Standing{
		Name: c.Name, GitHub: c.GitHub, Pool: c.Pool, Kind: "pat", Owner: c.account,
		Up: true, Principal: c.principal.name, Budgets: map[string]Budget{},
	}
	down := func(reason string, retry time.Time) { s.Up, s.Reason, s.Retry = false, reason, retry }
	mute := !c.token.usable(now) && c.token.problem != "" // there is no token to be had
	switch {
	case c.down != "":
		down(c.down, c.retry)
	case c.app != nil && c.account == "":
		down(c.app.unknown(), c.app.retry)
	case mute:
		down(c.token.problem, c.token.retry)
	case now.Before(c.principal.cooling):
		down("silent after a secondary limit", c.principal.cooling)
	}
	s.Ready = c.up(now) && !mute && (c.app == nil || c.account != "")
	if c.app != nil {
		s.Kind = "installation"
	}
	return s
}

// unknown is why it is not known where an App is installed; "" when that is known.
func (a *app) unknown() string {
	if a.problem == "" && !a.found {
		return "GitHub has not yet told where the App is installed"
	}
	return a.problem
}

// Spending is what a client has spent of its allowance and is doing.
type Spending struct {
	Name      string
	Allowance Budget // zero without one
	InFlight  int    // requests on their way to GitHub
	Waiting   int    // requests that wait for a place
}

// Spendings are all clients that have asked for anything, by name, but for those that the
// configuration has no more.
func (p *Pools) Spendings() []Spending {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	out := make([]Spending, 0, len(p.clients))
	for _, c := range p.clients {
		if c.Name == "" || !c.left.IsZero() && c.inFlight == 0 && len(c.waiting) == 0 {
			continue
		}
		s := Spending{Name: c.Name, InFlight: c.inFlight, Waiting: len(c.waiting)}
		if c.PointsPerHour > 0 {
			s.Allowance = c.standing(now)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Spending) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Limited reports whether GitHub has told of a limit to a credential of this pool.
func (p *Pools) Limited(github, pool string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.members[member{github, pool}] {
		for _, b := range c.principal.budgets {
			if b.heard() {
				return true
			}
		}
	}
	return false
}

// Resources are the resources a client can be told of: those every GitHub has, and
// what its pool has heard of besides.
func (p *Pools) Resources(github, pool string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []string{"code_search", "core", "graphql", "search"}
	for _, c := range p.members[member{github, pool}] {
		for resource, b := range c.principal.budgets {
			if b.heard() && !slices.Contains(out, resource) {
				out = append(out, resource)
			}
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
