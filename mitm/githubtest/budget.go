package githubtest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A budgetKey names one budget: all tokens of a user share one for each
// resource, and so do all anonymous requests from one address (documented).
type budgetKey struct {
	owner    string // user:LOGIN or ip:ADDRESS
	resource string
}

// A budget is what an owner may spend on a resource until its reset.
type budget struct {
	limit, used int
	reset       time.Time
}

// A limit is a budget's size and window for users, and its size for the anonymous.
type limit struct {
	user, anonymous int
	window          time.Duration
}

// limits are the resources of a captured /rate_limit of a personal access token.
var limits = map[string]limit{
	"core":                        {5000, 60, time.Hour},
	"search":                      {30, 10, time.Minute},
	"code_search":                 {10, 10, time.Minute},
	"graphql":                     {5000, 0, time.Hour},
	"integration_manifest":        {5000, 0, time.Hour},
	"source_import":               {100, 0, time.Minute},
	"dependency_snapshots":        {100, 0, time.Minute},
	"dependency_sbom":             {100, 0, time.Minute},
	"code_scanning_upload":        {1000, 0, time.Hour},
	"code_scanning_autofix":       {10, 0, time.Minute},
	"actions_runner_registration": {10000, 0, time.Hour},
	"scim":                        {15000, 0, time.Hour},
	"audit_log":                   {1750, 0, time.Hour},
	"audit_log_streaming":         {15, 0, time.Hour},
}

// resourceNames is the order of /rate_limit.
var resourceNames = []string{
	"core", "search", "graphql", "integration_manifest", "source_import", "code_scanning_upload", "code_scanning_autofix",
	"actions_runner_registration", "scim", "dependency_snapshots", "dependency_sbom", "audit_log", "audit_log_streaming", "code_search",
}

// resourceOf is the class that a request is counted in.
func resourceOf(method, path string) string {
	switch {
	case path == "/graphql":
		return "graphql"
	case path == "/search/code":
		return "code_search"
	case strings.HasPrefix(path, "/search/"):
		return "search"
	case strings.HasPrefix(path, "/app-manifests/") && strings.HasSuffix(path, "/conversions"):
		return "integration_manifest"
	case strings.HasSuffix(path, "/dependency-graph/sbom"):
		return "dependency_sbom"
	case strings.HasSuffix(path, "/dependency-graph/snapshots") && method == http.MethodPost:
		return "dependency_snapshots"
	case strings.HasSuffix(path, "/code-scanning/sarifs") && method == http.MethodPost:
		return "code_scanning_upload"
	case strings.HasSuffix(path, "/actions/runners/registration-token"):
		return "actions_runner_registration"
	case strings.HasPrefix(path, "/scim/"):
		return "scim"
	case strings.HasSuffix(path, "/audit-log"):
		return "audit_log"
	}
	return "core"
}

func (v viewer) budgetOwner() string {
	if v.login == "" {
		return "ip:" + v.ip
	}
	return userOwner(v.login)
}

func userOwner(login string) string { return "user:" + strings.ToLower(login) }

// budget is the live budget of an owner, refilled when its reset has passed.
// The caller holds s.mu.
func (s *Server) budget(owner, resource string) *budget {
	key := budgetKey{owner, resource}
	l, known := limits[resource]
	if !known {
		l = limits["core"]
	}
	b := s.budgets[key]
	if b == nil {
		b = &budget{limit: l.user}
		if strings.HasPrefix(owner, "ip:") {
			b.limit = l.anonymous
		}
		s.budgets[key] = b
	}
	if now := s.now(); !now.Before(b.reset) {
		b.used = 0
		b.reset = now.Add(l.window).Truncate(time.Second)
	}
	return b
}

// spend takes points, or reports that nothing is left. A refused request takes
// none. The last points may pay for a query that costs more.
func (b *budget) spend(points int) bool {
	if b.used >= b.limit {
		return false
	}
	b.used += points
	return true
}

func (b *budget) remaining() int { return max(0, b.limit-b.used) }

