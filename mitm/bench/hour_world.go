package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"octopool/mitm/githubtest"
)

// A world is the GitHub of the hour and all that was ever true in it.
type world struct {
	github    *githubtest.Server
	resources []resource
	below     map[string][]int // a repository's resources, but for those set by us
	version   []int            // how often a resource was changed
	history   history
	kind      map[string]bool // kinds that the stand-in knows; we set the others
}

// The viewers from whose eyes the history is written: one who may push to every
// repository, one who may only read the public ones. Their budgets are not counted.
var viewers = [...]string{"auditor-push", "auditor-pull"}

const auditorToken = "ghp_of_"

// newWorld makes the repositories. Every fifth is private and open to all credentials;
// to the others half of them may push, so that they see a repository differently.
func newWorld(github *githubtest.Server, all []resource, credentials []*credential) *world {
	w := &world{
		github: github, resources: all, below: map[string][]int{}, version: make([]int, len(all)),
		history: history{times: make([][len(viewers)][]version, len(all))},
		kind:    map[string]bool{"repository": true, "issues": true, "issue": true, "releases": true, "latest release": true, "file": true},
	}
	for _, login := range viewers {
		github.AddUser(login, auditorToken+login)
		github.SetBudget(login, "core", 1<<30, 0, time.Now().Add(time.Hour))
	}
	for i, r := range all {
		if _, known := w.below[r.repo]; !known {
			w.addRepo(r.repo, len(w.below), credentials)
		}
		w.below[r.repo] = append(w.below[r.repo], i)
	}
	for i, r := range all {
		if !w.kind[r.kind] {
			github.Set(r.target, body(r, 0))
		}
		w.record(i, time.Time{}, time.Time{})
	}
	github.ResetSeen()
	return w
}

func (w *world) addRepo(name string, n int, credentials []*credential) {
	private := n%5 == 4
	w.github.AddRepo(name, private)
	w.github.Grant(viewers[0], name)
	for i, c := range credentials {
		if private || i%2 == 0 {
			w.github.Grant(c.login, name)
		}
	}
	for number := 1; number <= issuesOf; number++ {
		w.github.AddIssue(name, fmt.Sprintf("Issue %d of %s", number, name))
	}
	w.github.AddRelease(name, "v1.0", nil)
	for _, r := range w.resources {
		if r.repo == name && r.kind == "file" {
			w.github.WriteFile(name, fileOf, "version: 0\n")
		}
	}
}

// change makes a resource other than it was, and writes down what changed with it.
func (w *world) change(i int) {
	r := w.resources[i]
	w.version[i]++
	number := r.number
	if number == 0 {
		number = 1 + w.version[i]%issuesOf
	}
	before := time.Now()
	switch r.kind {
	case "repository":
		w.github.Touch(r.repo)
	case "issue", "issues":
		w.github.EditIssue(r.repo, number, fmt.Sprintf("Issue %d of %s, edited for the %dth time as %s", number, r.repo, w.version[i], r.kind))
	case "releases", "latest release":
		w.github.AddRelease(r.repo, fmt.Sprintf("v1.%d-%d", i, w.version[i]), nil)
	case "file":
		w.github.WriteFile(r.repo, fileOf, fmt.Sprintf("version: %d\n", w.version[i]))
	default:
		w.github.Set(r.target, body(r, w.version[i]))
	}
	after := time.Now()
	if !w.kind[r.kind] {
		w.record(i, before, after)
		return
	}
	for _, other := range w.below[r.repo] { // a list shows what its items are
		if k := w.resources[other].kind; w.kind[k] && (k != "file" || other == i) {
			w.record(other, before, after)
		}
	}
}

// record looks at a resource with the eyes of all viewers.
func (w *world) record(i int, before, after time.Time) {
	for v, login := range viewers {
		r := w.resources[i]
		in := httptest.NewRequest(http.MethodGet, "https://api.github.com"+r.target, nil)
		in.Header = bearer(auditorToken + login)
		in.Header.Set("User-Agent", "bench")
		in.Header.Set("Accept", r.accept)
		out := httptest.NewRecorder()
		w.github.ServeHTTP(out, in)
		if out.Code == http.StatusOK {
			w.history.add(i, v, sha256.Sum256(out.Body.Bytes()), before, after)
		} else if v == 0 {
			panic(fmt.Sprintf("bench: %s: the stand-in answers %d %s", r.target, out.Code, out.Body))
		}
	}
}

// body is what we set for kinds the stand-in does not make: JSON of a likely size that
// names its version.
func body(r resource, version int) string {
	items := 1
	if strings.HasSuffix(r.kind, "s") {
		items = 20
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"total_count":%d,"version":%d,"items":[`, items, version)
	for i := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"%s %d","url":"https://api.github.com%s","head_sha":"%040x","status":"completed","conclusion":"success","run_attempt":1,"event":"push","actor":{"login":"octocat","id":1,"type":"User"},"body":"%s"}`,
			i, r.kind, i, r.target, i*7919+version, strings.Repeat("Lorem ipsum dolor sit amet, consectetur adipiscing elit. ", 10))
	}
	b.WriteString("]}")
	return b.String()
}
