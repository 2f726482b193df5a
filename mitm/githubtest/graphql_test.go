package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// query runs a GraphQL document as octo-bot. Variables come as name, value pairs.
func query(t *testing.T, s *Server, document string, variables ...any) exchange {
	t.Helper()
	given := map[string]any{}
	for i := 0; i < len(variables); i += 2 {
		given[variables[i].(string)] = variables[i+1]
	}
	body, err := json.Marshal(map[string]any{"query": document, "variables": given})
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, s, http.MethodPost, "https://api.github.com/graphql", string(body), "Authorization", asBot)
}

// Documents are executed, whatever their shape.
func TestGraphQLExecutes(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/web", "first")
	s.AddIssue("acme/web", "second")
	s.AddPull("acme/web", "third")
	for _, tt := range []struct {
		name, document string
		variables      []any
		want           string
	}{
		{"fields in the order asked", `{viewer{id login}}`, nil, `{"data":{"viewer":{"id":"U_VToxMDAx","login":"octo-bot"}}}`},
		{"shorthand and long form", `query Q{viewer{login}}`, nil, `{"data":{"viewer":{"login":"octo-bot"}}}`},
		{"aliases", `{a:viewer{l:login} b:viewer{login}}`, nil, `{"data":{"a":{"l":"octo-bot"},"b":{"login":"octo-bot"}}}`},
		{"fragments, merged with fields", `query{viewer{login ...F}} fragment F on User{login __typename}`, nil, `{"data":{"viewer":{"login":"octo-bot","__typename":"User"}}}`},
		{"a fragment on another type", `{viewer{login ... on Organization{id} ... on Actor{url}}}`, nil, `{"data":{"viewer":{"login":"octo-bot","url":"https://github.com/octo-bot"}}}`},
		{"variables", `query($o:String!,$n:String!){repository(owner:$o,name:$n){nameWithOwner}}`, []any{"o", "acme", "n", "api"}, `{"data":{"repository":{"nameWithOwner":"acme/api"}}}`},
		{"default values", `query($n:String="web"){repository(owner:"acme",name:$n){name}}`, nil, `{"data":{"repository":{"name":"web"}}}`},
		{"skip and include", `query($b:Boolean!){viewer{login @skip(if:$b) id @include(if:$b) url @include(if:false)}}`, []any{"b", true}, `{"data":{"viewer":{"id":"U_VToxMDAx"}}}`},
		{"lists of things", `{repository(owner:"acme",name:"web"){issues(first:1,orderBy:{field:CREATED_AT,direction:DESC}){totalCount nodes{title} edges{node{number}}}}}`, nil,
			`{"data":{"repository":{"issues":{"totalCount":2,"nodes":[{"title":"second"}],"edges":[{"node":{"number":2}}]}}}}`},
		{"oldest first unless ordered", `{repository(owner:"acme",name:"web"){issues(first:1){nodes{title}}}}`, nil, `{"data":{"repository":{"issues":{"nodes":[{"title":"first"}]}}}}`},
		{"interfaces", `{repository(owner:"acme",name:"web"){issueOrPullRequest(number:3){__typename ... on Issue{title} ... on PullRequest{headRefName}}}}`, nil,
			`{"data":{"repository":{"issueOrPullRequest":{"__typename":"PullRequest","headRefName":"change-3"}}}}`},
		{"nodes by id", `{node(id:"U_VToxMDAx"){... on User{login}}}`, nil, `{"data":{"node":{"login":"octo-bot"}}}`},
		{"a former name", `{repository(owner:"acme",name:"old"){name}}`, nil, `{"data":{"repository":{"name":"new"}}}`},
	} {
		if tt.name == "a former name" {
			s.AddRepo("acme/old", false)
			s.Rename("acme/old", "acme/new")
		}
		got := query(t, s, tt.document, tt.variables...)
		if got.StatusCode != 200 || got.body != tt.want || got.Header.Get("ETag") != "" {
			t.Errorf("%s: %d %s\nwant %s", tt.name, got.StatusCode, got.body, tt.want)
		}
	}
}

