package githubtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// query is the root of reads.
func (c *call) query(x *execution) thing {
	return thing{"Query", fields{
		"viewer":          func(arguments) any { return c.accountThing(c.s.account(c.viewer.login)) },
		"user":            func(a arguments) any { return c.owner(a.text("login"), "User") },
		"organization":    func(a arguments) any { return c.owner(a.text("login"), "Organization") },
		"repositoryOwner": func(a arguments) any { return c.owner(a.text("login"), "") },
		"repository": func(a arguments) any {
			fullName := a.text("owner") + "/" + a.text("name")
			if r := c.visible(fullName); r != nil {
				return c.repoThing(r)
			}
			return failure{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", fullName)}
		},
		"node": func(a arguments) any {
			if found := c.node(a.text("id")); found != nil {
				return *found
			}
			return failure{"NOT_FOUND", fmt.Sprintf("Could not resolve to a node with the global id of '%s'", a.text("id"))}
		},
		"search": listed("SearchResultItem", func(a arguments) []thing {
			var found []thing
			for _, r := range c.s.order {
				if !r.reads(c.viewer.login) {
					continue
				}
				for _, i := range slices.Backward(r.issues) {
					if searched(r, i, a.text("query")) {
						found = append(found, c.issueThing(r, i))
					}
				}
			}
			return found
		}),
		"rateLimit": func(arguments) any {
			b := x.budget
			return thing{"RateLimit", fields{"limit": is(b.limit), "cost": is(x.cost), "remaining": is(b.limit - b.used), "used": is(b.used),
				"resetAt": is(stamp(b.reset)), "nodeCount": is(0)}}
		},
		"__type": func(a arguments) any { return c.typeThing(a.text("name")) },
	}}
}

// visible is the repository of that name, former names included, if the viewer may see it.
func (c *call) visible(fullName string) *repo {
	r := c.s.repos[strings.ToLower(fullName)]
	if r == nil {
		r = c.s.renamed[strings.ToLower(fullName)]
	}
	if r == nil || !r.reads(c.viewer.login) {
		return nil
	}
	return r
}

func (c *call) owner(login, kind string) any {
	a := c.s.account(login)
	if a == nil || kind != "" && a.kind() != kind {
		if kind == "" {
			return nil
		}
		return failure{"NOT_FOUND", fmt.Sprintf("Could not resolve to a %s with the login of '%s'.", kind, login)}
	}
	return c.accountThing(a)
}

// node finds anything by its global id.
func (c *call) node(id string) *thing {
	for _, a := range c.s.accounts {
		if a.nodeID() == id {
			t := c.accountThing(a)
			return &t
		}
	}
	for _, r := range c.s.order {
		if !r.reads(c.viewer.login) {
			continue
		}
		if nodeID("R", r.id) == id {
			t := c.repoThing(r)
			return &t
		}
		if i := r.issueByNode(id); i != nil {
			t := c.issueThing(r, i)
			return &t
		}
	}
	return nil
}

func (r *repo) issueByNode(id string) *issue {
	for _, i := range r.issues {
		if i.nodeID() == id {
			return i
		}
	}
	return nil
}

// typeThing answers the feature detection of tools: which fields a type has.
func (c *call) typeThing(name string) any {
	r := &repo{owner: &account{}, access: map[string]bool{}}
	plain, request := &issue{author: r.owner}, &issue{author: r.owner, pull: &pull{}}
	for _, t := range []thing{
		c.query(&execution{c: c, budget: &budget{}}), c.mutation(), c.repoThing(r), c.issueThing(r, plain), c.issueThing(r, request),
		c.accountThing(r.owner), c.accountThing(&account{org: true}), c.releaseThing(r, &release{author: r.owner}), c.commitThing(r, ""), c.labelThing(r, &label{}),
	} {
		if t.kind != name {
			continue
		}
		var names []string
		for field := range t.fields {
			names = append(names, field)
		}
		slices.Sort(names)
		var list []thing
		for _, field := range names {
			list = append(list, thing{"__Field", fields{"name": is(field)}})
		}
		return thing{"__Type", fields{"name": is(name), "kind": is("OBJECT"), "fields": is(list)}}
	}
	return nil
}

func (c *call) accountThing(a *account) thing {
	var name any
	if a.org {
		name = a.login
	}
	return thing{a.kind(), fields{
		"id": is(a.nodeID()), "login": is(a.login), "name": is(name), "databaseId": is(a.id), "url": is(webURL + "/" + a.login), "email": is(""),
		"avatarUrl": is(fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.id)), "createdAt": is(stamp(a.born)),
		"resourcePath": is("/" + a.login), "viewerCanAdminister": is(a.login == c.viewer.login), "projectsV2": none("ProjectV2"), "projects": none("Project"),
		"organizations": none("Organization"), "teams": none("Team"),
		"repositories": listed("Repository", func(arguments) []thing {
			var found []thing
			for _, r := range c.s.order {
				if r.owner == a && r.reads(c.viewer.login) {
					found = append(found, c.repoThing(r))
				}
			}
			return found
		}),
	}}
}

