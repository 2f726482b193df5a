package policy

import (
	"slices"
	"strings"
)

// A Role is what a host is for.
type Role uint8

// Roles. The zero Role is the strictest: everything is a REST request that some
// scope must name.
const (
	RoleAPI        Role = iota // api.github.com, api.SUB.ghe.com: REST and GraphQL
	RoleUploads                // uploads.github.com: release assets
	RoleWeb                    // github.com, SUB.ghe.com: git, LFS, archives, pages
	RoleArchive                // codeload.github.com
	RoleRaw                    // raw.githubusercontent.com
	RoleGist                   // gist.github.com, gist.githubusercontent.com
	RoleEnterprise             // an Enterprise Server: all of these on one host
	RoleSigned                 // media.HOST of an Enterprise Server: what signed URLs lead to
)

// An Origin is the place an intercepted host stands for.
type Origin struct {
	GitHub string // the configured GitHub, such as "github.com"
	Host   string // the intercepted host, exactly, such as "api.github.com"
	Role   Role
}

// A Kind says what protocol a request speaks.
type Kind string

// Kinds.
const (
	KindREST    Kind = "rest"
	KindGraphQL Kind = "graphql"
	KindGit     Kind = "git"
	KindLFS     Kind = "lfs"
	KindUpload  Kind = "upload"
	KindArchive Kind = "archive" // archives, raw files, release downloads
	KindOther   Kind = "other"   // pages, logins, and what nobody knows
)

// A Request is what a client asks, as far as policy cares. Read makes one.
type Request struct {
	Origin Origin
	Method string
	Kind   Kind

	// Prefix is "/api/v3" or "/api/uploads" on an Enterprise Server, in this
	// spelling; it is not part of Path.
	Prefix string
	Path   Path

	// Write reports whether the request may change something. REST: any method
	// but GET, HEAD and OPTIONS. Git: a push, from its discovery on. Uploads:
	// always. LFS: what is done to locks; whether a batch uploads or downloads
	// stands in its body, so a batch counts as reading until Batch has read that.
	// GraphQL: true, until a body has been read that says otherwise (see Carrying).
	Write bool

	// Document is what a GraphQL request asks, nil until its body has been read.
	Document *Document

	// Owner and Repo are decoded and spelled as the client spelled them, Repo
	// without ".git"; "" when the path names none. A gist's id is its Repo.
	Owner, Repo string

	// Signed is set where the URL itself is what opens it. No credential goes with it.
	Signed bool

	gist    bool
	queried bool   // its URL has a query
	named   *names // set by Named
}

// names are the two readings of a path whose numbers have become names.
type names struct{ whole, split []string }

// Read makes sense of a request to an intercepted host. It decides by method,
// path and query alone and never fails for a path that can have one meaning
// only; its error is a *BadPath.
func Read(o Origin, method, escapedPath, rawQuery string) (Request, error) {
	path, err := ParsePath(escapedPath)
	if err != nil {
		return Request{}, err
	}
	r := Request{Origin: o, Method: method, Path: path, Kind: KindOther, Write: !reads(method), queried: rawQuery != ""}
	switch o.Role {
	case RoleAPI:
		r.readAPI()
	case RoleUploads:
		r.readUpload()
	case RoleWeb:
		r.readWeb(path.split, rawQuery)
	case RoleArchive:
		r.readArchive(path.split)
	case RoleRaw:
		r.readRaw(path.split)
	case RoleGist:
		r.readGist(path.split, rawQuery)
	case RoleEnterprise:
		if err := r.readEnterprise(rawQuery); err != nil {
			return Request{}, err
		}
	case RoleSigned:
		r.readSigned()
	}
	r.Signed = r.Signed || r.Kind == KindArchive && isSigned(rawQuery)
	return r, nil
}

// reads reports whether method is safe (RFC 9110, section 9.2.1). Methods are
// case-sensitive: "get" is not GET.
func reads(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS"
}

// UpstreamPath returns the escaped path to send.
func (r Request) UpstreamPath() string { return r.Prefix + r.Path.String() }

// Named returns r with the names its numbers stand for: scopes are then matched
// on /repos/OWNER/REPO/…, /orgs/OWNER/… or /users/OWNER/…, while the upstream
// path stays as it was. Owner and repo come from GitHub's own answer about
// the *Unresolved number. A request without a number, and one whose names are not
// names, is returned as it is.
func (r Request) Named(owner, repo string) Request {
	collection, _, numbered := r.number()
	if !numbered || !isName(owner) || collection == "repositories" && !isName(repo) {
		return r
	}
	if collection != "repositories" {
		repo = ""
	}
	r.Owner, r.Repo = owner, repo
	r.named = r.Path.under(named(collection, owner, repo))
	return r
}

// isName reports whether s can stand for one segment.
func isName(s string) bool {
	return checkSegment(s) == nil && !strings.Contains(s, "/")
}

