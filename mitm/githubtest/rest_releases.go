package githubtest

import (
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
)

func (c *call) releases(r *repo, rest []string) *answer {
	switch {
	case len(rest) == 0 && c.method == http.MethodGet:
		shown := slices.DeleteFunc(slices.Clone(r.releases), func(rel *release) bool { return rel.draft && !c.viewer.writes(r, "contents=write") })
		slices.Reverse(shown) // newest first
		return page(c, shown, r.numericURL()+"/releases", listOf(func(rel *release) object { return rel.view(r, c) }))
	case len(rest) == 0 && c.method == http.MethodPost:
		return c.createRelease(r)
	case len(rest) == 1 && rest[0] == "latest":
		return c.oneRelease(r, r.latestRelease())
	case len(rest) >= 2 && rest[0] == "tags":
		tag := strings.Join(rest[1:], "/")
		return c.oneRelease(r, r.release(func(rel *release) bool { return rel.tag == tag && !rel.draft }))
	case len(rest) == 2 && rest[0] == "assets":
		return c.asset(r, rest[1])
	case len(rest) >= 1:
		rel := r.release(func(rel *release) bool { return itoa(rel.id) == rest[0] })
		if len(rest) == 2 && rest[1] == "assets" && rel != nil && c.method == http.MethodGet {
			return page(c, rel.assets, r.numericURL()+"/releases/"+rest[0]+"/assets", listOf(func(a *asset) object { return a.view(r, rel) }))
		}
		if len(rest) == 1 {
			return c.oneRelease(r, rel)
		}
	}
	return notFound()
}

// latestRelease is nil when there is none that is neither a draft nor a prerelease.
func (r *repo) latestRelease() *release {
	for _, rel := range slices.Backward(r.releases) {
		if !rel.draft && !rel.prerelease {
			return rel
		}
	}
	return nil
}

func (c *call) oneRelease(r *repo, rel *release) *answer {
	if rel == nil || rel.draft && !c.viewer.writes(r, "contents=write") {
		return notFound()
	}
	switch c.method {
	case http.MethodGet:
		// The date is the release's own: an asset added later leaves it as it
		// was, so If-Modified-Since answers a false 304 (observed).
		return ok(rel.view(r, c)).since(rel.created)
	case http.MethodPatch:
		if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
			return refusal
		}
		if refusal := c.decodeRelease(rel); refusal != nil {
			return refusal
		}
		c.tagRelease(r, rel)
		return ok(rel.view(r, c))
	case http.MethodDelete:
		if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
			return refusal
		}
		r.releases = slices.DeleteFunc(r.releases, func(one *release) bool { return one == rel })
		return noContent()
	}
	return notFound()
}

func (c *call) decodeRelease(rel *release) *answer {
	in := struct {
		Tag        *string `json:"tag_name"`
		Target     *string `json:"target_commitish"`
		Name       *string
		Body       *string
		Draft      *bool
		Prerelease *bool
	}{&rel.tag, &rel.target, &rel.name, &rel.body, &rel.draft, &rel.prerelease}
	return c.decode(&in)
}

func (c *call) createRelease(r *repo) *answer {
	if refusal := c.requireWrite(r, "contents=write"); refusal != nil {
		return refusal
	}
	rel := &release{target: "main", author: c.s.account(c.viewer.login)}
	if refusal := c.decodeRelease(rel); refusal != nil {
		return refusal
	}
	if rel.tag == "" {
		return invalid("Release", "tag_name", "missing_field")
	}
	if r.release(func(one *release) bool { return one.tag == rel.tag }) != nil {
		return invalid("Release", "tag_name", "already_exists")
	}
	rel.id, rel.created = c.s.id(), c.s.tick()
	r.releases = append(r.releases, rel)
	c.tagRelease(r, rel)
	return created(rel.view(r, c))
}

// tagRelease makes the tag of a release that is published, at its target, where
// there is none yet.
func (c *call) tagRelease(r *repo, rel *release) {
	if _, exists := c.s.sha(r, "refs/tags/"+rel.tag); exists || rel.draft {
		return
	}
	if sha, found := c.s.sha(r, rel.target); found {
		c.s.git(r, "update-ref", "--", "refs/tags/"+rel.tag, sha)
		c.s.moved(r)
	}
}

// asset answers one asset: as JSON, or with Accept: application/octet-stream as a
// redirect to a signed URL that needs no credential and soon ends.
func (c *call) asset(r *repo, id string) *answer {
	for _, rel := range r.releases {
		for at, a := range rel.assets {
			if itoa(a.id) != id {
				continue
			}
			switch {
			case c.method == http.MethodGet && c.media.parameter == "octet-stream":
				a.downloads++
				return redirect(c.s.assetURL(a))
			case c.method == http.MethodGet:
				return ok(a.view(r, rel)).since(a.created)
			case c.method == http.MethodDelete && c.viewer.writes(r, "contents=write"):
				rel.assets = slices.Delete(rel.assets, at, at+1)
				return noContent()
			case c.method == http.MethodPatch && c.viewer.writes(r, "contents=write"):
				in := struct{ Name, Label *string }{&a.name, &a.label}
				if refusal := c.decode(&in); refusal != nil {
					return refusal
				}
				return ok(a.view(r, rel)).since(a.created)
			}
		}
	}
	return notFound()
}

// redirect is a 302 without a validator, as downloads have it.
func redirect(location string) *answer {
	return &answer{status: http.StatusFound, header: http.Header{
		"Content-Type":  {"text/html;charset=utf-8"},
		"Cache-Control": {"no-cache"},
		"Location":      {location},
	}}
}

// archive redirects to codeload, with a token in the URL when the repository is private.
func (c *call) archive(r *repo, format string, rest []string) *answer {
	if c.method != http.MethodGet {
		return notFound()
	}
	revision := strings.Join(rest, "/")
	if revision == "" {
		revision = "refs/heads/main"
	}
	if _, found := c.s.sha(r, revision); !found {
		return notFound()
	}
	kind := "legacy.tar.gz"
	if format == "zipball" {
		kind = "legacy.zip"
	}
	a := redirect(c.s.archiveURL(r, kind, revision))
	a.header.Set("Cache-Control", "public, must-revalidate, max-age=0")
	a.header.Set("Expires", c.s.now().UTC().Format(http.TimeFormat))
	return a
}

// contentTypeOf is what a download is labelled.
func contentTypeOf(name string) string {
	if t := mime.TypeByExtension(filepath.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
