package githubtest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// This file is how clients make, fork and delete repositories, and change labels and files.

// add is a repository without a commit. The name has to be free.
func (s *Server) add(owner *account, name string, private bool) *repo {
	r := &repo{owner: owner, id: s.id(), name: name, private: private, access: map[string]bool{}}
	r.created = s.tick()
	r.updated = r.created
	s.repos[strings.ToLower(r.fullName())] = r
	s.byID[r.id] = r
	s.order = append(s.order, r)
	return r
}

// createRepo makes a repository of the viewer's own.
func (c *call) createRepo(name, description string, private bool) (*repo, string) {
	me := c.s.account(c.viewer.login)
	switch {
	case name == "":
		return nil, "Name can't be blank"
	case c.s.repos[strings.ToLower(me.login+"/"+name)] != nil:
		return nil, "Name already exists on this account"
	}
	r := c.s.add(me, name, private)
	r.description = description
	return r, ""
}

// createRepoREST answers POST /user/repos.
func (c *call) createRepoREST(me *account) *answer {
	var in struct {
		Name, Description string
		Private           bool
	}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	r, wrong := c.createRepo(in.Name, in.Description, in.Private)
	if wrong != "" {
		return invalid("Repository", "name", "custom")
	}
	r.git.firstCommit(r)
	return created(r.full(c.viewer))
}

func (c *call) createRepoMutation(a arguments) any {
	in := a.input()
	if c.viewer.installation() != nil {
		return c.denied("CreateRepository")
	}
	if owner := in.text("ownerId"); owner != "" && owner != c.s.account(c.viewer.login).nodeID() {
		return failure{"FORBIDDEN", c.viewer.login + " cannot create a repository for this owner."}
	}
	r, wrong := c.createRepo(in.text("name"), in.text("description"), in.text("visibility") == "PRIVATE")
	if wrong != "" {
		return failure{"UNPROCESSABLE", wrong}
	}
	return thing{"CreateRepositoryPayload", fields{"repository": is(c.repoThing(r)), "clientMutationId": is(in["clientMutationId"])}}
}

// fork answers POST /repos/O/R/forks: a copy of the viewer's own, or the one there is.
func (c *call) fork(r *repo, rest []string) *answer {
	if len(rest) > 0 || c.method != http.MethodPost {
		return notFound()
	}
	if refusal := c.requireUser(); refusal != nil {
		return refusal
	}
	me := c.s.account(c.viewer.login)
	copied := c.s.repos[strings.ToLower(me.login+"/"+r.name)]
	if copied == nil {
		copied = c.s.add(me, r.name, r.private)
		copied.description, copied.labels = r.description, slices.Clone(r.labels)
		c.s.flush(r)
		mustGit(nil, "clone", "--quiet", "--bare", c.s.gitDir(r), c.s.gitDir(copied))
		copied.git.made = true
		configureGit(c.s.gitDir(copied))
	}
	return reply(http.StatusAccepted, copied.full(c.viewer))
}

func (c *call) deleteRepo(r *repo) *answer {
	if !strings.EqualFold(c.viewer.login, r.owner.login) {
		return refuse(http.StatusForbidden, "Must have admin rights to Repository.", docREST)
	}
	delete(c.s.repos, strings.ToLower(r.fullName()))
	delete(c.s.byID, r.id)
	c.s.order = slices.DeleteFunc(c.s.order, func(one *repo) bool { return one == r })
	return noContent()
}

// changeLabel renames, recolours or deletes a label.
func (c *call) changeLabel(r *repo, l *label) *answer {
	if l == nil || c.method != http.MethodPatch && c.method != http.MethodDelete {
		return notFound()
	}
	if refusal := c.requireWrite(r, "issues=write"); refusal != nil {
		return refusal
	}
	if c.method == http.MethodDelete {
		without := func(all []*label) []*label { return slices.DeleteFunc(all, func(one *label) bool { return one == l }) }
		r.labels = without(r.labels)
		for _, i := range r.issues {
			i.labels = without(i.labels)
		}
		return noContent()
	}
	in := struct {
		Name        *string `json:"new_name"`
		Color       *string
		Description *string
	}{&l.name, &l.color, &l.description}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	return ok(l.view(r))
}

// writeContents answers PUT of a file: a commit on main. A file that is there is changed only
// by who names its blob.
func (c *call) writeContents(r *repo, rest []string) *answer {
	if c.method != http.MethodPut || len(rest) == 0 {
		return notFound()
	}
	if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
		return refusal
	}
	var in struct{ Message, Content, SHA string }
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	content, err := base64.StdEncoding.DecodeString(in.Content)
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "content is not valid Base64", docREST)
	}
	path := join(rest)
	_, was, there := c.s.objectAt(r, "refs/heads/main", path)
	switch {
	case there && in.SHA == "":
		return refuse(http.StatusUnprocessableEntity, "Invalid request.\n\n\"sha\" wasn't supplied.", docREST)
	case in.SHA != "" && in.SHA != was:
		return refuse(http.StatusConflict, path+" does not match "+in.SHA, docREST)
	}
	r.git.commit("refs/heads/main", "refs/heads/main", in.Message, path, string(content))
	c.s.moved(r)
	head, _ := c.s.sha(r, "refs/heads/main")
	_, id, _ := c.s.objectAt(r, head, path)
	o := object{{"content", c.entry(r, "main", path, "file", id, len(content))}, {"commit", c.commitView(r, head)}}
	if there {
		return ok(o)
	}
	return reply(http.StatusCreated, o)
}
