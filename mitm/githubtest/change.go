package githubtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is what a test does to the world. Everything may be done at any
// time; the next request sees it. A mistake in a test, such as a repository that
// was never added, panics.

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
	s.set[path] = body
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
	if !s.rename(s.mustRepo(oldName), newName) {
		panic("githubtest: cannot rename to " + newName)
	}
}

// rename reports whether it could: the new name has to be free.
func (s *Server) rename(r *repo, newName string) bool {
	owner, name, found := strings.Cut(newName, "/")
	if !found || s.repos[strings.ToLower(newName)] != nil {
		return false
	}
	s.flush(r) // before its folder gets another name
	from, former := s.gitDir(r), strings.ToLower(r.fullName())
	delete(s.repos, former)
	r.owner, r.name, r.updated = s.ensureAccount(owner, true), name, s.tick()
	s.repos[strings.ToLower(newName)] = r
	s.renamed[former] = r
	delete(s.renamed, strings.ToLower(newName))
	moveGit(from, s.gitDir(r))
	return true
}
