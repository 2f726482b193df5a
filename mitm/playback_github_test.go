package mitm_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"octopool/mitm/githubtest"
)

// playbackGitHub answers with what was recorded. A real one gives the API's answers back
// what normalizing took from the recordings: an entity tag that depends on body and
// request, Vary, a coding, budgets that are spent, and 304s that are free.
type playbackGitHub struct {
	real     bool
	scenario *githubtest.Scenario
	reset    map[string]time.Time // by resource

	mu    sync.Mutex     // guards what follows
	whole []http.Header  // of each answer as it is without a condition
	used  map[string]int // points, by resource
}

// begin starts another playing. Points that were spent stay spent.
func (g *playbackGitHub) begin(scenario *githubtest.Scenario) {
	now := time.Now()
	g.scenario, g.whole = scenario, nil
	g.reset = map[string]time.Time{"core": now.Add(time.Hour), "search": now.Add(time.Minute)}
}

func (g *playbackGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	g.scenario.Handler().ServeHTTP(recorded, r)
	h, status, body := recorded.Header(), recorded.Code, recorded.Body.Bytes()
	tag := ""
	if g.real && r.Host == "api.github.com" {
		if status == http.StatusOK && r.Method == http.MethodGet && h.Get("Etag") != "" {
			tag = playbackTag(r, body)
			h["Etag"] = []string{`"` + tag + `"`}
			h["Vary"] = []string{"Accept, Authorization, Cookie, X-GitHub-OTP", "Accept-Encoding, Accept, X-Requested-With"}
		}
		if len(body) > 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body = playbackGzip(body)
			h["Content-Encoding"], h["Content-Length"] = []string{"gzip"}, []string{strconv.Itoa(len(body))}
			if tag != "" {
				h["Etag"] = []string{`W/"` + tag + `"`}
			}
		}
	}
	unchanged := tag != "" && strings.Contains(r.Header.Get("If-None-Match"), `"`+tag+`"`)
	g.charge(h, unchanged)
	for name, values := range h {
		if !unchanged || slices.Contains(playbackSaid(), name) {
			w.Header()[name] = values
		}
	}
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	w.Write(body)
}

// playbackSaid are the fields of a 304: what RFC 9110 section 15.4.5 asks for, and what
// is of the answer alone. The others have to come from the store.
func playbackSaid() []string {
	return []string{
		"Cache-Control", "Date", "Etag", "Vary", "X-Github-Request-Id",
		"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Resource", "X-Ratelimit-Used",
	}
}

// charge counts a request against its budget, and remembers the header of its answer.
func (g *playbackGitHub) charge(h http.Header, free bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit, err := strconv.Atoi(h.Get("X-Ratelimit-Limit")); err == nil && g.real {
		resource := h.Get("X-Ratelimit-Resource")
		if !free {
			g.used[resource]++
		}
		h.Set("X-Ratelimit-Used", strconv.Itoa(g.used[resource]))
		h.Set("X-Ratelimit-Remaining", strconv.Itoa(limit-g.used[resource]))
		h.Set("X-Ratelimit-Reset", strconv.FormatInt(g.reset[resource].Unix(), 10))
	}
	whole := maps.Clone(h)
	maps.DeleteFunc(whole, func(_ string, values []string) bool { return len(values) == 0 })
	g.whole = append(g.whole, whole)
}

// playbackTag is the opaque part of the entity tag that GitHub gives a body (observed):
// a git object's id for contents, which no credential and no media type changes, and
// else a digest of what Vary names and the body.
func playbackTag(r *http.Request, body []byte) string {
	if strings.Contains(r.URL.Path, "/contents") {
		id := sha1.Sum(body)
		return hex.EncodeToString(id[:])
	}
	hashed := append([]byte(r.Header.Get("Accept")+":"+r.Header.Get("Authorization")+":"), body...)
	digest := sha256.Sum256(hashed)
	return hex.EncodeToString(digest[:])
}

func playbackGzip(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(body)
	z.Close()
	return b.Bytes()
}