func (c *call) repoThing(r *repo) thing {
	permission := "READ"
	if r.writes(c.viewer.login) {
		permission = "WRITE"
	}
	if c.viewer.login == r.owner.login {
		permission = "ADMIN"
	}
	branch := func(name string) any {
		sha, found := c.s.sha(r, "refs/heads/"+name)
		if !found {
			return nil
		}
		return thing{"Ref", fields{"id": is(nodeID("REF", r.id)), "name": is(name), "prefix": is("refs/heads/"),
			"target": func(arguments) any { return c.commitThing(r, sha) }, "branchProtectionRule": is(nil)}}
	}
	t := thing{"Repository", fields{
		"id": is(nodeID("R", r.id)), "databaseId": is(r.id), "name": is(r.name), "nameWithOwner": is(r.fullName()),
		"owner":       func(arguments) any { return c.accountThing(r.owner) },
		"description": is(r.description), "url": is(r.html()), "sshUrl": is("git@github.com:" + r.fullName() + ".git"), "homepageUrl": is(""),
		"isPrivate": is(r.private), "isFork": is(false), "isArchived": is(false), "isTemplate": is(false), "isEmpty": is(false), "isMirror": is(false),
		"isInOrganization": is(r.owner.org), "isBlankIssuesEnabled": is(true), "isSecurityPolicyEnabled": is(false), "isUserConfigurationRepository": is(false),
		"hasIssuesEnabled": is(true), "hasWikiEnabled": is(true), "hasProjectsEnabled": is(true), "hasDiscussionsEnabled": is(false),
		"mergeCommitAllowed": is(true), "rebaseMergeAllowed": is(true), "squashMergeAllowed": is(true), "deleteBranchOnMerge": is(false), "autoMergeAllowed": is(false),
		"forkCount": is(0), "stargazerCount": is(r.stars), "diskUsage": is(1), "mirrorUrl": is(nil), "openGraphImageUrl": is(""), "securityPolicyUrl": is(nil),
		"usesCustomOpenGraphImage": is(false), "viewerPermission": is(permission), "viewerCanAdminister": is(permission == "ADMIN"),
		"viewerDefaultCommitEmail": is(nil), "viewerDefaultMergeMethod": is("MERGE"), "viewerHasStarred": is(false), "viewerPossibleCommitEmails": is([]string{}),
		"viewerSubscription": is("UNSUBSCRIBED"), "visibility": is(strings.ToUpper(r.visibility())), "primaryLanguage": is(nil), "licenseInfo": is(nil), "codeOfConduct": is(nil),
		"contactLinks": is([]thing{}), "fundingLinks": is([]thing{}), "parent": is(nil), "templateRepository": is(nil), "latestRelease": func(arguments) any { return c.latestRelease(r) },
		"createdAt": is(stamp(r.created)), "updatedAt": is(stamp(r.updated)), "pushedAt": is(stamp(r.updated)), "archivedAt": is(nil),
		"defaultBranchRef": func(arguments) any { return branch("main") },
		"ref":              func(a arguments) any { return branch(strings.TrimPrefix(a.text("qualifiedName"), "refs/heads/")) },
		"object":           func(arguments) any { return nil },
		"issueTemplates":   is([]thing{}), "pullRequestTemplates": is([]thing{}),
		"assignableUsers": listed("User", func(arguments) []thing { return c.people(r) }), "mentionableUsers": listed("User", func(arguments) []thing { return c.people(r) }),
		"labels":     listed("Label", func(arguments) []thing { return c.labelThings(r, r.labels) }),
		"milestones": none("Milestone"), "milestone": is(nil), "projects": none("Project"), "projectsV2": none("ProjectV2"), "languages": none("Language"),
		"watchers": none("User"), "stargazers": none("User"), "forks": none("Repository"), "repositoryTopics": none("RepositoryTopic"),
		"issues":       listed("Issue", func(a arguments) []thing { return c.listIssues(r, a, false) }),
		"pullRequests": listed("PullRequest", func(a arguments) []thing { return c.listIssues(r, a, true) }),
		"releases": listed("Release", func(arguments) []thing {
			var found []thing
			for _, rel := range slices.Backward(r.releases) {
				if !rel.draft || r.writes(c.viewer.login) {
					found = append(found, c.releaseThing(r, rel))
				}
			}
			return found
		}),
		"release": func(a arguments) any {
			rel := r.release(func(rel *release) bool { return rel.tag == a.text("tagName") })
			if rel == nil {
				return nil
			}
			return c.releaseThing(r, rel)
		},
	}}
	numbered := func(kind string, wanted func(*issue) bool) func(arguments) any {
		return func(a arguments) any {
			if i := r.issue(itoa(a.number("number"))); i != nil && wanted(i) {
				return c.issueThing(r, i)
			}
			return failure{"NOT_FOUND", fmt.Sprintf("Could not resolve to %s with the number of %d.", kind, a.number("number"))}
		}
	}
	t.fields["issue"] = numbered("an Issue", func(i *issue) bool { return i.pull == nil })
	t.fields["pullRequest"] = numbered("a PullRequest", func(i *issue) bool { return i.pull != nil })
	t.fields["issueOrPullRequest"] = numbered("an issue or pull request", func(*issue) bool { return true })
	return t
}

