package githubtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// world is what most tests start from: acme/web is public, acme/api private.
func start(t *testing.T, options ...Option) *Server {
	t.Helper()
	s := New(options...)
	t.Cleanup(s.Close)
	s.AddUser("octo-bot", "ghp_bot", "ghp_bot2")
	s.AddUser("hubot", "github_pat_hubot")
	s.AddRepo("acme/web", false)
	s.AddRepo("acme/api", true)
	s.Grant("octo-bot", "acme/api")
	s.Grant("octo-bot", "acme/web")
	return s
}

// An exchange is one answer, read whole.
type exchange struct {
	*http.Response
	body string
}

// ask sends one request directly, without following redirects. Headers come as
// name, value pairs; a body is sent when method is not GET.
func ask(t *testing.T, s *Server, method, url, body string, headers ...string) exchange {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r, _ = http.NewRequest(method, url, io.NopCloser(strings.NewReader(body)))
		r.ContentLength = int64(len(body))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[http.CanonicalHeaderKey(headers[i])] = []string{headers[i+1]}
	}
	resp, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return exchange{resp, string(text)}
}

func get(t *testing.T, s *Server, path string, headers ...string) exchange {
	t.Helper()
	return ask(t, s, http.MethodGet, "https://api.github.com"+path, "", headers...)
}
