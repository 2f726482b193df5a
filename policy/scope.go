package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Scope names requests a client may make. The zero Scope names none.
//
//	read /repos/acme/**              REST: methods, and a pattern for the path
//	POST,PATCH /repos/acme/{web,api-*}/issues/*
//	git:read acme/*                  clone, fetch, archives, raw files, release downloads
//	git:write acme/web               push
//	graphql:query                    any GraphQL query
//	graphql:mutation                 any mutation
//	graphql:mutation addComment,createIssue
//
// METHODS is a list of GET, HEAD, OPTIONS, POST, PUT, PATCH and DELETE; "read" is
// the first three, "write" all but these, "*" all. Methods say exactly
// what they say: GET does not include HEAD.
//
// In PATTERN, * is one segment or any part of one, {a,b} is a or b, and ** at the end
// is the rest, be there any or not: /repos/acme/web/** includes /repos/acme/web, so
// with "write" it includes deleting that repository. Without **, a pattern ends where
// the path ends. ASCII letters match in either case, as owners and repositories
// do at GitHub. The pattern is matched on decoded segments, without /api/v3 and
// without a slash at the end, and with names where the path has numbers. A
// path with an encoded slash must match in both of its readings (see Path): to
// allow /git/ref/heads%2Fmain, write /git/ref/**.
//
// git:write does not include git:read, and needs none: a push asks for nothing
// but receive-pack, and with LFS for a batch that uploads and for locks. Archives through the
// API, /repos/OWNER/REPO/tarball, need a scope for that path and then git:read for
// the host they redirect to. Gists are git:read gist/ID: no pattern but the plain
// word gist reaches them, and that one reaches nothing else.
//
// Where octopool stands before several GitHubs, a pattern begins with the one it is for:
// read github.com/repos/acme/**, git:read ghe.example/acme/*, graphql:query ghe.example,
// graphql:mutation ghe.example/addComment.
//
// A GraphQL query is not matched by what it is about: it reads whatever its credential can,
// and so does the answer to a mutation. graphql:mutation does not include graphql:query.
// What cannot be read (see Document) is in no scope.
//
// Uploads of release assets are POST /repos/OWNER/REPO/releases/ID/assets. Web pages are
// in no scope.
type Scope struct {
	text    string
	github  string // see GitHub
	service service
	methods methodSet // REST
	pattern pattern

	mutations []string // GraphQL: these alone; nil for all
}

type service uint8

const (
	nothing service = iota
	rest
	gitRead
	gitWrite
	graphQLQuery
	graphQLMutation
)

// ParseScope reads one scope. Its error names the part that is wrong and what
// would be right.
func ParseScope(text string) (Scope, error) {
	s := Scope{text: strings.Join(strings.Fields(text), " ")}
	words := strings.Fields(text)
	if len(words) > 0 && strings.HasPrefix(strings.ToLower(words[0]), "graphql:") {
		if err := s.parseGraphQL(words); err != nil {
			return Scope{}, fmt.Errorf("scope %q: %w", s.text, err)
		}
		return s, nil
	}
	if len(words) != 2 {
		return Scope{}, fmt.Errorf("scope %q: want two words, such as %q or %q", s.text, "read /repos/acme/**", "git:read acme/*")
	}
	var err error
	host, below := cutGitHub(words[1])
	s.github = host
	switch words[0] {
	case "git:read":
		s.service = gitRead
		s.pattern, err = parseRepositories(below)
	case "git:write":
		s.service = gitWrite
		s.pattern, err = parseRepositories(below)
	default:
		s.service = rest
		if host != "" {
			below = "/" + below
		}
		if s.methods, err = parseMethods(words[0]); err == nil {
			s.pattern, err = parsePaths(below)
		}
	}
	if err != nil {
		return Scope{}, fmt.Errorf("scope %q: %w", s.text, err)
	}
	return s, nil
}

// String returns the scope as it was written, with single spaces.
func (s Scope) String() string { return s.text }

