package githubtest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A world is everything the server knows. Ids and dates are handed out in
// order, so that the same calls make the same bytes.
type world struct {
	accounts map[string]*account // by login in lower case
	tokens   map[string]*token
	repos    map[string]*repo // by full name in lower case
	renamed  map[string]*repo // former full names
	byID     map[int]*repo
	order    []*repo
	set      map[string]resource // by path, with or without a query
	lastID   int
	ticks    int
}

// An account is a user or an organization.
type account struct {
	id    int
	login string
	org   bool
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
	comments    int
	events      []object
	git         gitState
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
	sha, name, state, conclusion, title string
	created                             time.Time
}

// A resource is what Set stored.
type resource struct {
	body     string
	modified time.Time
}

func newWorld() world {
	return world{
		accounts: map[string]*account{}, tokens: map[string]*token{},
		repos: map[string]*repo{}, renamed: map[string]*repo{}, byID: map[int]*repo{},
		set: map[string]resource{}, lastID: 1000,
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
	switch {
	case i.open:
		return "open"
	default:
		return "closed"
	}
}

// nodeID is an opaque id as GraphQL and REST both show it.
func nodeID(kind string, id int) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", kind, id))
}

// AddUser makes a user whose tokens share one budget for each resource. Tokens
// that begin ghp_ or gho_ are classic: answers to them name scopes. Adding a
// user again adds tokens.
func (s *Server) AddUser(login string, tokens ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ensureAccount(login, false)
	for _, text := range tokens {
		s.tokens[text] = &token{text: text, login: login, scopes: "gist, read:org, repo, workflow"}
	}
}

// AddOrg makes an organization. AddRepo makes its owner one when there is no
// account of that login yet.
func (s *Server) AddOrg(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ensureAccount(login, true)
}

// SetScopes changes the OAuth scopes of a classic token.
func (s *Server) SetScopes(text, scopes string) {
	s.changeToken(text, func(t *token) { t.scopes = scopes })
}

// SetExpiry gives a token an end, which answers announce.
func (s *Server) SetExpiry(text string, at time.Time) {
	s.changeToken(text, func(t *token) { t.expires = at })
}

// Revoke ends a token: 401 from now on.
func (s *Server) Revoke(text string) {
	s.changeToken(text, func(t *token) { t.revoked = true })
}

func (s *Server) changeToken(text string, change func(*token)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[text]
	if t == nil {
		panic("githubtest: no such token")
	}
	change(t)
}

// AddRepo makes a repository with one commit on main, and its owner as an
// organization when there is no such account. A user owner may write to it;
// others by Grant.
func (s *Server) AddRepo(fullName string, private bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, name, found := strings.Cut(fullName, "/")
	if !found || s.repos[strings.ToLower(fullName)] != nil {
		panic("githubtest: cannot add repository " + fullName)
	}
	r := &repo{
		owner: s.ensureAccount(owner, true), id: s.id(), name: name, private: private,
		description: "The " + name + " of " + owner, access: map[string]bool{},
	}
	r.created = s.tick()
	r.updated = r.created
	for _, l := range []label{{name: "bug", color: "d73a4a", description: "Something isn't working"}, {name: "enhancement", color: "a2eeef", description: "New feature or request"}} {
		l.id = s.id()
		r.labels = append(r.labels, &l)
	}
	r.git.firstCommit(r)
	s.repos[strings.ToLower(fullName)] = r
	s.byID[r.id] = r
	s.order = append(s.order, r)
	s.flushIfRooted(r)
}

// AddIssue opens an issue and returns its number. Issues and pull requests
// share their numbers, as on GitHub.
func (s *Server) AddIssue(fullName, title string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	return s.addIssue(r, title, "", r.owner).number
}

func (s *Server) addIssue(r *repo, title, body string, author *account) *issue {
	i := &issue{id: s.id(), number: len(r.issues) + 1, title: title, body: body, author: author, open: true, created: s.tick()}
	i.updated = i.created
	r.issues = append(r.issues, i)
	return i
}

// AddPull opens a pull request from a branch change-N with one commit, and
// returns its number.
func (s *Server) AddPull(fullName, title string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	i := s.addIssue(r, title, "What it does: "+title+".", r.owner)
	i.pull = &pull{head: fmt.Sprintf("change-%d", i.number), base: "main"}
	r.git.pullCommit(i)
	s.flushIfRooted(r)
	return i.number
}

// AddRelease publishes a release and its assets, by file name.
func (s *Server) AddRelease(fullName, tag string, assets map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	rel := &release{id: s.id(), tag: tag, name: tag, target: "main", author: r.owner, created: s.tick()}
	names := make([]string, 0, len(assets))
	for name := range assets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		rel.assets = append(rel.assets, &asset{id: s.id(), name: name, contentType: "application/octet-stream", content: assets[name], uploader: r.owner, created: rel.created})
	}
	r.releases = append(r.releases, rel)
	r.git.tag(tag)
	s.flushIfRooted(r)
}

// Grant lets login read and write a repository.
func (s *Server) Grant(login, fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustRepo(fullName).access[strings.ToLower(login)] = true
}

// Ungrant takes that away again.
func (s *Server) Ungrant(login, fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mustRepo(fullName).access, strings.ToLower(login))
}

// Set makes GET of an API path answer body as it is, as JSON. The path may have
// a query, which then has to be the same; a path without one answers for all.
// What is set comes before what the world would say. Under /repos/OWNER/NAME it is
// as private as the repository.
func (s *Server) Set(path, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set[path] = resource{body, s.tick()}
}

// Touch changes the repository: it has one star more, and a later date.
func (s *Server) Touch(fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	r.stars++
	r.updated = s.tick()
}

// EditIssue changes the title of an issue or pull request.
func (s *Server) EditIssue(fullName string, number int, title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustRepo(fullName).issue(strconv.Itoa(number))
	if i == nil {
		panic(fmt.Sprintf("githubtest: no issue %d in %s", number, fullName))
	}
	i.title, i.updated = title, s.tick()
}

// Rename moves a repository: its former name redirects, its numeric paths stay.
// An owner that has no account becomes an organization.
func (s *Server) Rename(oldName, newName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(oldName)
	owner, name, found := strings.Cut(newName, "/")
	if !found || s.repos[strings.ToLower(newName)] != nil {
		panic("githubtest: cannot rename to " + newName)
	}
	s.flush(r) // before its folder gets another name
	from := s.gitDir(r)
	delete(s.repos, strings.ToLower(oldName))
	r.owner, r.name, r.updated = s.ensureAccount(owner, true), name, s.tick()
	s.repos[strings.ToLower(newName)] = r
	s.renamed[strings.ToLower(oldName)] = r
	delete(s.renamed, strings.ToLower(newName))
	moveGit(from, s.gitDir(r))
}