func (c *call) people(r *repo) []thing {
	var found []thing
	for login := range r.access {
		if a := c.s.account(login); a != nil {
			found = append(found, c.accountThing(a))
		}
	}
	return found
}

// listIssues is a repository's issues or pull requests, newest first unless ordered otherwise.
func (c *call) listIssues(r *repo, a arguments, pulls bool) []thing {
	states := a.texts("states")
	if one := a.text("states"); one != "" {
		states = []string{one}
	}
	labels := a.texts("labels")
	if filter, is := a["filterBy"].(map[string]any); is {
		states = append(states, arguments(filter).texts("states")...)
		labels = append(labels, arguments(filter).texts("labels")...)
	}
	var found []thing
	for _, i := range slices.Backward(r.issues) {
		if (i.pull != nil) != pulls || len(states) > 0 && !slices.Contains(states, strings.ToUpper(i.state())) {
			continue
		}
		if head := a.text("headRefName"); head != "" && (i.pull == nil || i.pull.head != head) {
			continue
		}
		hasAll := true
		for _, name := range labels {
			hasAll = hasAll && slices.ContainsFunc(i.labels, func(l *label) bool { return strings.EqualFold(l.name, name) })
		}
		if hasAll {
			found = append(found, c.issueThing(r, i))
		}
	}
	return found
}

func (c *call) labelThing(r *repo, l *label) thing {
	return thing{"Label", fields{"id": is(nodeID("LA", l.id)), "name": is(l.name), "color": is(l.color), "description": is(l.description),
		"createdAt": is(stamp(r.created)), "isDefault": is(false), "url": is(r.html() + "/labels/" + l.name)}}
}

func (c *call) labelThings(r *repo, labels []*label) []thing {
	found := []thing{}
	for _, l := range labels {
		found = append(found, c.labelThing(r, l))
	}
	return found
}

