package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// issues answers below /issues. Pull requests are issues too.
func (c *call) issues(r *repo, rest []string) *answer {
	switch {
	case len(rest) == 0 && c.method == http.MethodGet:
		return c.issueList(r)
	case len(rest) == 0 && c.method == http.MethodPost:
		return c.createIssue(r)
	case len(rest) == 0:
		return notFound()
	case rest[0] == "comments":
		return c.commentByID(r, rest[1:])
	}
	i := r.issue(rest[0])
	if i == nil {
		return notFound()
	}
	switch {
	case len(rest) == 1 && c.method == http.MethodGet:
		return ok(i.view(r, c)).since(i.updated)
	case len(rest) == 1 && c.method == http.MethodPatch:
		return c.editIssue(r, i)
	case len(rest) == 2 && rest[1] == "comments":
		return c.comments(r, i)
	case len(rest) == 2 && rest[1] == "labels":
		return c.issueLabels(r, i)
	}
	return notFound()
}

// selected is the issues that a list asks for, newest first: open unless state says otherwise.
func (c *call) selected(r *repo, wanted func(*issue) bool) []*issue {
	query := c.r.URL.Query()
	state := query.Get("state")
	if state == "" {
		state = "open"
	}
	var found []*issue
	for _, i := range slices.Backward(r.issues) {
		if (state == "all" || state == i.state()) && wanted(i) {
			found = append(found, i)
		}
	}
	if query.Get("direction") == "asc" {
		slices.Reverse(found)
	}
	return found
}

func (c *call) issueList(r *repo) *answer {
	labels := c.r.URL.Query().Get("labels")
	found := c.selected(r, func(i *issue) bool {
		if labels == "" {
			return true
		}
		for name := range strings.SplitSeq(labels, ",") {
			if !i.labelled(name) {
				return false
			}
		}
		return true
	})
	return page(c, found, r.numericURL()+"/issues", listOf(func(i *issue) object { return i.view(r, c) }))
}

func (c *call) createIssue(r *repo) *answer {
	if refusal := c.requirePart(r, "issues=write"); refusal != nil {
		return refusal
	}
	var in struct {
		Title, Body string
		Labels      []string
	}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	if in.Title == "" {
		return invalid("Issue", "title", "missing_field")
	}
	i := c.s.openIssue(r, in.Title, in.Body, c.s.account(c.viewer.login))
	if c.viewer.writes(r, "issues=write") { // labels of others are dropped silently (documented)
		c.s.setLabels(r, i, in.Labels)
	}
	return created(i.view(r, c))
}

// openIssue is a user opening an issue, which is an event.
func (s *Server) openIssue(r *repo, title, body string, author *account) *issue {
	i := s.addIssue(r, title, body, author)
	s.event(r, "IssuesEvent", author, object{{"action", "opened"}, {"issue", object{{"number", i.number}, {"title", title}}}})
	return i
}

// setLabels gives an issue labels by name, and makes those that are new.
func (s *Server) setLabels(r *repo, i *issue, names []string) {
	i.labels = nil
	for _, name := range names {
		l := r.label(name)
		if l == nil {
			l = &label{id: s.id(), name: name, color: "ededed"}
			r.labels = append(r.labels, l)
		}
		i.labels = append(i.labels, l)
	}
}

// editIssue changes an issue. Its author may, and who may push.
func (c *call) editIssue(r *repo, i *issue) *answer {
	if refusal := c.requireLogin(); refusal != nil {
		return refusal
	}
	if !c.viewer.edits(r, i.author, i.permission()) {
		return c.forbidden(i.permission())
	}
	var in struct {
		Title, Body, State *string
		Labels             *[]string
	}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	if in.State != nil && *in.State != "open" && *in.State != "closed" {
		return invalid("Issue", "state", "invalid")
	}
	if in.Title != nil {
		i.title = *in.Title
	}
	if in.Body != nil {
		i.body = *in.Body
	}
	if in.Labels != nil {
		c.s.setLabels(r, i, *in.Labels)
	}
	i.updated = c.s.tick()
	if in.State != nil {
		i.setOpen(*in.State == "open")
	}
	return ok(i.view(r, c)).since(i.updated)
}

// permission is what changing an issue needs; a pull request has one of its own.
func (i *issue) permission() string {
	if i.pull != nil {
		return "pull_requests=write"
	}
	return "issues=write"
}

func (i *issue) setOpen(open bool) {
	i.open = open
	i.closed = time.Time{}
	if !open {
		i.closed = i.updated
	}
}

func (c *call) comments(r *repo, i *issue) *answer {
	switch c.method {
	case http.MethodGet:
		return page(c, i.comments, fmt.Sprintf("%s/issues/%d/comments", r.numericURL(), i.number), listOf(func(m *comment) object { return m.view(r, i, c) }))
	case http.MethodPost:
		if refusal := c.requirePart(r, i.permission()); refusal != nil {
			return refusal
		}
		var in struct{ Body string }
		if refusal := c.decode(&in); refusal != nil {
			return refusal
		}
		if in.Body == "" {
			return invalid("IssueComment", "body", "missing_field")
		}
		return created(c.s.addComment(i, c.s.account(c.viewer.login), in.Body).view(r, i, c))
	}
	return notFound()
}

func (s *Server) addComment(i *issue, author *account, body string) *comment {
	m := &comment{id: s.id(), author: author, body: body, created: s.tick()}
	i.comments = append(i.comments, m)
	i.updated = m.created
	return m
}

func (c *call) commentByID(r *repo, rest []string) *answer {
	if len(rest) != 1 {
		return notFound()
	}
	for _, i := range r.issues {
		for _, m := range i.comments {
			if itoa(m.id) != rest[0] {
				continue
			}
			if c.method == http.MethodGet {
				return ok(m.view(r, i, c)).since(m.created)
			}
			if c.method == http.MethodPatch && c.viewer.edits(r, m.author, i.permission()) {
				var in struct{ Body string }
				if refusal := c.decode(&in); refusal != nil {
					return refusal
				}
				m.body = in.Body
				return ok(m.view(r, i, c))
			}
		}
	}
	return notFound()
}

func (c *call) issueLabels(r *repo, i *issue) *answer {
	switch c.method {
	case http.MethodGet:
		return ok(labelViews(r, i.labels))
	case http.MethodPost, http.MethodPut:
		if refusal := c.requireWrite(r, i.permission()); refusal != nil {
			return refusal
		}
		var in struct{ Labels []string }
		if refusal := c.decode(&in); refusal != nil {
			return refusal
		}
		names := in.Labels
		if c.method == http.MethodPost {
			for _, l := range i.labels {
				if !slices.Contains(names, l.name) {
					names = append(names, l.name)
				}
			}
		}
		c.s.setLabels(r, i, names)
		i.updated = c.s.tick()
		return ok(labelViews(r, i.labels))
	}
	return notFound()
}
