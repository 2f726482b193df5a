package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// guard turns away who may not see or do what it guards.
func (c Config) guard(show http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case c.isForeign(r):
			http.Error(w, "without admin.token, ask by an IP address or as localhost", http.StatusMisdirectedRequest)
		case !c.allows(r):
			w.Header().Set("Www-Authenticate", `Bearer realm="octopool"`)
			http.Error(w, "send admin.token as a Bearer token", http.StatusUnauthorized)
		case !c.isBearer(r) && isOthers(r):
			// A browser sends its cookie, or comes to an open listener, for any page that
			// makes it; a Bearer token only for who knows it.
			http.Error(w, "another site's page asks for this", http.StatusForbidden)
		default:
			show(w, r)
		}
	}
}

// allows reports whether a request comes from who knows the token, has shown it lately, or
// need not.
func (c Config) allows(r *http.Request) bool {
	if c.Token.IsZero() {
		return !c.isForeign(r)
	}
	return c.isBearer(r) || c.sessions.knows(r, time.Now())
}

// isBearer reports whether a request has the token in its header.
func (c Config) isBearer(r *http.Request) bool {
	scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && c.isToken(sent) // RFC 9110, section 11.1
}

// isToken compares digests, in constant time, so that neither length nor content of the
// token can be learned from how long it takes.
func (c Config) isToken(sent string) bool {
	if c.Token.IsZero() {
		return false
	}
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(c.Token.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// isForeign reports whether a listener that is open to this machine is asked by a name
// that could be anybody's: a site's own, which it has made to mean this machine (DNS
// rebinding), so that its script may read what octopool answers. It has no way to do so
// for an address, or for localhost (RFC 6761, section 6.3).
func (c Config) isForeign(r *http.Request) bool {
	if !c.Token.IsZero() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// isOthers reports whether a browser asks for a change at the wish of another site's page.
func isOthers(r *http.Request) bool { return new(http.CrossOriginProtection).Check(r) != nil }
