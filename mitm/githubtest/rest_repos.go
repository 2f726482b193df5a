package githubtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// repository answers everything below one repository, which the viewer may see.
func (c *call) repository(r *repo, rest []string) *answer {
	if refusal := c.barred(r.owner); refusal != nil {
		return refusal
	}
	if refusal := c.requireRead(r, rest); refusal != nil {
		return refusal
	}
	if a := c.storedBelow(r, rest); a != nil {
		return a
	}
	if len(rest) == 0 {
		return c.repo(r)
	}
	tail := rest[1:]
	switch rest[0] {
	case "issues":
		return c.issues(r, tail)
	case "pulls":
		return c.pulls(r, tail)
	case "labels":
		return c.labels(r, tail)
	case "branches":
		return c.branches(r, tail)
	case "tags":
		return c.tags(r, tail)
	case "commits":
		return c.commits(r, tail)
	case "git":
		return c.gitData(r, tail)
	case "contents":
		return c.contents(r, tail)
	case "readme":
		return c.contents(r, []string{"README.md"})
	case "statuses":
		return c.statuses(r, tail)
	case "check-runs":
		return c.checkRuns(r, tail)
	case "deployments":
		return c.deployments(r, tail)
	case "releases":
		return c.releases(r, tail)
	case "tarball", "zipball":
		return c.archive(r, rest[0], tail)
	case "actions":
		return c.actions(r, tail)
	case "forks":
		return c.fork(r, tail)
	case "events":
		return c.repoEvents(r, tail)
	}
	return notFound()
}

// storedBelow is what a test has Set, under whichever name the request used.
func (c *call) storedBelow(r *repo, rest []string) *answer {
	if a := c.stored(); a != nil {
		return a
	}
	path := "/repos/" + strings.Join(append([]string{r.fullName()}, rest...), "/")
	if c.r.URL.Path == path {
		return nil
	}
	renamed := *c
	request := *c.r
	request.URL = &url.URL{Path: path, RawQuery: c.r.URL.RawQuery}
	renamed.r = &request
	return renamed.stored()
}

func (c *call) repo(r *repo) *answer {
	switch c.method {
	case http.MethodGet:
		return ok(r.full(c.viewer)).since(r.updated)
	case http.MethodPatch:
		if refusal := c.requireWrite(r, "administration=write"); refusal != nil {
			return refusal
		}
		var change struct{ Name, Description *string }
		if refusal := c.decode(&change); refusal != nil {
			return refusal
		}
		if change.Name != nil && !strings.EqualFold(*change.Name, r.name) && !c.s.rename(r, r.owner.login+"/"+*change.Name) {
			return invalid("Repository", "name", "custom")
		}
		if change.Description != nil {
			r.description = *change.Description
		}
		r.updated = c.s.tick()
		return ok(r.full(c.viewer))
	case http.MethodDelete:
		return c.deleteRepo(r)
	}
	return notFound()
}

func (c *call) labels(r *repo, rest []string) *answer {
	if len(rest) == 0 && c.method == http.MethodGet {
		return page(c, r.labels, r.numericURL()+"/labels", listOf(func(l *label) object { return l.view(r) }))
	}
	if len(rest) == 0 && c.method == http.MethodPost {
		return c.createLabel(r)
	}
	if len(rest) == 0 {
		return notFound()
	}
	l := r.label(strings.Join(rest, "/"))
	if l == nil || c.method != http.MethodGet {
		return c.changeLabel(r, l)
	}
	return ok(l.view(r)).since(r.created)
}

func (c *call) createLabel(r *repo) *answer {
	if refusal := c.requireWrite(r, "issues=write"); refusal != nil {
		return refusal
	}
	var in struct{ Name, Color, Description string }
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	switch {
	case in.Name == "":
		return invalid("Label", "name", "missing_field")
	case in.Color != "" && (len(in.Color) != 6 || strings.Trim(strings.ToLower(in.Color), "0123456789abcdef") != ""):
		return invalid("Label", "color", "invalid")
	case r.label(in.Name) != nil:
		return invalid("Label", "name", "already_exists")
	}
	l := &label{id: c.s.id(), name: in.Name, color: in.Color, description: in.Description}
	r.labels = append(r.labels, l)
	return created(l.view(r))
}

