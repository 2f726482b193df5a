package policy

import (
	"cmp"
	"fmt"
)

// A Grant is the proof that one request was authorized. Only Authorize makes one
// that is Valid; without it nothing goes upstream.
type Grant struct {
	caller  Caller
	request Request
	beyond  *OutOfScope // see WouldRefuse
}

// Valid reports whether Authorize made g.
func (g Grant) Valid() bool { return g.caller.name != "" }

// Client returns the name of the caller.
func (g Grant) Client() string { return g.caller.name }

// Pool returns the pool whose credentials may be used, "" unless g Presents Pooled.
func (g Grant) Pool() string {
	if g.Presents() != Pooled {
		return ""
	}
	return g.caller.Pool()
}

// Request returns what was granted.
func (g Grant) Request() Request { return g.request }

// WouldRefuse is the refusal that the client's scopes call for and that it was spared,
// since they are to be reported only; nil when they allow the request.
func (g Grant) WouldRefuse() *OutOfScope { return g.beyond }

// Presents says with what the request is sent.
func (g Grant) Presents() Presentation {
	if g.request.Signed {
		return Bare
	}
	return g.caller.presents
}

// Presentation says what a request is sent upstream with.
type Presentation uint8

// Presentations. The zero one is no permission: see Grant.
const (
	Pooled Presentation = iota // with a credential of the grant's pool
	Bare                       // with none: it came without, or its URL is signed
	Own                        // with the caller's own Authorization
)

// OutOfScope says that a client may not ask this.
type OutOfScope struct {
	Client, Method, Path string // Path is canonical and has no query
	Reason               string // "" when the scopes say it all
}

func (e *OutOfScope) Error() string {
	text := fmt.Sprintf("octopool: client %s may not %s %s", e.Client, e.Method, e.Path)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Unresolved says that scopes cannot be matched before a number has a name: ask
// GitHub for Path, and Authorize again what Request.Named returns.
type Unresolved struct {
	Collection string // "repositories", "organizations" or "user"
	ID         string // decimal
}

func (e *Unresolved) Error() string { return "octopool: whom is " + e.Path() + " about?" }

// Path returns the path that tells the name, such as /repositories/1296269.
func (e *Unresolved) Path() string { return "/" + e.Collection + "/" + e.ID }

// Authorize grants r to c, or says why not with an *OutOfScope or an *Unresolved.
//
// Who is registered is bound by its scopes, if it has any, and kept from the
// endpoints that make or show credentials unless a scope names them word by word.
// Who sends a minted token is bound by each of its narrowings besides. Who passes through
// is bound by nothing here: GitHub decides, by the credential that the caller has or has not.
//
// A client whose scopes are to be reported only is granted what they do not name, with
// WouldRefuse. That opens no endpoint that makes or shows credentials, and no path of
// which it is not known whom it is about.
func (p *Policy) Authorize(c Caller, r Request) (Grant, error) {
	refuse := func(reason string) (Grant, error) {
		return Grant{}, &OutOfScope{c.name, r.Method, r.UpstreamPath(), reason}
	}
	switch {
	case c.name == "":
		return refuse("nobody has been identified")
	case r.Path.text == "":
		return refuse("there is no path")
	case c.client == nil, r.isBeyondScopes():
		return Grant{caller: c, request: r}, nil
	}
	guard := guardOf(&r)
	if len(c.client.scopes) == 0 && guard != nil {
		return refuse(guard.why + ", and no scope names it")
	}
	if _, id, numbered := r.number(); numbered && len(c.bounds) > 0 && !only(id, isDigit) {
		return refuse("this is no number")
	}
	granted := Grant{caller: c, request: r}
	for i, scopes := range c.bounds {
		ok, reason, err := within(scopes, guard, &r)
		switch narrowed := i >= len(c.client.bounds); {
		case err != nil:
			return Grant{}, err
		case ok:
		case narrowed: // its client's report_only is no concern of who narrowed it
			return refuse(cmp.Or(reason, "the token it sends was narrowed to less"))
		case c.client.reportOnly && guard == nil:
			granted.beyond = &OutOfScope{c.name, r.Method, r.UpstreamPath(), reason}
		default:
			return refuse(reason)
		}
	}
	return granted, nil
}

// within reports whether a list of scopes allows r, or why not. Its error is an *Unresolved.
func within(scopes []Scope, guard *guard, r *Request) (ok bool, reason string, err error) {
	if r.Kind == KindGraphQL {
		reason := refuseDocument(scopes, r)
		return reason == "", reason, nil
	}
	if collection, id, numbered := r.number(); numbered {
		return false, "", &Unresolved{collection, id}
	}
	allowed := false
	for i := range scopes {
		if !scopes[i].allows(r) {
			continue
		}
		if guard == nil || guard.namedBy(&scopes[i]) {
			return true, "", nil
		}
		allowed = true
	}
	switch {
	case allowed:
		return false, guard.why + ", and no scope names it word by word", nil
	case r.Kind == KindGit, r.Kind == KindLFS, r.Kind == KindArchive:
		return false, "it needs the scope " + r.gitScope(scopes[0].github != ""), nil
	case r.Kind == KindOther:
		return false, "no scope is about such pages", nil
	}
	return false, "", nil
}

// gitScope is the least scope that names a request of git's kinds: what is asked, such as
// GET …/info/refs for a push, does not tell its sender which.
func (r *Request) gitScope(namesGitHub bool) string {
	verb, owner := "git:read ", r.Owner
	if r.Write {
		verb = "git:write "
	}
	if r.gist {
		owner = "gist"
	}
	if namesGitHub {
		owner = r.Origin.GitHub + "/" + owner
	}
	return verb + owner + "/" + r.Repo
}
