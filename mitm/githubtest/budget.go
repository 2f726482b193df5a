package githubtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A budgetKey names one budget: all tokens of a user share one for each
// resource, and so do all anonymous requests from one address (documented).
type budgetKey struct {
	owner    string // user:LOGIN, installation:ID, app:ID or ip:ADDRESS
	resource string
}

// A budget is what an owner may spend on a resource until its reset.
type budget struct {
	limit, used int
	ever        int // used, over all windows there were
	reset       time.Time
	window      time.Duration

	other    *budget // a second window, or nil
	turn     bool    // the first window's, when requests take turns
	behind   []int   // how far behind the headers of answers are, in turn
	answered int
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
		b = &budget{limit: l.user, window: l.window}
		if strings.HasPrefix(owner, "ip:") {
			b.limit = l.anonymous
		}
		s.budgets[key] = b
	}
	b.refill(s.now())
	if b.other != nil {
		b.other.refill(s.now())
	}
	return b
}

// spend takes points, or reports that nothing is left. A refused request takes
// none. The last points may pay for a query that costs more.
func (s *Server) spend(b *budget, points int) bool {
	if b.used >= b.limit && !s.unlimited {
		return false
	}
	b.used += points
	b.ever += points
	return true
}

// refund gives points back.
func (b *budget) refund(points int) {
	b.used -= points
	b.ever -= points
}

func (b *budget) remaining() int { return max(0, b.limit-b.used) }

// exhausted is the primary refusal, in the words observed. It is a 403: that is
// what is seen in practice, though 429 is documented too.
func (s *Server) exhausted(v viewer) *answer {
	s.primaryRefusals++
	who := fmt.Sprintf("API rate limit exceeded for %s. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)", v.ip)
	if v.known() {
		who = fmt.Sprintf("API rate limit exceeded for %s. If you reach out to GitHub Support for help, please include the request ID %s and timestamp %s. For more on scraping GitHub and how it may affect your rights, please review our Terms of Service (https://docs.github.com/en/site-policy/github-terms/github-terms-of-service)",
			s.called(v), s.requestID(), s.now().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return refuse(http.StatusForbidden, who, "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
}

// exhaustedGraphQL is the same as GraphQL says it: in a 200, with the type in the errors (documented).
func (s *Server) exhaustedGraphQL(v viewer) *answer {
	s.primaryRefusals++
	return graphQLReply(object{{"errors", []object{{
		{"type", "RATE_LIMITED"}, {"code", "graphql_rate_limit"}, {"message", "API rate limit already exceeded for " + s.called(v) + "."},
	}}}})
}

// called is how a refusal names whose limit it is (observed for users and installations).
func (s *Server) called(v viewer) string {
	switch in := v.installation(); {
	case in != nil:
		return fmt.Sprintf("installation ID %d", in.id)
	case v.app != nil:
		return fmt.Sprintf("app ID %d", v.app.id)
	}
	return fmt.Sprintf("user ID %d", s.account(v.login).id)
}

// SetBudget makes a principal's budget for resource what a test needs. The principal is a
// login, or what Installation.Principal or App.Principal says; an empty one is every
// anonymous client on 127.0.0.1. A zero reset keeps the window.
func (s *Server) SetBudget(principal, resource string, limit, used int, reset time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(principal), resource)
	b.limit, b.used = limit, used
	if !reset.IsZero() {
		b.reset = reset
	}
}

// A Budget is what a principal may spend on a resource, and when that starts anew.
type Budget struct {
	Limit, Used int
	Reset       time.Time
}

// Budget is a principal's budget for resource as it is now.
func (s *Server) Budget(principal, resource string) Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(principal), resource)
	return Budget{b.limit, b.used, b.reset}
}

// Used is how many points a principal has spent on resource since its last reset.
func (s *Server) Used(principal, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.budget(s.mustOwner(principal), resource).spent()
}

// SpentEver is how many points a principal has spent on resource since the server began,
// whatever was reset or set since.
func (s *Server) SpentEver(principal, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budget(s.mustOwner(principal), resource)
	if b.other != nil {
		return b.ever + b.other.ever
	}
	return b.ever
}

// Points is what every principal has spent on every resource, where that is not
// nothing. The anonymous are under the empty name.
func (s *Server) Points() map[string]map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	points := map[string]map[string]int{}
	for key := range s.budgets {
		used := s.budget(key.owner, key.resource).spent()
		if used == 0 {
			continue
		}
		principal := key.owner // of an App or installation, as it is
		if name, isUser := strings.CutPrefix(key.owner, "user:"); isUser {
			principal = s.account(name).login
		} else if strings.HasPrefix(key.owner, "ip:") {
			principal = ""
		}
		if points[principal] == nil {
			points[principal] = map[string]int{}
		}
		points[principal][key.resource] += used
	}
	return points
}

// mustOwner is whose budget a test means. It panics on a principal who was never added:
// that is a bug in a test, which would otherwise read a budget that nobody can spend.
func (s *Server) mustOwner(principal string) string {
	a := s.account(principal)
	switch {
	case principal == "":
		return addressOwner("127.0.0.1")
	case s.machines[principal]:
		return principal
	case a == nil:
		panic("githubtest: no user " + principal)
	case a.app != nil:
		panic("githubtest: " + principal + " has no budget: each of its installations has")
	}
	return userOwner(principal)
}
