package githubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A wall keeps a credential out of an organization, however good it is elsewhere.
type wall struct {
	org int    // the account's id
	who string // the owner of a budget, for an IP allow list; or a token's text
}

// DenyIP puts the server's view of a principal's address off an organization's IP allow list:
// what is the organization's is a 403 for it, public or not.
func (s *Server) DenyIP(org, principal string) { s.build(org, s.ownerNamed(principal), true) }

// AllowIP ends that.
func (s *Server) AllowIP(org, principal string) { s.build(org, s.ownerNamed(principal), false) }

// RequireSSO makes an organization want a token authorized by SAML single sign-on: what
// is the organization's is a 403 for it that says where, and lists silently leave
// it out, but for a header.
func (s *Server) RequireSSO(org, token string) { s.build(org, token, true) }

// AuthorizeSSO ends that.
func (s *Server) AuthorizeSSO(org, token string) { s.build(org, token, false) }

func (s *Server) ownerNamed(principal string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustOwner(principal)
}

func (s *Server) build(org, who string, standing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(org)
	if a == nil || !a.org {
		panic("githubtest: no organization " + org)
	}
	delete(s.walls, wall{a.id, who})
	if standing {
		s.walls[wall{a.id, who}] = true
	}
}

// deniesIP reports whether an organization's IP allow list keeps the viewer out.
func (s *Server) deniesIP(org *account, v viewer) bool {
	return s.walls[wall{org.id, v.budgetOwner()}]
}

// wantsSSO reports whether an organization wants the viewer's token authorized.
func (s *Server) wantsSSO(org *account, v viewer) bool {
	return v.token != nil && s.walls[wall{org.id, v.token.text}]
}

// ipDenied is what GitHub's documentation says of an IP allow list.
func ipDenied(org *account) string {
	return fmt.Sprintf("Although you appear to have the correct authorization credentials, the `%s` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.", org.login)
}

const ssoWanted = "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."

// barred is the refusal of anything that is an organization's, or nil.
func (c *call) barred(org *account) *answer {
	switch {
	case c.s.deniesIP(org, c.viewer):
		return refuse(http.StatusForbidden, ipDenied(org), docREST)
	case c.s.wantsSSO(org, c.viewer):
		a := refuse(http.StatusForbidden, ssoWanted, "https://docs.github.com/articles/authenticating-to-a-github-organization-with-saml-single-sign-on/")
		set(a.header, "X-GitHub-SSO", fmt.Sprintf("required; url=https://github.com/orgs/%s/sso?authorization_request=%s", url.PathEscape(org.login), strings.ToUpper(hexSHA256([]byte(c.viewer.token.text))[:32])))
		return a
	}
	return nil
}

// barredThing is the same in GraphQL, or nil.
func (c *call) barredThing(org *account) any {
	if a := c.barred(org); a != nil {
		return failure{"FORBIDDEN", a.message}
	}
	return nil
}

// listed reports whether a list may show a repository.
func (c *call) lists(r *repo) bool {
	return c.viewer.reads(r) && !c.s.wantsSSO(r.owner, c.viewer) && !c.s.deniesIP(r.owner, c.viewer)
}

// partial says in a header what a list has left out for want of SAML authorization (documented).
func (c *call) partial(a *answer) *answer {
	var left []string
	for _, r := range c.s.order {
		if id := itoa(r.owner.id); c.s.wantsSSO(r.owner, c.viewer) && c.viewer.reads(r) && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	if left != nil {
		set(a.header, "X-GitHub-SSO", "partial-results; organizations="+strings.Join(left, ","))
	}
	return a
}

// gitBarred is what git is told of a wall, or empty (observed).
func (s *Server) gitBarred(org *account, v viewer) string {
	switch {
	case s.deniesIP(org, v):
		return "The repository owner has an IP allow list enabled, and " + v.ip + " is not permitted to access this repository."
	case s.wantsSSO(org, v):
		return fmt.Sprintf("The `%s' organization has enabled or enforced SAML SSO.\nTo access this repository, visit https://github.com/orgs/%s/sso and try your request again.", org.login, org.login)
	}
	return ""
}
