package githubtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string               { return strconv.Itoa(n) }
func escapeHTML(text string) string   { return html.EscapeString(text) }
func hexSHA256(content []byte) string { s := sha256.Sum256(content); return hex.EncodeToString(s[:]) }

func (c *call) branches(r *repo, rest []string) *answer {
	if c.method != http.MethodGet {
		return notFound()
	}
	view := func(b ref) object {
		return object{{"name", strings.TrimPrefix(b.name, "refs/heads/")}, {"commit", object{{"sha", b.sha}, {"url", r.url() + "/commits/" + b.sha}}}, {"protected", false}}
	}
	all := c.refsUnder(r, "refs/heads/")
	if len(rest) == 0 {
		return page(c, all, r.numericURL()+"/branches", listOf(view))
	}
	name := "refs/heads/" + strings.Join(rest, "/")
	for _, b := range all {
		if b.name == name {
			o := view(b)
			o[1].value = c.commitView(r, b.sha)
			return ok(append(o, member{"protection", object{{"enabled", false}}}))
		}
	}
	return refuse(http.StatusNotFound, "Branch not found", "https://docs.github.com/rest/branches/branches#get-a-branch")
}

func (c *call) tags(r *repo, rest []string) *answer {
	if c.method != http.MethodGet || len(rest) > 0 {
		return notFound()
	}
	return page(c, c.refsUnder(r, "refs/tags/"), r.numericURL()+"/tags", listOf(func(t ref) object {
		name := strings.TrimPrefix(t.name, "refs/tags/")
		return object{{"name", name}, {"zipball_url", r.url() + "/zipball/refs/tags/" + name}, {"tarball_url", r.url() + "/tarball/refs/tags/" + name},
			{"commit", object{{"sha", t.sha}, {"url", r.url() + "/commits/" + t.sha}}}, {"node_id", nodeID("REF", r.id)}}
	}))
}

func (c *call) refsUnder(r *repo, prefix string) []ref {
	var found []ref
	for _, candidate := range c.s.refs(r) {
		if strings.HasPrefix(candidate.name, prefix) {
			found = append(found, candidate)
		}
	}
	return found
}

// commits answers the history, one commit, and what hangs on it. A revision may
// have slashes, so what follows it is looked for from the end.
func (c *call) commits(r *repo, rest []string) *answer {
	if c.method != http.MethodGet {
		return notFound()
	}
	if len(rest) == 0 {
		return c.history(r)
	}
	last := rest[len(rest)-1]
	if len(rest) > 1 {
		if sha, found := c.s.sha(r, strings.Join(rest[:len(rest)-1], "/")); found {
			switch last {
			case "status":
				return c.combinedStatus(r, sha)
			case "statuses":
				return c.statusList(r, sha)
			case "check-runs":
				return c.checkRunList(r, sha)
			case "comments", "pulls":
				return ok([]any{})
			}
		}
	}
	revision := strings.Join(rest, "/")
	sha, found := c.s.sha(r, revision)
	if !found {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+revision, "https://docs.github.com/rest/commits/commits#get-a-commit")
	}
	switch c.media.parameter {
	case "sha":
		return c.plain(sha, tagGit, sha)
	case "diff":
		out, _ := c.s.git(r, "show", "--format=", sha)
		return c.plain(string(out), tagOpaque, "")
	case "patch":
		out, _ := c.s.git(r, "format-patch", "--stdout", "-1", sha)
		return c.plain(string(out), tagOpaque, "")
	}
	return ok(c.commitView(r, sha)).since(commitDate)
}

func (c *call) plain(body string, tagging tagging, gitID string) *answer {
	return &answer{status: http.StatusOK, tagging: tagging, gitID: gitID, body: []byte(body),
		header: http.Header{"Content-Type": {c.media.spelled + "; charset=utf-8"}}}
}

func (c *call) history(r *repo) *answer {
	revision := c.r.URL.Query().Get("sha")
	sha, found := c.s.sha(r, revision)
	if !found {
		return notFound()
	}
	args := []string{"log", "--format=%H", sha}
	if path := c.r.URL.Query().Get("path"); path != "" {
		args = append(args, "--", path)
	}
	out, _ := c.s.git(r, args...)
	return page(c, strings.Fields(string(out)), r.numericURL()+"/commits", listOf(func(sha string) object { return c.commitView(r, sha) }))
}

// commitDate is when every commit made here was made.
var commitDate = time.Unix(1767603600, 0)

