package githubtest

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// issueThing is an Issue or a PullRequest.
func (c *call) issueThing(r *repo, i *issue) thing {
	t := thing{"Issue", fields{
		"id": is(i.nodeID()), "databaseId": is(i.id), "number": is(i.number), "title": is(i.title), "body": is(i.body), "bodyText": is(i.body),
		"state": is(strings.ToUpper(i.state())), "stateReason": is(i.reason(strings.ToUpper)), "url": is(i.htmlURL(r)), "closed": is(!i.open),
		"createdAt": is(stamp(i.created)), "updatedAt": is(stamp(i.updated)), "closedAt": is(stamp(i.closed)),
		"author":     func(arguments) any { return c.accountThing(i.author) },
		"repository": func(arguments) any { return c.repoThing(r) }, "authorAssociation": is(i.association(r)),
		"labels":    listed("Label", func(arguments) []thing { return c.labelThings(r, i.labels) }),
		"comments":  listed("IssueComment", func(arguments) []thing { return c.commentThings(r, i) }),
		"assignees": none("User"), "milestone": is(nil), "projectCards": none("ProjectCard"), "projectItems": none("ProjectV2Item"),
		"reactionGroups": is([]thing{}), "isPinned": is(false), "locked": is(false), "isReadByViewer": is(true), "participants": none("User"),
		"viewerDidAuthor": is(i.author.login == c.viewer.login), "viewerCanUpdate": is(c.viewer.edits(r, i.author, i.permission())),
	}}
	if i.pull != nil {
		t.kind = "PullRequest"
		maps.Copy(t.fields, c.pullFields(r, i))
		if m := i.pull.merged; m != nil {
			maps.Copy(t.fields, c.mergeFields(r, m))
		}
	}
	return t
}

// pullFields is what a PullRequest has beyond an Issue.
func (c *call) pullFields(r *repo, i *issue) fields {
	sha := func(branch string) func(arguments) any {
		return func(arguments) any { found, _ := c.s.sha(r, "refs/heads/"+branch); return found }
	}
	head := sha(i.pull.head)
	changed := func(of func(changes) any) func(arguments) any {
		return func(arguments) any { return of(c.s.changes(r, i)) }
	}
	return fields{
		"isDraft": is(i.pull.draft), "headRefName": is(i.pull.head), "baseRefName": is(i.pull.base), "headRefOid": head, "baseRefOid": sha(i.pull.base),
		"headRepository": func(arguments) any { return c.repoThing(r) }, "headRepositoryOwner": func(arguments) any { return c.accountThing(r.owner) },
		"baseRepository": func(arguments) any { return c.repoThing(r) }, "isCrossRepository": is(false), "maintainerCanModify": is(false),
		"additions": changed(func(all changes) any { return all.additions }), "deletions": changed(func(all changes) any { return all.deletions }),
		"changedFiles": changed(func(all changes) any { return len(all.files) }), "mergeable": is("MERGEABLE"), "mergeStateStatus": is("CLEAN"), "merged": is(false),
		"mergedAt": is(nil), "mergedBy": is(nil), "mergeCommit": is(nil), "potentialMergeCommit": is(nil), "reviewDecision": is(i.pull.decision()), "permalink": is(i.htmlURL(r)),
		"autoMergeRequest": is(nil), "isInMergeQueue": is(false), "isMergeQueueEnabled": is(false), "viewerCanEnableAutoMerge": is(false),
		"reviews":       listed("PullRequestReview", func(arguments) []thing { return c.reviewThings(r, i) }),
		"latestReviews": listed("PullRequestReview", func(arguments) []thing { return c.reviewThings(r, i) }), "reviewRequests": none("ReviewRequest"), "reviewThreads": none("PullRequestReviewThread"),
		"closingIssuesReferences": none("Issue"), "headRef": is(nil),
		"files": listed("PullRequestChangedFile", func(arguments) []thing {
			var found []thing
			for _, f := range c.s.changes(r, i).files {
				found = append(found, thing{"PullRequestChangedFile", fields{"path": is(f.path), "additions": is(f.additions), "deletions": is(f.deletions)}})
			}
			return found
		}),
		"statusCheckRollup": func(arguments) any { id, _ := head(nil).(string); return c.rollup(r, id) },
		"baseRef": func(arguments) any {
			return thing{"Ref", fields{"id": is(nodeID("REF", r.id)), "name": is(i.pull.base), "branchProtectionRule": is(nil)}}
		},
		"commits": listed("PullRequestCommit", func(arguments) []thing {
			var found []thing
			for _, id := range c.s.pullCommits(r, i) {
				found = append(found, thing{"PullRequestCommit", fields{"id": is(nodeID("PRC", i.id)), "commit": func(arguments) any { return c.commitThing(r, id) }}})
			}
			return found
		}),
	}
}

