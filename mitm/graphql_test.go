package mitm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"octopool/policy"
)

const (
	graphQL    = "https://api.github.com/graphql"
	viewerBody = `{"query":"{viewer{login}}"}`
	starBody   = `{"query":"mutation{addComment(input:{subjectId:\"x\",body:\"y\"}){clientMutationId}}"}`
)

// A client with scopes asks GraphQL what they name, over either HTTP. All else is refused,
// in whatever shape it comes, and GitHub is not asked.
func TestScopesOfGraphQL(t *testing.T) {
	s := start(t, withScopes("graphql:query"))
	tooLong := `{"query":"{viewer{login}}","variables":{"a":"` + strings.Repeat("x", policy.MaxDocument) + `"}}`
	for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		if got := do(t, c, "POST", graphQL, viewerBody); got.status != 200 || got.body != `{"data":{"viewer":{"login":"octo-bot"}}}` {
			t.Errorf("%s: a query: %d %s", name, got.status, got.body)
		}
		if got, err := pieces(c, viewerBody); err != nil || got.status != 200 || got.body != `{"data":{"viewer":{"login":"octo-bot"}}}` {
			t.Errorf("%s: a query of no known length: %v %d %s", name, err, got.status, got.body)
		}
		before := len(s.github.Seen())
		for why, send := range map[string]func() (reply, error){
			"it needs the scope graphql:mutation addComment": func() (reply, error) { return try(c, "POST", graphQL, starBody) },
			"it needs the scope graphql:mutation a,b":        func() (reply, error) { return pieces(c, `{"query":"mutation{b c:a}"}`) },
			"its body cannot be read: it is not one JSON object": func() (reply, error) {
				return try(c, "POST", graphQL, "["+viewerBody+","+starBody+"]")
			},
			"its body cannot be read: it has a name twice": func() (reply, error) {
				return try(c, "POST", graphQL, strings.TrimSuffix(viewerBody, "}")+","+strings.TrimPrefix(starBody, "{"))
			},
			"its body cannot be read: there is a query in its URL": func() (reply, error) {
				return try(c, "POST", graphQL+"?query=mutation{addStar}", viewerBody)
			},
			"its body has not been read: it is longer than 1 MiB": func() (reply, error) { return try(c, "POST", graphQL, tooLong) },
		} {
			got, err := send()
			if want := refusedText(403, "octopool: client ci may not POST /graphql: "+why); err != nil || got.refusal() != want {
				t.Errorf("%s: %v %s\nwant %s", name, err, got.refusal(), want)
			}
		}
		if got := do(t, c, "GET", graphQL+"?query=mutation{addStar}", ""); got.status != 403 {
			t.Errorf("%s: GET: %d", name, got.status)
		}
		if seen := s.github.Seen(); len(seen) != before {
			t.Errorf("%s: GitHub saw %v", name, seen[before:])
		}
	}
}

// pieces is POST /graphql with a body whose length is not told.
func pieces(c *http.Client, body string) (reply, error) {
	r, err := http.NewRequest("POST", graphQL, struct{ io.Reader }{strings.NewReader(body)})
	if err != nil {
		return reply{}, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), resp.Proto}, err
}

// A client without scopes sends what it likes, and GitHub gets it byte for byte.
func TestGraphQLWithoutScopes(t *testing.T) {
	s := start(t)
	c := s.client(ciToken)
	for _, body := range []string{viewerBody, starBody, "nonsense", "[" + viewerBody + "]", " \ufeff" + viewerBody + "\n",
		`{"query":"{viewer{login}}","variables":{"a":"` + strings.Repeat("x", 2*policy.MaxDocument) + `"}}`} {
		for how, send := range map[string]func() (reply, error){
			"":           func() (reply, error) { return try(c, "POST", graphQL, body) },
			" in pieces": func() (reply, error) { return pieces(c, body) },
		} {
			got, err := send()
			if err != nil || got.header.Get("Cache-Status") == "octopool; detail=refused" {
				t.Fatalf("%.40s%s: %v %d %s", body, how, err, got.status, got.body)
			}
			seen := s.github.Seen()
			if last := seen[len(seen)-1]; string(last.Body) != body {
				t.Errorf("%.40s%s: GitHub saw %.60s", body, how, last.Body)
			}
		}
	}
}