// named returns the segments that stand for /collection/ID when the number has names.
func named(collection, owner, repo string) []string {
	switch collection {
	case "organizations":
		return []string{"orgs", owner}
	case "user":
		return []string{"users", owner}
	}
	return []string{"repos", owner, repo}
}

// under returns p's readings with the first two segments replaced.
func (p Path) under(head []string) *names {
	n := &names{whole: append(head[:len(head):len(head)], p.whole[2:]...)}
	n.split = n.whole
	if !samePlace(p.split, p.whole) {
		n.split = append(head[:len(head):len(head)], p.split[2:]...)
	}
	return n
}

func samePlace(a, b []string) bool { return len(a) == 0 || &a[0] == &b[0] }

// number returns the collection and the id when the path tells by number whom it
// is about, as GitHub's own Link and Location headers do: /repositories/ID,
// /organizations/ID and /user/ID with everything below them. A request that has
// been Named has no number any more. Whatever follows /repositories/ counts as a
// number, since nothing else does at GitHub; the other two take names and words too.
func (r *Request) number() (collection, id string, ok bool) {
	if r.named != nil || len(r.Path.split) < 2 || r.Kind != KindREST && r.Kind != KindUpload {
		return "", "", false
	}
	id = r.Path.split[1]
	switch first := r.Path.split[0]; {
	case equalFold("repositories", first):
		return "repositories", id, true
	case equalFold("organizations", first):
		return "organizations", id, only(id, isDigit)
	case equalFold("user", first):
		return "user", id, only(id, isDigit)
	}
	return "", "", false
}

// Number returns what stands for the owner where the path names it by number, as
// GitHub's own Link headers do: "repositories/1296269", "organizations/9919" or
// "user/583231". It is "" for a path that names or needs none, and for one that was Named.
func (r Request) Number() string {
	collection, id, numbered := r.number()
	if !numbered {
		return ""
	}
	return collection + "/" + id
}

// Readings returns the segments that scopes are matched on, names instead of numbers in a
// request that was Named: with an encoded slash as a character of its segment, and with
// every slash separating.
func (r Request) Readings() (whole, split []string) {
	whole, split = r.readings()
	return slices.Clone(whole), slices.Clone(split)
}

// IsGist reports whether a request to git, or for an archive or a raw file, is about a
// gist, whose id is then Repo.
func (r Request) IsGist() bool { return r.gist }

// readings returns the segments that scopes are matched on, for both meanings of
// an encoded slash.
func (r *Request) readings() (whole, split []string) {
	if r.named != nil {
		return r.named.whole, r.named.split
	}
	return r.Path.whole, r.Path.split
}

func (r *Request) readAPI() {
	if s := r.Path.split; len(s) == 1 && equalFold("graphql", s[0]) {
		r.Kind, r.Write = KindGraphQL, true
		return
	}
	r.Kind = KindREST
	r.nameREST()
}

func (r *Request) readUpload() {
	r.Kind, r.Write = KindUpload, true
	r.nameREST()
}

// nameREST finds whom a REST path is about.
func (r *Request) nameREST() {
	s := r.Path.split
	if len(s) < 2 {
		return
	}
	switch first := s[0]; {
	case equalFold("repos", first), equalFold("networks", first):
		r.Owner = s[1]
		if len(s) > 2 {
			r.Repo = withoutGit(s[2])
		}
	case equalFold("orgs", first), equalFold("users", first):
		r.Owner = s[1]
	case equalFold("organizations", first) && !only(s[1], isDigit):
		r.Owner = s[1]
	}
}

// readEnterprise sorts the one host of an Enterprise Server. The prefix is
// recognized in any case and sent in the documented one, so that no spelling of
// it leads to the API unseen.
func (r *Request) readEnterprise(rawQuery string) error {
	s := r.Path.split
	if len(s) < 2 || !equalFold("api", s[0]) {
		r.readEnterpriseWeb(rawQuery)
		return nil
	}
	switch {
	case equalFold("v3", s[1]):
		r.Prefix = "/api/v3"
	case equalFold("uploads", s[1]):
		r.Prefix = "/api/uploads"
	case equalFold("graphql", s[1]) && len(s) == 2:
		r.Kind, r.Write = KindGraphQL, true
		return nil
	default:
		return nil
	}
	rest, err := ParsePath("/" + strings.TrimPrefix(r.Path.text[len(r.Prefix):], "/"))
	if err != nil {
		return err // an encoded slash that was far enough back only with the prefix
	}
	r.Path = rest
	if r.Prefix == "/api/v3" {
		r.readAPI()
	} else {
		r.readUpload()
	}
	return nil
}

// equalFold reports whether s is word, which is in small letters, but for the case
// of ASCII letters. Unicode's folding would let other letters pass for these.
func equalFold(word, s string) bool {
	if len(word) != len(s) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != word[i] {
			return false
		}
	}
	return true
}
