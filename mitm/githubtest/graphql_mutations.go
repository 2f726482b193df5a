package githubtest

import "slices"

// mutation is the root of writes.
func (c *call) mutation() thing {
	return thing{"Mutation", fields{
		"createIssue":       c.createIssueMutation,
		"updateIssue":       c.updateIssueMutation,
		"closeIssue":        func(a arguments) any { return c.setState(a, "issueId", "CloseIssuePayload", false) },
		"reopenIssue":       func(a arguments) any { return c.setState(a, "issueId", "ReopenIssuePayload", true) },
		"closePullRequest":  func(a arguments) any { return c.setState(a, "pullRequestId", "ClosePullRequestPayload", false) },
		"addComment":        c.addCommentMutation,
		"createPullRequest": c.createPullMutation,

		"reopenPullRequest":             func(a arguments) any { return c.setState(a, "pullRequestId", "ReopenPullRequestPayload", true) },
		"mergePullRequest":              c.mergePullMutation,
		"addPullRequestReview":          c.addReviewMutation,
		"markPullRequestReadyForReview": c.readyMutation,
		"updatePullRequest":             c.updatePullMutation,
		"createRepository":              c.createRepoMutation,

		"addLabelsToLabelable": func(a arguments) any {
			r, i, missing := c.subject(a.input().text("labelableId"))
			if missing != nil {
				return *missing
			}
			if !c.viewer.writes(r, i.permission()) {
				return c.denied("AddLabelsToLabelable")
			}
			r.addLabels(i, a.input().texts("labelIds"))
			i.updated = c.s.tick()
			return thing{"AddLabelsToLabelablePayload", fields{"labelable": is(c.issueThing(r, i))}}
		},
	}}
}

func unresolved(id string) *failure {
	return &failure{"NOT_FOUND", "Could not resolve to a node with the global id of '" + id + "'"}
}

// denied is a mutation the viewer may not make, on what the viewer may see.
func (c *call) denied(name string) failure {
	if c.viewer.installation() != nil {
		return failure{"FORBIDDEN", notForIntegrations}
	}
	return failure{"FORBIDDEN", c.viewer.login + " does not have the correct permissions to execute `" + name + "`"}
}

// target is the repository of a node id, if the viewer may see it.
func (c *call) target(id string) *repo {
	for _, r := range c.s.order {
		if nodeID("R", r.id) == id && c.lists(r) {
			return r
		}
	}
	return nil
}

// subject is the issue or pull request of a node id.
func (c *call) subject(id string) (*repo, *issue, *failure) {
	for _, r := range c.s.order {
		if i := r.issueByNode(id); i != nil && c.lists(r) {
			return r, i, nil
		}
	}
	return nil, nil, unresolved(id)
}

func (c *call) createIssueMutation(a arguments) any {
	in := a.input()
	r := c.target(in.text("repositoryId"))
	if r == nil {
		return *unresolved(in.text("repositoryId"))
	}
	if in.text("title") == "" {
		return failure{"UNPROCESSABLE", "Title can't be blank"}
	}
	if !c.viewer.takesPart(r, "issues=write") {
		return c.denied("CreateIssue")
	}
	i := c.s.openIssue(r, in.text("title"), in.text("body"), c.s.account(c.viewer.login))
	if c.viewer.writes(r, "issues=write") { // labels of others are dropped, as in REST
		r.addLabels(i, in.texts("labelIds"))
	}
	return thing{"CreateIssuePayload", fields{"issue": is(c.issueThing(r, i)), "clientMutationId": is(in["clientMutationId"])}}
}

// addLabels gives an issue the labels of those node ids that it has not yet.
func (r *repo) addLabels(i *issue, ids []string) {
	for _, l := range r.labels {
		if slices.Contains(ids, nodeID("LA", l.id)) && !i.labelled(l.name) {
			i.labels = append(i.labels, l)
		}
	}
}

func (c *call) updateIssueMutation(a arguments) any {
	in := a.input()
	r, i, missing := c.subject(in.text("id"))
	if missing != nil {
		return *missing
	}
	if !c.viewer.edits(r, i.author, i.permission()) {
		return c.denied("UpdateIssue")
	}
	if title := in.text("title"); title != "" {
		i.title = title
	}
	if body, sent := in["body"].(string); sent {
		i.body = body
	}
	i.updated = c.s.tick()
	return thing{"UpdateIssuePayload", fields{"issue": is(c.issueThing(r, i)), "clientMutationId": is(in["clientMutationId"])}}
}

func (c *call) setState(a arguments, idName, payload string, open bool) any {
	in := a.input()
	r, i, missing := c.subject(in.text(idName))
	if missing != nil {
		return *missing
	}
	if !c.viewer.edits(r, i.author, i.permission()) {
		return c.denied(payload[:len(payload)-len("Payload")])
	}
	i.updated = c.s.tick()
	i.setOpen(open)
	shown := is(c.issueThing(r, i))
	return thing{payload, fields{"issue": shown, "pullRequest": shown, "clientMutationId": is(in["clientMutationId"])}}
}

func (c *call) addCommentMutation(a arguments) any {
	in := a.input()
	r, i, missing := c.subject(in.text("subjectId"))
	if missing != nil {
		return *missing
	}
	if !c.viewer.takesPart(r, i.permission()) {
		return c.denied("AddComment")
	}
	m := c.s.addComment(i, c.s.account(c.viewer.login), in.text("body"))
	node := c.commentThing(r, i, m)
	return thing{"AddCommentPayload", fields{
		"commentEdge": is(thing{"IssueCommentEdge", fields{"node": is(node), "cursor": is(cursor(len(i.comments)))}}),
		"subject":     is(c.issueThing(r, i)), "clientMutationId": is(in["clientMutationId"]),
	}}
}

func (c *call) createPullMutation(a arguments) any {
	in := a.input()
	r := c.target(in.text("repositoryId"))
	if r == nil {
		return *unresolved(in.text("repositoryId"))
	}
	if !c.viewer.writes(r, "pull_requests=write") {
		return c.denied("CreatePullRequest")
	}
	if _, found := c.s.sha(r, "refs/heads/"+in.text("headRefName")); !found {
		return failure{"UNPROCESSABLE", "Head sha can't be blank, Head ref must be a branch"}
	}
	if _, found := c.s.sha(r, "refs/heads/"+in.text("baseRefName")); !found {
		return failure{"UNPROCESSABLE", "Base sha can't be blank, Base ref must be a branch"}
	}
	i := c.s.openIssue(r, in.text("title"), in.text("body"), c.s.account(c.viewer.login))
	draft, _ := in["draft"].(bool)
	c.s.openPull(r, i, in.text("headRefName"), in.text("baseRefName"), draft)
	return thing{"CreatePullRequestPayload", fields{"pullRequest": is(c.issueThing(r, i)), "clientMutationId": is(in["clientMutationId"])}}
}
