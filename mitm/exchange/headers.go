package exchange

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// A header here is copied without its values: who changes one puts other values in their
// place, and nobody modifies them.

// hopByHop are the headers that belong to one connection (RFC 9110, section 7.6.1),
// and what speaks to or of proxies.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// endToEnd removes what belongs to one connection, the headers that Connection names
// among it.
func endToEnd(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// theClients are headers of a request that are the client's own or its way's and
// not for GitHub. X-HTTP-Method-Override is among them because it makes another
// request of the one that was authorized.
var theClients = []string{
	"Authorization", "Cookie", "Expect", "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override",
}

// theCredentials are headers that speak of the credential an answer was got with, or
// belong to its session: clients do not get them.
var theCredentials = []string{
	"Github-Authentication-Token-Expiration", "Set-Cookie",
	"X-Accepted-Oauth-Scopes", "X-Github-Sso", "X-Oauth-Client-Id", "X-Oauth-Scopes",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Resource", "X-Ratelimit-Used",
}

// thisTimes are headers that are of one answer and not of what it represents.
var thisTimes = []string{
	"Date", "Server-Timing", "X-Github-Request-Id", "X-Runtime-Rack", "X-Served-By", "X-Timer",
}

// thisBodys are headers that describe the bytes of one answer's body.
var thisBodys = []string{"Content-Encoding", "Content-Length", "Content-Range", "Etag"}

func remove(h http.Header, names []string) {
	for _, name := range names {
		delete(h, name)
	}
}

// storedHeader is what of an answer's header belongs to the representation.
func storedHeader(h http.Header) http.Header {
	out := maps.Clone(h)
	endToEnd(out)
	remove(out, theCredentials)
	remove(out, thisTimes)
	remove(out, thisBodys)
	return out
}

// merge takes over what a 304 says of a representation and reports whether anything
// changed. What it does not say stays: GitHub's 304s are known to leave headers out.
func merge(stored, said http.Header) bool {
	changed := false
	for name, values := range storedHeader(said) {
		if strings.HasPrefix(name, "Content-") || name == "Vary" || slices.Equal(stored[name], values) {
			continue
		}
		stored[name] = values
		changed = true
	}
	return changed
}

// liven gives a stored answer what was of the 304 alone.
func liven(h, said http.Header) {
	for _, name := range thisTimes {
		if values, ok := said[name]; ok {
			h[name] = values
		}
	}
}

// acceptsGzip reports whether a client can read gzip (RFC 9110, section 12.5.3).
func acceptsGzip(h http.Header) bool {
	any := false
	for _, line := range h["Accept-Encoding"] {
		for item := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return !refusedCoding(params)
			case "*":
				any = !refusedCoding(params)
			}
		}
	}
	return any
}

// refusedCoding reports whether a coding's parameters say q=0.
func refusedCoding(params string) bool {
	name, value, ok := strings.Cut(params, "=")
	if !ok || strings.TrimSpace(strings.ToLower(name)) != "q" {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}

// isJSON reports whether an answer is GitHub's usual JSON.
func isJSON(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(media) == "application/json"
}

// insists reports whether a client wants nothing that GitHub has not just confirmed (RFC
// 9111, sections 5.2.1.4 and 5.4).
func insists(h http.Header) bool {
	directives := h["Cache-Control"]
	if len(directives) == 0 {
		directives = h["Pragma"]
	}
	for _, line := range directives {
		for item := range strings.SplitSeq(line, ",") {
			switch strings.ToLower(strings.TrimSpace(item)) {
			case "no-cache", "max-age=0":
				return true
			}
		}
	}
	return false
}
