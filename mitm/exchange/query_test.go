package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	viewerQuery   = `{"query":"{viewer{login}}"}`
	issueQuery    = `{"query":"query($n:Int!){repository(owner:\"acme\",name:\"web\"){issue(number:$n){title}}}","variables":{"n":1}}`
	closeMutation = `{"query":"mutation{closeIssue(input:{issueId:\"x\"}){issue{id}}}"}`
)

func graphQLFreshFor(d time.Duration) setting { return func(c *Config) { c.GraphQLFreshFor = d } }

// Equal queries of a client go together while one is under way; what may be a mutation
// never does.
func TestEqualQueriesGoTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, y *way) {
		for _, tt := range []struct {
			body string
			sent int64
		}{{issueQuery, 2}, {closeMutation, 20}} {
			y.open = make(chan struct{})
			y.sent.Store(0)
			all := make([]*asking, 20)
			for i := range all {
				all[i] = w.begin(t.Context(), ci, http.MethodPost, "/graphql", tt.body)
			}
			close(y.open)
			n := outcomes(all)
			if y.sent.Load() != tt.sent || n[Coalesced] != 20-int(tt.sent) || n[Forwarded] != int(tt.sent) {
				t.Errorf("%.20s: %d requests, %v", tt.body, y.sent.Load(), n)
			}
			for _, one := range all {
				if one.body != all[0].body && tt.body == issueQuery {
					t.Errorf("%s and %s", all[0].body, one.body)
				}
			}
		}
	})
}

// Other words, another client, another header that GitHub reads: another query.
func TestWhatQueriesAreEqual(t *testing.T) {
	w := newWorld(t)
	key := func(token, body string, headers ...string) any {
		in := request(t, http.MethodPost, "/graphql", body, headers...)
		g := w.grant(token, in)
		b, err := bodyOf(g.Request(), in)
		if err != nil {
			t.Fatal(err)
		}
		return w.x.queryOf(g, in, w.x.outgoing(g, in, b), b)
	}
	base := key(ci, issueQuery, "User-Agent", "gh")
	for name, same := range map[string]bool{
		"again":                             key(ci, issueQuery, "User-Agent", "gh") == base,
		"with another token and connection": key(ci, issueQuery, "User-Agent", "gh", "Authorization", "x", "Connection", "close") == base,
	} {
		if !same {
			t.Errorf("%s: another", name)
		}
	}
	for name, same := range map[string]bool{
		"other words":    key(ci, viewerQuery, "User-Agent", "gh") == base,
		"another client": key(ops, issueQuery, "User-Agent", "gh") == base,
		"another agent":  key(ci, issueQuery, "User-Agent", "curl") == base,
		"a preview":      key(ci, issueQuery, "User-Agent", "gh", "Graphql-Features", "x") == base,
	} {
		if same {
			t.Errorf("%s: the same", name)
		}
	}
}

// With graphql_fresh_for, a result is served again without asking, to the same client, till
// it is written to.
func TestFreshResults(t *testing.T) {
	w := newWorld(t, graphQLFreshFor(time.Minute))
	ask := func(token, body string, headers ...string) got {
		t.Helper()
		a, err := w.ask(token, http.MethodPost, "/graphql", body, headers...)
		if err != nil {
			t.Fatal(err)
		}
		w.x.Wait()
		return a
	}
	first := ask(ci, issueQuery)
	if a := ask(ci, issueQuery); a.Outcome != Hit || a.body != first.body || !strings.Contains(a.body, `"first"`) || a.Saved != 1 || a.Resource != "graphql" || a.Header.Get("Etag") != "" {
		t.Errorf("again: %s %s %v", a.Outcome, a.body, a.Header)
	}
	if a := ask(ops, issueQuery); a.Outcome != Forwarded {
		t.Errorf("another client: %s", a.Outcome)
	}
	if a := ask(ci, issueQuery, "Cache-Control", "no-cache"); a.Outcome != Forwarded {
		t.Errorf("who insists: %s", a.Outcome)
	}
	w.aged(2 * time.Second)
	w.ask(ops, http.MethodPatch, issue, `{"title":"written"}`)
	w.aged(2 * time.Second) // times are kept to the second
	if a := ask(ci, issueQuery); a.Outcome != Forwarded || !strings.Contains(a.body, "written") {
		t.Errorf("after a write: %s %s", a.Outcome, a.body)
	}
	if a := ask(ci, issueQuery); a.Outcome != Hit {
		t.Errorf("and again: %s", a.Outcome)
	}
	w.aged(time.Minute)
	if a := ask(ci, issueQuery); a.Outcome != Forwarded {
		t.Errorf("later: %s", a.Outcome)
	}
	const wrong = `{"query":"{repository(owner:\"acme\",name:\"none\"){id}}"}`
	for range 2 {
		if a := ask(ci, wrong); a.Outcome != Forwarded || !strings.Contains(a.body, "errors") {
			t.Errorf("with errors: %s %s", a.Outcome, a.body)
		}
	}
	for range 2 {
		if a := ask(ci, closeMutation); a.Outcome != Forwarded {
			t.Errorf("a mutation: %s", a.Outcome)
		}
	}
}

// Without it nothing is stored.
func TestResultsAreNotStored(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if a, err := w.ask(ci, http.MethodPost, "/graphql", viewerQuery); err != nil || a.Outcome != Forwarded {
			t.Errorf("%v, %s", err, a.Outcome)
		}
	}
	if n := w.x.queries.Stats().Entries; n != 0 {
		t.Errorf("%d stored", n)
	}
}
