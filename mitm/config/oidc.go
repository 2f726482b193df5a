package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"octopool/mitm/oidc"
	"octopool/policy"
)

// OIDC says that a client is who an OpenID Connect issuer says it is.
type OIDC struct {
	Issuer   string            `toml:"issuer"`
	Audience string            `toml:"audience"`
	Claims   map[string]string `toml:"claims"` // pattern by name
	CAFile   string            `toml:"ca_file"`
}

// holder is what a client is registered by instead of a token; nil when something is wrong.
func (s *settler) holder(at string, c Client) *policy.Holder {
	known := len(s.problems)
	if c.Token != "" || c.TokenSHA256 != "" {
		s.wrong(at+".oidc", "client %s has a token and an issuer; make it two clients", c.Name)
	}
	at += ".oidc"
	if c.OIDC.Issuer != "" && !isIssuer(c.OIDC.Issuer) {
		s.wrong(at+".issuer", "client %s: %q is not an issuer such as \"https://token.actions.githubusercontent.com\"", c.Name, c.OIDC.Issuer)
	}
	h := &policy.Holder{Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience}
	for _, name := range slices.Sorted(maps.Keys(c.OIDC.Claims)) {
		claim, err := policy.ParseClaim(name, c.OIDC.Claims[name])
		if err != nil {
			s.wrong(at+".claims."+name, "client %s: %v", c.Name, err)
		}
		h.Claims = append(h.Claims, claim)
	}
	if len(s.problems) > known {
		return nil
	}
	if err := h.Check(); err != nil {
		s.wrong(at, "client %s: %v", c.Name, err)
		return nil
	}
	return h
}

// isIssuer reports whether a text can be the iss of a token (OpenID Connect Core 1.0, section
// 2) whose keys are then found over TLS.
func isIssuer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// issuers are those of the clients, once each.
func (s *settler) issuers(f File) []oidc.Issuer {
	var out []oidc.Issuer
	files := map[string]string{}
	for i, c := range f.Client {
		if c.OIDC == nil || !isIssuer(c.OIDC.Issuer) {
			continue
		}
		key := fmt.Sprintf("client[%d].oidc.ca_file", i)
		if file, known := files[c.OIDC.Issuer]; known {
			if file != c.OIDC.CAFile {
				s.wrong(key, "client %s: another client of %s has another ca_file; what to trust an issuer by is one thing for all of its clients", c.Name, c.OIDC.Issuer)
			}
			continue
		}
		files[c.OIDC.Issuer] = c.OIDC.CAFile
		out = append(out, oidc.Issuer{URL: c.OIDC.Issuer, Roots: s.roots(key, c.OIDC.CAFile)})
	}
	return out
}
