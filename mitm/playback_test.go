package mitm_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm/githubtest"
	"octopool/store"
)

// Every recorded conversation of octokit with GitHub goes through octopool as it went
// without it: each answer has its status, its body byte for byte and its header, but for
// what playbackHeader names, and GitHub is asked the same, with the pool's credential.
//
// It is played twice: to an octopool that knows nothing, and to another that is started
// on what the first one stored. As recorded, every entity tag is zeros and GitHub
// answers everything whole. As GitHub is (see playbackGitHub), what has not changed
// comes from the store after a 304, and is what was recorded all the same.
func TestPlayback(t *testing.T) {
	dirs, err := githubtest.ScenarioDirs()
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) != 22 {
		t.Errorf("%d scenarios, want the 22 of @octokit/fixtures", len(dirs))
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) { playTwice(t, dir) })
	}
}

// No answer gets a field that GitHub did not send: net/http would guess the type of a
// body that has none. (In the recordings every body has one.)
func TestPlaybackAddsNoField(t *testing.T) {
	dir := t.TempDir()
	const text = `[
  {"scope": "https://api.github.com:443", "method": "get", "path": "/zen", "reqheaders": {"accept": "*/*"}, "status": 200, "response": "<html>", "headers":
   {"etag": "\"0\"", "date": "Tue, 10 Oct 2017 16:00:00 GMT", "x-ratelimit-limit": 60, "x-ratelimit-resource": "core"}},
  {"scope": "https://api.github.com:443", "method": "post", "path": "/zen", "reqheaders": {"accept": "*/*", "content-type": "text/plain"}, "body": "?",
   "status": 200, "response": "<html>", "headers": {"date": "Tue, 10 Oct 2017 16:00:00 GMT", "x-ratelimit-limit": 60, "x-ratelimit-resource": "core"}}
]`
	if err := os.WriteFile(filepath.Join(dir, "normalized-fixture.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	playTwice(t, dir)
}

func playTwice(t *testing.T, dir string) {
	for _, github := range []struct {
		name string
		real bool
	}{
		{"as recorded", false},
		{"as GitHub is", true},
	} {
		t.Run(github.name, func(t *testing.T) {
			t.Parallel()
			hub := &playbackGitHub{real: github.real, used: map[string]int{}}
			data, stored := t.TempDir(), playbackStored{}
			for _, pass := range []string{"empty store", "filled store"} {
				answers := playThrough(t, hub, dir, data)
				checkPlayed(t, pass, hub, stored, answers)
			}
		})
	}
}

// playThrough plays a scenario with octokit through an octopool that keeps its store in
// data.
func playThrough(t *testing.T, hub *playbackGitHub, dir, data string) []githubtest.OctokitAnswer {
	t.Helper()
	scenario, err := githubtest.LoadScenario(dir)
	if err != nil {
		t.Fatal(err)
	}
	hub.begin(scenario)
	stored, err := store.OpenBadger(data, store.BadgerOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	s := start(t, withStore(stored))
	s.github.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		hub.ServeHTTP(w, r)
		return true
	})
	client := githubtest.Octokit{Proxy: "http://" + s.addr, CAFile: s.authority.RootFile(), Token: ciToken}
	answers, err := client.Play(t.Context(), scenario.Exchanges())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if places := s.github.Contains(ciToken); places != nil {
		t.Errorf("GitHub saw the client's token: %v", places)
	}
	return answers
}

// playbackStored is what octopool is bound to have stored: the digest of the body that
// each target last had.
type playbackStored map[string][sha256.Size]byte

// checkPlayed compares what octokit got, and what GitHub was asked, with the recording.
func checkPlayed(t *testing.T, pass string, hub *playbackGitHub, stored playbackStored, answers []githubtest.OctokitAnswer) {
	t.Helper()
	for _, a := range hub.scenario.Unmatched() {
		t.Fatalf("%s: GitHub was asked for what was not recorded: %s %s%s", pass, a.Method, a.Host, a.Path)
	}
	for _, e := range hub.scenario.Unplayed() {
		t.Fatalf("%s: GitHub was never asked for %s %s", pass, e.Method, e.Path)
	}
	asked := hub.scenario.Played()
	for i, e := range hub.scenario.Exchanges() {
		if asked[i].Exchange != i {
			t.Errorf("%s: request %d, %s %s, was answered by exchange %d", pass, i, asked[i].Method, asked[i].Path, asked[i].Exchange)
		}
		if diff := cmp.Diff(playbackRequest(e), requestOf(asked[i])); diff != "" {
			t.Errorf("%s: GitHub was asked (- recorded, + seen):\n%s", pass, diff)
		}
		digest := sha256.Sum256(e.Body)
		want := githubtest.OctokitAnswer{
			Status: e.Status, Length: len(e.Body), SHA256: hex.EncodeToString(digest[:]),
			Header: playbackHeader(e, hub.whole[i]),
		}
		want.Header.Set("Cache-Status", "octopool; "+stored.status(e, hub.real))
		if !hub.real {
			takeLimits(t, e, want.Header, answers[i].Header)
		}
		if diff := cmp.Diff(want, answers[i]); diff != "" {
			t.Errorf("%s: %s %s (- recorded, + octokit's):\n%s", pass, e.Method, e.Path, diff)
		}
	}
}

// status is what Cache-Status is to say of an answer, and notes what is stored then.
func (s playbackStored) status(e githubtest.Exchange, real bool) string {
	code := strconv.Itoa(e.Status)
	switch {
	case e.Method != http.MethodGet:
		return "fwd=method; fwd-status=" + code
	case e.Host != "api.github.com":
		return "fwd=bypass; fwd-status=" + code
	case !isRepresentation(e):
		return "fwd=uri-miss; fwd-status=" + code
	}
	question, digest := e.Path+" "+e.Accept, sha256.Sum256(e.Body)
	last, known := s[question]
	s[question] = digest
	switch {
	case !known:
		return "fwd=uri-miss; fwd-status=200; stored"
	case real && last == digest:
		return "fwd=stale; fwd-status=304"
	}
	return "fwd=stale; fwd-status=200; stored"
}

// isRepresentation reports whether octopool is to store an answer.
func isRepresentation(e githubtest.Exchange) bool {
	return e.Method == http.MethodGet && e.Host == "api.github.com" && e.Status == http.StatusOK && e.Header.Get("Etag") != ""
}

// playbackHeader is what octokit is to get of the header of a whole answer of GitHub's.
// What is not named here has to come as it was sent, and nothing else may.
func playbackHeader(e githubtest.Exchange, whole http.Header) http.Header {
	want := http.Header{}
	for name, lines := range whole {
		want[name] = []string{strings.Join(lines, ", ")} // as fetch hands them on
	}

	// What speaks of the credential is for octopool alone.
	for _, name := range []string{"X-Oauth-Scopes", "X-Accepted-Oauth-Scopes", "Github-Authentication-Token-Expiration", "X-Github-Sso"} {
		want.Del(name)
	}

	// A representation has octopool's own entity tag, a digest of its plain bytes, be it
	// stored or just fetched; weak where the bytes are encoded. Answers to writes keep
	// GitHub's.
	if isRepresentation(e) {
		digest := sha256.Sum256(e.Body)
		tag := `"` + hex.EncodeToString(digest[:]) + `"`
		if want.Get("Content-Encoding") != "" {
			tag = "W/" + tag
		}
		want.Set("Etag", tag)
	}
	return want
}

// takeLimits puts the limits that octokit got in the place of the recorded ones, which
// make no sense: the reset is in milliseconds. They are those of the pool, wherever
// GitHub tells any, and have to make sense. (With budgets as GitHub's are, those of a
// pool with one credential are GitHub's own, and compared like everything else.)
func takeLimits(t *testing.T, e githubtest.Exchange, want, got http.Header) {
	t.Helper()
	if want.Get("X-Ratelimit-Limit") == "" {
		return
	}
	number := func(name string) int {
		want[name] = got[name]
		n, err := strconv.Atoi(got.Get(name))
		if err != nil || n < 0 {
			t.Errorf("%s %s: %s is %q", e.Method, e.Path, name, got[name])
		}
		return n
	}
	limit, used, remaining := number("X-Ratelimit-Limit"), number("X-Ratelimit-Used"), number("X-Ratelimit-Remaining")
	if limit != used+remaining || remaining == 0 {
		t.Errorf("%s %s: of %d, %d used and %d remaining", e.Method, e.Path, limit, used, remaining)
	}
	reset := time.Unix(int64(number("X-Ratelimit-Reset")), 0)
	if now := time.Now(); !reset.After(now) || reset.After(now.Add(time.Hour)) {
		t.Errorf("%s %s: the reset is at %s", e.Method, e.Path, reset)
	}
}

// A playedRequest is what GitHub is asked.
type playedRequest struct{ Method, Host, Target, Authorization, Accept, ContentType, Body string }

func requestOf(a githubtest.Asked) playedRequest {
	lines := func(name string) string { return strings.Join(a.Header[name], " and ") }
	return playedRequest{a.Method, a.Host, a.Path, lines("Authorization"), lines("Accept"), lines("Content-Type"), string(a.Body)}
}

// playbackRequest is what GitHub is to be asked for a recorded answer: what was
// recorded, with the credential of the pool.
func playbackRequest(e githubtest.Exchange) playedRequest {
	want := playedRequest{e.Method, e.Host, e.Path, "Bearer ghp_bot", e.Accept, e.ContentType, e.RequestBody}

	// Files take no bearer.
	if e.Host == "codeload.github.com" {
		want.Authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:ghp_bot"))
	}

	// Today's octokit drops a slash at the end of a URL, and gives a PUT or PATCH without
	// a body an empty text.
	path, query, asks := strings.Cut(e.Path, "?")
	if path != "/" {
		want.Target = strings.TrimSuffix(path, "/")
	}
	if (e.Method == http.MethodPut || e.Method == http.MethodPatch) && e.RequestBody == "" {
		want.ContentType = "text/plain;charset=UTF-8"
	}

	// The query of what may be stored is sent sorted by name, as it is looked up.
	if asks && e.Method == http.MethodGet && e.Host == "api.github.com" {
		pairs := strings.Split(query, "&")
		slices.SortStableFunc(pairs, func(a, b string) int {
			a, _, _ = strings.Cut(a, "=")
			b, _, _ = strings.Cut(b, "=")
			return strings.Compare(a, b)
		})
		query = strings.Join(pairs, "&")
	}
	if asks {
		want.Target += "?" + query
	}
	return want
}
