package policy_test

import (
	"errors"
	"strings"
	"testing"

	"octopool/policy"
)

// scoped authorizes requests of a client with these scopes, and tells why it does not.
func scoped(t testing.TB, scopes ...string) func(policy.Request) string {
	t.Helper()
	registration := policy.Registration{Name: "bot", Token: policy.DigestOf("bot-token")}
	for _, text := range scopes {
		registration.Scopes = append(registration.Scopes, mustScope(t, text))
	}
	p, err := policy.New(policy.Rules{Clients: []policy.Registration{registration}})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := p.Identify([]string{"token bot-token"})
	if err != nil {
		t.Fatal(err)
	}
	return func(r policy.Request) string {
		g, err := p.Authorize(caller, r)
		refused, ok := errors.AsType[*policy.OutOfScope](err)
		switch {
		case ok == g.Valid(), ok != (err != nil):
			t.Fatalf("%v %v", g, err)
		case !ok:
			return "yes"
		}
		return refused.Reason
	}
}

// Which documents scopes allow.
func TestScopesOfDocuments(t *testing.T) {
	const (
		query  = "{viewer{login}}"
		star   = "mutation{addStar(input:{}){x}}"
		both   = "mutation{addStar(input:{}){x}b:createIssue(input:{}){x}}"
		hidden = "mutation{addStar:deleteRef(input:{}){x}}"
		two    = "query A{viewer{login}}mutation B{addStar{x}}"
	)
	needs := func(scope string) string { return "it needs the scope " + scope }
	unread := func(why string) string { return "its body cannot be read: " + why }
	for _, tt := range []struct{ scopes, document, want string }{
		{"graphql:query", query, "yes"},
		{"graphql:query", star, needs("graphql:mutation addStar")},
		{"graphql:query", two, needs("graphql:mutation addStar")},
		{"graphql:query", "mutation{__typename}", needs("graphql:mutation")},
		{"graphql:query", "{", unread("it is not GraphQL")},
		{"graphql:query", "subscription{a}", unread("GitHub has no subscriptions")},
		{"graphql:mutation", query, needs("graphql:query")},
		{"graphql:mutation", both, "yes"},
		{"graphql:mutation", two, needs("graphql:query")},
		{"graphql:mutation; graphql:query", two, "yes"},
		{"graphql:mutation addStar; graphql:query", two, "yes"},
		{"graphql:mutation addStar", star, "yes"},
		{"graphql:mutation addStar", "mutation{__typename addStar{x}}", "yes"},
		{"graphql:mutation addStar", both, needs("graphql:mutation createIssue")},
		{"graphql:mutation addStar", hidden, needs("graphql:mutation deleteRef")},
		{"graphql:mutation addStar", "mutation{AddStar{x}}", needs("graphql:mutation AddStar")},
		{"graphql:mutation addStar,createIssue", both, "yes"},
		{"graphql:mutation addStar; graphql:mutation createIssue", both, "yes"},
		{"graphql:mutation addStar; graphql:mutation", hidden, "yes"},
		{"graphql:mutation addStar", "mutation{" + strings.Repeat("a", 300) + "}", needs("graphql:mutation")},
		{"read /repos/acme/**; git:read acme/*", query, needs("graphql:query")},
		{"* /**", star, needs("graphql:mutation addStar")},
		{"* /**; write /**", query, needs("graphql:query")},
	} {
		may := scoped(t, strings.Split(tt.scopes, "; ")...)
		r := carrying(t, "application/json", document(tt.document))
		if got := may(r); got != tt.want {
			t.Errorf("%s: %s: %s, want %s", tt.scopes, tt.document, got, tt.want)
		}
		if scope := mustScope(t, tt.scopes[:strings.IndexAny(tt.scopes+";", ";")]); !strings.Contains(tt.scopes, ";") && scope.Allows(r) != (tt.want == "yes") {
			t.Errorf("%s: %s: Allows says otherwise", tt.scopes, tt.document)
		}
	}
	may := scoped(t, "graphql:query", "graphql:mutation", "* /**")
	if got := may(read(t, api, "POST /graphql")); got != "its body has not been read: it is longer than 1 MiB" {
		t.Errorf("a body that was not read: %s", got)
	}
	if got := may(read(t, api, "GET /graphql").Carrying(nil, nil)); got != "yes" {
		t.Errorf("the schema: %s", got)
	}
	if got := may(read(t, enterprise, "POST /api/graphql").Carrying(nil, []byte(`{"query":"{a}"}`))); got != "yes" {
		t.Errorf("an Enterprise Server: %s", got)
	}
}

// Where scopes name GitHubs, what one allows another does not.
func TestScopesOfDocumentsOnGitHubs(t *testing.T) {
	may := scoped(t, "graphql:query GHE.example", "graphql:mutation github.com/addStar", "graphql:mutation ghe.example/")
	for _, tt := range []struct {
		origin         policy.Origin
		line, document string
		want           string
	}{
		{enterprise, "POST /api/graphql", "{a}", "yes"},
		{api, "POST /graphql", "{a}", "it needs the scope graphql:query github.com"},
		{api, "POST /graphql", "mutation{addStar}", "yes"},
		{api, "POST /graphql", "mutation{createIssue}", "it needs the scope graphql:mutation github.com/createIssue"},
		{api, "POST /graphql", "mutation{__typename}", "yes"},
		{enterprise, "POST /api/graphql", "mutation{createIssue}", "yes"},
	} {
		if got := may(read(t, tt.origin, tt.line).Carrying(nil, []byte(document(tt.document)))); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.origin.GitHub, tt.document, got, tt.want)
		}
	}
}

// A client without scopes is not asked what it asks.
func TestDocumentsWithoutScopes(t *testing.T) {
	may := scoped(t)
	for _, body := range []string{document("{viewer{login}}"), document("mutation{addStar{x}}"), "nonsense", "[{}]", ""} {
		if got := may(carrying(t, "", body)); got != "yes" {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := may(read(t, api, "POST /graphql")); got != "yes" {
		t.Errorf("a body that was not read: %s", got)
	}
}
