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
}

// classic reports whether answers to the token name its OAuth scopes: personal
// access tokens (classic) and OAuth tokens do, all others do not.
func (t *token) classic() bool {
	return strings.HasPrefix(t.text, "ghp_") || strings.HasPrefix(t.text, "gho_")
}

// A viewer is who a request turned out to come from.
type viewer struct {
	login string // empty: anonymous
	token *token // nil: anonymous
	ip    string
}

// A credential is what an Authorization header says before anyone checks it.
type credential struct {
	scheme string // lower case
	user   string // of Basic
	token  string
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
			c.token = c.user
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
	if c.scheme == "bearer" && looksLikeJWT(c.token) { // there are no Apps here
		return v, refuse(http.StatusUnauthorized, "A JSON web token could not be decoded", docREST)
	}
	t := s.tokens[c.token]
	user := c.user
	if t != nil {
		user = t.login
	}
	if s.locked(user) {
		return v, refuse(http.StatusForbidden, "Maximum number of login attempts exceeded. Please try again later.", docREST)
	}
	if t == nil || t.revoked || !t.expires.IsZero() && !s.now().Before(t.expires) {
		s.failed(user)
		return v, refuse(http.StatusUnauthorized, "Bad credentials", docREST)
	}
	v.login, v.token = t.login, t
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

// looksLikeJWT tells an App's JWT from a token that merely contains one.
func looksLikeJWT(text string) bool {
	return strings.HasPrefix(text, "ey") && strings.Count(text, ".") == 2
}

func remoteIP(r *http.Request) string {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return ip
}

// identityHeaders tells what GitHub tells about the token itself.
func (v viewer) identityHeaders(h http.Header) {
	if v.token == nil {
		return
	}
	if v.token.classic() {
		set(h, "X-OAuth-Scopes", v.token.scopes)
		set(h, "X-Accepted-OAuth-Scopes", "repo")
	}
	if !v.token.expires.IsZero() {
		set(h, "GitHub-Authentication-Token-Expiration", v.token.expires.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}

// set writes a header in GitHub's own spelling, which HTTP/1.1 clients see and
// net/http would change.
func set(h http.Header, name, value string) {
	h[name] = []string{value}
}
