package policy

import (
	"net/url"
	"strings"
)

// readSigned sorts what only signed URLs name: nothing in the path says whose it is.
func (r *Request) readSigned() { r.Kind, r.Signed = KindArchive, true }

// isSigned reports whether a URL is its own credential, as those are that GitHub redirects to
// for archives and raw files of private repositories (?token=…, observed).
func isSigned(rawQuery string) bool {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && strings.EqualFold(plain, "token") {
			return true
		}
	}
	return false
}

// isBeyondScopes reports whether a request needs no scope, since nothing of ours goes with it
// and no repository is named: what is behind the URL was opened for whoever has it.
func (r *Request) isBeyondScopes() bool { return r.Signed && r.Repo == "" }
