package githubtest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func join(segments []string) string { return strings.Join(segments, "/") }

func (w *workflow) view(r *repo) object {
	state := "active"
	if w.disabled {
		state = "disabled_manually"
	}
	return object{
		{"id", w.id}, {"node_id", nodeID("W", w.id)}, {"name", w.name}, {"path", w.path}, {"state", state},
		{"created_at", stamp(w.created)}, {"updated_at", stamp(w.created)}, {"url", fmt.Sprintf("%s/actions/workflows/%d", r.url(), w.id)},
		{"html_url", r.html() + "/blob/main/" + w.path}, {"badge_url", r.html() + "/workflows/" + w.name + "/badge.svg"},
	}
}

func (c *call) runView(r *repo, run *workflowRun) object {
	u := fmt.Sprintf("%s/actions/runs/%d", r.url(), run.id)
	return object{
		{"id", run.id}, {"name", run.workflow.name}, {"node_id", nodeID("WFR", run.id)}, {"head_branch", run.branch}, {"head_sha", run.sha},
		{"path", run.workflow.path}, {"display_title", run.title}, {"run_number", run.number}, {"event", run.event}, {"status", run.status},
		{"conclusion", orNull(run.conclusion)}, {"workflow_id", run.workflow.id}, {"check_suite_id", run.id}, {"url", u},
		{"html_url", fmt.Sprintf("%s/actions/runs/%d", r.html(), run.id)}, {"pull_requests", []any{}}, {"created_at", stamp(run.created)},
		{"updated_at", stamp(run.created.Add(time.Minute))}, {"actor", run.actor.view()}, {"run_attempt", run.attempt}, {"run_started_at", stamp(run.created)},
		{"jobs_url", u + "/jobs"}, {"logs_url", u + "/logs"}, {"check_suite_url", fmt.Sprintf("%s/check-suites/%d", r.url(), run.id)},
		{"artifacts_url", u + "/artifacts"}, {"cancel_url", u + "/cancel"}, {"rerun_url", u + "/rerun"},
		{"workflow_url", fmt.Sprintf("%s/actions/workflows/%d", r.url(), run.workflow.id)},
		{"head_commit", object{{"id", run.sha}, {"message", run.title}, {"timestamp", stamp(run.created)}}},
		{"repository", r.view(c.viewer)}, {"head_repository", r.view(c.viewer)},
	}
}

func (j *job) view(r *repo, run *workflowRun) object {
	steps := []object{}
	for i, name := range j.steps {
		steps = append(steps, object{{"name", name}, {"status", j.status}, {"conclusion", j.stepConclusion(i)}, {"number", i + 1},
			{"started_at", stamp(j.created)}, {"completed_at", stamp(j.created)}})
	}
	return object{
		{"id", j.id}, {"run_id", run.id}, {"workflow_name", run.workflow.name}, {"head_branch", run.branch}, {"run_attempt", run.attempt},
		{"node_id", nodeID("CR", j.id)}, {"head_sha", run.sha}, {"url", fmt.Sprintf("%s/actions/jobs/%d", r.url(), j.id)},
		{"html_url", fmt.Sprintf("%s/actions/runs/%d/job/%d", r.html(), run.id, j.id)}, {"status", j.status}, {"conclusion", orNull(j.conclusion)},
		{"created_at", stamp(j.created)}, {"started_at", stamp(j.created)}, {"completed_at", stamp(j.created.Add(time.Minute))}, {"name", j.name},
		{"steps", steps}, {"check_run_url", fmt.Sprintf("%s/check-runs/%d", r.url(), j.id)}, {"labels", []string{"ubuntu-latest"}},
	}
}

// stepConclusion is the job's for its last step: what went before went well.
func (j *job) stepConclusion(at int) any {
	if at < len(j.steps)-1 {
		return "success"
	}
	return orNull(j.conclusion)
}

func (a *artifact) view(r *repo, run *workflowRun) object {
	u := fmt.Sprintf("%s/actions/artifacts/%d", r.url(), a.id)
	return object{
		{"id", a.id}, {"node_id", nodeID("A", a.id)}, {"name", a.name}, {"size_in_bytes", len(a.content)}, {"url", u}, {"archive_download_url", u + "/zip"},
		{"expired", false}, {"created_at", stamp(a.created)}, {"updated_at", stamp(a.created)}, {"expires_at", stamp(a.created.AddDate(0, 3, 0))},
		{"workflow_run", object{{"id", run.id}, {"head_branch", run.branch}, {"head_sha", run.sha}}},
	}
}

// actionsURL is the signed address of logs or an artifact, on a host of the Actions
// service. (Of late it is one of Azure's storage, with the same manners.)
func (s *Server) actionsURL(kind string, id int) string {
	until := strconv.FormatInt(s.now().Add(time.Minute).Unix(), 10)
	return fmt.Sprintf("https://%s/serviceHosts/%s/%d?se=%s&sig=%s", hostActions, kind, id, until, s.signature(kind, id, until))
}

// serveActions plays that host: the URL is the whole credential.
func (s *Server) serveActions(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.Path, "/")
	kind := ""
	if len(segments) == 4 {
		kind = segments[2]
	}
	id, _ := strconv.Atoi(segments[len(segments)-1])
	query := r.URL.Query()
	until, _ := strconv.ParseInt(query.Get("se"), 10, 64)
	content, contentType := s.actionsFile(kind, id)
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "<?xml version=\"1.0\"?><Error><Code>InvalidAuthenticationInfo</Code></Error>", http.StatusBadRequest)
	case content == nil || query.Get("sig") != s.signature(kind, id, query.Get("se")) || s.now().Unix() >= until:
		http.Error(w, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", contentType)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func (s *Server) actionsFile(kind string, id int) (content []byte, contentType string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.order {
		for _, run := range r.runs {
			if kind == "logs" && run.id == id {
				return run.logs(), "application/zip"
			}
			for _, a := range run.artifacts {
				if kind == "artifact" && a.id == id {
					return a.content, "application/zip"
				}
			}
			for _, j := range run.jobs {
				if kind == "job" && j.id == id {
					text := ""
					for _, step := range j.steps {
						text += j.log(step)
					}
					return []byte(text), "text/plain; charset=utf-8"
				}
			}
		}
	}
	return nil, ""
}