func (c *call) commentThings(r *repo, i *issue) []thing {
	var found []thing
	for _, m := range i.comments {
		found = append(found, c.commentThing(r, i, m))
	}
	return found
}

func (c *call) commentThing(r *repo, i *issue, m *comment) thing {
	return thing{"IssueComment", fields{
		"id": is(nodeID("IC", m.id)), "databaseId": is(m.id), "author": func(arguments) any { return c.accountThing(m.author) }, "authorAssociation": is("NONE"),
		"body": is(m.body), "createdAt": is(stamp(m.created)), "updatedAt": is(stamp(m.created)), "includesCreatedEdit": is(false), "isMinimized": is(false),
		"minimizedReason": is(""), "reactionGroups": is([]thing{}), "url": is(fmt.Sprintf("%s#issuecomment-%d", i.htmlURL(r), m.id)), "viewerDidAuthor": is(m.author.login == c.viewer.login),
	}}
}

func (c *call) commitThing(r *repo, sha string) thing {
	subject := func(arguments) any {
		out, _ := c.s.git(r, "show", "--no-patch", "--format=%s", sha)
		return strings.TrimSpace(string(out))
	}
	return thing{"Commit", fields{
		"oid": is(sha), "abbreviatedOid": is(sha[:min(7, len(sha))]), "messageHeadline": subject, "message": subject, "messageBody": is(""),
		"committedDate": is(stamp(commitDate)), "authoredDate": is(stamp(commitDate)), "url": is(r.html() + "/commit/" + sha), "authors": none("GitActor"),
		"statusCheckRollup": func(arguments) any { return c.rollup(r, sha) }, "checkSuites": none("CheckSuite"), "history": none("Commit"),
	}}
}

// rollup is the statuses and check runs of a commit, or nil when there are none.
func (c *call) rollup(r *repo, sha string) any {
	var contexts []thing
	state := "SUCCESS"
	seen := func(outcome string) {
		switch outcome {
		case "SUCCESS", "NEUTRAL", "SKIPPED":
		case "", "PENDING", "EXPECTED":
			if state == "SUCCESS" {
				state = "PENDING"
			}
		default:
			state = "FAILURE"
		}
	}
	for _, t := range c.latestStatuses(r, sha) {
		seen(strings.ToUpper(t.state))
		contexts = append(contexts, thing{"StatusContext", fields{"context": is(t.ctx), "state": is(strings.ToUpper(t.state)), "targetUrl": is(t.target),
			"createdAt": is(stamp(t.created)), "description": is(t.description), "isRequired": is(false)}})
	}
	for _, k := range r.checks {
		if k.sha != sha {
			continue
		}
		conclusion, completed, status := any(nil), any(nil), "IN_PROGRESS"
		if k.conclusion != "" {
			conclusion, completed, status = strings.ToUpper(k.conclusion), stamp(k.created.Add(time.Minute)), "COMPLETED"
		}
		seen(strings.ToUpper(k.conclusion))
		contexts = append(contexts, thing{"CheckRun", fields{"name": is(k.name), "status": is(status), "conclusion": is(conclusion),
			"startedAt": is(stamp(k.created)), "completedAt": is(completed), "detailsUrl": is(k.htmlURL(r)), "checkSuite": is(nil), "isRequired": is(false)}})
	}
	if len(contexts) == 0 {
		return nil
	}
	return thing{"StatusCheckRollup", fields{"state": is(state), "contexts": listed("StatusCheckRollupContext", func(arguments) []thing { return contexts })}}
}
