package githubtest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// uploadLimit bounds one asset: it is kept in memory.
const uploadLimit = 256 << 20

// serveUploads plays uploads.github.com: release assets and nothing else. Its
// answers have no rate limit headers (observed).
func (s *Server) serveUploads(w http.ResponseWriter, r *http.Request, rec *record) {
	send := func(a *answer) {
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		w.Write(a.body)
	}
	v, rp, rel, refusal := s.uploadTarget(r, rec)
	if refusal != nil {
		send(refusal)
		return
	}
	// The body is read outside the lock and as it comes.
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, uploadLimit))
	if err != nil || r.ContentLength != int64(len(content)) {
		send(refuse(http.StatusBadRequest, "Bad Size", docREST))
		return
	}
	send(s.upload(r, v, rp, rel, content))
}

// uploadTarget checks where POST /repos/O/R/releases/ID/assets?name= goes.
func (s *Server) uploadTarget(r *http.Request, rec *record) (viewer, *repo, *release, *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, refusal := s.authenticate(r)
	rec.by(v)
	if refusal != nil {
		return v, nil, nil, refusal
	}
	if a := s.throttled(r, v, rec, "core", nil); a != nil {
		return v, nil, nil, a
	}
	refused := func(a *answer) (viewer, *repo, *release, *answer) { return v, nil, nil, a }
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var rp *repo
	switch {
	case len(segments) == 6 && segments[0] == "repos":
		rp = s.repos[strings.ToLower(segments[1]+"/"+segments[2])]
		segments = segments[3:]
	case len(segments) == 5 && segments[0] == "repositories":
		id, _ := strconv.Atoi(segments[1])
		rp = s.byID[id]
		segments = segments[2:]
	}
	if rp == nil || !v.reads(rp) || segments[0] != "releases" || segments[2] != "assets" || r.Method != http.MethodPost {
		return refused(notFound())
	}
	rel := rp.release(func(rel *release) bool { return itoa(rel.id) == segments[1] })
	switch {
	case rel == nil:
		return refused(notFound())
	case v.login == "":
		return refused(refuse(http.StatusUnauthorized, "Requires authentication", docREST))
	case !v.writes(rp, "contents=write"):
		return refused(v.forbidden("contents=write"))
	case r.URL.Query().Get("name") == "":
		return refused(invalid("ReleaseAsset", "name", "missing_field"))
	case r.ContentLength < 0:
		return refused(refuse(http.StatusBadRequest, "Bad Content-Length: ", docREST))
	}
	return v, rp, rel, nil
}

func (s *Server) upload(r *http.Request, v viewer, rp *repo, rel *release, content []byte) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	for _, other := range rel.assets {
		if other.name == query.Get("name") {
			return invalid("ReleaseAsset", "name", "already_exists")
		}
	}
	kind := r.Header.Get("Content-Type")
	if kind == "" {
		kind = contentTypeOf(query.Get("name"))
	}
	a := &asset{id: s.id(), name: query.Get("name"), label: query.Get("label"), contentType: kind, content: content,
		uploader: s.account(v.login), created: s.tick()}
	rel.assets = append(rel.assets, a)
	done := reply(http.StatusCreated, a.view(rp, rel))
	s.place.localize(done)
	h := done.header
	// Observed: the ETag is weak and that of the asset by itself, which makes
	// it the API's formula; there is but one Vary line.
	set(h, "ETag", `W/"`+formula(r.Header, varyViewer, done.body)+`"`)
	h.Set("Cache-Control", "no-cache")
	h.Set("Last-Modified", a.created.UTC().Format(http.TimeFormat))
	h["Vary"] = []string{varyViewer}
	set(h, "X-GitHub-Media-Type", "github.v3; format=json")
	set(h, "X-GitHub-Request-Id", s.requestID())
	v.identityHeaders(h)
	return done
}
