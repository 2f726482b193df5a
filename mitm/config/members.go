package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"octopool/policy"
	"octopool/policy/pool"
)

const nameRule = "a name has 1 to 64 letters, digits, dots, dashes and underscores"

// credentials are those that could be read.
func (s *settler) credentials(f File) []pool.Credential {
	var out []pool.Credential
	first := map[string]int{} // by name
	for i, c := range f.Credential {
		at, is := fmt.Sprintf("credential[%d]", i), "credential "+c.Name
		if i >= s.written {
			at, is = "", s.sources[i-s.written]
		}
		switch other, taken := first[c.Name]; {
		case c.Name == "":
			s.wrong(at, "a credential needs a name")
		case !policy.IsName(c.Name):
			s.wrong(in(at, "name"), "%s: %s", is, nameRule)
		case taken && at == "" && other < s.written:
			s.wrong(fmt.Sprintf("credential[%d].name", other), "%s in the environment is a credential %s too; rename this one, or let its %s", is, c.Name, reference(c))
		case taken:
			s.wrong(in(at, "name"), "%s: there are two of this name, %s", is, c.Name)
		default:
			first[c.Name] = i
		}
		if !policy.IsName(c.Pool) {
			s.wrong(in(at, "pool"), "%s: %s", is, nameRule)
		}
		if !slices.ContainsFunc(f.GitHub, func(g GitHub) bool { return strings.EqualFold(g.Host, c.GitHub) }) {
			s.wrong(in(at, "github"), "%s: which GitHub is it for? set github to the host of a [[github]]", is)
		}
		for j, owner := range c.Owners {
			if !policy.IsName(owner) {
				s.wrong(fmt.Sprintf("%s[%d]", in(at, "owners"), j), "%s: %q is not the name of an account", is, owner)
			}
		}
		one := pool.Credential{Name: c.Name, GitHub: strings.ToLower(c.GitHub), Pool: c.Pool, Owners: c.Owners}
		switch {
		case c.PAT != "" && c.isApp():
			s.wrong(in(at, "pat"), "%s has a pat and an App; make it two credentials", is)
		case c.isApp():
			one.App = s.app(at, is, c)
		case c.PAT == "":
			s.wrong(at, "%s has neither a pat nor an App, which is an app_id or client_id with a private_key", is)
		default:
			one.Token = s.secret(in(at, "pat"), c.PAT)
			if policy.MadeHere(one.Token.Reveal()) {
				s.wrong(in(at, "pat"), "%s: this is the token of an octopool client, not of GitHub", is)
			}
		}
		out = append(out, one)
	}
	if len(f.Credential) == 0 {
		s.wrong("", "no credential: set GITHUB_TOKEN or GITHUB_PAT_NAME, or add a [[credential]]")
	}
	return out
}

// reference is what the file says to take a credential of the environment for its own.
func reference(c Credential) string {
	if c.isApp() {
		return fmt.Sprintf("private_key be %q", c.PrivateKey)
	}
	return fmt.Sprintf("pat be %q", c.PAT)
}

// in is a key of a table; the environment has none.
func in(table, key string) string {
	if table == "" {
		return ""
	}
	return table + "." + key
}

