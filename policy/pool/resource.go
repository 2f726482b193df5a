package pool

import (
	"strings"
	"time"

	"octopool/policy"
)

// ResourceOf says which budget a request will spend, as far as that can be known
// before GitHub answers; the answer's own X-RateLimit-Resource is the authority.
// It is "" for what spends none: git, LFS, files and uploads, whose answers carry no
// rate-limit headers, and /rate_limit.
//
// It agrees with what go-github takes a path for (its GetRateLimitCategory), which
// keeps its books by that.
func ResourceOf(r policy.Request) string {
	switch r.Kind {
	case policy.KindGraphQL:
		return "graphql"
	case policy.KindREST:
		return resourceOf(r.Method, r.Path)
	}
	return ""
}

func resourceOf(method string, path policy.Path) string {
	at := func(i int, word string) bool { return strings.EqualFold(path.Segment(i), word) }
	below := func(i int, words ...string) bool {
		for j, word := range words {
			if !at(i+j, word) {
				return false
			}
		}
		return true
	}
	switch {
	case below(0, "search", "code"):
		return "code_search"
	case at(0, "search"):
		return "search"
	case at(0, "rate_limit"):
		return ""
	case at(0, "app-manifests"):
		return "integration_manifest"
	case at(0, "scim"):
		return "scim"
	case at(0, "orgs"), at(0, "organizations"), at(0, "enterprises"):
		switch {
		case below(2, "audit-log") && path.Depth() == 3:
			return "audit_log"
		case below(2, "actions", "runners", "registration-token"):
			return "actions_runner_registration"
		}
		return "core"
	}
	repo := 3 // where what is asked of a repository begins
	switch {
	case at(0, "repositories"):
		repo = 2
	case !at(0, "repos"):
		return "core"
	}
	switch {
	case below(repo, "dependency-graph", "snapshots"):
		return "dependency_snapshots"
	case below(repo, "dependency-graph", "sbom"):
		return "dependency_sbom"
	case below(repo, "code-scanning", "sarifs") && method == "POST":
		return "code_scanning_upload"
	case below(repo, "code-scanning", "alerts") && at(repo+3, "autofix"):
		return "code_scanning_autofix"
	case below(repo, "actions", "runners", "registration-token"):
		return "actions_runner_registration"
	case below(repo, "import") && method == "PUT":
		return "source_import"
	}
	return "core"
}

// newBudget is a budget unheard of. It holds what a personal access token usually has
// (GitHub's documentation, and a captured /rate_limit), and lasts a minute or an hour.
func newBudget(resource string) *budget {
	switch resource {
	case "search":
		return &budget{limit: 30, window: time.Minute}
	case "code_search", "code_scanning_autofix":
		return &budget{limit: 10, window: time.Minute}
	case "dependency_snapshots", "dependency_sbom", "source_import":
		return &budget{limit: 100, window: time.Minute}
	case "code_scanning_upload":
		return &budget{limit: 1000, window: time.Hour}
	case "actions_runner_registration":
		return &budget{limit: 10000, window: time.Hour}
	case "scim":
		return &budget{limit: 15000, window: time.Hour}
	case "audit_log":
		return &budget{limit: 1750, window: time.Hour}
	case "audit_log_streaming":
		return &budget{limit: 15, window: time.Hour}
	}
	return &budget{limit: 5000, window: time.Hour}
}
