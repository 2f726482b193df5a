package pool

import (
	"encoding/base64"
	"strings"
	"testing"

	"octopool/policy"
)

// A token is presented as it is, whatever it is made of, in both forms; and two tokens
// are never taken for one.
func FuzzAuthorize(f *testing.F) {
	for _, token := range []string{"", "ghp_1", "ghs_12_" + strings.Repeat("eyJ.", 150), "\x00\xff", "a b:c\r\n", "x-access-token:"} {
		f.Add(token, "ghp_1")
	}
	f.Fuzz(func(t *testing.T, token, other string) {
		l := &Lease{auth: authorize(policy.NewSecret(token))}
		for _, kind := range []policy.Kind{policy.KindREST, policy.KindGraphQL, policy.KindUpload} {
			if got := l.Authorization(kind); got != "Bearer "+token {
				t.Errorf("%s: %q", kind, got)
			}
		}
		for _, kind := range []policy.Kind{policy.KindGit, policy.KindLFS, policy.KindArchive} {
			scheme, rest, _ := strings.Cut(l.Authorization(kind), " ")
			plain, err := base64.StdEncoding.DecodeString(rest)
			if scheme != "Basic" || err != nil || string(plain) != "x-access-token:"+token {
				t.Errorf("%s: %q", kind, plain)
			}
		}
		if same := authorize(policy.NewSecret(other)).identity == l.Identity(); same != (token == other) {
			t.Errorf("%q and %q have one identity: %v", token, other, same)
		}
	})
}

// A request by any path is somebody's or something's by number, not both; and what it is
// worth follows from what it is.
func FuzzWantOf(f *testing.F) {
	for _, line := range []string{
		"GET /", "POST /", "POST /repos/acme/web/issues", "PUT /repos/acme/web/collaborators/bot", "POST /repos/acme/web/check-runs", "PATCH /repositories/12/check-runs/1",
		"POST /repositories/12/commits/abc/comments", "GET /user", "POST /gists", "POST /graphql", "GET /organizations/9/repos", "POST /orgs/acme/invitations",
		"POST /repos/acme/web/pulls/1/comments", "DELETE /Repos//web", "GET /Repositories/12/Issues", "POST /repositories//issues", "POST /repos/acme", "POST /repositories/12", "GET /search/code",
	} {
		method, path, _ := strings.Cut(line, " ")
		for role := range uint8(7) {
			f.Add(role, method, path)
		}
	}
	rules, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("octopool_ci"), Pool: "default"}}})
	if err != nil {
		f.Fatal(err)
	}
	caller, err := rules.Identify([]string{"Bearer octopool_ci"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, role uint8, method, path string) {
		r, err := policy.Read(policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.Role(role % 7)}, method, path, "")
		if err != nil {
			return
		}
		g, err := rules.Authorize(caller, r)
		if err != nil {
			return
		}
		w := WantOf(g)
		switch {
		case w.Client != "ci" || w.Pool != "default" || w.GitHub != "github.com":
			t.Errorf("%s %s is a request of nobody's: %+v", method, path, w)
		case w.Owner != "" && w.Number != "":
			t.Errorf("%s %s is about %s and %s", method, path, w.Owner, w.Number)
		case w.App && !(w.Write && w.Steady == "app"), w.Creates && !w.Write, w.Write && w.Steady == "":
			t.Errorf("%s %s: %+v", method, path, w)
		case Identity(r) && (w.Owner != "" || w.Steady == ""):
			t.Errorf("%s %s is about the credential itself: %+v", method, path, w)
		case w.Resource != "" && !policy.IsName(w.Resource), w.Creates && w.Resource == "":
			t.Errorf("%s %s spends %q", method, path, w.Resource)
		}
	})
}
