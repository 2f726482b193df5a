package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"octopool/policy"
)

// carrying is POST /graphql with a body, and no Content-Type if that is "".
func carrying(t testing.TB, contentType, body string) policy.Request {
	t.Helper()
	var values []string
	if contentType != "" {
		values = []string{contentType}
	}
	return read(t, api, "POST /graphql").Carrying(values, []byte(body))
}

// asked is all that decides about a document, in one line.
func asked(d *policy.Document) string {
	var all []string
	if d.Query {
		all = append(all, "query")
	}
	if d.Mutation {
		all = append(all, "mutation "+strings.Join(d.Mutations, ","))
	}
	if d.Unread != "" {
		all = append(all, "unread: "+d.Unread)
	}
	return strings.Join(all, " or ")
}

// document is the body that asks a document.
func document(text string) string {
	return fmt.Sprintf(`{"query":%s}`, quoted(text))
}

func quoted(text string) string {
	var b strings.Builder
	for _, c := range text {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `"`
}

// What a document asks is what GitHub will do, however it is written.
func TestDocuments(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"{viewer{login}}", "query"},
		{"query{viewer{login}}", "query"},
		{"query mutation{mutation:viewer{login}}", "query"},
		{"query Q($mutation:String=\"mutation{x}\"){search(query:$mutation){mutation}}", "query"},
		{"query{a(b:\"\"\"\nmutation{addStar}\n\"\"\")}", "query"},
		{"mutation{addStar(input:{starrableId:\"1\"}){clientMutationId}}", "mutation addStar"},
		{"mutation query{query:addStar(input:{}){clientMutationId}}", "mutation addStar"},
		{"mutation{a:addStar{x}b:addStar{x}viewer:createIssue{x}}", "mutation addStar,createIssue"},
		{"mutation{__typename}", "mutation "},
		{"\ufeffmutation\ufeff{addStar{x}}", "mutation addStar"},
		{",,mutation,,{,addStar,{,x,},}", "mutation addStar"},
		{"#query{viewer{login}}\nmutation{addStar{x}}", "mutation addStar"},
		{"#\r\nmutation{addStar{x}}", "mutation addStar"},
		{"query{viewer{login}}#\nmutation M{addStar{x}}", "query or mutation addStar"},
		{"mutation\r{\raddStar\r{x}}", "mutation addStar"},
		{"{viewer{login}}\r\r", "query"},

		// A CR ends a comment for some and not for others.
		{"#a\r{viewer{login}}", "query"},
		{"{viewer{login}}#\rmutation{addStar{x}}", "query or mutation addStar"},
		{"#\rquery{a(b:\"\"\"\nmutation{addStar{x}}\n#\"\"\")}", "query or mutation addStar"},
		{"{a}\n#\rfragment F on Q@b(c:\"\"\"\nmutation M{addStar{x}}\n#\"\"\"){d}", "query or mutation addStar"},
		{"#a\r#b\r{viewer{login}#c\r}", "query"},
		{"#a\r\nmutation{a}\r\n#b\r\n", "mutation a"},
		{"{viewer{login}}#\rfragment F on Q{id}\nmutation M{addStar{x}}", "query or mutation addStar"},

		// Fragments.
		{"mutation{...F}fragment F on Mutation{b:addStar{x}...G}fragment G on Mutation{createIssue{x}...F}", "mutation addStar,createIssue"},
		{"mutation{...on Mutation{...{addStar{x}}}}", "mutation addStar"},
		{"mutation{...F}fragment F on Mutation{addStar{x}}fragment F on Mutation{createIssue{x}}", "mutation addStar,createIssue"},
		{"fragment F on Mutation{addStar{x}}query{viewer{login}}", "query"},
		{"mutation{...Missing}", "unread: it spreads a fragment that it does not have"},
		{"mutation{addStar@skip(if:true){x}createIssue@include(if:false){x}}", "mutation addStar,createIssue"},

		// Several operations, and nothing that says which.
		{"query A{viewer{login}}mutation B{addStar{x}}", "query or mutation addStar"},
		{"query A{viewer{login}}query B{viewer{login}}", "query"},

		// What is none, and what readers may take for different things.
		{"", "unread: it has no query"},
		{" ", "unread: it is not GraphQL"},
		{"fragment F on Query{a}", "unread: it is not GraphQL"},
		{"query{", "unread: it is not GraphQL"},
		{"Mutation{addStar{x}}", "unread: it is not GraphQL"},
		{"type A{b:C}", "unread: it is not GraphQL"},
		{"query{a}}", "unread: it is not GraphQL"},
		{"subscription{a}", "unread: GitHub has no subscriptions"},
		{"query{a(b:\"\"\"\\\"\"\"\" \")}mutation{addStar{x}}#\"\"\")}", "unread: its block strings hold quotes or backslashes"},
		{"query{a(b:\"\"\"c\"\"\"\"\")}", "unread: its block strings hold quotes or backslashes"},
		{"query{a#\x00\n}", "unread: it holds control characters"},
		{"query{a#\u2028}", "unread: it holds control characters"},
		{"query{a#\ufffd\n}", "unread: it holds control characters"},
		{strings.Repeat("{a", 1001) + strings.Repeat("}", 1001), "unread: it is not GraphQL"},
		{"{" + strings.Repeat("a ", 50_000) + "}", "unread: it is not GraphQL"},
	} {
		if got := asked(carrying(t, "application/json", document(tt.text)).Document); got != tt.want {
			t.Errorf("%.80q: %s, want %s", tt.text, got, tt.want)
		}
	}
}

