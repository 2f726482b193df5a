package githubtest

import (
	"fmt"
	"slices"
	"strings"
)

// query is the root of reads.
func (c *call) query(x *execution) thing {
	return thing{"Query", fields{
		"viewer":          func(arguments) any { return c.viewerThing() },
		"user":            func(a arguments) any { return c.owner(a.text("login"), "User") },
		"organization":    func(a arguments) any { return c.owner(a.text("login"), "Organization") },
		"repositoryOwner": func(a arguments) any { return c.owner(a.text("login"), "") },
		"repository": func(a arguments) any {
			fullName := a.text("owner") + "/" + a.text("name")
			if r := c.visible(fullName); r != nil {
				if refused := c.barredThing(r.owner); refused != nil {
					return refused
				}
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
		"search": c.searchThing,
		"rateLimit": func(arguments) any {
			b := x.budget
			return thing{"RateLimit", fields{"limit": is(b.limit), "cost": is(x.cost), "remaining": is(b.remaining()), "used": is(b.used),
				"resetAt": is(stamp(b.reset)), "nodeCount": is(0)}}
		},
		"__type": func(a arguments) any { return c.typeThing(a.text("name")) },
	}}
}

// searchThing is a search for issues, pull requests or repositories.
func (c *call) searchThing(a arguments) any {
	var found []thing
	count := "issueCount"
	switch a.text("type") {
	case "REPOSITORY":
		count = "repositoryCount"
		for _, r := range c.reposFound(a.text("query")) {
			found = append(found, c.repoThing(r))
		}
	case "ISSUE", "ISSUE_ADVANCED":
		for _, hit := range c.issuesFound(a.text("query")) {
			found = append(found, c.issueThing(hit.r, hit.i))
		}
	}
	t := connection("SearchResultItem", found, a)
	for _, name := range []string{"issueCount", "repositoryCount", "userCount", "discussionCount", "wikiCount", "codeCount"} {
		t.fields[name] = is(0)
	}
	t.fields[count] = is(len(found))
	delete(t.fields, "totalCount")
	return t
}

// visible is the repository of that name, former names included, if the viewer may see it.
func (c *call) visible(fullName string) *repo {
	r := c.s.repos[strings.ToLower(fullName)]
	if r == nil {
		r = c.s.renamed[strings.ToLower(fullName)]
	}
	if r == nil || !c.viewer.reads(r) {
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
	if refused := c.barredThing(a); refused != nil {
		return refused
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
		if !c.lists(r) {
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

// viewerThing is who asks. A bot is told its login as REST spells it (observed).
func (c *call) viewerThing() thing {
	me := c.s.account(c.viewer.login)
	t := c.accountThing(me)
	t.kind, t.fields["login"] = "User", is(me.login)
	return t
}

// accountThing is a User, an Organization or a Bot, whose login has no [bot] here.
func (c *call) accountThing(a *account) thing {
	login := strings.TrimSuffix(a.login, "[bot]")
	var name any
	if a.org {
		name = a.login
	}
	return thing{a.kind(), fields{
		"id": is(a.nodeID()), "login": is(login), "name": is(name), "databaseId": is(a.id), "url": is(a.html()), "email": is(""),
		"avatarUrl": is(fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.id)), "createdAt": is(stamp(a.born)),
		"resourcePath": is("/" + a.login), "viewerCanAdminister": is(a.login == c.viewer.login), "projectsV2": none("ProjectV2"), "projects": none("Project"),
		"organizations": none("Organization"), "teams": none("Team"), "gists": listed("Gist", c.gistThings),
		"repositories": listed("Repository", func(args arguments) []thing {
			var found []thing
			for _, r := range c.s.order {
				wanted := args.text("privacy") == "" || strings.EqualFold(args.text("privacy"), r.visibility())
				if r.owner == a && c.lists(r) && wanted {
					found = append(found, c.repoThing(r))
				}
			}
			return found
		}),
	}}
}
