package conformance

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"octopool/mitm/githubtest"
)

// A row is a session of one client.
type row struct {
	client string // the program or library
	title  string // what is done
	script string // of sh, with the variables of env (session_test.go)
	base   bool   // the client takes a base URL, $API

	fails  bool // directly, with a user's token
	silent bool // it prints nothing

	// more is what the world has beside that of all rows. It returns variables for the script.
	more func(*githubtest.Server) []string

	// races: the client asks several things at once and gives up the others when it has what it
	// wants, so that which of them GitHub saw is chance.
	races bool
	// app says why GitHub treats an installation otherwise than a user here, so that the
	// session ends with another status. Empty: it does not.
	app string
	// differs has what octopool answers otherwise by design. What it does not name must be the
	// same, and what it names must be there.
	differs map[column]difference
}

// A difference is a text of the direct session in whose place octopool's has another; without
// one, octopool's is all there is.
type difference struct{ why, directly, octopool string }

// A column is a way to GitHub.
type column string

const (
	direct           column = "direct"
	withPAT          column = "with a PAT"
	withInstallation column = "with an installation"
	atBaseURL        column = "base URL"
)

// cells are what the table says of a row.
type cells map[column]string

const (
	same     = "same"
	noCell   = "–"
	failsToo = "the same error"
)

func (r row) name() string { return r.client + "/" + r.title }

// examine runs a row in all columns and compares.
func (r row) examine(t *testing.T, kit kit) cells {
	users := r.run(t, way{kit: kit})
	t.Logf("directly:\n%s", users.text()) // with -v: what a row is about
	found := cells{direct: "ok", atBaseURL: noCell}
	if users.status != 0 {
		found[direct] = "an error"
	}
	if failed := users.status != 0; failed != r.fails {
		t.Errorf("directly it ends with status %d; the row says that it fails: %v", users.status, r.fails)
	}
	if silent := users.stdout+users.stderr == ""; silent != r.silent {
		t.Errorf("directly it prints nothing: %v; the row says %v", silent, r.silent)
	}
	found[withPAT] = r.compare(t, withPAT, users, r.run(t, way{kit: kit, octopool: true}))
	if r.base {
		found[atBaseURL] = r.compare(t, atBaseURL, users, r.run(t, way{kit: kit, octopool: true, base: true}))
	}
	apps := r.run(t, way{kit: kit, app: true})
	found[withInstallation] = r.compare(t, withInstallation, apps, r.run(t, way{kit: kit, octopool: true, app: true}))
	if refused := users.status != apps.status; refused != (r.app != "") {
		t.Errorf("directly, a user's session ends with status %d and an installation's with %d; the row says %q\n%s", users.status, apps.status, r.app, apps.text())
	}
	if r.app != "" {
		found[withInstallation] += ": " + r.app
	}
	return found
}

// compare is what a cell says: that octopool's session is the direct one, or why not.
func (r row) compare(t *testing.T, c column, directly, octopool outcome) string {
	t.Helper()
	want, says := directly.text(), same
	if directly.status != 0 {
		says = failsToo
	}
	if d, differs := r.differs[c]; differs {
		if !strings.Contains(want, d.directly) {
			t.Errorf("%s: the direct session has no\n%s\nwhich is to differ:\n%s", c, d.directly, want)
		}
		if says = d.why; d.directly == "" {
			want = d.octopool
		} else {
			want = strings.ReplaceAll(want, d.directly, d.octopool)
		}
	}
	if got := octopool.text(); got != want {
		t.Errorf("%s: %s\n%s", c, diff.Diff("directly", []byte(want), "through octopool", []byte(got)), octopool.log)
	}
	for _, wrong := range r.unlike(c, directly.requests, octopool.requests) {
		t.Errorf("%s: %s", c, wrong)
	}
	return says
}
