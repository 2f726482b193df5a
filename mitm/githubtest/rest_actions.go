package githubtest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
)

// actions answers below /actions: workflows, their runs, jobs, logs and artifacts, and secrets.
func (c *call) actions(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		return notFound()
	}
	if c.method != http.MethodGet && rest[0] != "secrets" {
		if refusal := c.requireWrite(r, "actions=write"); refusal != nil {
			return refusal
		}
	}
	tail := rest[1:]
	switch rest[0] {
	case "workflows":
		return c.workflows(r, tail)
	case "runs":
		return c.runs(r, tail)
	case "jobs":
		return c.jobByID(r, tail)
	case "artifacts":
		return c.artifactByID(r, tail)
	case "secrets":
		return c.secrets(r, tail)
	}
	return notFound()
}

func (c *call) workflows(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		return page(c, r.workflows, r.numericURL()+"/actions/workflows", counted(len(r.workflows), "workflows", func(w *workflow) object { return w.view(r) }))
	}
	w := r.workflow(rest[0])
	switch what := c.method + " " + join(rest[1:]); {
	case w == nil:
	case what == "GET ":
		return ok(w.view(r))
	case what == "GET runs":
		return c.runList(r, func(run *workflowRun) bool { return run.workflow == w })
	case what == "PUT enable", what == "PUT disable":
		w.disabled = rest[1] == "disable"
		return noContent()
	case what == "POST dispatches":
		var in struct{ Ref string }
		if refusal := c.decode(&in); refusal != nil {
			return refusal
		}
		if _, found := c.s.sha(r, in.Ref); !found {
			return refuse(http.StatusUnprocessableEntity, "No ref found for: "+in.Ref, docREST)
		}
		c.s.addRun(r, w, c.s.account(c.viewer.login), "workflow_dispatch", in.Ref)
		return noContent()
	}
	return notFound()
}

func (c *call) runList(r *repo, wanted func(*workflowRun) bool) *answer {
	query := c.r.URL.Query()
	var found []*workflowRun
	for _, run := range slices.Backward(r.runs) {
		if wanted(run) && (query.Get("branch") == "" || query.Get("branch") == run.branch) {
			found = append(found, run)
		}
	}
	return page(c, found, r.numericURL()+"/actions/runs", counted(len(found), "workflow_runs", func(run *workflowRun) object { return c.runView(r, run) }))
}

func (c *call) runs(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		return c.runList(r, func(*workflowRun) bool { return true })
	}
	run := r.run(rest[0])
	if run == nil {
		return notFound()
	}
	if len(rest) > 2 && rest[1] == "attempts" { // there is only the last
		rest = slices.Concat(rest[:1], rest[3:])
	}
	base := fmt.Sprintf("%s/actions/runs/%d/", r.numericURL(), run.id)
	switch c.method + " " + join(rest[1:]) {
	case "GET ":
		return ok(c.runView(r, run)).since(run.created)
	case "GET jobs":
		return page(c, run.jobs, base+"jobs", counted(len(run.jobs), "jobs", func(j *job) object { return j.view(r, run) }))
	case "GET logs":
		return redirect(c.s.actionsURL("logs", run.id))
	case "GET artifacts":
		return page(c, run.artifacts, base+"artifacts", counted(len(run.artifacts), "artifacts", func(a *artifact) object { return a.view(r, run) }))
	case "POST rerun", "POST rerun-failed-jobs":
		if run.conclusion == "" {
			return refuse(http.StatusForbidden, "This workflow is already running", docREST)
		}
		run.status, run.conclusion, run.attempt = "queued", "", run.attempt+1
		return reply(http.StatusCreated, object{})
	case "POST cancel":
		if run.conclusion != "" {
			return refuse(http.StatusConflict, "Cannot cancel a workflow run that is completed.", docREST)
		}
		run.status, run.conclusion = "completed", "cancelled"
		return reply(http.StatusAccepted, object{})
	}
	return notFound()
}

func (c *call) jobByID(r *repo, rest []string) *answer {
	for _, run := range r.runs {
		for _, j := range run.jobs {
			switch {
			case len(rest) == 0 || itoa(j.id) != rest[0] || c.method != http.MethodGet:
			case len(rest) == 1:
				return ok(j.view(r, run))
			case rest[1] == "logs":
				return redirect(c.s.actionsURL("job", j.id))
			}
		}
	}
	return notFound()
}

func (c *call) artifactByID(r *repo, rest []string) *answer {
	for _, run := range r.runs {
		for _, a := range run.artifacts {
			switch {
			case len(rest) == 0 || itoa(a.id) != rest[0] || c.method != http.MethodGet:
			case len(rest) == 1:
				return ok(a.view(r, run))
			case rest[1] == "zip":
				return redirect(c.s.actionsURL("artifact", a.id))
			}
		}
	}
	return notFound()
}

// secrets keeps the names of a repository's secrets; what they hold nobody can read again.
func (c *call) secrets(r *repo, rest []string) *answer {
	if refusal := c.requireWrite(r, "secrets=write"); refusal != nil {
		return refusal
	}
	switch {
	case len(rest) == 0:
		return page(c, r.secrets, r.numericURL()+"/actions/secrets", counted(len(r.secrets), "secrets", func(name string) object {
			return object{{"name", name}, {"created_at", stamp(r.created)}, {"updated_at", stamp(r.created)}}
		}))
	case rest[0] == "public-key":
		key := sha256.Sum256([]byte(r.fullName()))
		return ok(object{{"key_id", itoa(r.id)}, {"key", base64.StdEncoding.EncodeToString(key[:])}})
	}
	at := slices.Index(r.secrets, rest[0])
	switch {
	case c.method == http.MethodPut && at < 0:
		r.secrets = append(r.secrets, rest[0])
		return reply(http.StatusCreated, object{})
	case c.method == http.MethodPut:
		return noContent()
	case c.method == http.MethodDelete && at >= 0:
		r.secrets = slices.Delete(r.secrets, at, at+1)
		return noContent()
	}
	return notFound()
}

// counted is a page of a list that tells how long it is.
func counted[T any](total int, name string, view func(T) object) func([]T) any {
	return func(items []T) any {
		return object{{"total_count", total}, {name, listOf(view)(items)}}
	}
}
