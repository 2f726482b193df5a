package policy_test

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// A definition is one at the top of a document, as slowDefinitions sees it.
type definition struct{ keyword, name string }

// slowDefinitions tells the definitions of a document apart with no more than what text is
// and how braces pair: it knows nothing of GraphQL's grammar. lineEnds are the characters
// that end a comment.
func slowDefinitions(text, lineEnds string) []definition {
	var all []definition
	var words []string // of the definition under way
	depth := 0
	for i := 0; i < len(text); {
		rest := text[i:]
		letters := strings.IndexFunc(rest, func(c rune) bool {
			return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
		})
		if letters < 0 {
			letters = len(rest)
		}
		switch {
		case rest[0] == '#':
			n := strings.IndexAny(rest, lineEnds)
			if n < 0 {
				return all
			}
			i += n
		case strings.HasPrefix(rest, `"""`):
			n := strings.Index(rest[3:], `"""`)
			if n < 0 {
				return all
			}
			i += n + 6
		case rest[0] == '"':
			n := 1
			for n < len(rest) && rest[n] != '"' {
				if rest[n] == '\\' {
					n++
				}
				n++
			}
			i += n + 1
		case letters > 0:
			if depth == 0 {
				words = append(words, rest[:letters])
			}
			i += letters
		default:
			switch rest[0] {
			case '{':
				if depth == 0 { // the first words are what it is
					words = append(words, "", "")
					all = append(all, definition{words[0], words[1]})
				}
				depth++
			case '}':
				depth--
				if depth == 0 {
					words = nil
				}
			case '(':
				depth += 1 << 20 // what is in parentheses ends with them
				if depth == 1<<20 {
					words = append(words, "(")
				}
			case ')':
				depth -= 1 << 20
			}
			i++
		}
	}
	return all
}

// slowEnvelopes are a body as readers of JSON may take it: the first of two names or the
// last, of any case.
func slowEnvelopes(body string) (queries, names []string) {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
	for {
		var all json.RawMessage
		if err := d.Decode(&all); err != nil {
			if err != io.EOF {
				return nil, nil
			}
			return queries, names
		}
		inner := json.NewDecoder(strings.NewReader(string(all)))
		if t, _ := inner.Token(); t != json.Delim('{') {
			continue
		}
		for inner.More() {
			key, _ := inner.Token()
			var value any
			if inner.Decode(&value) != nil {
				break
			}
			text, _ := value.(string)
			switch name, _ := key.(string); {
			case strings.EqualFold(name, "query"):
				queries = append(queries, text)
			case strings.EqualFold(name, "operationName"):
				names = append(names, text)
			}
		}
	}
}

// No document is taken for a query alone of which a mutation may be what runs, whoever
// reads it.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		"{viewer{login}}", "mutation{addStar{x}}", "query A{a}mutation B{b}", "#\rmutation{a}", "query{a}#\rmutation{b}", "\ufeffmutation{a}", ",mutation,{,a}",
		`query Q($a:String="mutation{b}"){a(b:"""mutation{c}""")}`, "fragment F on Mutation{a}mutation{...F}", "query mutation{mutation}", "mutation query{query}",
		"query{a(b:\"\"\"\\\"\"\"\" \")}mutation{b}#\"\"\")}", "{a(b:{c:[1,{d:$e}]})@f(g:1){h}}", "subscription{a}", "#\rquery{a(b:\"\"\"\nmutation{addStar{x}}\n#\"\"\")}", "query A{a}query A{b}mutation A{c}",
	} {
		f.Add(document(text), "application/json")
		for _, name := range []string{"A", "B", ""} {
			f.Add(`{"operationName":`+quoted(name)+`,"query":`+quoted(text)+`}`, "")
		}
		f.Add(document(text)+document("{a}"), "")
		f.Add(`{"query":"{a}","Query":`+quoted(text)+`}`, "")
		f.Add(`{"query":"{a}","x":"&query=`+text+`&"}`, "application/x-www-form-urlencoded")
	}
	for _, body := range ghDocuments(f) {
		f.Add(string(body), "application/json; charset=utf-8")
	}
	may := scoped(f, "graphql:query")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		r := carrying(t, contentType, body)
		d := r.Document
		if string(d.Body) != body {
			t.Fatal("another body")
		}
		if d.Unread != "" && (d.Query || d.Mutation || !r.Write || r.Owner != "") || d.Unread == "" && !d.Query && !d.Mutation || !slices.IsSorted(d.Mutations) {
			t.Fatalf("%+v", d)
		}
		if allowed := may(r) == "yes"; allowed != (d.Unread == "" && !d.Mutation) {
			t.Fatalf("allowed: %v, %+v", allowed, d)
		} else if !allowed {
			return
		}
		queries, names := slowEnvelopes(body)
		if len(queries) != 1 || len(names) > 1 {
			t.Fatalf("%d queries and %d names are a query", len(queries), len(names))
		}
		name := strings.Join(names, "")
		for _, lineEnds := range []string{"\n", "\r\n"} {
			text := queries[0]
			if lineEnds == "\n" {
				text = strings.ReplaceAll(text, "\r", " ")
			}
			if _, err := parser.ParseQuery(&ast.Source{Input: text}); err != nil {
				continue // nobody executes it
			}
			all := slowDefinitions(text, lineEnds)
			there := slices.ContainsFunc(all, func(d definition) bool { return d.name == name && d.keyword != "fragment" })
			for _, one := range all {
				if one.keyword == "mutation" && (name == "" || !there || one.name == name) {
					t.Fatalf("a query, and to who ends lines by %q it has %v", lineEnds, one)
				}
			}
		}
	})
}