// rules are the clients and what becomes of those that are none.
func (s *settler) rules(f File, credentials []pool.Credential) policy.Rules {
	rules := policy.Rules{Anonymous: f.Policy.Anonymous, Unknown: f.Policy.Unknown, ReportOnly: f.Policy.ReportOnly}
	pools := map[string]bool{}
	for _, c := range f.Credential {
		pools[c.Pool] = true
	}
	owner := map[policy.Digest]string{} // of each token
	for _, c := range credentials {
		if !c.Token.IsZero() {
			owner[policy.DigestOf(c.Token.Reveal())] = "credential " + c.Name
		}
	}
	names := map[string]bool{policy.AnonymousClient: true, policy.UnregisteredClient: true}
	for i, c := range f.Client {
		at := fmt.Sprintf("client[%d]", i)
		switch {
		case c.Name == "":
			s.wrong(at, "a client needs a name")
		case !policy.IsName(c.Name):
			s.wrong(at+".name", "client %q: %s", c.Name, nameRule)
		case c.Name == policy.AnonymousClient, c.Name == policy.UnregisteredClient:
			s.wrong(at+".name", "client %s: this name is taken by requests without a registered token", c.Name)
		case names[c.Name]:
			s.wrong(at+".name", "client %s: there are two of this name", c.Name)
		}
		names[c.Name] = true
		if !pools[c.Pool] && len(pools) > 0 {
			s.wrong(at+".pool", "client %s: no credential is in pool %q; there is: %s", c.Name, c.Pool, strings.Join(slices.Sorted(maps.Keys(pools)), ", "))
		}
		r := policy.Registration{Name: c.Name, Pool: c.Pool, Scopes: s.scopes(f, at, c), ReportOnly: c.ReportOnly}
		var ok bool
		if c.OIDC != nil {
			r.Holder = s.holder(at, c)
		} else if r.Token, ok = s.digest(at, c, owner); ok {
			owner[r.Token] = "client " + c.Name
		}
		rules.Clients = append(rules.Clients, r)
	}
	switch name, isClient := strings.CutPrefix(f.Policy.Anonymous, "client:"); {
	case isClient && !slices.ContainsFunc(f.Client, func(c Client) bool { return c.Name == name }):
		s.wrong("policy.anonymous", "there is no client %q", name)
	case !isClient && f.Policy.Anonymous != "passthrough" && f.Policy.Anonymous != "reject":
		s.wrong("policy.anonymous", "%q is not passthrough, reject or client:NAME", f.Policy.Anonymous)
	}
	if u := f.Policy.Unknown; u != "reject" && u != "passthrough" {
		s.wrong("policy.unknown", "%q is not reject or passthrough", u)
	}
	return rules
}

func (s *settler) scopes(f File, at string, c Client) []policy.Scope {
	if c.Scopes != nil && len(c.Scopes) == 0 {
		s.wrong(at+".scopes", "client %s: an empty list would allow everything; leave scopes out for that", c.Name)
	}
	var out []policy.Scope
	for j, text := range c.Scopes {
		scope, err := policy.ParseScope(text)
		if err != nil {
			s.wrong(fmt.Sprintf("%s.scopes[%d]", at, j), "client %s: %v", c.Name, err)
			continue
		}
		s.checkGitHub(f, c, fmt.Sprintf("%s.scopes[%d]", at, j), scope)
		out = append(out, scope)
	}
	return out
}

// digest is what a client is registered by. owner are the tokens that are taken.
func (s *settler) digest(at string, c Client, owner map[policy.Digest]string) (d policy.Digest, ok bool) {
	key := at + ".token_sha256"
	switch {
	case c.TokenSHA256 != "" && c.Token != "":
		s.wrong(at+".token", "client %s: token and token_sha256 are two ways to say one thing; keep one", c.Name)
		return d, false
	case c.TokenSHA256 != "":
		var err error
		if d, err = policy.ParseDigest(c.TokenSHA256); err != nil {
			s.wrong(key, "client %s: %v", c.Name, err)
			return d, false
		}
	case c.Token != "":
		key = at + ".token"
		secret := s.secret(key, c.Token)
		if secret.IsZero() {
			return d, false // said already
		}
		d = policy.DigestOf(secret.Reveal())
	default:
		s.wrong(at, "client %s has neither token_sha256 nor token; `octopool client new` makes one", c.Name)
		return d, false
	}
	if other, taken := owner[d]; taken {
		s.wrong(key, "client %s: its token is that of %s too; `octopool client new` makes one of its own", c.Name, other)
		return d, false
	}
	return d, true
}
