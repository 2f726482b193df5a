package pool

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"octopool/policy"
)

// A budget is what a principal may still spend on one resource, as GitHub last told
// it. The zero budget is unheard of: taken as full.
type budget struct {
	limit, used, remaining int
	reset                  time.Time
	reserved               int // points leased and not settled
}

// Report is one set of X-RateLimit headers. GitHub's documentation, "Rate limits for
// the REST API", names them; the reset is in UTC epoch seconds.
type Report struct {
	Resource               string
	Limit, Used, Remaining int
	Reset                  time.Time
}

// ReportFrom reads the rate-limit headers of an answer. It is false when the answer
// has none, as uploads, archives, git and an Enterprise Server without limits have,
// or when they make no sense.
func ReportFrom(h http.Header) (Report, bool) {
	r := Report{Resource: h.Get("X-Ratelimit-Resource")}
	var ok [4]bool
	var reset int
	r.Limit, ok[0] = count(h.Get("X-Ratelimit-Limit"))
	r.Remaining, ok[1] = count(h.Get("X-Ratelimit-Remaining"))
	reset, ok[2] = count(h.Get("X-Ratelimit-Reset"))
	r.Used, ok[3] = count(h.Get("X-Ratelimit-Used"))
	if !ok[0] || !ok[1] || !ok[2] {
		return Report{}, false
	}
	if !ok[3] {
		r.Used = max(0, r.Limit-r.Remaining) // older Enterprise Servers do not send it
	}
	r.Reset = time.Unix(int64(reset), 0)
	return r, true
}

// count reads a number as GitHub writes it: decimal, not negative, small enough to
// be added to.
func count(text string) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0, false
	}
	return int(n), true
}

// learn takes in what an answer said. Answers arrive out of order, so within one
// window only a growing use is believed, and nothing of a window that has ended.
func (b *budget) learn(r Report, now time.Time) {
	switch {
	case !now.Before(r.Reset): // late news of an ended window
		return
	case r.Reset.Before(b.reset) && now.Before(b.reset):
		return
	case r.Reset.Equal(b.reset) && r.Used < b.used:
		return
	}
	b.limit, b.used, b.remaining, b.reset = r.Limit, r.Used, r.Remaining, r.Reset
}

// spentAt reports whether nothing is left to lease at now. A budget whose reset has
// passed is never spent: GitHub has refilled it, whatever we last heard.
func (b *budget) spentAt(now time.Time) bool {
	if b.reset.IsZero() {
		return false
	}
	return b.leftAt(now) <= 0
}

// leftAt is what may still be leased at now, with leased points taken off. It means
// nothing for a budget unheard of.
func (b *budget) leftAt(now time.Time) int {
	if now.Before(b.reset) {
		return b.remaining - b.reserved
	}
	return b.limit - b.reserved
}

// paceAt is the points per second that would use the budget up exactly at its reset.
func (b *budget) paceAt(resource string, now time.Time) float64 {
	if b.reset.IsZero() {
		return float64(usualLimit(resource)-b.reserved) / window(resource).Seconds()
	}
	left := window(resource)
	if now.Before(b.reset) {
		left = b.reset.Sub(now)
	}
	return float64(b.leftAt(now)) / max(left.Seconds(), 1)
}

// budget returns the principal's budget for a resource, made on first use.
func (p *principal) budget(resource string) *budget {
	b, ok := p.budgets[resource]
	if !ok {
		b = &budget{}
		p.budgets[resource] = b
	}
	return b
}

// ResourceOf says which budget a request will spend, as far as that can be known
// before GitHub answers; the answer's own X-RateLimit-Resource is the authority.
// It is "" for what spends none: git, LFS, files and uploads, whose answers carry no
// rate-limit headers.
func ResourceOf(r policy.Request) string {
	switch r.Kind {
	case policy.KindGraphQL:
		return "graphql"
	case policy.KindREST:
	default:
		return ""
	}
	s := r.Path.Segments()
	at := func(i int, word string) bool { return i < len(s) && strings.EqualFold(s[i], word) }
	switch {
	case at(0, "search") && at(1, "code"):
		return "code_search"
	case at(0, "search"):
		return "search"
	case at(0, "rate_limit"):
		return ""
	case at(0, "app-manifests"):
		return "integration_manifest"
	case at(0, "scim"):
		return "scim"
	case at(2, "audit-log"), at(3, "audit-log"):
		return "audit_log"
	case at(0, "repos") && at(3, "dependency-graph") && at(4, "snapshots"):
		return "dependency_snapshots"
	case at(0, "repos") && at(3, "dependency-graph") && at(4, "sbom"):
		return "dependency_sbom"
	case at(0, "repos") && at(3, "code-scanning") && at(4, "sarifs") && r.Write:
		return "code_scanning_upload"
	case at(0, "repos") && at(3, "code-scanning") && at(6, "autofix"):
		return "code_scanning_autofix"
	case at(3, "actions") && at(4, "runners") && at(5, "registration-token"),
		at(2, "actions") && at(3, "runners") && at(4, "registration-token"):
		return "actions_runner_registration"
	}
	return "core"
}

// usualLimit is what a budget unheard of is taken to hold: the limit of a personal
// access token.
func usualLimit(resource string) int {
	switch resource {
	case "search":
		return 30
	case "code_search", "code_scanning_autofix":
		return 10
	case "dependency_snapshots", "dependency_sbom", "source_import":
		return 100
	}
	return 5000
}

// window is how long a resource's budget lasts: a minute or an hour.
func window(resource string) time.Duration {
	switch resource {
	case "search", "code_search", "code_scanning_autofix", "dependency_snapshots", "dependency_sbom", "source_import":
		return time.Minute
	}
	return time.Hour
}
