package githubtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Only an App makes check runs, and only the App that made one may change it.
func TestCheckRunsAreTheAppsThatMadeThem(t *testing.T) {
	s, app, in := startApp(t)
	other := s.Install(s.AddApp("other-ci"), "acme")
	api := "https://api.github.com/repos/acme/api"
	sha := between(get(t, s, "/repos/acme/api/branches/main", as(in.Mint())...).body, `"sha":"`, `"`)
	run := `{"name":"build","head_sha":"` + sha + `","status":"in_progress","output":{"title":"Building","summary":"…"}}`
	made := ask(t, s, http.MethodPost, api+"/check-runs", run, as(in.Mint())...)
	for _, part := range []string{`"status":"in_progress","conclusion":null`, fmt.Sprintf(`"app":{"id":%d,`, app.ID()), `"title":"Building"`} {
		if made.StatusCode != 201 || !strings.Contains(made.body, part) {
			t.Fatalf("%d, no %s in %s", made.StatusCode, part, made.body)
		}
	}
	mine := made.Header.Get("Location")
	_, reader := mint(t, s, app, in, `{"permissions":{"checks":"read"}}`)
	for _, tt := range []struct {
		name, method, url, body, token string
		status                         int
		has                            string
	}{
		{"reading it", "GET", mine, "", other.Mint(), 200, `"status":"in_progress"`},
		{"another App", "PATCH", mine, `{"conclusion":"success"}`, other.Mint(), 403, fmt.Sprintf("Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", app.ID())},
		{"a user", "PATCH", mine, `{"conclusion":"success"}`, "ghp_bot", 403, "You must authenticate via a GitHub App."},
		{"a user making one", "POST", api + "/check-runs", run, "ghp_bot", 403, "You must authenticate via a GitHub App."},
		{"checks=read", "PATCH", mine, `{"conclusion":"success"}`, reader.Token, 403, notForIntegrations},
		{"an unknown conclusion", "PATCH", mine, `{"conclusion":"fine"}`, in.Mint(), 422, `"field":"conclusion"`},
		{"completed without one", "PATCH", mine, `{"status":"completed"}`, in.Mint(), 422, `"field":"conclusion"`},
		{"an unknown state", "PATCH", mine, `{"status":"fine"}`, in.Mint(), 422, `"field":"status"`},
		{"no such run", "PATCH", api + "/check-runs/7", `{}`, in.Mint(), 404, "Not Found"},
		{"no name", "POST", api + "/check-runs", `{"head_sha":"` + sha + `"}`, in.Mint(), 422, `"field":"name"`},
		{"no commit", "POST", api + "/check-runs", `{"name":"x","head_sha":"none"}`, in.Mint(), 422, "No commit found for SHA: none"},
		{"its own App", "PATCH", mine, `{"conclusion":"success"}`, in.Mint(), 200, `"status":"completed","conclusion":"success"`},
		{"in the list", "GET", api + "/commits/" + sha + "/check-runs", "", reader.Token, 403, notForIntegrations},
		{"in the list, with contents", "GET", api + "/commits/" + sha + "/check-runs", "", in.Mint(), 200, `{"total_count":1,`},
	} {
		if got := ask(t, s, tt.method, tt.url, tt.body, as(tt.token)...); got.StatusCode != tt.status || !strings.Contains(got.body, tt.has) {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
}

// Deployments and statuses are the bot's.
func TestDeploymentsAndStatuses(t *testing.T) {
	s, _, in := startApp(t)
	api, token := "https://api.github.com/repos/acme/api", in.Mint()
	sha := between(get(t, s, "/repos/acme/api/branches/main", as(token)...).body, `"sha":"`, `"`)
	made := ask(t, s, http.MethodPost, api+"/deployments", `{"ref":"main"}`, as(token)...)
	d := made.Header.Get("Location")
	if made.StatusCode != 201 || !strings.Contains(made.body, `"environment":"production"`) || !strings.Contains(made.body, `"slug":"acme-ci"`) {
		t.Fatalf("%d %s", made.StatusCode, made.body)
	}
	for _, tt := range []struct {
		name, method, url, body, token string
		status                         int
		has                            string
	}{
		{"a state", "POST", d + "/statuses", `{"state":"success","target_url":"https://example.com"}`, token, 201, `"state":"success"`},
		{"an unknown state", "POST", d + "/statuses", `{"state":"fine"}`, token, 422, `"field":"state"`},
		{"states", "GET", d + "/statuses", "", token, 200, `"login":"acme-ci[bot]"`},
		{"one", "GET", d, "", token, 200, `"sha":"` + sha + `"`},
		{"all", "GET", api + "/deployments", "", token, 200, `"ref":"main"`},
		{"no ref", "POST", api + "/deployments", `{}`, token, 422, "No ref found for: "},
		{"none there", "GET", api + "/deployments/7", "", token, 404, "Not Found"},
		{"a user who may not push", "POST", "https://api.github.com/repos/acme/web/deployments", `{"ref":"main"}`, "github_pat_hubot", 403, "by personal access token"},
		{"a user who may", "POST", api + "/deployments", `{"ref":"main","environment":"staging"}`, "ghp_bot", 201, `"performed_via_github_app":null`},
		{"a status", "POST", api + "/statuses/" + sha, `{"state":"success"}`, token, 201, `"login":"acme-ci[bot]"`},
	} {
		if got := ask(t, s, tt.method, tt.url, tt.body, as(tt.token)...); got.StatusCode != tt.status || !strings.Contains(got.body, tt.has) {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
}
