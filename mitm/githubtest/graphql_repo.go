package githubtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *call) repoThing(r *repo) thing {
	permission := "READ"
	if c.viewer.writes(r, "contents=write") {
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
		"contactLinks": is([]thing{}), "fundingLinks": is([]thing{}), "parent": is(nil), "templateRepository": is(nil), "latestRelease": func(arguments) any {
			if latest := r.latestRelease(); latest != nil {
				return c.releaseThing(r, latest)
			}
			return nil
		},
		"createdAt": is(stamp(r.created)), "updatedAt": is(stamp(r.updated)), "pushedAt": is(stamp(r.updated)), "archivedAt": is(nil),
		"defaultBranchRef": func(arguments) any { return branch("main") },
		"ref":              func(a arguments) any { return branch(strings.TrimPrefix(a.text("qualifiedName"), "refs/heads/")) },
		"object":           func(arguments) any { return nil },
		"issueTemplates":   is([]thing{}), "pullRequestTemplates": is([]thing{}),
		"assignableUsers": listed("User", func(arguments) []thing { return c.people(r) }), "mentionableUsers": listed("User", func(arguments) []thing { return c.people(r) }),
		"labels": listed("Label", func(a arguments) []thing { return c.labelThings(r, r.labelsLike(a.text("query"))) }),
		"label": func(a arguments) any {
			l := r.label(a.text("name"))
			if l == nil {
				return nil
			}
			return c.labelThing(r, l)
		},
		"milestones": none("Milestone"), "milestone": is(nil), "projects": none("Project"), "projectsV2": none("ProjectV2"), "languages": none("Language"),
		"watchers": none("User"), "stargazers": none("User"), "forks": none("Repository"), "repositoryTopics": none("RepositoryTopic"),
		"issues":       listed("Issue", func(a arguments) []thing { return c.listIssues(r, a, false) }),
		"pullRequests": listed("PullRequest", func(a arguments) []thing { return c.listIssues(r, a, true) }),
		"releases": listed("Release", func(a arguments) []thing {
			var found []thing
			for _, rel := range r.releases {
				if !rel.draft || c.viewer.writes(r, "contents=write") {
					found = append(found, c.releaseThing(r, rel))
				}
			}
			return a.ordered(found)
		}),
		"release": func(a arguments) any {
			rel := r.release(func(rel *release) bool {
				return rel.tag == a.text("tagName") && (!rel.draft || c.viewer.writes(r, "contents=write"))
			})
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

// people is who may write to a repository, by login.
func (c *call) people(r *repo) []thing {
	var found []thing
	for _, login := range slices.Sorted(maps.Keys(r.access)) {
		if a := c.s.account(login); a != nil {
			found = append(found, c.accountThing(a))
		}
	}
	return found
}

// listIssues is a repository's issues or pull requests, oldest first unless
// ordered otherwise.
func (c *call) listIssues(r *repo, a arguments, pulls bool) []thing {
	filter, _ := a["filterBy"].(map[string]any)
	by := arguments(filter)
	states := slices.Concat(a.texts("states"), by.texts("states"))
	labels := slices.Concat(a.texts("labels"), by.texts("labels"))
	var found []thing
	for _, i := range r.issues {
		switch {
		case (i.pull != nil) != pulls,
			len(states) > 0 && !slices.Contains(states, strings.ToUpper(i.state())),
			pulls && !i.pull.is(a.text("headRefName"), a.text("baseRefName")),
			by.text("createdBy") != "" && !strings.EqualFold(by.text("createdBy"), i.author.login),
			by.text("assignee") != "" && by.text("assignee") != "*", by.text("mentioned") != "": // nobody is
			continue
		}
		if !slices.ContainsFunc(labels, func(name string) bool { return !i.labelled(name) }) {
			found = append(found, c.issueThing(r, i))
		}
	}
	return a.ordered(found)
}

// is reports whether a pull request is from head and to base, where they are given.
func (p *pull) is(head, base string) bool {
	return (head == "" || head == p.head) && (base == "" || base == p.base)
}

func (i *issue) labelled(name string) bool {
	return slices.ContainsFunc(i.labels, func(l *label) bool { return strings.EqualFold(l.name, name) })
}

// ordered obeys the direction of orderBy. Things come in the order they were made.
func (a arguments) ordered(things []thing) []thing {
	order, _ := a["orderBy"].(map[string]any)
	if arguments(order).text("direction") == "DESC" {
		slices.Reverse(things)
	}
	return things
}

func (r *repo) labelsLike(query string) []*label {
	return slices.DeleteFunc(slices.Clone(r.labels), func(l *label) bool {
		return !strings.Contains(strings.ToLower(l.name+"\n"+l.description), strings.ToLower(query))
	})
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

func (c *call) releaseThing(r *repo, rel *release) thing {
	return thing{"Release", fields{
		"id": is(nodeID("RE", rel.id)), "databaseId": is(rel.id), "name": is(rel.name), "tagName": is(rel.tag), "description": is(rel.body), "isDraft": is(rel.draft),
		"isPrerelease": is(rel.prerelease), "isLatest": is(r.latestRelease() == rel), "createdAt": is(stamp(rel.created)), "publishedAt": is(stamp(rel.created)),
		"url": is(r.html() + "/releases/tag/" + rel.tag), "author": func(arguments) any { return c.accountThing(rel.author) },
		"releaseAssets": listed("ReleaseAsset", func(arguments) []thing {
			var found []thing
			for _, a := range rel.assets {
				found = append(found, thing{"ReleaseAsset", fields{"id": is(nodeID("RA", a.id)), "name": is(a.name), "size": is(len(a.content)),
					"contentType": is(a.contentType), "downloadCount": is(a.downloads), "createdAt": is(stamp(a.created))}})
			}
			return found
		}),
	}}
}
