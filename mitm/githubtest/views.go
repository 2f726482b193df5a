package githubtest

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// This file is how the API shows things: the members, in the order of real answers.

const (
	apiURL = "https://" + hostAPI
	webURL = "https://" + hostGit
)

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func (a *account) kind() string {
	if a.app != nil {
		return "Bot"
	}
	if a.org {
		return "Organization"
	}
	return "User"
}

func (a *account) nodeID() string {
	if a.app != nil {
		return nodeID("BOT", a.id)
	}
	if a.org {
		return nodeID("O", a.id)
	}
	return nodeID("U", a.id)
}

// html is the account's page, which for a bot is its App's.
func (a *account) html() string {
	if a.app != nil {
		return webURL + "/apps/" + a.app.slug
	}
	return webURL + "/" + a.login
}

func (a *account) view() object {
	u := apiURL + "/users/" + url.PathEscape(a.login)
	return object{
		{"login", a.login}, {"id", a.id}, {"node_id", a.nodeID()},
		{"avatar_url", fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.id)},
		{"gravatar_id", ""}, {"url", u}, {"html_url", a.html()},
		{"followers_url", u + "/followers"}, {"following_url", u + "/following{/other_user}"},
		{"gists_url", u + "/gists{/gist_id}"}, {"starred_url", u + "/starred{/owner}{/repo}"},
		{"subscriptions_url", u + "/subscriptions"}, {"organizations_url", u + "/orgs"},
		{"repos_url", u + "/repos"}, {"events_url", u + "/events{/privacy}"},
		{"received_events_url", u + "/received_events"}, {"type", a.kind()},
		{"user_view_type", "public"}, {"site_admin", false},
	}
}

// profile is a user or organization by itself.
func (a *account) profile() object {
	return append(a.view(), object{
		{"name", nil}, {"company", nil}, {"blog", ""}, {"location", nil}, {"email", nil}, {"hireable", nil}, {"bio", nil},
		{"twitter_username", nil}, {"public_repos", 0}, {"public_gists", 0}, {"followers", 0}, {"following", 0},
		{"created_at", stamp(a.born)}, {"updated_at", stamp(a.born)},
	}...)
}

func (a *account) organization() object {
	u := apiURL + "/orgs/" + a.login
	return object{
		{"login", a.login}, {"id", a.id}, {"node_id", a.nodeID()}, {"url", u}, {"repos_url", u + "/repos"},
		{"events_url", u + "/events"}, {"hooks_url", u + "/hooks"}, {"issues_url", u + "/issues"},
		{"members_url", u + "/members{/member}"}, {"public_members_url", u + "/public_members{/member}"},
		{"avatar_url", fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.id)}, {"description", nil},
		{"html_url", webURL + "/" + a.login}, {"created_at", stamp(a.born)}, {"updated_at", stamp(a.born)}, {"type", "Organization"},
	}
}

func (r *repo) url() string  { return apiURL + "/repos/" + r.fullName() }
func (r *repo) html() string { return webURL + "/" + r.fullName() }

// numericURL is how pagination and redirects name the repository (observed).
func (r *repo) numericURL() string { return fmt.Sprintf("%s/repositories/%d", apiURL, r.id) }

func (r *repo) visibility() string {
	if r.private {
		return "private"
	}
	return "public"
}

func (r *repo) openIssues() int {
	n := 0
	for _, i := range r.issues {
		if i.open {
			n++
		}
	}
	return n
}

