package githubtest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mostRepositories is how many repositories one token may be narrowed to (documented).
const mostRepositories = 500

const docMint = "https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app"

// levels orders what a permission may be.
var levels = []string{"", "read", "write", "admin"}

// permissionNames are the permissions GitHub knows by name (documented); others are refused.
var permissionNames = strings.Fields(`
	actions administration attestations checks codespaces contents dependabot_secrets deployments discussions environments
	issues merge_queues metadata packages pages pull_requests repository_custom_properties repository_hooks
	repository_projects secret_scanning_alerts secrets security_events single_file statuses vulnerability_alerts workflows
	members organization_administration organization_custom_properties organization_custom_roles organization_events
	organization_hooks organization_packages organization_personal_access_tokens organization_plan organization_projects
	organization_secrets organization_self_hosted_runners organization_user_blocking team_discussions email_addresses followers
	gpg_keys git_ssh_keys interaction_limits profile starring`)

// Mint makes a token of the installation, with all its permissions, as a test's short
// way around POST /app/installations/ID/access_tokens.
func (in *Installation) Mint() string {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.mint(nil, nil).text
}

// mint makes a token for these repositories and permissions, or for all where nil.
// The caller holds s.mu.
func (in *Installation) mint(repos map[*repo]bool, permissions map[string]string) *token {
	now := in.s.now()
	t := &token{
		login: in.app.bot.login, installation: in, repos: repos, permissions: permissions,
		expires: now.Add(in.app.tokenLife).Truncate(time.Second),
	}
	t.text = tokenText(in, now, t.expires)
	in.s.tokens[t.text] = t
	return t
}

// tokenText is a token as they look since 2026: ghs_, the App's id and what is a JWT, though
// nobody outside is to read it. It has about 540 bytes, two dots, and a beginning that
// all tokens of an App share. The signature is not one: nobody checks it.
func tokenText(in *Installation, now, expires time.Time) string {
	claims := object{{"iss", "github-apps-s2s"}, {"app_id", in.app.id}, {"ins", in.id}, {"jti", rand.Text()}, {"iat", now.Unix()}, {"exp", expires.Unix()}}
	signature := make([]byte, 256)
	rand.Read(signature)
	return fmt.Sprintf("ghs_%d_%s.%s.%s", in.app.id, base64url([]byte(jwtHead)), base64url(marshal(claims)), base64url(signature))
}

// createToken answers POST /app/installations/ID/access_tokens.
func (c *call) createToken(in *Installation) *answer {
	if !in.suspended.IsZero() {
		return suspendedInstallation()
	}
	var asked struct {
		Repositories  []string
		RepositoryIDs []int `json:"repository_ids"`
		Permissions   map[string]string
	}
	if refusal := c.decode(&asked); refusal != nil {
		return refusal
	}
	repos, known := in.narrowed(asked.Repositories, asked.RepositoryIDs)
	if !known {
		return unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	if len(asked.Repositories)+len(asked.RepositoryIDs) > mostRepositories {
		return unprocessable("You can only specify up to 500 repositories.")
	}
	if refusal := in.grants(asked.Permissions); refusal != nil {
		return refusal
	}
	if len(asked.Permissions) == 0 {
		asked.Permissions = nil
	}
	t := in.mint(repos, asked.Permissions)
	o := object{{"token", t.text}, {"expires_at", stamp(t.expires)}, {"permissions", t.allowed()}, {"repository_selection", in.selection()}}
	if repos != nil {
		o[3].value = "selected"
		views := []object{}
		for _, r := range c.s.order {
			if repos[r] {
				views = append(views, r.view(viewer{login: t.login, token: t}))
			}
		}
		o = append(o, member{"repositories", views})
	}
	return reply(http.StatusCreated, o)
}

// narrowed finds the repositories a token is asked for, by name without the owner or by id. Nil is all.
func (in *Installation) narrowed(names []string, ids []int) (map[*repo]bool, bool) {
	if len(names)+len(ids) == 0 {
		return nil, true
	}
	repos := map[*repo]bool{}
	for _, name := range names {
		r := in.s.repos[strings.ToLower(in.account.login+"/"+name)]
		if r == nil || !in.covers(r) {
			return nil, false
		}
		repos[r] = true
	}
	for _, id := range ids {
		r := in.s.byID[id]
		if r == nil || !in.covers(r) {
			return nil, false
		}
		repos[r] = true
	}
	return repos, true
}

// grants refuses permissions beyond what the installation has.
func (in *Installation) grants(asked map[string]string) *answer {
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		level := slices.Index(levels, asked[name])
		switch {
		case !slices.Contains(permissionNames, name):
			return unprocessable(fmt.Sprintf("Invalid request.\n\n%q is not a permitted key.", name))
		case level < 1:
			return unprocessable(fmt.Sprintf("Invalid request.\n\n%q is not a permitted value for %q.", asked[name], name))
		case level > slices.Index(levels, in.permissions[name]):
			return unprocessable("The permissions requested are not granted to this installation.")
		}
	}
	return nil
}

func unprocessable(message string) *answer {
	return refuse(http.StatusUnprocessableEntity, message, docMint)
}

func suspendedInstallation() *answer {
	return refuse(http.StatusForbidden, "This installation has been suspended", docMint)
}

// allowed is what an installation's token may do: what it was narrowed to, as far as
// the installation still has it.
func (t *token) allowed() map[string]string {
	if t.permissions == nil {
		return maps.Clone(t.installation.permissions)
	}
	allowed := map[string]string{"metadata": "read"}
	for name, level := range t.permissions {
		has := t.installation.permissions[name]
		if at := min(slices.Index(levels, level), slices.Index(levels, has)); at > 0 {
			allowed[name] = levels[at]
		}
	}
	return allowed
}

// covers reports whether an installation's token was made for a repository.
func (t *token) covers(r *repo) bool {
	return t.installation.covers(r) && (t.repos == nil || t.repos[r])
}
