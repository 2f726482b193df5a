package policy

import "strings"

// A guard is an endpoint that makes, shows or ends credentials. Reached with a
// pooled credential it would let a client take one home, make itself a lasting
// one, or rob everybody else of the pool's.
type guard struct {
	methods methodSet
	pattern pattern
	why     string
}

// guards are the guarded endpoints of the API (GitHub's OpenAPI descriptions of
// api.github.com, Enterprise Cloud and Enterprise Server). Not among them: secrets
// and their public keys, since a secret's value can be written and never read,
// and secret scanning alerts, which show what stands in the repository anyway.
var guards = compileGuards([]guardText{
	{"* /app/**", "it belongs to the App itself, and makes installation tokens"},
	{"* /app-manifests/**", "it makes an App and shows its private key"},
	{"* /applications/**", "it checks, makes and ends OAuth tokens"},
	{"* /authorizations/**", "it makes OAuth tokens"},
	{"* /copilot_internal/**", "it makes Copilot tokens"},
	{"* /credentials/**", "it ends credentials"},
	{"* /installation/token", "it ends the credential it is asked with"},

	{"* /repos/*/*/keys/**", "a deploy key opens the repository for good"},
	{"* /repos/*/*/actions/runners/{registration-token,remove-token,generate-jitconfig}", "it makes runner credentials"},
	{"* /{orgs,enterprises}/*/actions/runners/{registration-token,remove-token,generate-jitconfig}", "it makes runner credentials"},
	{"* /{orgs,enterprises}/*/credential-authorizations/**", "it shows and ends members' credentials"},
	{"* /orgs/*/personal-access-token*/**", "it shows and ends members' tokens"},

	{"* /user/{keys,gpg_keys,ssh_signing_keys}/**", "a key lets its holder act as the credential's user"},

	{"* /admin/{tokens,keys}/**", "it shows and ends everybody's credentials"},
	{"* /admin/users/*/authorizations/**", "it makes tokens for any user"},

	{"* /api/**", "the API has no such prefix on this host"},
})

// webGuards are those outside the API. None of them takes an API credential
// today; none is to be tried with one.
var webGuards = compileGuards([]guardText{
	{"* /login/**", "it makes OAuth tokens"},
	{"* /settings/**", "it makes and shows credentials"},
	{"* /{setup,manage}/**", "it manages the server"},
})

// A guardText is a guard in the language of scopes: METHODS PATTERN, and why.
type guardText struct{ scope, why string }

func compileGuards(texts []guardText) []guard {
	compiled := make([]guard, 0, len(texts))
	for _, text := range texts {
		words := strings.Fields(text.scope)
		m, err := parseMethods(words[0])
		if err != nil {
			panic(err)
		}
		p, err := parsePattern(words[1])
		if err != nil {
			panic(err)
		}
		compiled = append(compiled, guard{m, p, text.why})
	}
	return compiled
}

// guardOf returns the guard that r runs into in either of its readings, or nil.
// Numbers are no way around: /repositories/ID/keys is the keys of some repository.
func guardOf(r *Request) *guard {
	list := webGuards
	switch r.Kind {
	case KindGraphQL:
		return nil
	case KindREST, KindUpload:
		list = guards
	}
	whole, split := r.readings()
	if collection, id, numbered := r.number(); numbered {
		n := r.Path.under(named(collection, id, id))
		whole, split = n.whole, n.split
	}
	method := methodBit(r.Method)
	for i := range list {
		g := &list[i]
		if g.methods&method != 0 && (g.pattern.matches(split) || !samePlace(whole, split) && g.pattern.matches(whole)) {
			return g
		}
	}
	return nil
}

// namedBy reports whether s opens g: where g has a word, s must have words too, and
// no ** anywhere. "read /repos/acme/**" was not written with deploy keys in
// mind; "GET /repos/acme/*/keys" was.
func (g *guard) namedBy(s *Scope) bool {
	if s.service != rest || s.pattern.rest {
		return false
	}
	for i, c := range g.pattern.segments {
		if !c.any() && (i >= len(s.pattern.segments) || !s.pattern.segments[i].literal()) {
			return false
		}
	}
	return true
}