// view is a repository as v sees it: permissions are the viewer's own, so two
// users' answers differ, and the anonymous have none.
func (r *repo) view(v viewer) object {
	u := r.url()
	o := object{
		{"id", r.id}, {"node_id", nodeID("R", r.id)}, {"name", r.name}, {"full_name", r.fullName()}, {"private", r.private},
		{"owner", r.owner.view()}, {"html_url", r.html()}, {"description", r.description}, {"fork", false}, {"url", u},
		{"archive_url", u + "/{archive_format}{/ref}"}, {"assignees_url", u + "/assignees{/user}"},
		{"blobs_url", u + "/git/blobs{/sha}"}, {"branches_url", u + "/branches{/branch}"},
		{"collaborators_url", u + "/collaborators{/collaborator}"}, {"comments_url", u + "/comments{/number}"},
		{"commits_url", u + "/commits{/sha}"}, {"compare_url", u + "/compare/{base}...{head}"},
		{"contents_url", u + "/contents/{+path}"}, {"deployments_url", u + "/deployments"},
		{"events_url", u + "/events"}, {"git_commits_url", u + "/git/commits{/sha}"}, {"git_refs_url", u + "/git/refs{/sha}"},
		{"hooks_url", u + "/hooks"}, {"issue_comment_url", u + "/issues/comments{/number}"}, {"issues_url", u + "/issues{/number}"},
		{"labels_url", u + "/labels{/name}"}, {"pulls_url", u + "/pulls{/number}"}, {"releases_url", u + "/releases{/id}"},
		{"statuses_url", u + "/statuses/{sha}"}, {"tags_url", u + "/tags"}, {"trees_url", u + "/git/trees{/sha}"},
		{"created_at", stamp(r.created)}, {"updated_at", stamp(r.updated)}, {"pushed_at", stamp(r.updated)},
		{"git_url", "git://github.com/" + r.fullName() + ".git"}, {"ssh_url", "git@github.com:" + r.fullName() + ".git"},
		{"clone_url", r.html() + ".git"}, {"svn_url", r.html()}, {"homepage", nil}, {"size", 1},
		{"stargazers_count", r.stars}, {"watchers_count", r.stars}, {"language", nil}, {"has_issues", true}, {"has_projects", true},
		{"has_downloads", true}, {"has_wiki", true}, {"has_pages", false}, {"has_discussions", false}, {"forks_count", 0},
		{"mirror_url", nil}, {"archived", false}, {"disabled", false}, {"open_issues_count", r.openIssues()}, {"license", nil},
		{"allow_forking", true}, {"is_template", false}, {"web_commit_signoff_required", false}, {"topics", []string{}},
		{"visibility", r.visibility()}, {"forks", 0}, {"open_issues", r.openIssues()}, {"watchers", r.stars}, {"default_branch", "main"},
	}
	if v.login != "" {
		push := v.writes(r, "contents=write")
		admin := push && r.owner.login == v.login // never a bot
		o = append(o, member{"permissions", object{{"admin", admin}, {"maintain", admin}, {"push", push}, {"triage", push}, {"pull", true}}})
	}
	return o
}

// full is a repository by itself, which has a few members more than in a list.
func (r *repo) full(v viewer) object {
	o := append(r.view(v), member{"temp_clone_token", nil})
	if r.owner.org {
		o = append(o, member{"organization", r.owner.view()})
	}
	return append(o, object{{"network_count", 0}, {"subscribers_count", 1}}...)
}

func (l *label) view(r *repo) object {
	return object{
		{"id", l.id}, {"node_id", nodeID("LA", l.id)}, {"url", r.url() + "/labels/" + url.PathEscape(l.name)},
		{"name", l.name}, {"color", l.color}, {"default", l.name == "bug" || l.name == "enhancement"}, {"description", l.description},
	}
}

func labelViews(r *repo, labels []*label) []object {
	views := []object{}
	for _, l := range labels {
		views = append(views, l.view(r))
	}
	return views
}

func (i *issue) htmlURL(r *repo) string {
	if i.pull != nil {
		return fmt.Sprintf("%s/pull/%d", r.html(), i.number)
	}
	return fmt.Sprintf("%s/issues/%d", r.html(), i.number)
}

// reason is why an issue is closed, in the case that REST or GraphQL has, or nil.
// A pull request has none.
func (i *issue) reason(spelled func(string) string) any {
	if i.open || i.pull != nil {
		return nil
	}
	return spelled("completed")
}

func (i *issue) nodeID() string {
	if i.pull != nil {
		return nodeID("PR", i.id)
	}
	return nodeID("I", i.id)
}

func (i *issue) association(r *repo) string {
	if i.author == r.owner {
		return "OWNER"
	}
	if r.writes(i.author.login) {
		return "COLLABORATOR"
	}
	return "NONE"
}

