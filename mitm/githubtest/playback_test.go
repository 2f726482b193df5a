package githubtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoReads = `[
  {"scope": "https://api.github.com:443", "method": "get", "path": "/repos/o/r/issues?per_page=3&q=a%20b", "body": "",
   "status": 200, "response": [{"title": "<é & \u00e9>", "n": 1.50}], "responseIsBinary": false,
   "headers": {"etag": "\"1\"", "connection": "close, X-Hop", "x-hop": "h", "content-length": "999",
               "content-type": "application/json", "date": "Tue, 10 Oct 2017 16:00:00 GMT", "x-ratelimit-used": 1, "vary": ["Accept", "Cookie"]}},
  {"scope": "https://api.github.com:443", "method": "get", "path": "/repos/o/r/issues?per_page=3&q=a%20b", "body": "",
   "status": 200, "response": [], "responseIsBinary": false, "headers": {"content-type": "application/json"}},
  {"scope": "https://api.github.com:443", "method": "post", "path": "/repos/o/r/issues", "body": {"title": "t", "labels": ["a", "b"]},
   "status": 201, "response": "made", "responseIsBinary": false, "headers": {}},
  {"scope": "https://uploads.github.com:443", "method": "post", "path": "/repos/o/r/issues", "body": "{\"not\": json",
   "status": 204, "response": "", "responseIsBinary": false, "headers": {}},
  {"scope": "https://codeload.github.com:443", "method": "get", "path": "/o/r/", "body": "",
   "status": 200, "response": "1f8bff", "responseIsBinary": true, "headers": {"content-type": "application/x-gzip"}},
  {"scope": "https://codeload.github.com:443", "method": "get", "path": "/o/r/zipped", "body": "",
   "status": 200, "response": ["1f8b", "00ff"], "headers": {"content-encoding": "gzip", "content-type": "text/plain"}}
]`

