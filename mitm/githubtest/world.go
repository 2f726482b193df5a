package githubtest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A world is everything the server knows. Ids and dates are handed out in
// order, so that the same calls make the same bytes.
type world struct {
	accounts      map[string]*account // by login in lower case
	tokens        map[string]*token
	repos         map[string]*repo // by full name in lower case
	renamed       map[string]*repo // former full names
	byID          map[int]*repo
	order         []*repo
	gistsOf       []*gist // of all users
	apps          []*App
	installations []*Installation   // those that are still there
	machines      map[string]bool   // principals that are Apps and installations, uninstalled ones too
	set           map[string]string // JSON bodies, by path with or without a query
	lastID        int
	ticks         int
}

// An account is a user or an organization.
type account struct {
	id    int
	login string
	org   bool
	app   *App // of which this is the bot, or nil
	born  time.Time
}

// A repo is one repository.
type repo struct {
	id          int
	owner       *account
	name        string
	private     bool
	description string
	stars       int
	created     time.Time
	updated     time.Time
	access      map[string]bool // logins in lower case that may write, and read when private
	issues      []*issue        // pull requests too; number is index + 1
	labels      []*label
	releases    []*release
	statuses    []*status
	checks      []*checkRun
	deployments []*deployment
	events      []object
	workflows   []*workflow
	runs        []*workflowRun
	secrets     []string // names
	git         gitState
	lfs         lfsState
}

// An issue is an issue or, with pull set, a pull request.
type issue struct {
	id       int
	number   int
	title    string
	body     string
	author   *account
	open     bool
	labels   []*label
	comments []*comment
	created  time.Time
	updated  time.Time
	closed   time.Time
	pull     *pull
}

// A pull is what a pull request has beyond an issue.
type pull struct {
	head, base string
	draft      bool
	reviews    []*review
	merged     *merge // nil: it is not
}

type comment struct {
	id      int
	author  *account
	body    string
	created time.Time
}

type label struct {
	id          int
	name, color string
	description string
}

type release struct {
	id         int
	tag, name  string
	body       string
	target     string
	draft      bool
	prerelease bool
	author     *account
	created    time.Time
	assets     []*asset
}

type asset struct {
	id          int
	name, label string
	contentType string
	content     []byte
	downloads   int
	uploader    *account
	created     time.Time
}

type status struct {
	id                                   int
	sha, state, target, description, ctx string
	creator                              *account
	created                              time.Time
}

type checkRun struct {
	id                                  int
	sha, name, status, conclusion       string // no conclusion: in progress
	title, summary, details, externalID string
	app                                 *App // who made it and alone may change it; nil for a test's own
	created                             time.Time
}

type deployment struct {
	id                                       int
	sha, ref, task, environment, description string
	creator                                  *account
	created                                  time.Time
	states                                   []*deploymentState
}

type deploymentState struct {
	id                         int
	state, description, target string
	creator                    *account
	created                    time.Time
}

func newWorld() world {
	return world{
		accounts: map[string]*account{}, tokens: map[string]*token{},
		repos: map[string]*repo{}, renamed: map[string]*repo{}, byID: map[int]*repo{},
		set: map[string]string{}, machines: map[string]bool{}, lastID: 1000,
	}
}

// id hands out the next numeric id. The caller holds s.mu, as everywhere below.
func (w *world) id() int { w.lastID++; return w.lastID }

// tick is the date of the next thing made: a minute after the last, from a fixed start.
func (w *world) tick() time.Time {
	w.ticks++
	return time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC).Add(time.Duration(w.ticks) * time.Minute)
}

func (w *world) account(login string) *account { return w.accounts[strings.ToLower(login)] }

// ensureAccount is the account of that login, made when there is none.
func (w *world) ensureAccount(login string, org bool) *account {
	if a := w.account(login); a != nil {
		return a
	}
	a := &account{id: w.id(), login: login, org: org, born: w.tick()}
	w.accounts[strings.ToLower(login)] = a
	return a
}

// mustRepo panics on a repository that was never added: that is a bug in a test.
func (w *world) mustRepo(fullName string) *repo {
	r := w.repos[strings.ToLower(fullName)]
	if r == nil {
		panic("githubtest: no repository " + fullName)
	}
	return r
}

func (r *repo) fullName() string { return r.owner.login + "/" + r.name }

// reads reports whether login, or nobody when empty, may see the repository.
func (r *repo) reads(login string) bool { return !r.private || r.writes(login) }

// writes reports whether login may push.
func (r *repo) writes(login string) bool {
	if login == "" {
		return false
	}
	return strings.EqualFold(login, r.owner.login) || r.access[strings.ToLower(login)]
}

// issue finds an issue or pull request by its number in text.
func (r *repo) issue(number string) *issue {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(r.issues) {
		return nil
	}
	return r.issues[n-1]
}

func (r *repo) release(match func(*release) bool) *release {
	for _, rel := range r.releases {
		if match(rel) {
			return rel
		}
	}
	return nil
}

func (r *repo) label(name string) *label {
	for _, l := range r.labels {
		if strings.EqualFold(l.name, name) {
			return l
		}
	}
	return nil
}

func (i *issue) state() string {
	if i.open {
		return "open"
	}
	return "closed"
}

// nodeID is an opaque id as GraphQL and REST both show it.
func nodeID(kind string, id int) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", kind, id))
}