// Errors come in a 200: with null data where a thing is missing, without data
// where the document is wrong.
func TestGraphQLErrors(t *testing.T) {
	s := start(t)
	for _, tt := range []struct{ name, document, has, hasNot string }{
		{"what is not there", `{repository(owner:"acme",name:"none"){id} viewer{login}}`,
			`{"data":{"repository":null,"viewer":{"login":"octo-bot"}},"errors":[{"type":"NOT_FOUND","path":["repository"],"locations":[{"line":1,"column":2}],"message":"Could not resolve to a Repository with the name 'acme/none'."}]}`, ""},
		{"a field that no type has", `{viewer{colour}}`, `"message":"Field 'colour' doesn't exist on type 'User'"`, `"data"`},
		{"nothing selected", `{viewer}`, `"message":"Field must have selections`, `"data"`},
		{"not GraphQL", `{viewer`, `"message":"Parse error on `, `"data"`},
		{"a fragment in itself", `{viewer{...A}} fragment A on User{...B} fragment B on User{...A}`, `contains an infinite loop`, `"data"`},
		{"a variable without a value", `query($o:String!){user(login:$o){id}}`, `Variable $o of type String! was provided invalid value`, `"data"`},
		{"no document", ``, `A query attribute must be specified`, `"data"`},
		{"a mutation of nothing", `mutation{closeIssue(input:{issueId:"I_x"}){issue{id}}}`, `"type":"NOT_FOUND"`, ``},
	} {
		got := query(t, s, tt.document)
		if got.StatusCode != 200 || !strings.Contains(got.body, tt.has) || tt.hasNot != "" && strings.Contains(got.body, tt.hasNot) {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
	if got := ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`); got.StatusCode != 401 || messageOf(t, got).Message != "This endpoint requires you to be authenticated." {
		t.Errorf("anonymous: %d %s", got.StatusCode, got.body)
	}
	if got := ask(t, s, "POST", "https://api.github.com/graphql", `{`, "Authorization", asBot); got.StatusCode != 400 {
		t.Errorf("not JSON: %d", got.StatusCode)
	}
	if got := get(t, s, "/graphql", "Authorization", asBot); got.StatusCode != 404 {
		t.Errorf("GET: %d", got.StatusCode)
	}
}

func TestGraphQLOperationName(t *testing.T) {
	s := start(t)
	const document = `query A{viewer{login}} mutation B{createIssue(input:{}){issue{id}}}`
	post := func(name string) string {
		body, _ := json.Marshal(map[string]any{"query": document, "operationName": name})
		return ask(t, s, "POST", "https://api.github.com/graphql", string(body), "Authorization", asBot).body
	}
	if got := post("A"); got != `{"data":{"viewer":{"login":"octo-bot"}}}` {
		t.Errorf("A: %s", got)
	}
	if got := post("B"); !strings.HasPrefix(got, `{"data":{"createIssue":null},"errors":[{"type":"NOT_FOUND"`) {
		t.Errorf("B: %s", got)
	}
	for _, name := range []string{"", "C"} {
		if got := post(name); !strings.Contains(got, `"message":"No operation named`) {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// Pages are followed by cursor to the end, once through everything.
func TestGraphQLPages(t *testing.T) {
	s := start(t)
	for n := range 5 {
		s.AddIssue("acme/web", fmt.Sprint(n+1))
	}
	const document = `query($after:String){repository(owner:"acme",name:"web"){issues(first:2,after:$after){nodes{title} pageInfo{hasNextPage hasPreviousPage endCursor}}}}`
	var titles []string
	var after any
	for more := true; more; {
		var page struct {
			Data struct {
				Repository struct {
					Issues struct {
						Nodes    []struct{ Title string }
						PageInfo struct {
							HasNextPage, HasPreviousPage bool
							EndCursor                    string
						}
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(query(t, s, document, "after", after).body), &page); err != nil {
			t.Fatal(err)
		}
		issues := page.Data.Repository.Issues
		if issues.PageInfo.HasPreviousPage != (after != nil) || len(titles) > 5 {
			t.Fatalf("after %v: %+v", after, issues)
		}
		for _, node := range issues.Nodes {
			titles = append(titles, node.Title)
		}
		after, more = issues.PageInfo.EndCursor, issues.PageInfo.HasNextPage
	}
	if got := strings.Join(titles, " "); got != "1 2 3 4 5" {
		t.Errorf("%s", got)
	}
	if got := query(t, s, `{repository(owner:"acme",name:"web"){issues(last:2){nodes{title} pageInfo{hasPreviousPage}}}}`).body; !strings.Contains(got, `"nodes":[{"title":"4"},{"title":"5"}],"pageInfo":{"hasPreviousPage":true}`) {
		t.Errorf("last: %s", got)
	}
}

// A query costs a hundredth of the requests it would take, and at least a point.
func TestGraphQLCost(t *testing.T) {
	s := start(t)
	for _, tt := range []struct {
		document string
		cost     int
	}{
		{`{viewer{login}}`, 1},
		{`{repository(owner:"acme",name:"web"){issues(first:100){nodes{labels(first:60){nodes{name}}}}}}`, 1},             // 1 + 100
		{`{viewer{repositories(first:100){nodes{issues(first:50){nodes{labels(first:60){nodes{name}}}}}}}}`, 51},          // 1 + 100 + 100·50: GitHub's own example
		{`query{viewer{repositories(first:100){nodes{...R}}}} fragment R on Repository{issues(first:50){totalCount}}`, 1}, // 1 + 100
	} {
		before := s.Used("octo-bot", "graphql")
		got := query(t, s, tt.document)
		if spent := s.Used("octo-bot", "graphql") - before; spent != tt.cost {
			t.Errorf("%s: %d points, want %d: %s", tt.document, spent, tt.cost, got.body)
		}
	}
	got := query(t, s, `{rateLimit{limit cost remaining used}}`).body
	if want := fmt.Sprintf(`{"data":{"rateLimit":{"limit":5000,"cost":1,"remaining":%d,"used":%d}}}`, 5000-s.Used("octo-bot", "graphql"), s.Used("octo-bot", "graphql")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.SetBudget("octo-bot", "graphql", 5000, 4999, time.Time{})
	if got := query(t, s, `{viewer{repositories(first:100){nodes{issues(first:50){nodes{labels(first:60){nodes{name}}}}}}}}`); strings.Contains(got.body, "RATE_LIMITED") || got.Header.Get("X-Ratelimit-Remaining") != "0" {
		t.Errorf("the last point is to pay for a dear query: %s", got.body)
	}
}

// Nobody sees or changes by GraphQL what they may not by REST.
func TestGraphQLPermissions(t *testing.T) {
	s := start(t)
	s.AddIssue("acme/api", "secret plan")
	s.AddIssue("acme/web", "first")
	as := func(document string) string {
		body, _ := json.Marshal(map[string]any{"query": document})
		return ask(t, s, "POST", "https://api.github.com/graphql", string(body), "Authorization", "token github_pat_hubot").body
	}
	secret, public := s.repos["acme/api"].issues[0].nodeID(), s.repos["acme/web"].issues[0].nodeID()
	for _, document := range []string{
		`{repository(owner:"acme",name:"api"){issue(number:1){title}}}`, `{node(id:"` + secret + `"){... on Issue{title}}}`,
		`{search(type:ISSUE,query:"plan",first:9){nodes{... on Issue{title}}}}`, `{organization(login:"acme"){repositories(first:9){nodes{issues(first:9){nodes{title}}}}}}`,
		`mutation{addComment(input:{subjectId:"` + secret + `",body:"x"}){subject{... on Issue{title}}}}`,
	} {
		if got := as(document); strings.Contains(got, "secret plan") {
			t.Errorf("%s: %s", document, got)
		}
	}
	if got := as(`mutation{closeIssue(input:{issueId:"` + public + `"}){issue{state}}}`); !strings.Contains(got, `"type":"FORBIDDEN","path":["closeIssue"]`) {
		t.Errorf("%s", got)
	}
}

// No document makes the server panic or go on for ever.
func FuzzGraphQL(f *testing.F) {
	s := New()
	f.Cleanup(s.Close)
	s.AddUser("octo-bot", "ghp_bot")
	s.AddRepo("acme/web", false)
	s.AddIssue("acme/web", "first")
	for _, seed := range []string{
		`{viewer{login}}`, `{...A} fragment A on Query{...A}`, `query($x:Int=1){a:repository(owner:"acme",name:"web"){issues(first:$x,after:"Y3Vyc29yOnYyOjk5"){nodes{title}}}}`,
		`{__type(name:"Issue"){fields{name}}}`, `{search(type:ISSUE,query:"is:open \"",first:-1){issueCount nodes{__typename}}}`, `mutation{createIssue(input:{title:1}){issue{id}}}`,
		`{repository(owner:"acme",name:"web"){issues(first:9223372036854775807,last:1e300,after:"Y3Vyc29yOnYyOjE="){pageInfo{endCursor}}}}`, `{viewer @skip(if:"x"){id}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		body, err := json.Marshal(map[string]any{"query": document})
		if err != nil {
			return
		}
		r, _ := http.NewRequest(http.MethodPost, "https://api.github.com/graphql", nil)
		r.Header.Set("User-Agent", "test")
		r.Header.Set("Authorization", "token ghp_bot")
		s.SetBudget("octo-bot", "graphql", 5000, 0, time.Time{})
		if _, status, answer := s.answerAPI(r, body, &record{}); status != http.StatusOK || !json.Valid(answer) {
			t.Errorf("%d %s", status, answer)
		}
	})
}
