package githubtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// span names a pull request's commits for git. The full ref names cannot be
// taken for options.
func (p *pull) span(dots string) string {
	return "refs/heads/" + p.base + dots + "refs/heads/" + p.head
}

// changes is what a pull request does to files.
type changes struct {
	files                []changedFile
	additions, deletions int
}

type changedFile struct {
	path                 string
	additions, deletions int
}

func (s *Server) changes(r *repo, i *issue) changes {
	out, _ := s.git(r, "diff", "--numstat", "--no-renames", "-z", i.pull.span("..."))
	var all changes
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		words := strings.SplitN(line, "\t", 3)
		if len(words) != 3 {
			continue
		}
		f := changedFile{path: words[2]}
		f.additions, _ = strconv.Atoi(words[0]) // "-" for binary files: 0
		f.deletions, _ = strconv.Atoi(words[1])
		all.files = append(all.files, f)
		all.additions += f.additions
		all.deletions += f.deletions
	}
	return all
}

// pullCommits is the commits of a pull request, oldest first.
func (s *Server) pullCommits(r *repo, i *issue) []string {
	out, _ := s.git(r, "rev-list", "--reverse", i.pull.span(".."))
	return strings.Fields(string(out))
}

// openPull makes an issue a pull request.
func (s *Server) openPull(r *repo, i *issue, head, base string, draft bool) {
	i.pull = &pull{head: head, base: base, draft: draft}
	s.movePull(r, i)
}

// moved lets the world see that refs of the bare repository have changed:
// refs/pull/N/head follows the branch of an open pull request.
func (s *Server) moved(r *repo) {
	r.git.refs, r.updated = nil, s.tick()
	for _, i := range r.issues {
		if i.pull != nil && i.open {
			s.movePull(r, i)
		}
	}
}

func (s *Server) movePull(r *repo, i *issue) {
	name := fmt.Sprintf("refs/pull/%d/head", i.number)
	sha, found := s.sha(r, "refs/heads/"+i.pull.head)
	if was, _ := s.sha(r, name); !found || was == sha {
		return
	}
	s.git(r, "update-ref", "--", name, sha)
	r.git.refs = nil
	i.updated = r.updated
}

func (c *call) pulls(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		return c.pullList(r)
	}
	i := r.issue(rest[0])
	if i == nil || i.pull == nil {
		return notFound()
	}
	switch {
	case len(rest) == 1 && c.method == http.MethodGet && (c.media.parameter == "diff" || c.media.parameter == "patch"):
		return c.pullText(r, i)
	case len(rest) == 1 && c.method == http.MethodGet:
		return ok(c.s.pullView(r, i, c, true)).since(i.updated)
	case len(rest) == 1 && c.method == http.MethodPatch:
		if a := c.editIssue(r, i); a.status != http.StatusOK {
			return a
		}
		return ok(c.s.pullView(r, i, c, true))
	case len(rest) == 2 && c.method == http.MethodGet:
		return c.belowPull(r, i, rest[1])
	}
	return notFound()
}

func (c *call) belowPull(r *repo, i *issue, name string) *answer {
	base := fmt.Sprintf("%s/pulls/%d/%s", r.numericURL(), i.number, name)
	switch name {
	case "reviews":
		return page(c, i.pull.reviews, base, listOf(func(v *review) object { return v.view(r, i) }))
	case "comments":
		return ok([]any{})
	case "requested_reviewers":
		return ok(object{{"users", []any{}}, {"teams", []any{}}})
	case "commits":
		return page(c, c.s.pullCommits(r, i), base, listOf(func(sha string) object { return c.commitView(r, sha) }))
	case "files":
		return page(c, c.s.changes(r, i).files, base, listOf(func(f changedFile) object { return c.fileView(r, i.pull, f) }))
	}
	return notFound()
}

// fileView is a changed file. What is not deleted is shown as modified or added
// by whether anything was there before.
func (c *call) fileView(r *repo, p *pull, f changedFile) object {
	head, _ := c.s.sha(r, "refs/heads/"+p.head)
	_, id, there := c.s.objectAt(r, head, f.path)
	state := "modified"
	switch _, _, before := c.s.objectAt(r, "refs/heads/"+p.base, f.path); {
	case !there:
		state = "removed"
	case !before:
		state = "added"
	}
	return object{
		{"sha", id}, {"filename", f.path}, {"status", state}, {"additions", f.additions}, {"deletions", f.deletions},
		{"changes", f.additions + f.deletions}, {"blob_url", r.html() + "/blob/" + head + "/" + f.path},
		{"raw_url", r.html() + "/raw/" + head + "/" + f.path}, {"contents_url", r.url() + "/contents/" + f.path + "?ref=" + head},
	}
}

func (c *call) pullList(r *repo) *answer {
	switch c.method {
	case http.MethodGet:
		found := c.selected(r, func(i *issue) bool { return i.pull != nil })
		return page(c, found, r.numericURL()+"/pulls", listOf(func(i *issue) object { return c.s.pullView(r, i, c, false) }))
	case http.MethodPost:
		if refusal := c.requireWrite(r, "pull_requests=write"); refusal != nil {
			return refusal
		}
		var in struct {
			Title, Body, Head, Base string
			Draft                   bool
		}
		if refusal := c.decode(&in); refusal != nil {
			return refusal
		}
		if _, found := c.s.sha(r, "refs/heads/"+in.Head); !found {
			return invalid("PullRequest", "head", "invalid")
		}
		if _, found := c.s.sha(r, "refs/heads/"+in.Base); !found {
			return invalid("PullRequest", "base", "invalid")
		}
		i := c.s.openIssue(r, in.Title, in.Body, c.s.account(c.viewer.login))
		c.s.openPull(r, i, in.Head, in.Base, in.Draft)
		return created(c.s.pullView(r, i, c, true))
	}
	return notFound()
}

// pullText is the diff or patch. Its ETag never follows the formula (observed).
func (c *call) pullText(r *repo, i *issue) *answer {
	args := []string{"diff", i.pull.span("...")}
	if c.media.parameter == "patch" {
		args = []string{"format-patch", "--stdout", i.pull.span("..")}
	}
	out, found := c.s.git(r, args...)
	if !found {
		return notFound()
	}
	return &answer{status: http.StatusOK, tagging: tagOpaque, body: out, modified: i.updated,
		header: http.Header{"Content-Type": {c.media.spelled + "; charset=utf-8"}}}
}
