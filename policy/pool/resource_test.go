package pool

import (
	"strings"
	"testing"
	"time"

	"octopool/policy"
)

func TestResourceOf(t *testing.T) {
	api := policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}
	for _, tt := range []struct {
		role       policy.Role
		line, want string
	}{
		{policy.RoleAPI, "GET /", "core"},
		{policy.RoleAPI, "GET /repos/acme/web", "core"},
		{policy.RoleAPI, "GET /rate_limit", ""},
		{policy.RoleAPI, "GET /search/issues", "search"},
		{policy.RoleAPI, "GET /Search/Code", "code_search"},
		{policy.RoleAPI, "GET /search/codeowners", "search"},
		{policy.RoleAPI, "GET /repos/search/code", "core"},
		{policy.RoleAPI, "POST /graphql", "graphql"},
		{policy.RoleAPI, "POST /app-manifests/x/conversions", "integration_manifest"},
		{policy.RoleAPI, "GET /scim/v2/organizations/acme/Users", "scim"},
		{policy.RoleAPI, "GET /orgs/acme/audit-log", "audit_log"},
		{policy.RoleAPI, "GET /enterprises/e/audit-log", "audit_log"},
		{policy.RoleAPI, "GET /enterprises/e/audit-log/streams", "core"},
		{policy.RoleAPI, "GET /repos/acme/audit-log", "core"}, // a repository of that name
		{policy.RoleAPI, "GET /repos/acme/audit-log/issues", "core"},
		{policy.RoleAPI, "GET /repos/acme/web/dependency-graph/sbom", "dependency_sbom"},
		{policy.RoleAPI, "GET /repositories/12/dependency-graph/sbom", "dependency_sbom"},
		{policy.RoleAPI, "POST /repos/acme/web/dependency-graph/snapshots", "dependency_snapshots"},
		{policy.RoleAPI, "GET /repos/acme/web/dependency-graph/compare/a...b", "core"},
		{policy.RoleAPI, "POST /repos/acme/web/code-scanning/sarifs", "code_scanning_upload"},
		{policy.RoleAPI, "GET /repos/acme/web/code-scanning/sarifs/1", "core"},
		{policy.RoleAPI, "POST /repos/acme/web/code-scanning/alerts/1/autofix", "code_scanning_autofix"},
		{policy.RoleAPI, "GET /repos/acme/web/code-scanning/alerts/1", "core"},
		{policy.RoleAPI, "POST /repos/acme/web/actions/runners/registration-token", "actions_runner_registration"},
		{policy.RoleAPI, "POST /orgs/acme/actions/runners/registration-token", "actions_runner_registration"},
		{policy.RoleAPI, "GET /orgs/acme/actions/runners", "core"},
		{policy.RoleAPI, "PUT /repos/acme/web/import", "source_import"},
		{policy.RoleAPI, "GET /repos/acme/web/contents/import", "core"},
		{policy.RoleUploads, "POST /repos/acme/web/releases/1/assets", ""},
		{policy.RoleWeb, "GET /acme/web/info/refs", ""},
		{policy.RoleArchive, "GET /acme/web/zip/main", ""},
		{policy.RoleEnterprise, "GET /api/v3/search/code", "code_search"},
		{policy.RoleEnterprise, "POST /api/graphql", "graphql"},
	} {
		o := api
		o.Role = tt.role
		method, path, _ := strings.Cut(tt.line, " ")
		r, err := policy.Read(o, method, path, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := ResourceOf(r); got != tt.want {
			t.Errorf("%s spends %q, want %q", tt.line, got, tt.want)
		}
	}
}

// A budget unheard of is what a captured /rate_limit of a personal access token has.
func TestUsualBudgets(t *testing.T) {
	for _, tt := range []struct {
		resource string
		limit    int
		window   time.Duration
	}{
		{"core", 5000, time.Hour}, {"search", 30, time.Minute}, {"code_search", 10, time.Minute}, {"graphql", 5000, time.Hour},
		{"integration_manifest", 5000, time.Hour}, {"source_import", 100, time.Minute}, {"dependency_snapshots", 100, time.Minute},
		{"dependency_sbom", 100, time.Minute}, {"code_scanning_upload", 1000, time.Hour}, {"code_scanning_autofix", 10, time.Minute},
		{"actions_runner_registration", 10000, time.Hour}, {"scim", 15000, time.Hour}, {"audit_log", 1750, time.Hour},
		{"audit_log_streaming", 15, time.Hour}, {"of tomorrow", 5000, time.Hour},
	} {
		if b := newBudget(tt.resource); b.limit != tt.limit || b.window != tt.window {
			t.Errorf("%s: %d in %s", tt.resource, b.limit, b.window)
		}
	}
}
