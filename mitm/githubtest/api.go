package githubtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	docREST    = "https://docs.github.com/rest"
	jsonType   = "application/json; charset=utf-8"
	versionOld = "2022-11-28" // the default without a header
	versionNew = "2026-03-10"
)

// bodyLimit bounds what the API reads of a request body.
const bodyLimit = 10 << 20

// An answer is what the API says, before validators, budgets and encodings.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	message  string            // of a refusal, for hosts that do not speak JSON
	doc      string            // its documentation_url
	spent    bool              // nothing remains, whatever the budget says
	last     map[string]string // headers set after all others
	tagging  tagging
	gitID    string // for tagGit
	modified time.Time
	noCache  bool // Cache-Control: no-cache, as search has
	oneVary  bool // only the second Vary line, as GraphQL and /rate_limit have
	events   bool // its 304 has no X-Poll-Interval and another max-age (observed)
}

// A call is one API request on its way to an answer. It holds s.mu throughout.
type call struct {
	s       *Server
	r       *http.Request
	viewer  viewer
	method  string // HEAD is GET here
	body    []byte
	version string
	media   media
	rec     *record
	cost    int // points; GraphQL may set more than one
}

// ok is a 200 with a JSON body and a formula ETag.
func ok(v any) *answer { return reply(http.StatusOK, v) }

func reply(status int, v any) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {jsonType}}, body: marshal(v), tagging: tagFormula}
}

func (a *answer) since(t time.Time) *answer { a.modified = t; return a }

func noContent() *answer { return &answer{status: http.StatusNoContent, header: http.Header{}} }

// refuse is an error in GitHub's shape: no ETag, no Cache-Control (observed).
func refuse(status int, message, doc string) *answer {
	a := reply(status, object{{"message", message}, {"documentation_url", doc}, {"status", strconv.Itoa(status)}})
	a.tagging, a.message, a.doc = tagNone, message, doc
	return a
}

func notFound() *answer { return refuse(http.StatusNotFound, "Not Found", docREST) }

// invalid is a 422 that names the field at fault.
func invalid(resource, field, code string) *answer {
	a := reply(http.StatusUnprocessableEntity, object{
		{"message", "Validation Failed"},
		{"errors", []object{{{"resource", resource}, {"code", code}, {"field", field}}}},
		{"documentation_url", docREST}, {"status", "422"},
	})
	a.tagging = tagNone
	return a
}

// serveAPI is the whole story of one request to api.github.com.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, rec *record) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		panic(http.ErrAbortHandler) // the client left, or broke off its body
	}
	header, status, bytes := s.answerAPI(r, body, rec)
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(bytes)
	}
}

func (s *Server) answerAPI(r *http.Request, body []byte, rec *record) (http.Header, int, []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{s: s, r: r, body: body, method: r.Method, rec: rec, version: versionOld, cost: 1}
	if c.method == http.MethodHead {
		c.method = http.MethodGet
	}
	c.media = parseMedia(r.Header["Accept"])
	if r.Header.Get("User-Agent") == "" {
		// GitHub's documentation: a request without one is refused. The
		// refusal comes from in front of the API, as plain text without headers.
		text := "Request forbidden by administrative rules. Please make sure your request has a User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). Check https://developer.github.com for other possible causes.\n"
		return http.Header{"Content-Type": {"text/html"}, "Cache-Control": {"no-cache"}}, http.StatusForbidden, []byte(text)
	}
	v, refusal := s.authenticate(r)
	c.viewer = v
	resource := resourceOf(r.Method, r.URL.Path)
	if refusal != nil {
		resource = "core" // counted against the address, whose budget the answer shows
	}
	rec.by(v)
	rec.Resource = resource
	b := s.budget(v.budgetOwner(), resource).next()

	a := refusal
	if a == nil {
		a = s.throttled(r, v, rec, resource, body)
	}
	charged := 0
	if a == nil {
		a, charged = c.charged(b)
	} else if !a.spent && c.s.spend(b, 1) {
		charged = 1
	}
	rec.Points = charged
	return c.finish(a, b, resource)
}

// charged answers if the budget allows, and takes the points first.
func (c *call) charged(b *budget) (*answer, int) {
	if c.r.URL.Path == "/rate_limit" { // documented: free
		return c.route(), 0
	}
	if c.r.URL.Path == "/graphql" {
		return c.graphQL(b)
	}
	if !c.s.spend(b, 1) {
		return c.s.exhausted(c.viewer), 0
	}
	return c.route(), 1
}

