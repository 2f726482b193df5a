package mitm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/mitm/audit"
	"octopool/policy"
)

// audited keeps an audit file, and returns what is in it by now.
func audited(t *testing.T) (option, func() []string) {
	file := filepath.Join(t.TempDir(), "audit.json")
	log, err := audit.Open(file, 1<<20, 0, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return withConfig(func(c *mitm.Config) { c.Audit = log }), func() (lines []string) {
		broken, err := audit.Read(file, audit.Filter{}, func(e audit.Entry) error {
			line := strings.Join(slices.DeleteFunc([]string{
				string(e.Event), e.Client, e.Credential, e.Method, e.Host, e.Path, e.Operation, strings.Join(e.Mutations, ","), http.StatusText(e.Status), e.Reason,
			}, func(s string) bool { return s == "" }), " ")
			lines = append(lines, line)
			return nil
		})
		if err != nil || broken > 0 {
			t.Error(broken, err)
		}
		return lines
	}
}

// Every write and every refusal has a line, and nothing else: no read, and no question
// that git asks on its way.
func TestAuditHasWritesAndRefusals(t *testing.T) {
	with, lines := audited(t)
	s := start(t, with, withScopes("read /repos/acme/*", "POST /repos/acme/web/issues", "graphql:query", "graphql:mutation addStar,createIssue", "git:read acme/web", "git:write acme/web"))
	c := s.client(ciToken)
	get(t, c, "https://api.github.com/repos/acme/web?access=hidden")
	do(t, c, "POST", "https://api.github.com/repos/acme/web/issues?access=hidden", `{"title":"hidden"}`)
	do(t, c, "POST", "https://api.github.com/graphql", `{"query":"query Q { viewer { login } }"}`)
	do(t, c, "POST", "https://api.github.com/graphql", `{"query":"mutation M { a: addStar(input:{starrableId:\"hidden\"}) { clientMutationId } }"}`)
	do(t, c, "POST", "https://api.github.com/graphql", `{"query":"mutation { deleteIssue(input:{issueId:\"hidden\"}) { clientMutationId } }"}`)
	do(t, c, "POST", "https://api.github.com/graphql", `hidden`)
	get(t, c, "https://api.github.com/repos/acme/web/keys?access=hidden")
	get(t, c, "https://api.github.com/repos/acme//web")
	get(t, s.client("ghp_hidden"), "https://api.github.com/repos/acme/web")
	s.mustGit(t, "clone", "-q", gitURL(ciToken, "acme/web"), "web")
	s.mustGit(t, "-C", "web", "push", "-q", "origin", "HEAD:refs/heads/change")
	if _, err := try(c, "GET", "https://elsewhere.example/", ""); err == nil {
		t.Error("a host that is not allowed was reached")
	}
	want := []string{
		"write ci bot POST api.github.com /repos/acme/web/issues Created",
		"write ci bot POST api.github.com /graphql M addStar OK",
		"refusal ci POST api.github.com /graphql deleteIssue Forbidden scope",
		"refusal ci POST api.github.com /graphql Forbidden scope",
		"refusal ci GET api.github.com /repos/acme/web/keys Forbidden scope",
		"refusal GET api.github.com /repos/acme//web Bad Request path",
		"refusal GET api.github.com /repos/acme/web Unauthorized unknown_token",
		"write ci bot POST github.com /acme/web/git-receive-pack OK",
		"refusal CONNECT elsewhere.example:443 Forbidden tunnel",
	}
	if got := lines(); !slices.Equal(got, want) {
		t.Errorf("audit file:\n%s", strings.Join(got, "\n"))
	}
}

// A client that leaves has not taken its write back: GitHub may have done it.
func TestAuditOfAWriteWhoseClientLeft(t *testing.T) {
	with, lines := audited(t)
	entered, ended := make(chan struct{}), make(chan struct{})
	s := start(t, with, fixed(t, "HTTP/1.1", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	for _, method := range []string{"GET", "POST"} {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, method, "https://api.github.com/repos/acme/web/issues", nil)
		if err != nil {
			t.Fatal(err)
		}
		left := make(chan error, 1)
		go func() {
			_, err := s.client(ciToken).Do(r)
			left <- err
		}()
		<-entered
		leave()
		<-ended
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	eventually(t, "the write has its line, and the read none", func() bool {
		return slices.Equal(lines(), []string{"write ci POST api.github.com /repos/acme/web/issues left"})
	})
}

// A client whose scopes are reported only gets what they do not name, and it is told
// everywhere that it would not have; credentials stay shut.
func TestReportOnly(t *testing.T) {
	with, lines := audited(t)
	s := start(t, with, withScopes("read /repos/acme/web"), withRules(func(r *policy.Rules) { r.Clients[0].ReportOnly = true }))
	c := s.client(ciToken)
	for _, ask := range []struct {
		method, url string
		want        int
	}{
		{"GET", "https://api.github.com/repos/acme/web", 200},
		{"GET", "https://api.github.com/repos/acme/api", 200},
		{"POST", "https://api.github.com/repos/acme/web/issues", 201},
		{"GET", "https://api.github.com/repos/acme/web/keys", 403},
		{"GET", "https://api.github.com/repos/acme//web", 400},
	} {
		body := ""
		if ask.method == "POST" {
			body = `{"title":"x"}`
		}
		if got := do(t, c, ask.method, ask.url, body); got.status != ask.want {
			t.Errorf("%s %s: %d %s", ask.method, ask.url, got.status, got.body)
		}
	}
	want := []string{
		"would_refuse ci bot GET api.github.com /repos/acme/api OK scope",
		"write ci bot POST api.github.com /repos/acme/web/issues Created",
		"would_refuse ci bot POST api.github.com /repos/acme/web/issues Created scope",
		"refusal ci GET api.github.com /repos/acme/web/keys Forbidden scope",
		"refusal GET api.github.com /repos/acme//web Bad Request path",
	}
	if got := lines(); !slices.Equal(got, want) {
		t.Errorf("audit file:\n%s", strings.Join(got, "\n"))
	}
	for _, line := range []string{`octopool_would_refuse_total{client="ci",reason="scope"} 2`, `octopool_refused_total{client="ci",reason="scope"} 1`} {
		if !strings.Contains(s.metrics(), line+"\n") {
			t.Errorf("/metrics has no %s", line)
		}
	}
	if n := strings.Count(s.logged(), `would_refuse="octopool: client ci may not `); n != 2 {
		t.Errorf("the log tells it %d times", n)
	}
	if i := slices.IndexFunc(s.proxy.Status().Clients, func(c admin.Client) bool { return c.Name == "ci" && c.WouldRefuse["scope"] == 2 }); i < 0 {
		t.Errorf("status: %+v", s.proxy.Status().Clients)
	}
	for _, seen := range s.github.Seen() {
		if strings.Contains(seen.String(), "/keys") {
			t.Errorf("GitHub was asked: %s", seen)
		}
	}
}
