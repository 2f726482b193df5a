package exchange

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// What was granted is what is sent: a body that is put in its place afterwards is not.
func TestTheGrantedDocumentIsSent(t *testing.T) {
	w := newWorld(t)
	in := request(t, http.MethodPost, "/graphql", viewerQuery, "Content-Type", "application/json")
	g := w.grant(ci, in)
	in.Body, in.ContentLength = io.NopCloser(strings.NewReader(closeMutation)), int64(len(closeMutation))
	a, err := w.x.Do(t.Context(), g, in)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if got := string(w.last().Body); got != viewerQuery {
		t.Errorf("GitHub saw %s", got)
	}
}

// A document that ends early is told apart from one that is long.
func TestDocumentsThatCannotBeRead(t *testing.T) {
	asked := func(body io.Reader, length int64) (policy.Request, *http.Request, error) {
		in := request(t, http.MethodPost, "/graphql", "")
		in.Body, in.ContentLength = io.NopCloser(body), length
		r, err := policy.Read(policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}, "POST", "/graphql", "")
		if err != nil {
			t.Fatal(err)
		}
		r, err = ReadDocument(r, in)
		return r, in, err
	}
	broken := io.MultiReader(strings.NewReader("{"), failed{errors.New("gone")})
	for name, read := range map[string]func() (policy.Request, *http.Request, error){
		"short":                     func() (policy.Request, *http.Request, error) { return asked(strings.NewReader("{"), 2) },
		"broken, of unknown length": func() (policy.Request, *http.Request, error) { return asked(broken, -1) },
	} {
		if _, _, err := read(); !isTruncated(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := strings.Repeat("x", policy.MaxDocument+1)
	for name, length := range map[string]int64{"known": int64(len(long)), "unknown": -1} {
		r, in, err := asked(strings.NewReader(long), length)
		if err != nil || r.Document != nil || !r.Write {
			t.Fatalf("%s: %v %+v", name, err, r)
		}
		if text, err := io.ReadAll(in.Body); err != nil || string(text) != long {
			t.Errorf("%s: %d bytes are left, %v", name, len(text), err)
		}
	}
	if r, _, err := asked(strings.NewReader(long[1:]), -1); err != nil || r.Document == nil {
		t.Errorf("the longest: %v", err)
	}
}

func isTruncated(err error) bool {
	_, ok := errors.AsType[*Truncated](err)
	return ok
}

// dearQuery costs more than a point, and its result tells how much under other names.
const dearQuery = `{"query":"{repository(owner:\"acme\",name:\"web\"){issues(first:100){nodes{comments(first:1){nodes{id}}labels(first:1){nodes{name}}assignees(first:1){nodes{login}}}}}...Q}fragment Q on Query{r:rateLimit{c:cost}}"}`

// What a query costs is what its result says, also where nothing else tells: the first
// answer of a window says nothing of growth, and of several at once growth is all of
// theirs.
func TestAQueryCostsWhatItsResultSays(t *testing.T) {
	w := newWorld(t)
	all := make(chan int)
	const n = 5
	for range n {
		go func() {
			a, err := w.ask(ci, http.MethodPost, "/graphql", dearQuery)
			if err != nil || !strings.Contains(a.body, `"r":{"c":`) {
				t.Errorf("%v %s", err, a.body)
				all <- 0
				return
			}
			all <- a.Spent
		}()
	}
	told := 0
	for range n {
		told += <-all
	}
	if spent := w.points("graphql"); told != spent || spent < 2 {
		t.Errorf("%d points were told, and %d spent", told, spent)
	}
}

// A query that is refused because it costs more than a credential has left is asked of
// another; where there is none, GitHub's answer is the answer. The credential serves what
// is cheaper.
func TestAQueryThatIsTooDear(t *testing.T) {
	w := newWorld(t)
	const refusal = `{"errors":[{"type":"RATE_LIMIT","message":"API rate limit exceeded for user ID 1."}]}`
	w.github.Intercept(func(out http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if r.Header.Get("Authorization") != "Bearer ghp_bot" || !strings.Contains(string(body), "issues(first:100)") {
			return false
		}
		h := out.Header()
		for name, value := range map[string]string{"Limit": "5000", "Used": "4999", "Remaining": "1", "Resource": "graphql", "Reset": "4000000000"} {
			h.Set("X-RateLimit-"+name, value)
		}
		h.Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(out, refusal)
		return true
	})
	for range 4 {
		a, err := w.ask(both, http.MethodPost, "/graphql", dearQuery)
		if err != nil || a.Credential != "hub-too" || !strings.Contains(a.body, `"issues"`) {
			t.Errorf("with another: %v %s by %s", err, a.body, a.Credential)
		}
	}
	a, err := w.ask(ci, http.MethodPost, "/graphql", dearQuery)
	if err != nil || a.body != refusal || a.Spent != 0 {
		t.Errorf("without: %v %s, %d points", err, a.body, a.Spent)
	}
	if a, err := w.ask(ci, http.MethodPost, "/graphql", viewerQuery); err != nil || !strings.Contains(a.body, `"octo-bot"`) {
		t.Errorf("what is cheaper: %v %s", err, a.body)
	}
}

// A limit that GraphQL tells in a 200 was not executed, primary or secondary, and a
// mutation is sent again too: once executed, not twice.
func TestAMutationIsSentAgain(t *testing.T) {
	for name, reject := range map[string]func(w *world){
		"spent":     func(w *world) { w.github.SetBudget("octo-bot", "graphql", 5000, 5000, time.Time{}) },
		"secondary": func(w *world) { w.silenceGraphQL("octo-bot") },
	} {
		w := newWorld(t)
		w.github.Grant("hubot", "acme/web")
		reject(w)
		id := strings.Split(w.direct("ghp_bot", "/repos/acme/web/issues/1"), `"node_id":"`)[1]
		id = id[:strings.Index(id, `"`)]
		comment := `{"query":"mutation($i:ID!){addComment(input:{subjectId:$i,body:\"x\"}){commentEdge{node{id}}}}","variables":{"i":"` + id + `"}}`
		for n := range 3 {
			a, err := w.ask(both, http.MethodPost, "/graphql", comment)
			if err != nil || a.Credential != "hub-too" || !strings.Contains(a.body, `"commentEdge"`) {
				t.Errorf("%s: %v %s by %s", name, err, a.body, a.Credential)
			}
			if got := strings.Count(w.direct("ghp_bot", "/repos/acme/web/issues/1/comments"), `"node_id":"IC`); got != n+1 {
				t.Errorf("%s: %d comments after %d mutations", name, got, n+1)
			}
		}
	}
}

// silenceGraphQL puts a user under a secondary limit that is told in a 200, in words.
func (w *world) silenceGraphQL(login string) {
	w.github.Reject(login, githubtest.Rejection{Kind: githubtest.SecondaryLimit, Resource: "graphql", GraphQLStatus: http.StatusOK})
}