// view is an issue, or a pull request as an issue. Version 2026-03-10 has no
// assignee beside assignees (documented).
func (i *issue) view(r *repo, c *call) object {
	u := fmt.Sprintf("%s/issues/%d", r.url(), i.number)
	o := object{
		{"url", u}, {"repository_url", r.url()}, {"labels_url", u + "/labels{/name}"}, {"comments_url", u + "/comments"},
		{"events_url", u + "/events"}, {"html_url", i.htmlURL(r)}, {"id", i.id}, {"node_id", i.nodeID()}, {"number", i.number},
		{"title", i.title}, {"user", i.author.view()}, {"labels", labelViews(r, i.labels)}, {"state", i.state()}, {"locked", false},
		{"assignee", nil}, {"assignees", []any{}}, {"milestone", nil}, {"comments", len(i.comments)},
		{"created_at", stamp(i.created)}, {"updated_at", stamp(i.updated)}, {"closed_at", stamp(i.closed)},
		{"author_association", i.association(r)}, {"active_lock_reason", nil},
	}
	if i.pull != nil {
		o = append(o, member{"draft", i.pull.draft}, member{"pull_request", object{
			{"url", fmt.Sprintf("%s/pulls/%d", r.url(), i.number)}, {"html_url", i.htmlURL(r)},
			{"diff_url", i.htmlURL(r) + ".diff"}, {"patch_url", i.htmlURL(r) + ".patch"}, {"merged_at", nil},
		}})
	}
	o = append(o, c.text(i.body)...)
	o = append(o, object{
		{"closed_by", nil}, {"reactions", reactions(u)}, {"timeline_url", u + "/timeline"},
		{"performed_via_github_app", nil}, {"state_reason", i.reason(strings.ToLower)},
	}...)
	if c.version == versionNew {
		o = o.without("assignee")
	}
	return o
}

func reactions(u string) object {
	return object{
		{"url", u + "/reactions"}, {"total_count", 0}, {"+1", 0}, {"-1", 0}, {"laugh", 0}, {"hooray", 0},
		{"confused", 0}, {"heart", 0}, {"rocket", 0}, {"eyes", 0},
	}
}

// text is a body as the media type asks for it: raw (the default), html, text or full.
func (c *call) text(body string) object {
	html := "<p>" + escapeHTML(body) + "</p>"
	if body == "" {
		html = ""
	}
	switch c.media.parameter {
	case "html":
		return object{{"body_html", html}}
	case "text":
		return object{{"body_text", body}}
	case "full":
		return object{{"body_html", html}, {"body_text", body}, {"body", body}}
	}
	return object{{"body", body}}
}

func (m *comment) view(r *repo, i *issue, c *call) object {
	u := fmt.Sprintf("%s/issues/comments/%d", r.url(), m.id)
	o := object{
		{"url", u}, {"html_url", fmt.Sprintf("%s#issuecomment-%d", i.htmlURL(r), m.id)},
		{"issue_url", fmt.Sprintf("%s/issues/%d", r.url(), i.number)}, {"id", m.id}, {"node_id", nodeID("IC", m.id)},
		{"user", m.author.view()}, {"created_at", stamp(m.created)}, {"updated_at", stamp(m.created)}, {"author_association", "NONE"},
	}
	o = append(o, c.text(m.body)...)
	return append(o, object{{"reactions", reactions(u)}, {"performed_via_github_app", nil}}...)
}