func (c *call) commitView(r *repo, sha string) object {
	out, _ := c.s.git(r, "show", "--no-patch", "--format=%T%n%P%n%an%n%ae%n%aI%n%B", sha)
	lines := append(strings.SplitN(string(out), "\n", 6), make([]string, 6)...)
	parents := []object{}
	for parent := range strings.FieldsSeq(lines[1]) {
		parents = append(parents, object{{"sha", parent}, {"url", r.url() + "/commits/" + parent}, {"html_url", r.html() + "/commit/" + parent}})
	}
	date := lines[4]
	if t, err := time.Parse(time.RFC3339, date); err == nil {
		date = stamp(t).(string)
	}
	who := object{{"name", lines[2]}, {"email", lines[3]}, {"date", date}}
	return object{
		{"sha", sha}, {"node_id", nodeID("C", r.id)},
		{"commit", object{{"author", who}, {"committer", who}, {"message", strings.TrimRight(lines[5], "\n")},
			{"tree", object{{"sha", lines[0]}, {"url", r.url() + "/git/trees/" + lines[0]}}}, {"url", r.url() + "/git/commits/" + sha}, {"comment_count", 0}}},
		{"url", r.url() + "/commits/" + sha}, {"html_url", r.html() + "/commit/" + sha}, {"comments_url", r.url() + "/commits/" + sha + "/comments"},
		{"author", nil}, {"committer", nil}, {"parents", parents},
	}
}

// gitData answers below /git: refs, one ref, commits, blobs and trees.
func (c *call) gitData(r *repo, rest []string) *answer {
	if len(rest) == 0 {
		return notFound()
	}
	name := "refs/" + strings.Join(rest[1:], "/")
	switch {
	case rest[0] == "refs" && len(rest) == 1 && c.method == http.MethodPost:
		return c.createRef(r)
	case rest[0] == "refs" && len(rest) > 1 && (c.method == http.MethodPatch || c.method == http.MethodDelete):
		return c.changeRef(r, name)
	case c.method != http.MethodGet:
		return notFound()
	case rest[0] == "refs" && len(rest) == 1:
		a := page(c, c.s.refs(r), r.numericURL()+"/git/refs", listOf(func(f ref) object { return refView(r, f) })).since(r.updated)
		set(a.header, "X-Poll-Interval", "300") // observed on this list
		return a
	case rest[0] == "ref" || rest[0] == "refs":
		for _, f := range c.s.refs(r) {
			if f.name == name {
				return ok(refView(r, f)).since(r.updated)
			}
		}
	case rest[0] == "matching-refs":
		return page(c, c.refsUnder(r, name), r.numericURL()+"/git/matching-refs", listOf(func(f ref) object { return refView(r, f) }))
	case rest[0] == "commits" && len(rest) == 2:
		if sha, found := c.s.sha(r, rest[1]); found {
			view := c.commitView(r, sha)
			return ok(append(object{{"sha", sha}}, view[2].value.(object)...)).since(commitDate)
		}
	case rest[0] == "blobs" && len(rest) == 2:
		if !isObjectID(rest[1]) {
			return notFound()
		}
		if content, found := c.s.git(r, "cat-file", "blob", rest[1]); found {
			return ok(object{{"sha", rest[1]}, {"node_id", nodeID("B", r.id)}, {"size", len(content)}, {"url", r.url() + "/git/blobs/" + rest[1]},
				{"content", wrapped(content)}, {"encoding", "base64"}})
		}
	}
	return notFound()
}

// isObjectID tells a whole object id from what git might take for an option.
func isObjectID(text string) bool {
	return len(text) == 40 && strings.Trim(text, "0123456789abcdef") == ""
}

func refView(r *repo, f ref) object {
	return object{
		{"ref", f.name}, {"node_id", nodeID("REF", r.id)}, {"url", r.url() + "/git/" + f.name},
		{"object", object{{"sha", f.sha}, {"type", "commit"}, {"url", r.url() + "/git/commits/" + f.sha}}},
	}
}

func (c *call) createRef(r *repo) *answer {
	if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
		return refusal
	}
	var in struct{ Ref, SHA string }
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	if _, exists := c.s.sha(r, in.Ref); exists {
		return refuse(http.StatusUnprocessableEntity, "Reference already exists", docREST)
	}
	if !strings.HasPrefix(in.Ref, "refs/") {
		return refuse(http.StatusUnprocessableEntity, "Reference name must start with 'refs/'.", docREST)
	}
	if _, done := c.s.git(r, "update-ref", "--", in.Ref, in.SHA); !done {
		return refuse(http.StatusUnprocessableEntity, "Object does not exist", docREST)
	}
	c.s.moved(r)
	return created(refView(r, ref{in.Ref, in.SHA}))
}

