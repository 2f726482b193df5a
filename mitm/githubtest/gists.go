package githubtest

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// A gist is a few files of a user's, outside of any repository of theirs.
type gist struct {
	id          string
	description string
	public      bool
	owner       *account
	files       map[string]string
	created     time.Time
	updated     time.Time
}

// gists answers below /gists. They are a person's: an App has none.
func (c *call) gists(rest []string) *answer {
	if refusal := c.requireUser(); refusal != nil {
		return refusal
	}
	switch {
	case len(rest) == 0 && c.method == http.MethodGet:
		return page(c, c.ownGists(), apiURL+"/gists", listOf(func(g *gist) object { return g.view(false) }))
	case len(rest) == 0 && c.method == http.MethodPost:
		return c.createGist()
	case len(rest) != 1:
		return notFound()
	}
	at := slices.IndexFunc(c.s.gistsOf, func(g *gist) bool { return g.id == rest[0] })
	if at < 0 {
		return notFound()
	}
	g := c.s.gistsOf[at]
	mine := g.owner.login == c.viewer.login
	switch {
	case c.method == http.MethodGet:
		return ok(g.view(true)).since(g.updated)
	case !mine:
	case c.method == http.MethodDelete:
		c.s.gistsOf = slices.Delete(c.s.gistsOf, at, at+1)
		return noContent()
	case c.method == http.MethodPatch, c.method == http.MethodPost:
		if refusal := c.decodeGist(g); refusal != nil {
			return refusal
		}
		g.updated = c.s.tick()
		return ok(g.view(true))
	}
	return notFound()
}

func (c *call) ownGists() []*gist {
	var found []*gist
	for _, g := range slices.Backward(c.s.gistsOf) {
		if g.owner.login == c.viewer.login {
			found = append(found, g)
		}
	}
	return found
}

func (c *call) createGist() *answer {
	g := &gist{owner: c.s.account(c.viewer.login), files: map[string]string{}}
	if refusal := c.decodeGist(g); refusal != nil {
		return refusal
	}
	if len(g.files) == 0 {
		return invalid("Gist", "files", "missing_field")
	}
	name := md5.Sum([]byte(itoa(c.s.id()))) // as long as theirs, and the same in every run
	g.id, g.created = hex.EncodeToString(name[:]), c.s.tick()
	g.updated = g.created
	c.s.gistsOf = append(c.s.gistsOf, g)
	return created(g.view(true))
}

// decodeGist reads what is to be made or changed: a file that is null goes, one with
// another filename moves.
func (c *call) decodeGist(g *gist) *answer {
	in := struct {
		Description *string
		Public      *bool
		Files       map[string]*struct{ Content, Filename *string }
	}{Description: &g.description, Public: &g.public}
	if refusal := c.decode(&in); refusal != nil {
		return refusal
	}
	for name, file := range in.Files {
		content := g.files[name]
		delete(g.files, name)
		if file == nil {
			continue
		}
		if file.Content != nil {
			content = *file.Content
		}
		if file.Filename != nil {
			name = cmp.Or(*file.Filename, name)
		}
		g.files[name] = content
	}
	return nil
}

func (g *gist) html() string { return "https://" + hostGist + "/" + g.owner.login + "/" + g.id }

// view is a gist; only one by itself has its files' contents.
func (g *gist) view(whole bool) object {
	files := object{}
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		o := object{{"filename", name}, {"type", "text/plain"}, {"language", "Text"}, {"raw_url", fmt.Sprintf("%s/raw/%s", g.html(), name)}, {"size", len(g.files[name])}}
		if whole {
			o = append(o, object{{"truncated", false}, {"content", g.files[name]}, {"encoding", "utf-8"}}...)
		}
		files = append(files, member{name, o})
	}
	u := apiURL + "/gists/" + g.id
	return object{
		{"url", u}, {"forks_url", u + "/forks"}, {"commits_url", u + "/commits"}, {"id", g.id}, {"node_id", "G_" + g.id},
		{"git_pull_url", "https://" + hostGist + "/" + g.id + ".git"}, {"git_push_url", "https://" + hostGist + "/" + g.id + ".git"}, {"html_url", g.html()},
		{"files", files}, {"public", g.public}, {"created_at", stamp(g.created)}, {"updated_at", stamp(g.updated)}, {"description", g.description},
		{"comments", 0}, {"user", nil}, {"owner", g.owner.view()}, {"truncated", false},
	}
}

// gistThings are the viewer's gists in GraphQL, the newest first.
func (c *call) gistThings(a arguments) []thing {
	var found []thing
	for _, g := range c.ownGists() {
		if privacy := a.text("privacy"); privacy == "PUBLIC" && !g.public || privacy == "SECRET" && g.public {
			continue
		}
		var files []thing
		for _, name := range slices.Sorted(maps.Keys(g.files)) {
			files = append(files, thing{"GistFile", fields{"name": is(name), "text": is(g.files[name])}})
		}
		found = append(found, thing{"Gist", fields{"id": is("G_" + g.id), "name": is(g.id), "description": is(g.description), "isPublic": is(g.public),
			"updatedAt": is(stamp(g.updated)), "files": is(files), "url": is(g.html())}})
	}
	return found
}