// pullView is a pull request as such; whole is by itself, which has members that
// a list leaves out.
func (s *Server) pullView(r *repo, i *issue, c *call, whole bool) object {
	u := fmt.Sprintf("%s/pulls/%d", r.url(), i.number)
	head, _ := s.sha(r, i.pull.head)
	base, _ := s.sha(r, i.pull.base)
	side := func(branch, sha string) object {
		return object{{"label", r.owner.login + ":" + branch}, {"ref", branch}, {"sha", sha}, {"user", r.owner.view()}, {"repo", r.view(c.viewer)}}
	}
	o := object{
		{"url", u}, {"id", i.id}, {"node_id", i.nodeID()}, {"html_url", i.htmlURL(r)}, {"diff_url", i.htmlURL(r) + ".diff"},
		{"patch_url", i.htmlURL(r) + ".patch"}, {"issue_url", fmt.Sprintf("%s/issues/%d", r.url(), i.number)}, {"number", i.number},
		{"state", i.state()}, {"locked", false}, {"title", i.title}, {"user", i.author.view()},
	}
	o = append(o, c.text(i.body)...)
	o = append(o, object{
		{"created_at", stamp(i.created)}, {"updated_at", stamp(i.updated)}, {"closed_at", stamp(i.closed)}, {"merged_at", i.pull.mergedAt()},
		{"merge_commit_sha", i.pull.mergeSHA()}, {"assignee", nil}, {"assignees", []any{}}, {"requested_reviewers", []any{}}, {"requested_teams", []any{}},
		{"labels", labelViews(r, i.labels)}, {"milestone", nil}, {"draft", i.pull.draft}, {"commits_url", u + "/commits"},
		{"review_comments_url", u + "/comments"}, {"review_comment_url", r.url() + "/pulls/comments{/number}"},
		{"comments_url", fmt.Sprintf("%s/issues/%d/comments", r.url(), i.number)}, {"statuses_url", r.url() + "/statuses/" + head},
		{"head", side(i.pull.head, head)}, {"base", side(i.pull.base, base)},
		{"_links", object{{"self", object{{"href", u}}}, {"html", object{{"href", i.htmlURL(r)}}}}},
		{"author_association", i.association(r)}, {"auto_merge", nil}, {"active_lock_reason", nil},
	}...)
	if whole {
		changes := s.changes(r, i)
		o = append(o, object{
			{"merged", i.pull.merged != nil}, {"mergeable", true}, {"rebaseable", true}, {"mergeable_state", "clean"}, {"merged_by", nil},
			{"comments", len(i.comments)}, {"review_comments", 0}, {"maintainer_can_modify", false}, {"commits", len(s.pullCommits(r, i))},
			{"additions", changes.additions}, {"deletions", changes.deletions}, {"changed_files", len(changes.files)},
		}...)
	}
	if c.version == versionNew {
		o = o.without("assignee", "merge_commit_sha")
	}
	return o
}

func (rel *release) view(r *repo, c *call) object {
	u := fmt.Sprintf("%s/releases/%d", r.url(), rel.id)
	assets := []object{}
	for _, a := range rel.assets {
		assets = append(assets, a.view(r, rel))
	}
	published := stamp(rel.created)
	if rel.draft {
		published = nil
	}
	o := object{
		{"url", u}, {"assets_url", u + "/assets"},
		{"upload_url", fmt.Sprintf("https://%s/repos/%s/releases/%d/assets{?name,label}", hostUploads, r.fullName(), rel.id)},
		{"html_url", r.html() + "/releases/tag/" + rel.tag}, {"id", rel.id}, {"author", rel.author.view()}, {"node_id", nodeID("RE", rel.id)},
		{"tag_name", rel.tag}, {"target_commitish", rel.target}, {"name", rel.name}, {"draft", rel.draft}, {"immutable", false},
		{"prerelease", rel.prerelease}, {"created_at", stamp(rel.created)}, {"updated_at", stamp(rel.created)}, {"published_at", published}, {"assets", assets},
		{"tarball_url", r.url() + "/tarball/" + rel.tag}, {"zipball_url", r.url() + "/zipball/" + rel.tag},
	}
	return append(o, c.text(rel.body)...)
}

func (a *asset) view(r *repo, rel *release) object {
	return object{
		{"url", fmt.Sprintf("%s/releases/assets/%d", r.url(), a.id)}, {"id", a.id}, {"node_id", nodeID("RA", a.id)}, {"name", a.name},
		{"label", a.label}, {"uploader", a.uploader.view()}, {"content_type", a.contentType}, {"state", "uploaded"}, {"size", len(a.content)},
		{"digest", "sha256:" + hexSHA256(a.content)}, {"download_count", a.downloads}, {"created_at", stamp(a.created)}, {"updated_at", stamp(a.created)},
		{"browser_download_url", fmt.Sprintf("%s/releases/download/%s/%s", r.html(), rel.tag, url.PathEscape(a.name))},
	}
}

func (t *status) view(r *repo) object {
	return object{
		{"url", r.url() + "/statuses/" + t.sha}, {"avatar_url", fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", t.creator.id)},
		{"id", t.id}, {"node_id", nodeID("SC", t.id)}, {"state", t.state}, {"description", t.description}, {"target_url", t.target},
		{"context", t.ctx}, {"created_at", stamp(t.created)}, {"updated_at", stamp(t.created)}, {"creator", t.creator.view()},
	}
}
