package githubtest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The log holds requests as they came.
func TestSeen(t *testing.T) {
	s := start(t)
	ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues?a=b%20c", `{"title":"x"}`, "Authorization", asBot, "X-Odd", "1")
	get(t, s, "/repos/acme/web/contents/a%2Fb")
	seen := s.Seen()
	if len(seen) != 2 {
		t.Fatalf("%v", seen)
	}
	first := seen[0]
	if first.String() != "POST api.github.com/repos/acme/web/issues?a=b%20c 201 octo-bot 1" || string(first.Body) != `{"title":"x"}` || first.BodyLength != 13 ||
		first.BodyDigest != digest(`{"title":"x"}`) || first.Header.Get("X-Odd") != "1" || first.Proto != "HTTP/2.0" || first.Resource != "core" {
		t.Errorf("%+v", first)
	}
	if second := seen[1].String(); second != "GET api.github.com/repos/acme/web/contents/a%2Fb 404  1" {
		t.Errorf("%s", second)
	}
	s.ResetSeen()
	if len(s.Seen()) != 0 || s.Used("octo-bot", "core") != 1 {
		t.Errorf("after ResetSeen: %v, %d points", s.Seen(), s.Used("octo-bot", "core"))
	}
}

// A secret is found wherever it can hide.
func TestContains(t *testing.T) {
	const secret = "ghp_s3cret"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(`{"title":"` + secret + `"}`))
	w.Close()
	for _, tt := range []struct {
		place, path, body string
		headers           []string
	}{
		{"header Authorization", "/user", "", []string{"Authorization", "token " + secret}},
		{"Basic credential in Authorization", "/user", "", []string{"Authorization", basic("xy", secret)}},
		{"header name", "/user", "", []string{"X-" + secret, "1"}},
		{"path", "/repos/acme/" + secret, "", nil},
		{"decoded path", "/repos/acme/ghp%5Fs3cret", "", nil},
		{"query", "/user?access_token=" + secret, "", nil},
		{"decoded query", "/user?access_token=ghp%5Fs3cret", "", nil},
		{"body", "/graphql", `{"query":"` + secret + `"}`, nil},
		{"unzipped body", "/graphql", zipped.String(), nil},
	} {
		s := start(t)
		method := http.MethodGet
		if tt.body != "" {
			method = http.MethodPost
		}
		ask(t, s, method, "https://api.github.com"+tt.path, tt.body, tt.headers...)
		if found := s.Contains(secret); len(found) != 1 || !strings.HasSuffix(found[0], ": "+tt.place) {
			t.Errorf("%s: %q", tt.place, found)
		}
		if found := s.Contains("another"); found != nil {
			t.Errorf("%s: found another: %q", tt.place, found)
		}
	}
	if found := start(t).Contains(""); found != nil {
		t.Errorf("nothing is found everywhere: %q", found)
	}
}

// Bodies are kept in part and measured whole.
func TestLongBodies(t *testing.T) {
	s := start(t)
	s.AddRelease("acme/web", "v1", nil)
	id := between(get(t, s, "/repos/acme/web/releases/latest").body, `"id":`, ",")
	content := strings.Repeat("0123456789abcdef", bodyKept/16) + "tail"
	got := ask(t, s, "POST", "https://uploads.github.com/repos/acme/web/releases/"+id+"/assets?name=big", content, "Authorization", asBot)
	if got.StatusCode != 201 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	seen := s.Seen()
	last := seen[len(seen)-1]
	if len(last.Body) != bodyKept || last.BodyLength != bodyKept+4 || last.BodyDigest != digest(content) || !slices.Equal(s.Contains("tail"), nil) {
		t.Errorf("%d kept of %d, digest %s", len(last.Body), last.BodyLength, last.BodyDigest)
	}
}

// A bounded log keeps the latest, and the counts of everything.
func TestKeepSeen(t *testing.T) {
	s := start(t)
	for range 3 {
		get(t, s, "/zen")
	}
	for _, tt := range []struct{ keep, want int }{{2, 2}, {0, 0}, {-1, 2}} {
		s.KeepSeen(tt.keep)
		get(t, s, "/meta")
		get(t, s, "/repos/acme/none")
		if seen := s.Seen(); len(seen) != tt.want || tt.want > 0 && seen[len(seen)-1].Path != "/repos/acme/none" {
			t.Errorf("keeping %d: %v", tt.keep, seen)
		}
	}
	if statuses := s.Statuses(); statuses[200] != 6 || statuses[404] != 3 {
		t.Errorf("%v", statuses)
	}
}
