package githubtest

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

const asBot = "token ghp_bot"

// plain asks for an answer as it is, not zipped.
func plain(headers ...string) []string { return append(headers, "Accept-Encoding", "identity") }

// An ETag is the digest of Accept and Authorization, each only when it was sent,
// and the body.
func TestETagIsMadeFromTheRequestAndTheBody(t *testing.T) {
	s := start(t)
	for _, tt := range []struct {
		name    string
		headers []string
		before  string // what is hashed before the body
	}{
		{"nothing sent", nil, ""},
		{"an empty Accept is not an absent one", []string{"Accept", ""}, ":"},
		{"Accept", []string{"Accept", "application/vnd.github+json"}, "application/vnd.github+json:"},
		{"token", []string{"Authorization", "token ghp_bot"}, "token ghp_bot:"},
		{"the scheme counts", []string{"Authorization", "Bearer ghp_bot"}, "Bearer ghp_bot:"},
		{"and how it is written", []string{"Authorization", "bearer ghp_bot"}, "bearer ghp_bot:"},
		{"both", []string{"Authorization", asBot, "Accept", "*/*"}, "*/*:token ghp_bot:"},
		{"Cookie of a user", []string{"Authorization", asBot, "Cookie", "a=1"}, "token ghp_bot:a=1:"},
		{"not of the anonymous, whose Vary does not name it", []string{"Cookie", "a=1"}, ""},
		{"the version only by the body", []string{"X-GitHub-Api-Version", "2022-11-28"}, ""},
	} {
		got := get(t, s, "/repos/acme/web/labels/bug", plain(tt.headers...)...)
		if want := `"` + digest(tt.before+got.body) + `"`; got.Header.Get("ETag") != want {
			t.Errorf("%s: ETag %s, want %s", tt.name, got.Header.Get("ETag"), want)
		}
	}
}

// Bytes that GitHub sent, with the Accept they were sent for, have the ETag that
// GitHub gave them (recorded in October 2021).
func TestETagIsTheOneGitHubGave(t *testing.T) {
	s := start(t)
	number := s.AddPull("acme/web", "pull")
	got := get(t, s, "/repos/acme/web/pulls/"+itoa(number)+"/requested_reviewers", "Accept", "application/vnd.github.v3.full+json")
	if got.body != `{"users":[],"teams":[]}` || got.Header.Get("ETag") != `W/"eebd7c14e85fe3c20c5c944d0f898a88d9f185a1bc9699c89b12d13fcb39e082"` {
		t.Errorf("body %s, ETag %s", got.body, got.Header.Get("ETag"))
	}
}

// A zipped answer has the same ETag, marked weak; indenting for curl comes after
// the ETag is made.
func TestEncodingsLeaveTheETag(t *testing.T) {
	s := start(t)
	const path = "/repos/acme/web/labels/bug"
	one := get(t, s, path, plain("Authorization", asBot)...)
	zipped := get(t, s, path, "Authorization", asBot, "Accept-Encoding", "gzip, br")
	reader, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(reader); string(text) != one.body || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("unzipped %s, want %s", text, one.body)
	}
	if got, want := zipped.Header.Get("ETag"), "W/"+one.Header.Get("ETag"); got != want {
		t.Errorf("zipped: ETag %s, want %s", got, want)
	}
	indented := get(t, s, path, plain("Authorization", asBot, "User-Agent", "curl/7.88.1")...)
	if got, want := indented.Header.Get("ETag"), one.Header.Get("ETag"); got != want || !strings.HasPrefix(indented.body, "{\n  \"id\"") {
		t.Errorf("for curl: ETag %s, want %s; body %q", got, want, indented.body[:10])
	}
	refused := get(t, s, path, "Authorization", asBot, "Accept-Encoding", "gzip;q=0")
	if refused.Header.Get("Content-Encoding") != "" || refused.body != one.body {
		t.Error("zipped for a client that refuses gzip")
	}
}