// The name of the operation decides, where it is there.
func TestOperationName(t *testing.T) {
	const text = `query A{viewer{login}}mutation B{addStar{x}}query C{viewer{login}}mutation C{createIssue{x}}`
	for name, want := range map[string]string{
		`"A"`: "query", `"B"`: "mutation addStar", `"C"`: "query or mutation createIssue", `"\u0041"`: "query",
		`"D"`: "query or mutation addStar,createIssue", `"a"`: "query or mutation addStar,createIssue", `"A "`: "query or mutation addStar,createIssue",
		`""`: "query or mutation addStar,createIssue", `null`: "query or mutation addStar,createIssue",
		`1`: "unread: it is not one JSON object with query and operationName as strings", `["A"]`: "unread: it is not one JSON object with query and operationName as strings",
	} {
		body := fmt.Sprintf(`{"operationName":%s,"query":%s}`, name, quoted(text))
		if got := asked(carrying(t, "", body).Document); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// The JSON around a document is one object, with each of three names once.
func TestEnvelopes(t *testing.T) {
	const (
		query, mutation = `"query":"{viewer{login}}"`, `"query":"mutation{addStar{x}}"`
		noObject        = "unread: it is not one JSON object"
		twice           = "unread: it has a name twice"
		more            = "unread: it has more than query, variables and operationName"
	)
	for body, want := range map[string]string{
		"{" + query + "}":         "query",
		" \n{" + query + "} \r\n": "query",
		"\ufeff{" + query + "}":   "query",
		"{" + mutation + "}":      "mutation addStar",
		`{"variables":{"query":"mutation{a}"},` + query + "}":          "query",
		`{"variables":null,"operationName":null,` + query + "}":        "query",
		`{"variables":"{}",` + query + "}":                             "query",
		`{"qu\u0065ry":"mutation{addStar{x}}"}`:                        "mutation addStar",
		"{" + query + "," + mutation + "}":                             twice,
		"{" + query + `,"qu\u0065ry":"mutation{addStar{x}}"}`:          twice,
		"{" + query + `,"Query":"mutation{addStar{x}}"}`:               more,
		"{" + query + `,"QUERY":"mutation{addStar{x}}"}`:               more,
		"{" + query + `,"query\u0000":"mutation{addStar{x}}"}`:         more,
		"{" + query + `,"query[]":"mutation{addStar{x}}"}`:             more,
		"{" + query + `,"extensions":{"persistedQuery":{}}}`:           more,
		"{" + query + `,"id":"1"}`:                                     more,
		`{"extensions":{"persistedQuery":{"sha256Hash":"ab"}}}`:        more,
		`{"operationName":"A","operationname":"B",` + query + "}":      more,
		`{"operationName":"A","operationName":"B",` + query + "}":      twice,
		"[{" + query + "}]":                                            noObject,
		"[{" + query + "},{" + mutation + "}]":                         noObject,
		"{" + query + "}{" + mutation + "}":                            noObject,
		"{" + query + "}\n{" + mutation + "}":                          noObject,
		"{" + query + "},":                                             noObject,
		"{" + query + "":                                               noObject,
		"{" + query + ",}":                                             noObject,
		"{" + query + "}\x00":                                          noObject,
		`"{viewer{login}}"`:                                            noObject,
		"query=" + "{viewer{login}}":                                   noObject,
		"{viewer{login}}":                                              noObject,
		"":                                                             noObject,
		"null":                                                         noObject,
		"/**/{" + query + "}":                                          noObject,
		`{"query":["{viewer{login}}"]}`:                                noObject + " with query and operationName as strings",
		`{"query":{"a":1}}`:                                            noObject + " with query and operationName as strings",
		`{"query":null}`:                                               "unread: it has no query",
		`{"variables":{}}`:                                             "unread: it has no query",
		`{}`:                                                           "unread: it has no query",
		"{" + query + `,"variables":{"a":"` + "\xff" + `"}}`:           "unread: it is not UTF-8",
		`{"query":"{viewer{login}}#\ud800\u000amutation{addStar{x}}"}`: "unread: it holds control characters",
		`{"query":"{viewer{login}}","variables":{"a":"` + strings.Repeat("x", policy.MaxDocument) + `"}}`: "unread: it is longer than 1 MiB",
	} {
		if got := asked(carrying(t, "application/json; charset=utf-8", body).Document); got != want {
			t.Errorf("%.120s: %s, want %s", body, got, want)
		}
	}
}

// A Content-Type by which GitHub might read another document is refused, and so is what
// stands in the URL.
func TestWhereADocumentStands(t *testing.T) {
	const plain = `{"query":"{viewer{login}}"}`
	for contentType, want := range map[string]string{
		"application/json": "query", "application/json;charset=UTF-8": "query", "Application/JSON": "query", "": "query", "text/plain": "query",
		"application/vnd.github+json": "query", "application/x-www-form-urlencoded": "query",
		"application/json; charset=utf-16": "unread: its Content-Type is not JSON", "multipart/form-data; boundary=x": "unread: its Content-Type is not JSON",
		"application/graphql": "unread: its Content-Type is not JSON", "application/xml": "unread: its Content-Type is not JSON", "nonsense;;": "unread: its Content-Type is not JSON",
	} {
		if got := asked(carrying(t, contentType, plain).Document); got != want {
			t.Errorf("%s: %s, want %s", contentType, got, want)
		}
	}
	for body, want := range map[string]string{
		`{"query":"{viewer{login}}","variables":{"a":"b & c"}}`:               "query",
		`{"query":"{viewer{login}}","variables":{"a":"&query=mutation{a}&"}}`: "unread: it can be read as JSON and as a form",
		`{"query":"{viewer{login}}","variables":{"a":"&%71uery=x"}}`:          "unread: it can be read as JSON and as a form",
		`{"query":"{viewer{login}}","variables":{"a":"&query[]=x"}}`:          "unread: it can be read as JSON and as a form",
		`{"query":"{viewer{login}}","variables":{"a":";operationName=x"}}`:    "unread: it can be read as JSON and as a form",
	} {
		if got := asked(carrying(t, "application/x-www-form-urlencoded", body).Document); got != want {
			t.Errorf("%s as a form: %s, want %s", body, got, want)
		}
	}
	two := read(t, api, "POST /graphql").Carrying([]string{"application/json", "application/graphql"}, []byte(plain))
	if got := asked(two.Document); got != "unread: its Content-Type is not JSON" {
		t.Errorf("two of them: %s", got)
	}
	for line, want := range map[string]string{
		"GET /graphql": "query", "HEAD /graphql": "query",
		"GET /graphql?query={viewer{login}}":    "unread: there is a query in its URL",
		"GET /graphql?query=mutation{addStar}":  "unread: there is a query in its URL",
		"POST /graphql?query=mutation{addStar}": "unread: there is a query in its URL",
		"POST /graphql?operationName=B":         "unread: there is a query in its URL",
		"PUT /graphql":                          "unread: GraphQL is asked by POST",
		"post /graphql":                         "unread: GraphQL is asked by POST",
		"POST /graphql":                         "unread: it is not one JSON object",
	} {
		if got := asked(read(t, api, line).Carrying(nil, nil).Document); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	if got := asked(read(t, api, "GET /graphql").Carrying(nil, []byte(plain)).Document); got != "unread: GraphQL is asked by POST" {
		t.Errorf("GET with a body: %s", got)
	}
	if r := read(t, api, "POST /repos/acme/web/issues").Carrying(nil, []byte(plain)); r.Document != nil || r.Owner != "acme" {
		t.Error("a REST request has a document")
	}
}

// A request counts as a write until its body has been read and is none.
func TestDocumentsThatWrite(t *testing.T) {
	if !read(t, api, "POST /graphql").Write {
		t.Error("before it has been read it is a read")
	}
	for text, want := range map[string]bool{"{a}": false, "mutation{a}": true, "query A{a}mutation B{a}": true, "{": true} {
		if got := carrying(t, "", document(text)).Write; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// Whom a document is about stands in it or in its variables, and whether it speaks of its
// viewer.
func TestWhomADocumentIsAbout(t *testing.T) {
	for _, tt := range []struct {
		text, variables, owner string
		viewer                 bool
	}{
		{`{repository(owner:"acme",name:"web"){id}}`, `{}`, "acme", false},
		{`query($o:String!){repository(name:"web",owner:$o){id}}`, `{"o":"acme"}`, "acme", false},
		{`query($o:String="acme"){repository(name:"web",owner:$o){id}}`, `null`, "acme", false},
		{`query($o:String="evil"){repository(name:"web",owner:$o){id}}`, `{"o":"acme"}`, "acme", false},
		{`query($o:String){repository(name:"web",owner:$o){id}}`, `{"o":1,"owner":"evil"}`, "", false},
		{`query($o:String){repository(name:"web",owner:$o){id}}`, `[]`, "", false},
		{`{organization(login:"acme"){id}}`, `{}`, "acme", false},
		{`{repositoryOwner(login:"acme"){id}}`, `{}`, "acme", false},
		{`{a:repository(owner:"acme",name:"web"){id}b:repository(owner:"globex",name:"web"){id}}`, `{}`, "acme", false},
		{`{...F}fragment F on Query{repository(owner:"acme",name:"web"){id}}`, `{}`, "acme", false},
		{`{viewer{organization(login:"acme"){id}}}`, `{}`, "acme", true},
		{`query A{a}query B{repository(owner:"acme",name:"web"){viewerPermission}}`, `{}`, "acme", true},
		{`{node(id:"R_1"){id}}`, `{"owner":"acme"}`, "", false},
		{`{search(query:"viewer repository(owner:\"evil\")"){id}}`, `{}`, "", false},
		{`mutation{addStar(input:{starrableId:"1"}){starrable{isReadByViewer}}}`, `{}`, "", true},
	} {
		body := fmt.Sprintf(`{"query":%s,"variables":%s}`, quoted(tt.text), tt.variables)
		r := carrying(t, "", body)
		if r.Owner != tt.owner || r.Document.Viewer != tt.viewer || r.Document.Unread != "" {
			t.Errorf("%s %s: %+v", tt.text, tt.variables, r.Document)
		}
	}
}

// These are the documents of gh 2.23, as it sends them.
func TestDocumentsOfGh(t *testing.T) {
	want := map[string]string{
		"issue-comment": "mutation addComment", "issue-create": "mutation createIssue",
	}
	files := ghDocuments(t)
	if len(files) < 10 {
		t.Fatal(len(files), "documents")
	}
	for name, body := range files {
		r := carrying(t, "application/json; charset=utf-8", string(body))
		expected, owner := want[name], ""
		if expected == "" {
			expected = "query"
			if name != "pr-checks" { // by the id of a node
				owner = "acme"
			}
		}
		if got := asked(r.Document); got != expected || r.Owner != owner {
			t.Errorf("%s: %s of %q, want %s of %q", name, got, r.Owner, expected, owner)
		}
	}
}

func ghDocuments(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/gh/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = body
	}
	return all
}

func BenchmarkReadDocument(b *testing.B) {
	all := ghDocuments(b)
	for _, name := range []string{"pr-list", "pr-view", "pr-status", "issue-create"} {
		b.Run(name, func(b *testing.B) {
			body, r := all[name], read(b, api, "POST /graphql")
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if r.Carrying([]string{"application/json; charset=utf-8"}, body).Document.Unread != "" {
					b.Fatal("unread")
				}
			}
		})
	}
}
