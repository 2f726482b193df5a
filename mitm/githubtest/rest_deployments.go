package githubtest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
)

// deploymentStates are what a deployment may be said to be (documented).
var deploymentStates = []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}

// deployments answers below /deployments.
func (c *call) deployments(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		switch c.method {
		case http.MethodGet:
			newest := slices.Clone(r.deployments)
			slices.Reverse(newest)
			return page(c, newest, r.numericURL()+"/deployments", listOf(func(d *deployment) object { return d.view(r) }))
		case http.MethodPost:
			return c.createDeployment(r)
		}
		return notFound()
	}
	at := slices.IndexFunc(r.deployments, func(d *deployment) bool { return itoa(d.id) == rest[0] })
	switch {
	case at < 0:
	case len(rest) == 1 && c.method == http.MethodGet:
		return ok(r.deployments[at].view(r))
	case len(rest) == 2 && rest[1] == "statuses":
		return c.deploymentStates(r, r.deployments[at])
	}
	return notFound()
}

func (c *call) createDeployment(r *repo) *answer {
	if refusal := c.requireWrite(r, "deployments=write"); refusal != nil {
		return refusal
	}
	var in struct{ Ref, Task, Environment, Description string }
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	sha, found := c.s.sha(r, in.Ref)
	if in.Ref == "" || !found {
		return refuse(http.StatusUnprocessableEntity, "No ref found for: "+in.Ref, docREST)
	}
	d := &deployment{id: c.s.id(), sha: sha, ref: in.Ref, task: cmp.Or(in.Task, "deploy"), environment: cmp.Or(in.Environment, "production"),
		description: in.Description, creator: c.s.account(c.viewer.login), created: c.s.tick()}
	r.deployments = append(r.deployments, d)
	return created(d.view(r))
}

func (c *call) deploymentStates(r *repo, d *deployment) *answer {
	switch c.method {
	case http.MethodGet:
		newest := slices.Clone(d.states)
		slices.Reverse(newest)
		return page(c, newest, fmt.Sprintf("%s/deployments/%d/statuses", r.numericURL(), d.id), listOf(func(t *deploymentState) object { return t.view(r, d) }))
	case http.MethodPost:
		if refusal := c.requireWrite(r, "deployments=write"); refusal != nil {
			return refusal
		}
		var in struct {
			State, Description string
			TargetURL          string `json:"target_url"`
		}
		if refusal := c.decode(&in); refusal != nil {
			return refusal
		}
		if !slices.Contains(deploymentStates, in.State) {
			return invalid("DeploymentStatus", "state", "invalid")
		}
		t := &deploymentState{id: c.s.id(), state: in.State, description: in.Description, target: in.TargetURL,
			creator: c.s.account(c.viewer.login), created: c.s.tick()}
		d.states = append(d.states, t)
		return created(t.view(r, d))
	}
	return notFound()
}

func (d *deployment) view(r *repo) object {
	u := fmt.Sprintf("%s/deployments/%d", r.url(), d.id)
	var app any
	if d.creator.app != nil {
		app = d.creator.app.view()
	}
	return object{
		{"url", u}, {"id", d.id}, {"node_id", nodeID("DE", d.id)}, {"task", d.task}, {"original_environment", d.environment}, {"environment", d.environment},
		{"description", orNull(d.description)}, {"created_at", stamp(d.created)}, {"updated_at", stamp(d.created)}, {"statuses_url", u + "/statuses"},
		{"repository_url", r.url()}, {"creator", d.creator.view()}, {"sha", d.sha}, {"ref", d.ref}, {"payload", object{}},
		{"transient_environment", false}, {"production_environment", d.environment == "production"}, {"performed_via_github_app", app},
	}
}

func (t *deploymentState) view(r *repo, d *deployment) object {
	u := fmt.Sprintf("%s/deployments/%d", r.url(), d.id)
	return object{
		{"url", fmt.Sprintf("%s/statuses/%d", u, t.id)}, {"id", t.id}, {"node_id", nodeID("DES", t.id)}, {"state", t.state}, {"creator", t.creator.view()},
		{"description", t.description}, {"environment", d.environment}, {"target_url", t.target}, {"created_at", stamp(t.created)}, {"updated_at", stamp(t.created)},
		{"deployment_url", u}, {"repository_url", r.url()}, {"environment_url", ""}, {"log_url", t.target},
	}
}
