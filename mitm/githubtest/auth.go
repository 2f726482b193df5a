package githubtest

import (
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A token is a credential of the world.
type token struct {
	text    string
	login   string
	scopes  string    // X-OAuth-Scopes, for classic tokens
	expires time.Time // zero: never
	revoked bool

	// Of an installation's token, where login is the bot's:
	installation *Installation
	repos        map[*repo]bool    // nil: all of the installation
	permissions  map[string]string // nil: all of the installation
}

// classic reports whether answers to the token name its OAuth scopes: personal
// access tokens (classic) and OAuth tokens do, all others do not.
func (t *token) classic() bool {
	return strings.HasPrefix(t.text, "ghp_") || strings.HasPrefix(t.text, "gho_")
}

// A credential is what an Authorization header says before anyone checks it.
type credential struct {
	scheme string // lower case
	user   string // of Basic
	token  string
	asUser bool // in Basic's place for a user name
}

// parseAuthorization reads every form GitHub documents or was observed to
// accept: Bearer, token, and Basic with the token as password, or as user with
// the password empty or x-oauth-basic. Schemes are compared without case.
func parseAuthorization(value string) (credential, bool) {
	scheme, rest, found := strings.Cut(value, " ")
	if !found {
		return credential{}, false
	}
	c := credential{scheme: strings.ToLower(scheme), token: strings.TrimSpace(rest)}
	switch c.scheme {
	case "bearer", "token":
		return c, c.token != ""
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(c.token)
		if err != nil {
			return credential{}, false
		}
		c.user, c.token, _ = strings.Cut(string(plain), ":")
		if c.token == "" || c.token == "x-oauth-basic" {
			c.token, c.asUser = c.user, true
		}
		return c, c.token != ""
	}
	return credential{}, false
}

// authenticate finds who sent r. The refusal is nil when that is settled, an
// anonymous viewer included. The caller holds s.mu.
func (s *Server) authenticate(r *http.Request) (viewer, *answer) {
	v := viewer{ip: remoteIP(r)}
	if _, sent := r.Header["Authorization"]; !sent {
		return v, nil
	}
	c, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return v, refuse(http.StatusUnauthorized, "Bad credentials", docREST)
	}
	if c.scheme == "bearer" && looksLikeJWT(c.token) {
		app, refusal := s.verifyJWT(c.token)
		v.app = app
		return v, refusal
	}
	t := s.tokens[c.token]
	if t != nil && t.installation != nil {
		return s.authenticateInstallation(v, t, c)
	}
	user := c.user
	if t != nil {
		user = t.login
	}
	if s.locked(user) {
		return v, refuse(http.StatusForbidden, "Maximum number of login attempts exceeded. Please try again later.", docREST)
	}
	if t == nil || t.ended(s.now()) {
		s.failed(user)
		return v, refuse(http.StatusUnauthorized, "Bad credentials", docREST)
	}
	v.login, v.token = t.login, t
	return v, nil
}

// ended reports whether a token is good no more.
func (t *token) ended(now time.Time) bool {
	return t.revoked || !t.expires.IsZero() && !now.Before(t.expires)
}

// authenticateInstallation checks an installation's token, which does not work as a
// user name (observed). There is no user to lock out.
func (s *Server) authenticateInstallation(v viewer, t *token, c credential) (viewer, *answer) {
	if c.asUser || t.installation.gone || t.ended(s.now()) {
		return v, refuse(http.StatusUnauthorized, "Bad credentials", docREST)
	}
	v.login, v.token = t.login, t
	if !t.installation.suspended.IsZero() {
		return v, suspendedInstallation()
	}
	return v, nil
}

// Failed logins: GitHub documents that several bad credentials for a user in a
// short time lock out every login of that user for a while, valid ones
// included, but not the numbers.
const (
	failedLogins = 10
	failedWindow = time.Minute
)

// failed counts a bad credential against the user it named, or whose it was
// before it was revoked or expired. One that points to nobody is not counted.
func (s *Server) failed(user string) {
	if s.account(user) == nil {
		return
	}
	key := strings.ToLower(user)
	recent := slices.DeleteFunc(s.failures[key], func(at time.Time) bool { return s.now().Sub(at) >= failedWindow })
	s.failures[key] = append(recent, s.now())
}

// locked reports whether user has failed too often lately.
func (s *Server) locked(user string) bool {
	recent := 0
	for _, at := range s.failures[strings.ToLower(user)] {
		if s.now().Sub(at) < failedWindow {
			recent++
		}
	}
	return recent >= failedLogins
}

func remoteIP(r *http.Request) string {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return ip
}

// set writes a header in GitHub's own spelling, which HTTP/1.1 clients see and
// net/http would change.
func set(h http.Header, name, value string) {
	h[name] = []string{value}
}