// parseRepositories reads OWNER/REPO as a pattern of two segments.
func parseRepositories(text string) (pattern, error) {
	p, err := parsePattern("/" + strings.TrimPrefix(text, "/"))
	switch {
	case strings.HasPrefix(text, "/"), err == nil && (p.rest || len(p.segments) != 2):
		return p, fmt.Errorf("want OWNER/REPO instead of %q, such as %q for all of acme's repositories", text, "acme/*")
	case err != nil:
		return p, err
	}
	for _, g := range p.segments[1] {
		if strings.HasSuffix(g[len(g)-1], ".git") {
			return p, fmt.Errorf("leave the .git out of %q: it is matched without", text)
		}
	}
	return p, nil
}

// parsePaths reads the pattern of a REST scope, and refuses those that could
// never match.
func parsePaths(text string) (pattern, error) {
	p, err := parsePattern(text)
	if err != nil {
		return p, err
	}
	switch {
	case p.begins("api", "v3"), p.begins("api", "uploads"):
		return p, fmt.Errorf("pattern %q begins with an Enterprise prefix: leave it out, it is matched without", text)
	case p.begins("graphql"), p.begins("api", "graphql"):
		return p, fmt.Errorf("pattern %q is GraphQL: write graphql:query or graphql:mutation, which go by what is asked", text)
	case p.begins("repositories") && len(p.segments) > 1:
		return p, fmt.Errorf("pattern %q goes by number: write /repos/OWNER/REPO, numbers are matched as what they stand for", text)
	}
	return p, nil
}

// A methodSet has a bit for each of methods, and one for all others.
type methodSet uint8

var methods = [...]string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}

const (
	readMethods methodSet = 1<<3 - 1 // the first three
	allMethods  methodSet = 1<<8 - 1
)

func methodBit(method string) methodSet {
	for i, m := range methods {
		if m == method {
			return 1 << i
		}
	}
	return 1 << len(methods)
}

func parseMethods(list string) (methodSet, error) {
	var set methodSet
	for word := range strings.SplitSeq(list, ",") {
		switch {
		case word == "*":
			set |= allMethods
		case word == "read":
			set |= readMethods
		case word == "write":
			set |= allMethods &^ readMethods
		case slices.Contains(methods[:], word):
			set |= methodBit(word)
		default:
			return 0, fmt.Errorf("unknown method %q: want %s, read, write, * or a list of these with commas, or git:read, git:write, graphql:query or graphql:mutation", word, strings.Join(methods[:], ", "))
		}
	}
	return set, nil
}

// Allows reports whether s names r. A request that goes by number is named by no
// scope before it has been Named. Allows says nothing of endpoints that make or
// show credentials: Authorize does.
func (s Scope) Allows(r Request) bool { return s.allows(&r) }

func (s *Scope) allows(r *Request) bool {
	if !s.isOn(r.Origin.GitHub) {
		return false
	}
	switch r.Kind {
	case KindREST, KindUpload:
		if s.service != rest || s.methods&methodBit(r.Method) == 0 {
			return false
		}
		if _, _, numbered := r.number(); numbered {
			return false
		}
		whole, split := r.readings()
		return s.pattern.matchesBoth(whole, split)
	case KindGit, KindLFS, KindArchive:
		want := gitRead
		if r.Write {
			want = gitWrite
		}
		return s.service == want && s.allowsRepository(r)
	case KindGraphQL:
		return refuseDocument([]Scope{*s}, r) == ""
	}
	return false
}

func (p *pattern) matchesBoth(whole, split []string) bool {
	return p.matches(whole) && (samePlace(whole, split) || p.matches(split))
}

func (s *Scope) allowsRepository(r *Request) bool {
	owner, repo := s.pattern.segments[0], s.pattern.segments[1]
	gists := owner.literal() && len(owner) == 1 && owner.matches("gist")
	if r.gist || gists {
		return r.gist && gists && r.Repo != "" && repo.matches(r.Repo)
	}
	return r.Owner != "" && r.Repo != "" && owner.matches(r.Owner) && repo.matches(r.Repo)
}