func (c *call) changeRef(r *repo, name string) *answer {
	if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
		return refusal
	}
	if _, exists := c.s.sha(r, name); !exists {
		return refuse(http.StatusUnprocessableEntity, "Reference does not exist", docREST)
	}
	var in struct{ SHA string }
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	args := []string{"update-ref", "--", name, in.SHA}
	if c.method == http.MethodDelete {
		args = []string{"update-ref", "-d", "--", name}
	}
	if _, done := c.s.git(r, args...); !done {
		return refuse(http.StatusUnprocessableEntity, "Object does not exist", docREST)
	}
	c.s.moved(r)
	if c.method == http.MethodDelete {
		return noContent()
	}
	return ok(refView(r, ref{name, in.SHA}))
}

// contents answers a file or folder at ref. The ETag is the git id of the blob
// or tree: the same for every credential and every media type (observed).
func (c *call) contents(r *repo, rest []string) *answer {
	if c.method != http.MethodGet {
		return c.writeContents(r, rest)
	}
	path, revision := strings.Join(rest, "/"), c.r.URL.Query().Get("ref")
	sha, found := c.s.sha(r, revision)
	if !found {
		return refuse(http.StatusNotFound, "No commit found for the ref "+revision, "https://docs.github.com/v3/repos/contents/")
	}
	if revision == "" {
		revision = "main"
	}
	kind, id, found := c.s.objectAt(r, sha, path)
	if !found {
		return notFound()
	}
	var a *answer
	switch {
	case kind == "blob" && c.media.parameter == "raw":
		content, _ := c.s.git(r, "cat-file", "blob", id)
		a = c.plain(string(content), tagGit, id)
	case kind == "blob":
		content, _ := c.s.git(r, "cat-file", "blob", id)
		a = ok(append(c.entry(r, revision, path, "file", id, len(content)), object{{"content", wrapped(content)}, {"encoding", "base64"}}...))
	default:
		a = ok(c.folder(r, revision, path, id))
	}
	a.tagging, a.gitID = tagGit, id
	return a.since(commitDate)
}

// objectAt finds the blob or tree of a path in a commit.
func (s *Server) objectAt(r *repo, sha, path string) (kind, id string, found bool) {
	out, found := s.git(r, "rev-parse", "--verify", "--quiet", "--end-of-options", sha+":"+path)
	if !found {
		return "", "", false
	}
	id = strings.TrimSpace(string(out))
	out, found = s.git(r, "cat-file", "-t", id)
	return strings.TrimSpace(string(out)), id, found
}

func (c *call) folder(r *repo, revision, path, id string) any {
	out, _ := c.s.git(r, "ls-tree", "-l", "-z", id)
	entries := []object{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		about, name, _ := strings.Cut(line, "\t")
		words := strings.Fields(about) // mode, kind, id, size
		if len(words) != 4 {
			continue
		}
		kind := "file"
		if words[1] == "tree" {
			kind = "dir"
		}
		size, _ := strconv.Atoi(words[3])
		full := name
		if path != "" {
			full = path + "/" + name
		}
		entries = append(entries, c.entry(r, revision, full, kind, words[2], size))
	}
	if c.media.parameter == "object" {
		return append(c.entry(r, revision, path, "dir", id, 0), member{"entries", entries})
	}
	return entries
}

func (c *call) entry(r *repo, revision, path, kind, id string, size int) object {
	name := path[strings.LastIndex(path, "/")+1:]
	escaped := (&url.URL{Path: path}).EscapedPath()
	self := fmt.Sprintf("%s/contents/%s?ref=%s", r.url(), escaped, url.QueryEscape(revision))
	page := fmt.Sprintf("%s/blob/%s/%s", r.html(), revision, escaped)
	blobURL := r.url() + "/git/blobs/" + id
	var download any = fmt.Sprintf("https://%s/%s/%s/%s", hostRaw, r.fullName(), revision, escaped)
	if kind == "dir" {
		page, blobURL, download = fmt.Sprintf("%s/tree/%s/%s", r.html(), revision, escaped), r.url()+"/git/trees/"+id, nil
	} else if r.private {
		download = download.(string) + "?token=" + c.s.signature("raw", r.id, path)
	}
	return object{
		{"name", name}, {"path", path}, {"sha", id}, {"size", size}, {"url", self}, {"html_url", page}, {"git_url", blobURL},
		{"download_url", download}, {"type", kind}, {"_links", object{{"self", self}, {"git", blobURL}, {"html", page}}},
	}
}

// wrapped is base64 in lines of 60, each ended, as contents and blobs have it.
func wrapped(content []byte) string {
	text := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for len(text) > 60 {
		b.WriteString(text[:60] + "\n")
		text = text[60:]
	}
	if text != "" {
		b.WriteString(text + "\n")
	}
	return b.String()
}
