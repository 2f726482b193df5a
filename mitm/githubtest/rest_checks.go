package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

const docChecks = "https://docs.github.com/rest/checks/runs#create-a-check-run"

// The words for a check run that is, and for one that is over (documented).
var (
	checkStates      = []string{"queued", "in_progress", "completed", "waiting", "requested", "pending"}
	checkConclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}
)

// checkRuns shows check runs and takes them. Only an App may write them; a user's
// token is told so in these words.
func (c *call) checkRuns(r *repo, rest []string) *answer {
	switch {
	case len(rest) == 0 && c.method == http.MethodPost:
		return c.createCheckRun(r)
	case len(rest) == 2 && rest[1] == "annotations" && c.method == http.MethodGet:
		return ok([]any{})
	case len(rest) == 1:
		at := slices.IndexFunc(r.checks, func(k *checkRun) bool { return itoa(k.id) == rest[0] })
		if at < 0 {
			return notFound()
		}
		switch c.method {
		case http.MethodGet:
			return ok(r.checks[at].view(r))
		case http.MethodPatch:
			return c.editCheckRun(r, r.checks[at])
		}
	}
	return notFound()
}

// requireApp refuses whoever is no App that may write checks here.
func (c *call) requireApp(r *repo) *answer {
	if refusal := c.requireLogin(); refusal != nil {
		return refusal
	}
	if c.viewer.installation() == nil {
		return refuse(http.StatusForbidden, "You must authenticate via a GitHub App.", docChecks)
	}
	return c.requireWrite(r, "checks=write")
}

// checkInput is what may be said of a check run.
type checkInput struct {
	Name, Status, Conclusion *string
	HeadSHA                  *string `json:"head_sha"`
	ExternalID               *string `json:"external_id"`
	DetailsURL               *string `json:"details_url"`
	Output                   *struct{ Title, Summary *string }
}

// into changes a check run. A conclusion completes it, whatever the status says (documented).
func (in checkInput) into(k *checkRun) *answer {
	for _, field := range []struct{ from, to *string }{
		{in.Name, &k.name}, {in.Status, &k.status}, {in.Conclusion, &k.conclusion}, {in.ExternalID, &k.externalID}, {in.DetailsURL, &k.details},
	} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	if in.Output != nil && in.Output.Title != nil {
		k.title = *in.Output.Title
	}
	if in.Output != nil && in.Output.Summary != nil {
		k.summary = *in.Output.Summary
	}
	if k.conclusion != "" {
		k.status = "completed"
	}
	switch {
	case !slices.Contains(checkStates, k.status):
		return invalid("CheckRun", "status", "invalid")
	case k.status == "completed" && !slices.Contains(checkConclusions, k.conclusion):
		return invalid("CheckRun", "conclusion", "invalid")
	}
	return nil
}

func (c *call) createCheckRun(r *repo) *answer {
	if refusal := c.requireApp(r); refusal != nil {
		return refusal
	}
	var in checkInput
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	if in.Name == nil || *in.Name == "" {
		return invalid("CheckRun", "name", "missing_field")
	}
	if in.HeadSHA == nil {
		return invalid("CheckRun", "head_sha", "missing_field")
	}
	sha, found := c.s.sha(r, *in.HeadSHA)
	if !found {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+*in.HeadSHA, docChecks)
	}
	k := &checkRun{sha: sha, status: "queued", app: c.viewer.installation().app}
	if refusal := in.into(k); refusal != nil {
		return refusal
	}
	k.id, k.created = c.s.id(), c.s.tick()
	r.checks = append(r.checks, k)
	return created(k.view(r))
}

// editCheckRun changes one: only the App that made it may (observed text, which
// names that App).
func (c *call) editCheckRun(r *repo, k *checkRun) *answer {
	if refusal := c.requireApp(r); refusal != nil {
		return refusal
	}
	if k.app != c.viewer.installation().app {
		maker := 15368 // GitHub's own, for Actions
		if k.app != nil {
			maker = k.app.id
		}
		return refuse(http.StatusForbidden, fmt.Sprintf("Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", maker), docChecks)
	}
	var in checkInput
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	changed := *k
	if refusal := in.into(&changed); refusal != nil {
		return refusal
	}
	*k = changed
	return ok(k.view(r))
}

func (c *call) checkRunList(r *repo, sha string) *answer {
	var found []*checkRun
	for _, k := range r.checks {
		if k.sha == sha {
			found = append(found, k)
		}
	}
	return page(c, found, r.numericURL()+"/commits/"+sha+"/check-runs", func(items []*checkRun) any {
		return object{{"total_count", len(found)}, {"check_runs", listOf(func(k *checkRun) object { return k.view(r) })(items)}}
	})
}

// AddCheckRun puts a completed check run on the head of main.
func (s *Server) AddCheckRun(fullName, name, conclusion string) {
	s.AddCheckRunAt(fullName, "main", name, conclusion)
}

// AddCheckRunAt puts a completed check run on a branch's head, a tag or a commit.
func (s *Server) AddCheckRunAt(fullName, revision, name, conclusion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	sha, found := s.sha(r, revision)
	if !found {
		panic("githubtest: no commit " + revision + " in " + fullName)
	}
	status := "completed"
	if conclusion == "" {
		status = "in_progress"
	}
	r.checks = append(r.checks, &checkRun{id: s.id(), sha: sha, name: name, status: status, conclusion: conclusion, title: name, created: s.tick()})
}

func (k *checkRun) htmlURL(r *repo) string { return r.html() + "/runs/" + strconv.Itoa(k.id) }

func (k *checkRun) view(r *repo) object {
	var completed, app any
	if k.conclusion != "" {
		completed = stamp(k.created)
	}
	if k.app != nil {
		app = k.app.view()
	}
	return object{
		{"id", k.id}, {"name", k.name}, {"node_id", nodeID("CR", k.id)}, {"head_sha", k.sha}, {"external_id", k.externalID},
		{"url", fmt.Sprintf("%s/check-runs/%d", r.url(), k.id)}, {"html_url", k.htmlURL(r)},
		{"details_url", orNull(k.details)}, {"status", k.status}, {"conclusion", orNull(k.conclusion)}, {"started_at", stamp(k.created)}, {"completed_at", completed},
		{"output", object{{"title", orNull(k.title)}, {"summary", orNull(k.summary)}, {"text", nil}, {"annotations_count", 0}, {"annotations_url", fmt.Sprintf("%s/check-runs/%d/annotations", r.url(), k.id)}}},
		{"check_suite", nil}, {"app", app}, {"pull_requests", []any{}},
	}
}

// orNull is a text, or null where there is none.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