func TestNotModified(t *testing.T) {
	s := start(t)
	const path = "/repos/acme/web/labels/bug"
	zipped := get(t, s, path, "Authorization", asBot).Header.Get("ETag")
	strong := strings.TrimPrefix(zipped, "W/")
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"as received", []string{"Authorization", asBot, "If-None-Match", zipped}, 304},
		{"compared weakly", []string{"Authorization", asBot, "If-None-Match", strong}, 304},
		{"another spelling of the credential", []string{"Authorization", "Bearer ghp_bot", "If-None-Match", zipped}, 200},
		{"the spelling's own", []string{"Authorization", "Bearer ghp_bot", "If-None-Match", etagOf(t, s, path, "Authorization", "Bearer ghp_bot")}, 304},
		{"another token of the user", []string{"Authorization", "token ghp_bot2", "If-None-Match", zipped}, 200},
		{"another Accept", []string{"Authorization", asBot, "Accept", "*/*", "If-None-Match", zipped}, 200},
		{"without quotes", []string{"Authorization", asBot, "If-None-Match", strings.Trim(strong, `"`)}, 200},
		{"a list", []string{"Authorization", asBot, "If-None-Match", `"x", ` + zipped}, 200},
		{"a star", []string{"Authorization", asBot, "If-None-Match", "*"}, 200},
	} {
		got := get(t, s, path, tt.headers...)
		if got.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, got.StatusCode, tt.status)
		}
		if got.StatusCode == 304 && (got.body != "" || got.Header.Get("Content-Type") != "" || got.Header.Get("Cache-Control") == "" ||
			len(got.Header["Vary"]) != 2 || got.Header.Get("X-Ratelimit-Limit") != "5000") {
			t.Errorf("%s: 304 with body %q and headers %v", tt.name, got.body, got.Header)
		}
	}
	if got := get(t, start(t, WithETagLists()), path, "If-None-Match", `"x", W/"y"`); got.StatusCode != 200 {
		t.Errorf("a list that does not match: %d", got.StatusCode)
	}
	lists := start(t, WithETagLists())
	if got := get(t, lists, path, "If-None-Match", `"x",`+etagOf(t, lists, path)); got.StatusCode != 304 {
		t.Errorf("a list that matches, with WithETagLists: %d", got.StatusCode)
	}
}

func etagOf(t *testing.T, s *Server, path string, headers ...string) string {
	t.Helper()
	return get(t, s, path, headers...).Header.Get("ETag")
}

// An empty list can be asked for with the ETag of [] before it was ever seen.
func TestEmptyListIsKnownBeforehand(t *testing.T) {
	s := start(t)
	got := get(t, s, "/repos/acme/web/issues", "Authorization", asBot, "Accept", "*/*", "If-None-Match", `"`+digest("*/*:"+asBot+":[]")+`"`)
	if got.StatusCode != 304 || s.Used("octo-bot", "core") != 0 {
		t.Errorf("%d, %d points", got.StatusCode, s.Used("octo-bot", "core"))
	}
}