// finish adds what every answer of the API carries, and turns a 200 the client
// has already into a 304: free for the authenticated, charged for the anonymous.
func (c *call) finish(a *answer, b *budget, resource string) (http.Header, int, []byte) {
	c.s.place.localize(a)
	h := a.header
	status, body := a.status, a.body
	vary := varyAnonymous
	if c.viewer.login != "" { // an App's JWT is not named (observed)
		vary = varyViewer
	}
	isJSON := strings.HasPrefix(h.Get("Content-Type"), "application/json")
	zip := isJSON && len(body) > 0 && acceptsGzip(c.r.Header)
	cached := status == http.StatusOK || status == http.StatusCreated
	var tag string
	if cached {
		tag = c.s.tag(c.r, a, vary)
	}
	if tag != "" {
		weak := ""
		if zip {
			weak = "W/"
		}
		set(h, "ETag", weak+`"`+tag+`"`)
	}
	switch {
	case a.noCache:
		h.Set("Cache-Control", "no-cache")
	case cached && c.viewer.login == "":
		h.Set("Cache-Control", "public, max-age=60, s-maxage=60")
	case cached:
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	}
	if cached && !a.modified.IsZero() {
		h.Set("Last-Modified", a.modified.UTC().Format(http.TimeFormat))
	}
	if cached && !a.oneVary {
		h["Vary"] = []string{vary, varySecond}
	} else {
		h["Vary"] = []string{varySecond}
	}
	if status == http.StatusOK && c.method == http.MethodGet && c.s.notModified(c.r, tag, a.modified) {
		status, body, zip = http.StatusNotModified, nil, false
		h.Del("Content-Type")
		if a.events {
			delete(h, "X-Poll-Interval")
			h.Set("Cache-Control", "private, max-age=300")
		}
		if c.viewer.known() {
			b.refund(c.rec.Points)
			c.rec.Points = 0
		}
	}
	c.commonHeaders(h)
	c.s.limitHeaders(h, a, b, resource)
	if isJSON && len(body) > 0 && prettyAgents.MatchString(c.r.Header.Get("User-Agent")) {
		body = pretty(body)
	}
	if zip {
		body = gzipped(body)
		h.Set("Content-Encoding", "gzip")
	}
	setLast(h, a.last)
	if status != http.StatusNotModified && status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return h, status, body
}

func (c *call) commonHeaders(h http.Header) {
	h.Set("Server", "github.com")
	set(h, "X-GitHub-Media-Type", c.media.header())
	set(h, "X-GitHub-Request-Id", c.s.requestID())
	set(h, "x-github-api-version-selected", c.version)
	set(h, "Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset")
	set(h, "Access-Control-Allow-Origin", "*")
	set(h, "Strict-Transport-Security", "max-age=31536000; includeSubdomains; preload")
	set(h, "X-Frame-Options", "deny")
	set(h, "X-Content-Type-Options", "nosniff")
	set(h, "X-XSS-Protection", "0")
	set(h, "Referrer-Policy", "origin-when-cross-origin, strict-origin-when-cross-origin")
	set(h, "Content-Security-Policy", "default-src 'none'")
	c.viewer.identityHeaders(h)
}

// requestID is the X-GitHub-Request-Id of the latest request. The caller holds s.mu.
func (s *Server) requestID() string {
	return fmt.Sprintf("0A1B:2C3D4E:%07X:%07X:%08X", s.requests, s.requests*7, s.now().Unix())
}

// media is the part of an Accept header that changes an answer's body.
type media struct {
	parameter string // raw, html, text, full, object, diff, patch, sha, or octet-stream
	json      bool   // a +json suffix or a JSON type
	version   string // v3
	spelled   string // the media type as sent, for raw's Content-Type
}

// parseMedia reads the first media type GitHub has a meaning for.
func parseMedia(values []string) media {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, _, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "application/octet-stream" {
			return media{parameter: "octet-stream", spelled: name}
		}
		rest, ours := strings.CutPrefix(name, "application/vnd.github")
		if !ours {
			continue
		}
		rest, isJSON := strings.CutSuffix(rest, "+json")
		m := media{json: isJSON, spelled: name}
		for word := range strings.SplitSeq(strings.TrimPrefix(rest, "."), ".") {
			switch word {
			case "":
			case "v3", "v4":
				m.version = word
			case "raw", "html", "text", "full", "object", "diff", "patch", "sha":
				m.parameter = word
			}
		}
		return m
	}
	return media{}
}

// header is X-GitHub-Media-Type.
func (m media) header() string {
	name := "github.v3"
	if m.parameter != "" && m.parameter != "octet-stream" {
		name += "; param=" + m.parameter
		if !m.json {
			return name
		}
	}
	return name + "; format=json"
}