func (b *budget) headers(h http.Header, resource string) {
	set(h, "X-RateLimit-Limit", strconv.Itoa(b.limit))
	set(h, "X-RateLimit-Remaining", strconv.Itoa(b.remaining()))
	set(h, "X-RateLimit-Used", strconv.Itoa(b.used))
	set(h, "X-RateLimit-Reset", strconv.FormatInt(b.reset.Unix(), 10))
	set(h, "X-RateLimit-Resource", resource)
}

func (b *budget) json() object {
	return object{{"limit", b.limit}, {"used", b.used}, {"remaining", b.remaining()}, {"reset", b.reset.Unix()}}
}

// exhausted is the primary refusal, in the words observed. It is a 403: that is
// what is seen in practice, though 429 is documented too.
func (s *Server) exhausted(v viewer) *answer {
	who := fmt.Sprintf("API rate limit exceeded for %s. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)", v.ip)
	if v.login != "" {
		who = fmt.Sprintf("API rate limit exceeded for user ID %d. If you reach out to GitHub Support for help, please include the request ID %s and timestamp %s. For more on scraping GitHub and how it may affect your rights, please review our Terms of Service (https://docs.github.com/en/site-policy/github-terms/github-terms-of-service)",
			s.account(v.login).id, s.requestID(), s.now().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return refuse(http.StatusForbidden, who, "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
}

// A secondary limit refuses everything a user asks until it ends.
type secondary struct {
	status     int
	retryAfter *time.Duration
	until      time.Time
}

// Secondary puts login under a secondary rate limit: its API requests are
// refused with status (403 or 429) for retryAfter, or for a minute without any
// Retry-After header when that is nil, as was observed in the first seconds of
// a block. Status 0 ends it.
func (s *Server) Secondary(login string, retryAfter *time.Duration, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustOwner(login)
	key := strings.ToLower(login)
	if status == 0 {
		delete(s.secondary, key)
		return
	}
	lasts := time.Minute
	if retryAfter != nil {
		lasts = *retryAfter
	}
	s.secondary[key] = secondary{status, retryAfter, s.now().Add(lasts)}
}

// throttled is the secondary refusal for a viewer, or nil.
func (s *Server) throttled(v viewer) *answer {
	limited, found := s.secondary[strings.ToLower(v.login)]
	if !found || !s.now().Before(limited.until) {
		return nil
	}
	a := refuse(limited.status,
		"You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID "+s.requestID()+".",
		"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits")
	if limited.retryAfter != nil {
		left := limited.until.Sub(s.now()).Seconds()
		a.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(left))))
	}
	return a
}

// SetBudget makes login's budget for resource what a test needs. An empty login
// is every anonymous client on 127.0.0.1. A zero reset keeps the window.
func (s *Server) SetBudget(login, resource string, limit, used int, reset time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(login), resource)
	b.limit, b.used = limit, used
	if !reset.IsZero() {
		b.reset = reset
	}
}

// Used is how many points login has spent on resource since its last reset. An
// empty login is every anonymous client on 127.0.0.1.
func (s *Server) Used(login, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.budget(s.mustOwner(login), resource).used
}

// Points is what every login has spent on every resource, where that is not
// nothing. The anonymous are under the empty login.
func (s *Server) Points() map[string]map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	points := map[string]map[string]int{}
	for key := range s.budgets {
		used := s.budget(key.owner, key.resource).used
		if used == 0 {
			continue
		}
		login := ""
		if name, isUser := strings.CutPrefix(key.owner, "user:"); isUser {
			login = s.account(name).login
		}
		if points[login] == nil {
			points[login] = map[string]int{}
		}
		points[login][key.resource] += used
	}
	return points
}

// mustOwner panics on a user who was never added: that is a bug in a test, which
// would otherwise read a budget that nobody can spend.
func (s *Server) mustOwner(login string) string {
	if login == "" {
		return "ip:127.0.0.1"
	}
	if s.account(login) == nil {
		panic("githubtest: no user " + login)
	}
	return userOwner(login)
}