// Requests in the order of a conversation, and what a handler answers: the
// status line, the fields it was given and the body, or the reason for 500.
func TestScenarioHandler(t *testing.T) {
	scenario := loadText(t, twoReads)
	for _, tt := range []struct{ name, method, url, body, want string }{
		{"first reading, query in another order and spelling", "GET", "https://api.github.com/repos/o/r/issues?q=a+b&per_page=3", "",
			"200 Content-Length: 36 Content-Type: application/json Date: Tue, 10 Oct 2017 16:00:00 GMT Etag: \"1\" Vary: Accept Vary: Cookie X-Ratelimit-Used: 1\n" +
				`[{"title":"<é & \u00e9>","n":1.50}]`},
		{"second reading, host in capitals, with a port", "GET", "https://API.github.com:443/repos/o/r/issues?per_page=3&q=a%20b", "",
			"200 Content-Length: 2 Content-Type: application/json\n[]"},
		{"a third is one too many", "GET", "https://api.github.com/repos/o/r/issues?per_page=3&q=a%20b", "", "500"},
		{"another body", "POST", "https://api.github.com/repos/o/r/issues", `{"title":"t","labels":["b","a"]}`, "500"},
		{"the same JSON", "POST", "https://api.github.com/repos/o/r/issues", `{ "labels": ["a","b"], "title": "\u0074" }`, "201 Content-Length: 4\nmade"},
		{"another host", "POST", "https://api.github.com/repos/o/r/issues", `{"not": json`, "500"},
		{"not JSON", "POST", "https://uploads.github.com/repos/o/r/issues", `{"not": json`, "204\n"},
		{"a slash more", "GET", "https://codeload.github.com/o/r//", "", "500"},
		{"another method", "HEAD", "https://codeload.github.com/o/r/", "", "500"},
		{"binary, the last slash left off", "GET", "https://codeload.github.com/o/r", "", "200 Content-Length: 3 Content-Type: application/x-gzip\n\x1f\x8b\xff"},
		{"encoded, in chunks", "GET", "https://codeload.github.com/o/r/zipped", "",
			"200 Content-Encoding: gzip Content-Length: 4 Content-Type: text/plain\n\x1f\x8b\x00\xff"},
	} {
		request := httptest.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
		request.Header.Set("If-None-Match", `"1"`)
		answer := httptest.NewRecorder()
		scenario.Handler().ServeHTTP(answer, request)
		if got := playbackText(t, answer); got != tt.want && !(tt.want == "500" && strings.HasPrefix(got, "500 ")) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	var unmatched []string
	for _, asked := range scenario.Unmatched() {
		unmatched = append(unmatched, asked.Method+" "+asked.Host+asked.Path)
	}
	want := []string{
		"GET api.github.com/repos/o/r/issues?per_page=3&q=a%20b", "POST api.github.com/repos/o/r/issues", "POST api.github.com/repos/o/r/issues",
		"GET codeload.github.com/o/r//", "HEAD codeload.github.com/o/r/",
	}
	if diff := cmp.Diff(want, unmatched); diff != "" {
		t.Errorf("unmatched (- want, + got):\n%s", diff)
	}
	if got := len(scenario.Played()); got != 11 {
		t.Errorf("%d requests played, want all 11", got)
	}
	if left := scenario.Unplayed(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// Over a socket too, nothing is added to what GitHub sent; net/http would guess
// a Content-Type. Date alone is given to an answer recorded without one.
func TestScenarioAddsNoField(t *testing.T) {
	server := httptest.NewServer(loadText(t, `[{"scope": "http://127.0.0.1", "method": "get", "path": "/", "status": 200, "response": "<html>"}]`).Handler())
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	answer.Header.Del("Date")
	if diff := cmp.Diff(http.Header{"Content-Length": {"6"}}, answer.Header); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}

func TestSameBody(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{``, ``, true},
		{`{"a": 1, "b": [2]}`, `{"b":[2],"a":1}`, true},
		{`{"b":[1,2]}`, `{"b":[2,1]}`, false},
		{`"é"`, `"\u00e9"`, true},
		{`9007199254740993`, `9007199254740992`, false},
		{`{}`, `{} {}`, false},
		{`{}`, ``, false},
		{`text`, `text `, false},
	} {
		if got := sameBody([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("%s and %s are the same: %v", tt.a, tt.b, got)
		}
	}
}

// The text of a 500 is enough to find the fault.
func TestScenarioSaysWhatWasAsked(t *testing.T) {
	scenario := loadText(t, `[{"scope": "https://api.github.com:443", "method": "post", "path": "/markdown", "body": {"text": "x"}, "status": 200, "response": "y"}]`)
	answer := httptest.NewRecorder()
	scenario.Handler().ServeHTTP(answer, httptest.NewRequest("POST", "https://api.github.com/markdown?a=1", strings.NewReader("z")))
	want := `scenario text has no answer left for

  POST https://api.github.com/markdown?a=1
  "z"

Left to be asked:

  POST https://api.github.com/markdown
  "{\"text\":\"x\"}"
`
	if diff := cmp.Diff(want, answer.Body.String()); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}

func TestLoadScenarioRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{}`, "cannot unmarshal object"},
		{`[{"scope": "https://api.github.com", "method": "get", "path": "x", "status": 200}]`, `exchange 1: parse "x"`},
		{`[{"scope": "https://api.github.com", "method": "get", "path": "http://h/x", "status": 200}]`, "exchange 1: no request"},
		{`[{"method": "get", "path": "/", "status": 200}]`, "exchange 1: no request"},
		{`[{"scope": "https://h", "method": "get", "path": "/", "status": 100}]`, "exchange 1: status 100"},
		{`[{"scope": "https://h", "method": "get", "path": "/", "status": 204, "response": "x"}]`, "exchange 1: a body under status 204"},
		{`[{"scope": "https://h", "method": "get", "path": "/", "status": 200, "response": "xyz", "responseIsBinary": true}]`, "exchange 1: response: encoding/hex"},
		{`[{"scope": "https://h", "method": "get", "path": "/", "status": 200, "headers": {"a": {}}}]`, "header value {}"},
	} {
		if _, err := LoadScenario(fixtureDir(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
	if _, err := LoadScenario(t.TempDir()); !os.IsNotExist(err) {
		t.Errorf("an empty folder: %v", err)
	}
}

// Whatever a recording holds, what was loaded answers the requests it lists.
func FuzzScenario(f *testing.F) {
	f.Add([]byte(twoReads))
	f.Add([]byte(`[{"scope":"http://h","method":"get","path":"/%2f?a;b","status":205,"response":null,"headers":{"a":[1,"b"]}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		exchanges, err := parseFixture(text)
		if err != nil {
			return
		}
		scenario := &Scenario{exchanges: exchanges, playback: playback{done: make([]bool, len(exchanges))}}
		for _, e := range exchanges {
			target, err := url.ParseRequestURI(e.Path)
			if err != nil {
				t.Fatalf("path %q: %v", e.Path, err)
			}
			answer := httptest.NewRecorder()
			scenario.Handler().ServeHTTP(answer, &http.Request{
				Host: e.Host, Method: e.Method, URL: target, Body: io.NopCloser(strings.NewReader(e.RequestBody)),
			})
			if answer.Code != e.Status || !bytes.Equal(answer.Body.Bytes(), e.Body) {
				t.Fatalf("%+v was answered %d %q", e, answer.Code, answer.Body)
			}
		}
		if len(scenario.Unmatched()) > 0 || len(scenario.Unplayed()) > 0 {
			t.Fatalf("unmatched %v, unplayed %v", scenario.Unmatched(), scenario.Unplayed())
		}
	})
}

// playbackText is an answer as one text: status and sorted fields, then the body.
func playbackText(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	var fields strings.Builder
	if err := answer.Result().Header.Write(&fields); err != nil { // sorted by name
		t.Fatal(err)
	}
	head := strings.ReplaceAll(strings.TrimSuffix(fields.String(), "\r\n"), "\r\n", " ")
	return strings.TrimSuffix(answer.Result().Status[:3]+" "+head, " ") + "\n" + answer.Body.String()
}

func fixtureDir(t *testing.T, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "text")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "normalized-fixture.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func loadText(t *testing.T, text string) *Scenario {
	t.Helper()
	scenario, err := LoadScenario(fixtureDir(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return scenario
}