// issueThing is an Issue or a PullRequest.
func (c *call) issueThing(r *repo, i *issue) thing {
	t := thing{"Issue", fields{
		"id": is(i.nodeID()), "databaseId": is(i.id), "number": is(i.number), "title": is(i.title), "body": is(i.body), "bodyText": is(i.body),
		"state": is(strings.ToUpper(i.state())), "stateReason": is(nil), "url": is(i.htmlURL(r)), "closed": is(!i.open),
		"createdAt": is(stamp(i.created)), "updatedAt": is(stamp(i.updated)), "closedAt": is(stamp(i.closed)),
		"author":     func(arguments) any { return c.accountThing(i.author) },
		"repository": func(arguments) any { return c.repoThing(r) }, "authorAssociation": is(i.association(r)),
		"labels":    listed("Label", func(arguments) []thing { return c.labelThings(r, i.labels) }),
		"comments":  listed("IssueComment", func(arguments) []thing { return c.commentThings(r, i) }),
		"assignees": none("User"), "milestone": is(nil), "projectCards": none("ProjectCard"), "projectItems": none("ProjectV2Item"),
		"reactionGroups": is([]thing{}), "isPinned": is(false), "locked": is(false), "isReadByViewer": is(true), "participants": none("User"),
		"viewerDidAuthor": is(i.author.login == c.viewer.login), "viewerCanUpdate": is(r.writes(c.viewer.login)),
	}}
	if i.pull == nil {
		return t
	}
	t.kind = "PullRequest"
	sha := func(branch string) func(arguments) any {
		return func(arguments) any { found, _ := c.s.sha(r, branch); return found }
	}
	head := func(arguments) any { found, _ := c.s.sha(r, i.pull.head); return found }
	for name, resolve := range (fields{
		"isDraft": is(i.pull.draft), "headRefName": is(i.pull.head), "baseRefName": is(i.pull.base), "headRefOid": sha(i.pull.head), "baseRefOid": sha(i.pull.base),
		"headRepository": func(arguments) any { return c.repoThing(r) }, "headRepositoryOwner": func(arguments) any { return c.accountThing(r.owner) },
		"baseRepository": func(arguments) any { return c.repoThing(r) }, "isCrossRepository": is(false), "maintainerCanModify": is(false),
		"additions": is(1), "deletions": is(0), "changedFiles": is(1), "mergeable": is("MERGEABLE"), "mergeStateStatus": is("CLEAN"), "merged": is(false),
		"mergedAt": is(nil), "mergedBy": is(nil), "mergeCommit": is(nil), "potentialMergeCommit": is(nil), "reviewDecision": is(nil), "permalink": is(i.htmlURL(r)),
		"autoMergeRequest": is(nil), "isInMergeQueue": is(false), "isMergeQueueEnabled": is(false), "viewerCanEnableAutoMerge": is(false),
		"reviews": none("PullRequestReview"), "latestReviews": none("PullRequestReview"), "reviewRequests": none("ReviewRequest"), "reviewThreads": none("PullRequestReviewThread"),
		"files": none("PullRequestChangedFile"), "closingIssuesReferences": none("Issue"), "statusCheckRollup": is(nil), "headRef": is(nil),
		"baseRef": func(arguments) any {
			return thing{"Ref", fields{"id": is(nodeID("REF", r.id)), "name": is(i.pull.base), "branchProtectionRule": is(nil)}}
		},
		"commits": listed("PullRequestCommit", func(arguments) []thing {
			id, _ := head(nil).(string)
			return []thing{{"PullRequestCommit", fields{"id": is(nodeID("PRC", i.id)), "commit": func(arguments) any { return c.commitThing(r, id) }}}}
		}),
	}) {
		t.fields[name] = resolve
	}
	return t
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
	for _, t := range c.statusesOf(r, sha) {
		contexts = append(contexts, thing{"StatusContext", fields{"context": is(t.ctx), "state": is(strings.ToUpper(t.state)), "targetUrl": is(t.target),
			"createdAt": is(stamp(t.created)), "description": is(t.description)}})
	}
	for _, k := range r.checks {
		if k.sha != sha {
			continue
		}
		contexts = append(contexts, thing{"CheckRun", fields{"name": is(k.name), "status": is("COMPLETED"), "conclusion": is(strings.ToUpper(k.conclusion)),
			"startedAt": is(stamp(k.created)), "completedAt": is(stamp(k.created.Add(time.Minute))), "detailsUrl": is(""), "checkSuite": is(nil)}})
	}
	if len(contexts) == 0 {
		return nil
	}
	return thing{"StatusCheckRollup", fields{"state": is("SUCCESS"), "contexts": listed("StatusCheckRollupContext", func(arguments) []thing { return contexts })}}
}

func (c *call) latestRelease(r *repo) any {
	for _, rel := range slices.Backward(r.releases) {
		if !rel.draft && !rel.prerelease {
			return c.releaseThing(r, rel)
		}
	}
	return nil
}

func (c *call) releaseThing(r *repo, rel *release) thing {
	latest := func(arguments) any {
		for _, one := range slices.Backward(r.releases) {
			if !one.draft && !one.prerelease {
				return one == rel
			}
		}
		return false
	}
	return thing{"Release", fields{
		"id": is(nodeID("RE", rel.id)), "databaseId": is(rel.id), "name": is(rel.name), "tagName": is(rel.tag), "description": is(rel.body), "isDraft": is(rel.draft),
		"isPrerelease": is(rel.prerelease), "isLatest": latest, "createdAt": is(stamp(rel.created)), "publishedAt": is(stamp(rel.created)),
		"url": is(r.html() + "/releases/tag/" + rel.tag), "author": func(arguments) any { return c.accountThing(rel.author) },
		"releaseAssets": listed("ReleaseAsset", func(arguments) []thing {
			var found []thing
			for _, a := range rel.assets {
				found = append(found, thing{"ReleaseAsset", fields{"id": is(nodeID("RA", a.id)), "name": is(a.name), "size": is(len(a.content)), "contentType": is(a.contentType)}})
			}
			return found
		}),
	}}
}