// created is a 201. It has an ETag and a max-age as a 200 has (observed), and
// the Location of what it made.
func created(o object) *answer {
	a := reply(http.StatusCreated, o)
	for _, m := range o {
		if m.name == "url" {
			a.header.Set("Location", m.value.(string))
			break
		}
	}
	return a
}

func (c *call) statuses(r *repo, rest []string) *answer {
	if len(rest) != 1 || c.method != http.MethodPost {
		if len(rest) == 1 && c.method == http.MethodGet {
			return c.statusList(r, rest[0])
		}
		return notFound()
	}
	if refusal := c.requireWrite(r, "statuses=write"); refusal != nil {
		return refusal
	}
	var in struct {
		State, Description, Context string
		TargetURL                   string `json:"target_url"`
	}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	sha, found := c.s.sha(r, rest[0])
	switch {
	case !found:
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+rest[0], docREST)
	case in.State != "error" && in.State != "failure" && in.State != "pending" && in.State != "success":
		return invalid("Status", "state", "invalid")
	}
	if in.Context == "" {
		in.Context = "default"
	}
	t := &status{id: c.s.id(), sha: sha, state: in.State, target: in.TargetURL, description: in.Description, ctx: in.Context,
		creator: c.s.account(c.viewer.login), created: c.s.tick()}
	r.statuses = append(r.statuses, t)
	return created(t.view(r))
}

func (c *call) statusesOf(r *repo, sha string) []*status {
	var found []*status
	for _, t := range r.statuses {
		if t.sha == sha {
			found = append([]*status{t}, found...) // newest first
		}
	}
	return found
}

func (c *call) statusList(r *repo, revision string) *answer {
	sha, found := c.s.sha(r, revision)
	if !found {
		return notFound()
	}
	return page(c, c.statusesOf(r, sha), r.numericURL()+"/commits/"+sha+"/statuses", listOf(func(t *status) object { return t.view(r) }))
}

// latestStatuses is the newest status of each context, newest first.
func (c *call) latestStatuses(r *repo, sha string) []*status {
	var latest []*status
	for _, t := range c.statusesOf(r, sha) {
		if !slices.ContainsFunc(latest, func(newer *status) bool { return newer.ctx == t.ctx }) {
			latest = append(latest, t)
		}
	}
	return latest
}

// combinedStatus is failure if any context failed, success if all succeeded, and
// pending otherwise (documented).
func (c *call) combinedStatus(r *repo, sha string) *answer {
	views, worst, pending := []object{}, "success", false
	for _, t := range c.latestStatuses(r, sha) {
		views = append(views, t.view(r))
		pending = pending || t.state == "pending"
		if t.state == "failure" || t.state == "error" {
			worst = "failure"
		}
	}
	if worst == "success" && (pending || len(views) == 0) {
		worst = "pending"
	}
	return ok(object{{"state", worst}, {"statuses", views}, {"sha", sha}, {"total_count", len(views)}, {"repository", r.view(c.viewer)},
		{"commit_url", r.url() + "/commits/" + sha}, {"url", r.url() + "/commits/" + sha + "/status"}})
}

// repoEvents is built for polling too (documented).
func (c *call) repoEvents(r *repo, rest []string) *answer {
	if len(rest) > 0 || c.method != http.MethodGet {
		return notFound()
	}
	var newest []object
	for _, e := range r.events {
		newest = append([]object{e}, newest...)
	}
	a := page(c, newest, r.numericURL()+"/events", listOf(func(o object) object { return o }))
	a.since(r.updated)
	a.events = true
	set(a.header, "X-Poll-Interval", "60")
	return a
}

// event adds to a repository's events.
func (s *Server) event(r *repo, kind string, actor *account, payload object) {
	r.events = append(r.events, object{
		{"id", itoa(s.id())}, {"type", kind},
		{"actor", object{{"id", actor.id}, {"login", actor.login}, {"display_login", actor.login}, {"gravatar_id", ""}, {"url", apiURL + "/users/" + actor.login}}},
		{"repo", object{{"id", r.id}, {"name", r.fullName()}, {"url", r.url()}}},
		{"payload", payload}, {"public", !r.private}, {"created_at", stamp(s.tick())},
	})
}
