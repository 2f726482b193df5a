package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"octopool/policy"
)

var (
	api        = policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}
	uploads    = policy.Origin{GitHub: "github.com", Host: "uploads.github.com", Role: policy.RoleUploads}
	web        = policy.Origin{GitHub: "github.com", Host: "github.com", Role: policy.RoleWeb}
	codeload   = policy.Origin{GitHub: "github.com", Host: "codeload.github.com", Role: policy.RoleArchive}
	raw        = policy.Origin{GitHub: "github.com", Host: "raw.githubusercontent.com", Role: policy.RoleRaw}
	gist       = policy.Origin{GitHub: "github.com", Host: "gist.github.com", Role: policy.RoleGist}
	media      = policy.Origin{GitHub: "ghe.example", Host: "media.ghe.example", Role: policy.RoleSigned}
	enterprise = policy.Origin{GitHub: "ghe.example", Host: "ghe.example", Role: policy.RoleEnterprise}
)

// read splits "METHOD /path?query" and reads it.
func read(t testing.TB, o policy.Origin, line string) policy.Request {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	escaped, query, _ := strings.Cut(target, "?")
	r, err := policy.Read(o, method, escaped, query)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

// told is all that Read tells, in one line.
func told(r policy.Request) string {
	access := "read"
	if r.Write {
		access = "write"
	}
	return fmt.Sprintf("%s %s [%s/%s] %s", r.Kind, access, r.Owner, r.Repo, r.UpstreamPath())
}

func TestRead(t *testing.T) {
	const gistID = "aa5a315d61ae9438b18d"
	for _, tt := range []struct {
		origin     policy.Origin
		line, want string
	}{
		{api, "GET /", "rest read [/] /"},
		{api, "GET /repos/Acme/Web", "rest read [Acme/Web] /repos/Acme/Web"},
		{api, "HEAD /repos/acme/web/contents/", "rest read [acme/web] /repos/acme/web/contents/"},
		{api, "OPTIONS /repos/acme/web", "rest read [acme/web] /repos/acme/web"},
		{api, "PATCH /repos/acme/web.git", "rest write [acme/web] /repos/acme/web.git"},
		{api, "get /repos/acme/web", "rest write [acme/web] /repos/acme/web"},
		{api, "DELETE /REPOS/acme/web", "rest write [acme/web] /REPOS/acme/web"},
		{api, "GET /repos/acme", "rest read [acme/] /repos/acme"},
		{api, "GET /networks/acme/web/events", "rest read [acme/web] /networks/acme/web/events"},
		{api, "POST /orgs/acme/repos", "rest write [acme/] /orgs/acme/repos"},
		{api, "GET /users/bob/repos", "rest read [bob/] /users/bob/repos"},
		{api, "GET /organizations/acme/settings/billing/usage", "rest read [acme/] /organizations/acme/settings/billing/usage"},
		{api, "GET /organizations/12/repos", "rest read [/] /organizations/12/repos"},
		{api, "GET /repositories/12/issues", "rest read [/] /repositories/12/issues"},
		{api, "GET /user/repos", "rest read [/] /user/repos"},
		{api, "POST /graphql", "graphql write [/] /graphql"},
		{api, "GET /graphql", "graphql write [/] /graphql"},
		{api, "POST /GraphQL/", "graphql write [/] /GraphQL/"},
		{api, "POST /graphql/x", "rest write [/] /graphql/x"},

		{uploads, "POST /repos/acme/web/releases/1/assets?name=x", "upload write [acme/web] /repos/acme/web/releases/1/assets"},

		{web, "GET /acme/web.git/info/refs?service=git-upload-pack", "git read [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web/info/refs?x=y", "git read [acme/web] /acme/web/info/refs"},
		{web, "GET /acme/web/info/refs", "git read [acme/web] /acme/web/info/refs"},
		{web, "GET /acme/web.git/info/refs?service=git-receive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?service=git%2dreceive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?service=git-upload-pack&service=git-receive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?a=b;service=git-receive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?service[]=git-receive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?Service=git-receive-pack", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "GET /acme/web.git/info/refs?service=git-upload-archive", "git write [acme/web] /acme/web.git/info/refs"},
		{web, "POST /acme/web.git/git-upload-pack", "git read [acme/web] /acme/web.git/git-upload-pack"},
		{web, "POST /acme/web.git/git-receive-pack", "git write [acme/web] /acme/web.git/git-receive-pack"},
		{web, "GET /acme/web.git/git-receive-pack", "git write [acme/web] /acme/web.git/git-receive-pack"},
		{web, "GET /acme/web.GIT/HEAD", "git read [acme/web] /acme/web.GIT/HEAD"},
		{web, "GET /acme/web.git/objects/info/packs", "git read [acme/web] /acme/web.git/objects/info/packs"},
		{web, "PUT /acme/web.git/objects/ab/cd", "git write [acme/web] /acme/web.git/objects/ab/cd"},
		{web, "POST /acme/web.git/info/lfs/objects/batch", "lfs read [acme/web] /acme/web.git/info/lfs/objects/batch"},
		{web, "GET /acme/web.git/info/lfs/locks?path=x", "lfs read [acme/web] /acme/web.git/info/lfs/locks"},
		{web, "POST /acme/web.git/info/lfs/locks", "lfs write [acme/web] /acme/web.git/info/lfs/locks"},
		{web, "POST /acme/web.git/info/lfs/locks/verify", "lfs write [acme/web] /acme/web.git/info/lfs/locks/verify"},
		{web, "GET /acme/web/archive/refs/heads/main.tar.gz", "archive read [acme/web] /acme/web/archive/refs/heads/main.tar.gz"},
		{web, "GET /acme/web/releases/download/v1/x.zip", "archive read [acme/web] /acme/web/releases/download/v1/x.zip"},
		{web, "GET /acme/web/releases/latest/download/x.zip", "archive read [acme/web] /acme/web/releases/latest/download/x.zip"},
		{web, "GET /acme/web/raw/main/README.md", "archive read [acme/web] /acme/web/raw/main/README.md"},
		{web, "GET /acme/web", "other read [/] /acme/web"},
		{web, "POST /login/oauth/access_token", "other write [/] /login/oauth/access_token"},
		{web, "GET /acme/web/settings", "other read [/] /acme/web/settings"},

		{codeload, "GET /acme/web/legacy.tar.gz/refs/heads/main", "archive read [acme/web] /acme/web/legacy.tar.gz/refs/heads/main"},
		{codeload, "GET /gist/" + gistID + "/zip/1", "archive read [/" + gistID + "] /gist/" + gistID + "/zip/1"},
		{codeload, "GET /acme", "other read [/] /acme"},
		{raw, "GET /acme/web/main/a/b", "archive read [acme/web] /acme/web/main/a/b"},
		{raw, "GET /acme", "other read [/] /acme"},

		{gist, "GET /" + gistID + ".git/info/refs?service=git-upload-pack", "git read [/" + gistID + "] /" + gistID + ".git/info/refs"},
		{gist, "POST /bob/" + gistID + ".git/git-receive-pack", "git write [bob/" + gistID + "] /bob/" + gistID + ".git/git-receive-pack"},
		{gist, "GET /bob/" + gistID + "/raw", "archive read [bob/" + gistID + "] /bob/" + gistID + "/raw"},
		{gist, "GET /beef/" + gistID + "/raw/x/y", "archive read [beef/" + gistID + "] /beef/" + gistID + "/raw/x/y"},
		{gist, "GET /bob/" + gistID, "other read [/] /bob/" + gistID},
		{gist, "GET /", "other read [/] /"},

		{enterprise, "GET /api/v3/repos/acme/web", "rest read [acme/web] /api/v3/repos/acme/web"},
		{enterprise, "GET /API/V3/repos/acme/web", "rest read [acme/web] /api/v3/repos/acme/web"},
		{enterprise, "GET /%61pi/v3", "rest read [/] /api/v3/"},
		{enterprise, "GET /api/v3/", "rest read [/] /api/v3/"},
		{enterprise, "POST /api/graphql", "graphql write [/] /api/graphql"},
		{enterprise, "POST /api/v3/graphql", "graphql write [/] /api/v3/graphql"},
		{enterprise, "POST /api/uploads/repos/acme/web/releases/1/assets", "upload write [acme/web] /api/uploads/repos/acme/web/releases/1/assets"},
		{enterprise, "GET /api/v4/repos/acme/web", "other read [/] /api/v4/repos/acme/web"},
		{enterprise, "GET /acme/web.git/info/refs", "git read [acme/web] /acme/web.git/info/refs"},
		{enterprise, "GET /raw/acme/archive/main/x", "archive read [acme/archive] /raw/acme/archive/main/x"},
		{enterprise, "GET /codeload/acme/web/zip/main", "archive read [acme/web] /codeload/acme/web/zip/main"},
		{enterprise, "GET /_codeload/acme/web/legacy.zip/main?token=x", "archive read [acme/web] /_codeload/acme/web/legacy.zip/main"},
		{enterprise, "GET /media/releases/files/7?token=x", "archive read [/] /media/releases/files/7"},
		{enterprise, "GET /gist/" + gistID + ".git/HEAD", "git read [/" + gistID + "] /gist/" + gistID + ".git/HEAD"},
		{enterprise, "GET /", "other read [/] /"},
	} {
		if got := told(read(t, tt.origin, tt.line)); got != tt.want {
			t.Errorf("%s %s\n got %s\nwant %s", tt.origin.Host, tt.line, got, tt.want)
		}
	}
}

// An Enterprise prefix is no cover for an encoded slash in a repository's name.
func TestReadRefusesBadPaths(t *testing.T) {
	for _, tt := range []struct {
		origin policy.Origin
		path   string
	}{
		{api, "/repos/acme/../evil"},
		{api, "/repos/acme%2Fweb"},
		{enterprise, "/api/v3/repos/acme%2Fweb"},
		{enterprise, "/api/v3/repos/acme/web%2Fissues"},
		{enterprise, "/api/uploads/repos/acme/web%2Freleases"},
		{enterprise, "/api%2Fv3/app"},
		{web, "/acme/web%2Finfo/refs"},
	} {
		r, err := policy.Read(tt.origin, "GET", tt.path, "")
		if _, ok := errors.AsType[*policy.BadPath](err); !ok || r.Kind != "" {
			t.Errorf("%s: %s, %v; want a BadPath alone", tt.path, told(r), err)
		}
		if err != nil && strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s is repeated in %v", tt.path, err)
		}
	}
	if r := read(t, enterprise, "GET /api/v3/repos/acme/web/contents%2Fa"); r.Repo != "web" {
		t.Errorf("an encoded slash after the repository: %s", told(r))
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ line, owner, repo, want string }{
		{"GET /repositories/12/issues", "acme", "web", "rest read [acme/web] /repositories/12/issues"},
		{"GET /organizations/12/repos", "acme", "", "rest read [acme/] /organizations/12/repos"},
		{"GET /user/12/repos", "bob", "", "rest read [bob/] /user/12/repos"},
		{"GET /user/repos", "bob", "", "rest read [/] /user/repos"},
		{"GET /repos/acme/api", "acme", "web", "rest read [acme/api] /repos/acme/api"},
		{"GET /repositories/12", "acme", "", "rest read [/] /repositories/12"},
		{"GET /repositories/12", "acme/..", "web", "rest read [/] /repositories/12"},
		{"GET /repositories/12", "..", "web", "rest read [/] /repositories/12"},
	} {
		if got := told(read(t, api, tt.line).Named(tt.owner, tt.repo)); got != tt.want {
			t.Errorf("%s of %s/%s: %s, want %s", tt.line, tt.owner, tt.repo, got, tt.want)
		}
	}
}
