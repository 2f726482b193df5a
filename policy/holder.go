package policy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Check says what is wrong with a holder, so that it might let in whom nobody meant.
func (h *Holder) Check() error {
	switch {
	case h.Issuer == "":
		return errors.New("it has no issuer")
	case h.Audience == "":
		return errors.New("it has no audience: choose one, such as octopool, and have tokens issued for it")
	case len(h.Claims) == 0:
		return errors.New("it lists no claims, so all that its issuer signs would be this client")
	}
	seen := map[string]bool{}
	for _, c := range h.Claims {
		if seen[c.name] {
			return fmt.Errorf("claim %s is there twice", c.name)
		}
		seen[c.name] = true
	}
	if i := slices.IndexFunc(h.Claims, func(c Claim) bool { return c.name == "repository" }); i >= 0 && !h.Claims[i].namesOwner() && !h.names("repository_id", "repository_owner_id") {
		return errors.New("claim repository is for any owner, so anybody's repository would be this client: write OWNER/NAME or OWNER/*, or list repository_owner_id or repository_id too")
	}
	if isShared(h.Issuer) && !h.names(owning()...) {
		return fmt.Errorf("%s signs for everybody: list a claim that says whose, word by word, such as repository_owner_id, repository_id or repository on GitHub, project_id or project_path on GitLab, organization_slug on Buildkite", h.Issuer)
	}
	return nil
}

// owning are the claims that say whose a job is (GitHub: "OpenID Connect reference"; GitLab:
// "OpenID Connect (OIDC) Authentication Using ID Tokens"; Buildkite: "OIDC tokens").
func owning() []string {
	return []string{
		"repository", "repository_id", "repository_owner", "repository_owner_id", "sub",
		"project_path", "project_id", "namespace_path", "namespace_id",
		"organization_slug", "organization_id",
	}
}

// isShared reports whether an issuer is known to sign for whoever has an account there.
func isShared(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil {
		return true
	}
	return slices.Contains([]string{"token.actions.githubusercontent.com", "gitlab.com", "agent.buildkite.com"}, strings.ToLower(u.Hostname()))
}

// names reports whether one of these claims must be of a certain owner.
func (h *Holder) names(claims ...string) bool {
	return slices.ContainsFunc(h.Claims, func(c Claim) bool { return slices.Contains(claims, c.name) && c.namesOwner() })
}

// namesOwner reports whether the first segment, which is the owner or all there is, is
// written out: acme*/web is a repository of acme-evil too.
func (c *Claim) namesOwner() bool { return len(c.shape.segments) > 0 && c.shape.segments[0].literal() }
