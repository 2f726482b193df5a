package policy

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxDocument is the longest body of a GraphQL request that is read, in bytes. What is
// longer may be anything.
const MaxDocument = 1 << 20

// A Document is what a GraphQL request asks, as far as policy cares: not the schema, which
// is GitHub's, but which operation will run and what it begins with.
//
// GitHub reads the same bytes with other software. Wherever two readers of JSON or
// GraphQL may come to differ, the Document is Unread, or says all that either could take
// it for.
type Document struct {
	// Body is what was read, byte for byte. It must not be modified, and nothing else may
	// be sent with a grant for it.
	Body []byte

	// Unread says why it could not be read, "" when it was. It may then be anything.
	Unread string

	// Query and Mutation say what the operation that will run is. Both are true where that
	// is not certain, as with several operations and no name.
	Query, Mutation bool

	// Operation is what its client calls the operation that will run; "" where that has no
	// name, or is not certain.
	Operation string

	// Mutations are the fields a mutation begins with, which are what it does: real names,
	// aliases undone and fragments followed, sorted, each once.
	Mutations []string

	// Owner is the account it is about, as far as it names one: the owner of the first
	// repository, or the first organization or user that is asked for by login.
	Owner string

	// Viewer reports whether it speaks of whoever asks, and so of the credential.
	Viewer bool

	// RateLimit is where the result will tell what it cost; nil when it was not asked to.
	RateLimit *RateLimit
}

// Carrying returns r with what its body asks. Only a GraphQL request has a Document; any
// other is returned as it is. Before, and where the body cannot be read, the request
// counts as a write.
func (r Request) Carrying(contentType []string, body []byte) Request {
	if r.Kind != KindGraphQL {
		return r
	}
	d := &Document{Body: body}
	d.Unread = d.read(&r, contentType)
	if d.Unread != "" {
		*d = Document{Body: body, Unread: d.Unread}
	}
	r.Document, r.Write, r.Owner = d, d.Unread != "" || d.Mutation, d.Owner
	return r
}

// read returns why a body cannot be read, or "".
func (d *Document) read(r *Request, contentType []string) string {
	switch {
	case r.queried:
		return "there is a query in its URL" // GitHub's framework reads parameters there too
	case (r.Method == "GET" || r.Method == "HEAD") && len(d.Body) == 0:
		d.Query = true // the schema (GitHub's documentation, "Discovering the GraphQL API")
		return ""
	case r.Method != "POST":
		return "GraphQL is asked by POST"
	case len(d.Body) > MaxDocument:
		return "it is longer than 1 MiB"
	case !utf8.Valid(d.Body):
		return "it is not UTF-8"
	}
	if why := checkContentType(contentType, d.Body); why != "" {
		return why
	}
	var e envelope
	if why := e.read(d.Body); why != "" {
		return why
	}
	return d.understand(&e)
}

// checkContentType refuses what would make GitHub take other parts of the body for the
// document, or other characters. curl -d calls JSON a form, and GitHub's documentation
// has examples of that; so a form is read as JSON, unless it has a document as a form too.
func checkContentType(values []string, body []byte) string {
	const strange = "its Content-Type is not JSON"
	if len(values) == 0 {
		return ""
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	charset, said := parameters["charset"]
	switch {
	case err != nil, len(values) > 1, said && !strings.EqualFold(charset, "utf-8"):
		return strange
	case kind == "application/json", kind == "text/plain", strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		return ""
	case kind != "application/x-www-form-urlencoded":
		return strange
	}
	for part := range strings.FieldsFuncSeq(string(body), func(c rune) bool { return c == '&' || c == ';' }) {
		key, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(key)
		if err != nil {
			plain = key
		}
		plain = strings.ToLower(strings.TrimSpace(plain))
		if strings.HasPrefix(plain, "query") || strings.HasPrefix(plain, "operation") {
			return "it can be read as JSON and as a form"
		}
	}
	return ""
}

// An envelope is the JSON around a document.
type envelope struct {
	query     string
	operation string // "" for none
	variables json.RawMessage
}

// read takes an object with these three names, each in one spelling and once: of doubles
// one reader takes the first and another the last, and some fold case. Other names may
// stand for another document, as those of persisted queries do.
func (e *envelope) read(body []byte) string {
	const noObject = "it is not one JSON object"
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(body))
	if t, _ := d.Token(); t != json.Delim('{') || !json.Valid(body) {
		return noObject
	}
	var operation *string
	seen := map[any]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return noObject
		}
		if seen[name] {
			return "it has a name twice"
		}
		seen[name] = true
		switch name {
		case "query":
			err = d.Decode(&e.query)
		case "operationName":
			err = d.Decode(&operation)
		case "variables":
			err = d.Decode(&e.variables)
		default:
			return "it has more than query, variables and operationName"
		}
		if err != nil {
			return noObject + " with query and operationName as strings"
		}
	}
	if e.query == "" {
		return "it has no query"
	}
	if operation != nil {
		e.operation = *operation
	}
	return ""
}