// Search, /rate_limit, errors and redirects have no validator, and so no condition
// is ever met by them.
func TestWhatHasNoETag(t *testing.T) {
	s := start(t)
	s.Rename("acme/api", "acme/core")
	for path, status := range map[string]int{
		"/search/issues?q=x": 200, "/rate_limit": 200, "/repos/acme/none": 404, "/repos/acme/api": 301, "/repos/acme/core/tarball/main": 302,
	} {
		got := get(t, s, path, "Authorization", asBot, "If-None-Match", "*")
		if got.StatusCode != status || got.Header.Get("ETag") != "" {
			t.Errorf("%s: %d, ETag %q", path, got.StatusCode, got.Header.Get("ETag"))
		}
	}
	if cache := get(t, s, "/search/issues?q=x", "Authorization", asBot).Header.Get("Cache-Control"); cache != "no-cache" {
		t.Errorf("search: Cache-Control %q", cache)
	}
	for _, path := range []string{"/repos/acme/none", "/repos/acme/api"} {
		if cache := get(t, s, path, "Authorization", asBot).Header.Get("Cache-Control"); cache != "" {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
	}
}

// The ETag of contents is the git id: the same for all credentials and all media
// types, though the bodies differ. A cache that forgets Accept is wrong here.
func TestContentsHaveTheGitIDAsETag(t *testing.T) {
	s := start(t)
	s.Grant("hubot", "acme/api")
	const path = "/repos/acme/api/contents/README.md"
	asJSON := get(t, s, path, plain("Authorization", asBot)...)
	raw := get(t, s, path, plain("Authorization", "token github_pat_hubot", "Accept", "application/vnd.github.raw")...)
	if raw.body != "# api\n\nThe api of acme\n" || !strings.HasPrefix(asJSON.body, `{"name":"README.md"`) {
		t.Errorf("raw %q, JSON %.40s", raw.body, asJSON.body)
	}
	want := `"` + gitBlobID(raw.body) + `"`
	if asJSON.Header.Get("ETag") != want || raw.Header.Get("ETag") != want {
		t.Errorf("ETags %s and %s, want %s", asJSON.Header.Get("ETag"), raw.Header.Get("ETag"), want)
	}
	// The false 304: JSON was never asked for with this validator.
	if got := get(t, s, path, "Authorization", "Bearer ghp_bot2", "If-None-Match", want); got.StatusCode != 304 {
		t.Errorf("with the ETag of another media type and credential: %d", got.StatusCode)
	}
	folder := get(t, s, "/repos/acme/api/contents/", plain("Authorization", asBot)...)
	if etag := folder.Header.Get("ETag"); len(etag) != 42 || etag == want {
		t.Errorf("folder: ETag %s", etag)
	}
}

// gitBlobID is SHA-1 in git's own words, so ask git.
func gitBlobID(content string) string {
	out, err := runGit([]byte(content), "hash-object", "--stdin")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
}

// Diffs and patches have ETags that nobody can compute, and so has everything
// under OpaqueETags. They work as validators all the same.
func TestOpaqueETags(t *testing.T) {
	s := start(t)
	number := s.AddPull("acme/web", "pull")
	check := func(name, path, accept string) {
		t.Helper()
		got := get(t, s, path, plain("Authorization", asBot, "Accept", accept)...)
		etag := strings.Trim(got.Header.Get("ETag"), `"`)
		if len(etag) != 64 || etag == digest(accept+":"+asBot+":"+got.body) {
			t.Errorf("%s: ETag %s", name, etag)
		}
		if again := get(t, s, path, "Authorization", asBot, "Accept", accept, "If-None-Match", `"`+etag+`"`); again.StatusCode != 304 {
			t.Errorf("%s: %d when asked again", name, again.StatusCode)
		}
		if other := get(t, s, path, "Authorization", "Bearer ghp_bot", "Accept", accept, "If-None-Match", `"`+etag+`"`); other.StatusCode != 200 {
			t.Errorf("%s: %d for another credential", name, other.StatusCode)
		}
	}
	check("diff", "/repos/acme/web/pulls/"+itoa(number), "application/vnd.github.diff")
	check("patch", "/repos/acme/web/pulls/"+itoa(number), "application/vnd.github.patch")
	s.OpaqueETags(true)
	check("JSON", "/repos/acme/web", "*/*")
}

// If-Modified-Since knows one date: a release that has got another asset has not
// changed by it. If-None-Match wins over it.
func TestIfModifiedSinceGivesFalse304s(t *testing.T) {
	s := start(t)
	s.AddRelease("acme/web", "v1", nil)
	const path = "/repos/acme/web/releases/tags/v1"
	before := get(t, s, path, "Authorization", asBot)
	id := between(before.body, `"assets_url":"https://api.github.com/repos/acme/web/releases/`, `/assets"`)
	upload := ask(t, s, http.MethodPost, "https://uploads.github.com/repos/acme/web/releases/"+id+"/assets?name=a.txt", "hello", "Authorization", asBot)
	if upload.StatusCode != http.StatusCreated {
		t.Fatalf("upload: %d %s", upload.StatusCode, upload.body)
	}
	since := []string{"Authorization", asBot, "If-Modified-Since", before.Header.Get("Last-Modified")}
	if got := get(t, s, path, since...); got.StatusCode != 304 {
		t.Errorf("by date: %d", got.StatusCode)
	}
	if got := get(t, s, path, append(since, "If-None-Match", before.Header.Get("ETag"))...); got.StatusCode != 200 || !strings.Contains(got.body, `"name":"a.txt"`) {
		t.Errorf("by ETag: %d", got.StatusCode)
	}
	if got := get(t, s, "/repos/acme/web/issues", since...); got.StatusCode != 200 || got.Header.Get("Last-Modified") != "" {
		t.Errorf("a list has no date: %d, %q", got.StatusCode, got.Header.Get("Last-Modified"))
	}
}

// Two separate Vary lines, the first of which says whose answer it is; max-age on
// 201s too.
func TestCacheHeaders(t *testing.T) {
	s := start(t)
	const public, private = "public, max-age=60, s-maxage=60", "private, max-age=60, s-maxage=60"
	user := []string{"Accept, Authorization, Cookie, X-GitHub-OTP", "Accept-Encoding, Accept, X-Requested-With"}
	anyone := []string{"Accept", user[1]}
	second := user[1:]
	for _, tt := range []struct {
		name, method, path, body, authorization, cache string
		status                                         int
		vary                                           []string
	}{
		{"a user's", "GET", "/repos/acme/web", "", asBot, private, 200, user},
		{"anyone's", "GET", "/repos/acme/web", "", "", public, 200, anyone},
		{"search", "GET", "/search/issues?q=x", "", asBot, "no-cache", 200, user},
		{"not found", "GET", "/repos/acme/none", "", asBot, "", 404, second},
		{"created", "POST", "/repos/acme/web/issues", `{"title":"x"}`, asBot, private, 201, user},
		{"changed", "PATCH", "/repos/acme/web/issues/1", `{"title":"y"}`, asBot, private, 200, user},
		{"refused", "POST", "/repos/acme/web/issues", `{}`, asBot, "", 422, second},
		{"GraphQL", "POST", "/graphql", `{"query":"{viewer{login}}"}`, asBot, "no-cache", 200, second},
		{"rate limit", "GET", "/rate_limit", "", asBot, "no-cache", 200, second},
	} {
		headers := []string{}
		if tt.authorization != "" {
			headers = []string{"Authorization", tt.authorization}
		}
		got := ask(t, s, tt.method, "https://api.github.com"+tt.path, tt.body, headers...)
		if got.StatusCode != tt.status || got.Header.Get("Cache-Control") != tt.cache || strings.Join(got.Header["Vary"], "|") != strings.Join(tt.vary, "|") {
			t.Errorf("%s: %d, Cache-Control %q, Vary %q", tt.name, got.StatusCode, got.Header.Get("Cache-Control"), got.Header["Vary"])
		}
	}
	made := ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`, plain("Authorization", asBot)...)
	if want := `"` + digest(asBot+":"+made.body) + `"`; made.Header.Get("ETag") != want {
		t.Errorf("created: ETag %s, want %s", made.Header.Get("ETag"), want)
	}
}

// A 304 of a feed says less than its 200 did, and something else.
func TestEvents304SaysLess(t *testing.T) {
	s := start(t)
	const path = "/repos/acme/web/events"
	whole := get(t, s, path, "Authorization", asBot)
	same := get(t, s, path, "Authorization", asBot, "If-None-Match", whole.Header.Get("ETag"))
	if whole.Header.Get("X-Poll-Interval") != "60" || same.StatusCode != 304 || same.Header.Get("X-Poll-Interval") != "" || same.Header.Get("Cache-Control") != "private, max-age=300" {
		t.Errorf("200: %v\n%d: %v", whole.Header, same.StatusCode, same.Header)
	}
}

// between is the text after one mark and before the next.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
