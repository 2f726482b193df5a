package installation_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy/pool/installation"
)

// An App that is installed in many places finds them all, with what is to know of each.
func TestInstallations(t *testing.T) {
	w := newWorld(t)
	app := w.signed(t, installation.Config{})
	w.acme.SetRepos("acme/web")
	const all = "actions=read checks=write contents=write deployments=write issues=write metadata=read pull_requests=write statuses=write"
	want := []installation.Installation{{ID: w.acme.ID(), Owner: "acme", Selected: true, Permissions: all}}
	for n := range 249 {
		in := w.Install(w.app, fmt.Sprintf("org-%d", n))
		if n == 7 {
			in.Suspend()
		}
		want = append(want, installation.Installation{ID: in.ID(), Owner: in.Owner(), Suspended: n == 7, Permissions: all})
	}
	w.Install(w.AddApp("other"), "acme")
	found, err := app.Installations(t.Context())
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	var queries []string
	for _, seen := range w.Seen() {
		queries = append(queries, seen.Query)
	}
	if diff := cmp.Diff([]string{"page=1&per_page=100", "page=2&per_page=100", "page=3&per_page=100"}, queries); diff != "" {
		t.Errorf("pages: %s", diff)
	}
	for _, one := range []installation.Installation{want[0], want[8], want[249]} {
		if found, err := app.Installation(t.Context(), one.ID); err != nil || found != one {
			t.Errorf("%v: %v, %v", one, found, err)
		}
	}
	if _, err := app.Installation(t.Context(), 99999999); causeOf(err) != installation.Uninstalled {
		t.Errorf("an installation that never was: %v", err)
	}
}

// One page that fails fails the list: half of it would look as if the rest were gone.
func TestInstallationsCompleteOrNot(t *testing.T) {
	w := newWorld(t)
	for n := range 100 {
		w.Install(w.app, fmt.Sprintf("org-%d", n))
	}
	w.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("page") == "2" {
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	found, err := w.signed(t, installation.Config{}).Installations(t.Context())
	if found != nil || err == nil || err.Error() != "GitHub answered 502" {
		t.Errorf("%d installations, %v", len(found), err)
	}
}

// paged answers with these pages, each with a link to the page named next.
func paged(asked *[]string, pages map[string]string, next string, header ...string) sender {
	return func(r *http.Request) (*http.Response, error) {
		page := r.URL.Query().Get("page")
		*asked = append(*asked, page)
		link := `Link: <https://api.github.com/app/installations?per_page=100&page=` + next + `>; rel="next"`
		return answering(200, pages[page], append(header, link)...)(r)
	}
}

// Installations that come and go while the list is read may be on two pages: they are
// there once. A link that leads back ends the list.
func TestPagesThatMove(t *testing.T) {
	var asked []string
	pages := map[string]string{"1": `[{"id":3},{"id":7}]`, "2": `[{"id":7},{"id":5}]`}
	app := appBy(t, paged(&asked, pages, "2"))
	found, err := app.Installations(t.Context())
	if diff := cmp.Diff([]installation.Installation{{ID: 3}, {ID: 5}, {ID: 7}}, found); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"1", "2"}, asked); diff != "" {
		t.Error(diff)
	}
}

// When a page was the last that GitHub's budget allowed, it is GitHub that refuses the
// next, or does not: the library does not by itself.
func TestOnlyGitHubRefuses(t *testing.T) {
	var asked []string
	pages := map[string]string{"1": `[{"id":3}]`, "2": `[{"id":5}]`}
	spent := fmt.Sprintf("X-Ratelimit-Reset: %d", time.Now().Add(time.Hour).Unix())
	app := appBy(t, paged(&asked, pages, "2", "X-Ratelimit-Limit: 5000", "X-Ratelimit-Remaining: 0", spent))
	if found, err := app.Installations(t.Context()); err != nil || len(found) != 2 {
		t.Errorf("%v, %v", found, err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, asked); diff != "" {
		t.Error(diff)
	}
}
