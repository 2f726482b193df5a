package githubtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A review is what somebody thinks of a pull request.
type review struct {
	id          int
	state, body string // APPROVED, CHANGES_REQUESTED or COMMENTED
	author      *account
	sha         string
	created     time.Time
}

// A merge is how a pull request ended well.
type merge struct {
	sha string
	by  *account
	at  time.Time
}

// reviewStates are what a review's event makes it.
var reviewStates = map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}

// pullSubject is the pull request of a node id that the viewer may do something to.
func (c *call) pullSubject(id, mutation string) (*repo, *issue, *failure) {
	r, i, missing := c.subject(id)
	switch {
	case missing != nil:
		return nil, nil, missing
	case i.pull == nil:
		return nil, nil, unresolved(id)
	case !c.viewer.writes(r, "pull_requests=write"):
		refused := c.denied(mutation)
		return nil, nil, &refused
	}
	return r, i, nil
}

func (c *call) addReviewMutation(a arguments) any {
	in := a.input()
	r, i, refused := c.pullSubject(in.text("pullRequestId"), "AddPullRequestReview")
	if refused != nil {
		return *refused
	}
	state, me := reviewStates[in.text("event")], c.s.account(c.viewer.login)
	switch {
	case state == "":
		return failure{"UNPROCESSABLE", "Could not submit a pending review"}
	case i.author == me && state != "COMMENTED":
		return failure{"UNPROCESSABLE", "Can not approve your own pull request"}
	}
	sha, _ := c.s.sha(r, "refs/heads/"+i.pull.head)
	v := &review{id: c.s.id(), state: state, body: in.text("body"), author: me, sha: sha, created: c.s.tick()}
	i.pull.reviews = append(i.pull.reviews, v)
	i.updated = v.created
	return thing{"AddPullRequestReviewPayload", fields{"clientMutationId": is(in["clientMutationId"]), "pullRequestReview": is(c.reviewThing(r, i, v))}}
}

func (c *call) reviewThing(r *repo, i *issue, v *review) thing {
	return thing{"PullRequestReview", fields{
		"id": is(nodeID("PRR", v.id)), "state": is(v.state), "body": is(v.body), "author": func(arguments) any { return c.accountThing(v.author) },
		"authorAssociation": is("NONE"), "submittedAt": is(stamp(v.created)), "createdAt": is(stamp(v.created)), "includesCreatedEdit": is(false),
		"reactionGroups": is([]thing{}), "url": is(v.html(r, i)), "commit": func(arguments) any { return c.commitThing(r, v.sha) },
	}}
}

func (c *call) reviewThings(r *repo, i *issue) []thing {
	var found []thing
	for _, v := range i.pull.reviews {
		found = append(found, c.reviewThing(r, i, v))
	}
	return found
}

func (v *review) html(r *repo, i *issue) string {
	return fmt.Sprintf("%s#pullrequestreview-%d", i.htmlURL(r), v.id)
}

func (v *review) view(r *repo, i *issue) object {
	return object{
		{"id", v.id}, {"node_id", nodeID("PRR", v.id)}, {"user", v.author.view()}, {"body", v.body}, {"state", v.state}, {"html_url", v.html(r, i)},
		{"pull_request_url", fmt.Sprintf("%s/pulls/%d", r.url(), i.number)}, {"author_association", "NONE"}, {"submitted_at", stamp(v.created)}, {"commit_id", v.sha},
	}
}

// decision is what the last review that decides says, or nil.
func (p *pull) decision() any {
	for _, v := range slices.Backward(p.reviews) {
		if v.state != "COMMENTED" {
			return v.state
		}
	}
	return nil
}

// mergePullMutation merges the head into the base: by a merge commit, or squashed into one.
func (c *call) mergePullMutation(a arguments) any {
	in := a.input()
	r, i, refused := c.pullSubject(in.text("pullRequestId"), "MergePullRequest")
	if refused != nil {
		return *refused
	}
	switch {
	case i.pull.merged != nil || !i.open:
		return failure{"UNPROCESSABLE", "Pull Request is not mergeable"}
	case i.pull.draft:
		return failure{"UNPROCESSABLE", "Pull Request is still a draft"}
	}
	base, _ := c.s.sha(r, "refs/heads/"+i.pull.base)
	head, _ := c.s.sha(r, "refs/heads/"+i.pull.head)
	message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", i.number, r.owner.login, i.pull.head, i.title)
	parents := []string{"-p", base, "-p", head}
	if in.text("mergeMethod") == "SQUASH" {
		message, parents = fmt.Sprintf("%s (#%d)", i.title, i.number), parents[:2]
	}
	if headline := in.text("commitHeadline"); headline != "" {
		message = headline
	}
	tree, clean := c.s.git(r, "merge-tree", "--write-tree", base, head)
	if !clean {
		return failure{"UNPROCESSABLE", "Pull Request has merge conflicts"}
	}
	commit, _ := c.s.git(r, slices.Concat([]string{"commit-tree", "-m", message, strings.TrimSpace(string(tree))}, parents)...)
	sha := strings.TrimSpace(string(commit))
	c.s.git(r, "update-ref", "--", "refs/heads/"+i.pull.base, sha)
	c.s.moved(r)
	i.pull.merged = &merge{sha: sha, by: c.s.account(c.viewer.login), at: c.s.tick()}
	i.updated = i.pull.merged.at
	i.setOpen(false)
	return c.pullPayload("MergePullRequestPayload", r, i, in)
}

func (c *call) readyMutation(a arguments) any {
	in := a.input()
	r, i, refused := c.pullSubject(in.text("pullRequestId"), "MarkPullRequestReadyForReview")
	if refused != nil {
		return *refused
	}
	i.pull.draft, i.updated = false, c.s.tick()
	return c.pullPayload("MarkPullRequestReadyForReviewPayload", r, i, in)
}

func (c *call) updatePullMutation(a arguments) any {
	in := a.input()
	r, i, refused := c.pullSubject(in.text("pullRequestId"), "UpdatePullRequest")
	if refused != nil {
		return *refused
	}
	if title := in.text("title"); title != "" {
		i.title = title
	}
	if body, sent := in["body"].(string); sent {
		i.body = body
	}
	if base := in.text("baseRefName"); base != "" {
		i.pull.base = base
	}
	i.updated = c.s.tick()
	return c.pullPayload("UpdatePullRequestPayload", r, i, in)
}

func (c *call) pullPayload(kind string, r *repo, i *issue, in arguments) thing {
	return thing{kind, fields{"pullRequest": is(c.issueThing(r, i)), "clientMutationId": is(in["clientMutationId"])}}
}

// mergeFields are a merged PullRequest's in place of an open one's.
func (c *call) mergeFields(r *repo, m *merge) fields {
	return fields{
		"state": is("MERGED"), "merged": is(true), "mergedAt": is(stamp(m.at)), "mergedBy": func(arguments) any { return c.accountThing(m.by) },
		"mergeCommit": func(arguments) any { return c.commitThing(r, m.sha) },
	}
}

func (p *pull) mergedAt() any {
	if p.merged == nil {
		return nil
	}
	return stamp(p.merged.at)
}

func (p *pull) mergeSHA() any {
	if p.merged == nil {
		return nil
	}
	return p.merged.sha
}
