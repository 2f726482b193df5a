package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"octopool/mitm/githubtest"
)

// A request is what GitHub saw of one, as far as two runs of a session agree on it.
type request struct {
	method, target, body string // no body of a git transfer, whose packs are made anew
	authorized           bool
}

func (r request) String() string { return strings.TrimSpace(r.method + " " + r.target + " " + r.body) }

// requests are those of a session's client, in no order that matters.
func (h *house) requests() []request {
	var all []request
	for _, one := range h.clients() {
		r := request{method: strings.Replace(one.Method, http.MethodHead, http.MethodGet, 1), // octopool asks for the whole, to keep it
			target: one.Host + one.Path, authorized: one.Header.Get("Authorization") != "" || signed(one.Query)}
		if one.Host == "api.github.com" || one.Host == "uploads.github.com" {
			if r.body = namedBody(string(one.Body)); one.Query != "" {
				r.target += "?" + sortedQuery(one.Query)
			}
		}
		all = append(all, r)
	}
	return all
}

// clients are the requests that a client has made or caused: all but those by which octopool
// asks for itself, for installations and their tokens.
func (h *house) clients() []githubtest.Seen {
	return slices.DeleteFunc(h.github.Seen(), func(one githubtest.Seen) bool { return strings.HasSuffix(one.Header.Get("User-Agent"), "(pool)") })
}

// signed reports whether a URL is a credential by itself, beside which none is to be.
func signed(query string) bool {
	return strings.HasPrefix(query, "token=") || strings.Contains(query, "sig=")
}

// sortedQuery is a query in the order in which octopool sends it too.
func sortedQuery(query string) string {
	pairs := strings.Split(query, "&")
	slices.SortStableFunc(pairs, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return cmp.Compare(nameA, nameB)
	})
	return strings.Join(pairs, "&")
}

// unlike says what GitHub saw through octopool that it did not see directly: a request more, a
// write less (where the row is to end alike) or with another body, or one without a credential that had one.
func (r row) unlike(c column, directly, octopool []request) []string {
	var wrong []string
	count := func(all []request, bare bool) map[string]int {
		n := map[string]int{}
		for _, r := range all {
			if !bare || !r.authorized {
				n[r.String()]++
			}
		}
		return n
	}
	wants, gots := count(directly, false), count(octopool, false)
	for _, text := range slices.Sorted(maps.Keys(gots)) {
		if want := wants[text]; gots[text] > want && !(r.races && reads(text)) {
			wrong = append(wrong, fmt.Sprintf("GitHub saw %d times, %d directly: %.2000s", gots[text], want, text))
		}
	}
	for text, n := range wants {
		if _, differs := r.differs[c]; !differs && !reads(text) && gots[text] != n {
			wrong = append(wrong, fmt.Sprintf("GitHub saw %d times, %d directly: %.2000s", gots[text], n, text))
		}
	}
	wants, gots = count(directly, true), count(octopool, true)
	for _, text := range slices.Sorted(maps.Keys(gots)) {
		if gots[text] > wants[text] {
			wrong = append(wrong, fmt.Sprintf("GitHub saw without a credential %d times, %d directly: %.2000s", gots[text], wants[text], text))
		}
	}
	return wrong
}

// reads reports whether a request only reads: equal ones may be asked once.
func reads(text string) bool {
	return strings.HasPrefix(text, http.MethodGet) || strings.HasPrefix(text, "POST api.github.com/graphql") && !strings.Contains(text, `"mutation`)
}

// isStorages reports whether an Authorization is one that an answer of Git LFS named for its storage.
func isStorages(value string) bool {
	return strings.HasPrefix(value, "RemoteAuth ") || strings.HasPrefix(value, "AWS4-HMAC-SHA256 ")
}

// checkCredentials checks that GitHub saw the credential where it saw any, and nothing
// that was the client's.
func (h *house) checkCredentials(way way) {
	h.t.Helper()
	if !way.octopool {
		return
	}
	for _, place := range h.github.Contains(h.clientToken) {
		h.t.Errorf("GitHub saw the client's token: %s", place)
	}
	for _, one := range h.clients() {
		value := one.Header.Get("Authorization")
		if one.Status == 0 && one.Login == "" {
			continue // a client that asks several things at once gave it up before GitHub had read it
		}
		if value != "" && one.Login != h.login && !isStorages(value) {
			h.t.Errorf("GitHub saw the credential of %q, not %q: %s", one.Login, h.login, one)
		}
	}
}
