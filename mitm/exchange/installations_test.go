package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
)

// installed is a world whose default pool is the installations of one App on acme and on
// globex, which have a private repository each.
type installed struct {
	*world
	acme, globex *githubtest.Installation
}

func newInstalled(t *testing.T, clients ...pool.Client) *installed {
	github := newGitHub(t)
	github.AddOrg("globex")
	github.AddRepo("globex/open", false)
	github.AddRepo("globex/secret", true)
	app := github.AddApp("ci-app")
	in := &installed{acme: github.Install(app, "acme"), globex: github.Install(app, "globex")}
	in.world = worldOf(t, github, "ghp_bot", withApp(t, github, app, clients...))
	return in
}

// withApp makes the pools of an App's installations, and runs them.
func withApp(t *testing.T, github *githubtest.Server, app *githubtest.App, clients ...pool.Client) setting {
	pools, err := pool.New(pool.Config{
		Credentials: []pool.Credential{{
			Name: "app", GitHub: "github.com", Pool: "default",
			App: pool.App{Issuer: app.ClientID(), Key: policy.NewSecret(string(app.PEM()))},
		}},
		Clients:   clients,
		GitHubs:   map[string]pool.GitHub{"github.com": {API: "https://api.github.com"}},
		Transport: github.Client().Transport, MaxWait: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { pools.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return func(c *Config) { c.Pools = pools }
}

// spent is what both installations have spent.
func (in *installed) spent() int {
	return in.github.Used(in.acme.Principal(), "core") + in.github.Used(in.globex.Principal(), "core")
}

func (in *installed) costs(points int, f func()) {
	in.t.Helper()
	before := in.spent()
	f()
	in.x.Wait()
	if got := in.spent() - before; got != points {
		in.t.Errorf("cost %d points, want %d", got, points)
	}
}

// revoke makes GitHub forget every token that it was shown.
func (in *installed) revoke() {
	in.t.Helper()
	for _, seen := range in.github.Seen() {
		auth := seen.Header.Get("Authorization")
		if !strings.HasPrefix(auth, "Bearer ghs_") {
			continue
		}
		r, err := http.NewRequest(http.MethodDelete, "https://api.github.com/installation/token", nil)
		if err != nil {
			in.t.Fatal(err)
		}
		r.Header.Set("Authorization", auth)
		resp, err := in.github.Client().Do(r)
		if err != nil {
			in.t.Fatal(err)
		}
		resp.Body.Close()
	}
}

// Promise 1, where tokens live for an hour: a new token for everything, and another App
// in the place of the first, cost nothing for what has not changed.
func TestUnchangedCostsNothingWithNewTokens(t *testing.T) {
	paths := []string{"/repos/acme/web", "/repos/acme/api", "/repos/acme/web/issues", "/repos/globex/secret", "/repos/globex/open/branches"}
	in := newInstalled(t)
	read := func(w *world) {
		for _, path := range paths {
			if a := w.get(ci, path); a.Status != http.StatusOK {
				t.Errorf("%s: %d", path, a.Status)
			}
		}
	}
	in.costs(len(paths), func() { read(in.world) })
	in.revoke()
	in.costs(0, func() { read(in.world) })

	other := in.github.AddApp("other-app")
	acme, globex := in.github.Install(other, "acme"), in.github.Install(other, "globex")
	w := worldOf(t, in.github, "ghp_bot", with(in.x.Store), withApp(t, in.github, other))
	read(w)
	w.x.Wait()
	// What GitHub sends differs by the App's own permissions only, and these are the same.
	if spent := in.github.Used(acme.Principal(), "core") + in.github.Used(globex.Principal(), "core"); spent != 0 {
		t.Errorf("another App's tokens cost %d points", spent)
	}
}

// Two clients whose tokens are narrowed to different repositories pay one point together
// for what both may read, and neither is shown what the other's token alone can see.
func TestNarrowedClients(t *testing.T) {
	in := newInstalled(t,
		pool.Client{Name: "ci", Repositories: []string{"acme/web"}, Permissions: map[string]string{"contents": "read", "issues": "read"}},
		pool.Client{Name: "ops", Repositories: []string{"acme/api"}})
	in.costs(1, func() {
		for _, client := range []string{ci, ops, ci} {
			if a := in.get(client, "/repos/acme/web/branches"); a.Status != http.StatusOK {
				t.Errorf("%s: %d", client, a.Status)
			}
		}
	})
	if a := in.get(ops, "/repos/acme/api"); a.Status != http.StatusOK {
		t.Errorf("ops: %d", a.Status)
	}
	if a := in.get(ci, "/repos/acme/api"); a.Status != http.StatusNotFound {
		t.Errorf("ci is shown %d: %s", a.Status, a.body)
	}
	if last := in.last(); last.Status != http.StatusNotFound {
		t.Errorf("GitHub was not asked: %+v", last)
	}
	_, err := in.ask(ci, http.MethodGet, "/repos/globex/secret", "")
	if covered, ok := errors.AsType[*pool.NotCovered](err); !ok || covered.Owner != "globex" {
		t.Errorf("%v", err)
	}
}

// What is fresh for one narrowing is not for another.
func TestFreshnessKeepsToANarrowing(t *testing.T) {
	in := newInstalled(t, pool.Client{Name: "ci", Repositories: []string{"acme/web"}})
	in.x.Tune(Tuning{FreshFor: time.Hour})
	in.get(ops, "/repos/acme/api")
	in.x.Wait()
	if a := in.get(ops, "/repos/acme/api"); a.Outcome != Hit {
		t.Errorf("ops: %s", a.Outcome)
	}
	if a := in.get(ci, "/repos/acme/api"); a.Status != http.StatusNotFound {
		t.Errorf("ci is shown %d", a.Status)
	}
}

// The second page is named by number, and found with the credential that sees it.
func TestPagesOfAnInstallation(t *testing.T) {
	in := newInstalled(t)
	for n := range 3 {
		in.github.AddIssue("globex/secret", fmt.Sprint("issue ", n))
	}
	next := regexp.MustCompile(`<https://api.github.com([^>]*)>; rel="next"`)
	target, pages := "/repos/globex/secret/issues?per_page=1", 0
	for target != "" {
		a := in.get(ci, target)
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d", target, a.Status)
		}
		pages++
		target = ""
		if found := next.FindStringSubmatch(a.Header.Get("Link")); found != nil {
			target = found[1]
			if _, err := url.Parse(target); err != nil || !strings.HasPrefix(target, "/repositories/") {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
	before := in.spent()
	if a := in.get(ci, "/repositories/999999"); a.Status != http.StatusNotFound || in.spent()-before != 2 || a.Spent != 2 {
		t.Errorf("of nobody: %d, %d points, %d told", a.Status, in.spent()-before, a.Spent)
	}
}

// What may be read by number with any credential may be changed with one only: it is found.
func TestAWriteByNumberFindsItsAccount(t *testing.T) {
	in := newInstalled(t)
	id := regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(in.get(ci, "/repos/globex/open").body)
	for range 4 { // whoever was asked first
		in.get(ci, "/repositories/"+id[1])
		a, err := in.ask(ci, http.MethodPost, "/repositories/"+id[1]+"/issues", `{"title":"x"}`)
		if err != nil || a.Status != http.StatusCreated || a.Credential != "app.globex" {
			t.Errorf("%d by %s, %v", a.Status, a.Credential, err)
		}
	}
}

// A query goes to the account that its variables name; one that names an id goes to who
// knows it.
func TestQueriesFindTheirAccount(t *testing.T) {
	in := newInstalled(t)
	const byName = `{"query":"query($owner:String!,$name:String!){repository(owner:$owner,name:$name){id}}","variables":{"owner":"%s","name":"%s"}}`
	id := regexp.MustCompile(`"id":"([^"]+)"`)
	for _, repo := range []string{"acme/api", "globex/secret"} {
		owner, name, _ := strings.Cut(repo, "/")
		a, err := in.ask(ci, http.MethodPost, "/graphql", fmt.Sprintf(byName, owner, name))
		if err != nil {
			t.Fatal(err)
		}
		found := id.FindStringSubmatch(a.body)
		if found == nil || a.Credential != "app."+owner {
			t.Fatalf("%s: %s by %s", repo, a.body, a.Credential)
		}
		create := fmt.Sprintf(`{"query":"mutation($input:CreateIssueInput!){createIssue(input:$input){issue{number}}}","variables":{"input":{"repositoryId":"%s","title":"x"}}}`, found[1])
		a, err = in.ask(ci, http.MethodPost, "/graphql", create)
		if err != nil || a.Credential != "app."+owner || strings.Contains(a.body, "NOT_FOUND") {
			t.Errorf("an issue of %s: %s by %s, %v", repo, a.body, a.Credential, err)
		}
	}
}

// Whoever is refused for the organization's sake is passed over; when nobody is left, what
// GitHub said is the answer.
func TestWhatGitHubSaidIsTheAnswer(t *testing.T) {
	in := newInstalled(t)
	in.github.DenyIP("acme", in.acme.Principal())
	a := in.get(ci, "/repos/acme/web")
	if a.Status != http.StatusForbidden || !strings.Contains(a.body, "IP allow list") {
		t.Errorf("%d %s", a.Status, a.body)
	}
	if _, err := in.ask(ci, http.MethodGet, "/repos/acme/web", ""); err == nil {
		t.Error("GitHub was asked again at once")
	}
	if a := in.get(ci, "/repos/globex/secret"); a.Status != http.StatusOK {
		t.Errorf("globex: %d", a.Status)
	}
}
