package exchange

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"octopool/policy"
	"octopool/store"
)

// ErrTokenInQuery is returned for a request that carries a token in its query. GitHub
// no longer reads tokens there, and a client's must not reach it.
var ErrTokenInQuery = errors.New("a token in the query is not read; send an Authorization header")

// storable reports whether an answer to the request may be kept: a GET or HEAD of an
// API host. A Range is passed on; one under an If-Range is not, since GitHub does not
// know the validators that octopool gives, and the whole answers it as well (RFC 9110,
// section 14.2).
func storable(r policy.Request, h http.Header) bool {
	return r.Kind == policy.KindREST &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		(h.Get("Range") == "" || h.Get("If-Range") != "")
}

// isRateLimit reports whether the request asks for the state of the rate limits.
func isRateLimit(r policy.Request) bool {
	return strings.EqualFold(strings.TrimSuffix(r.Path.String(), "/"), "/rate_limit") && !r.Write
}

// keyOf is what may colour a stored answer, and nothing else is sent for one. GitHub's
// Vary does not name X-GitHub-Api-Version, which changes the body all the same.
func keyOf(r policy.Request, in *http.Request) store.Key {
	return store.Key{
		Host:    r.Origin.Host,
		Path:    r.UpstreamPath(),
		Query:   canonicalQuery(in.URL.RawQuery),
		Accept:  canonicalAccept(in.Header.Values("Accept")),
		Version: in.Header.Get("X-Github-Api-Version"),
	}
}

// canonicalAccept makes one of the ways to say nothing: no Accept, an empty one (as
// old versions of gh send) and */*.
func canonicalAccept(values []string) string {
	text := strings.TrimSpace(strings.Join(values, ", "))
	return cmp.Or(text, "*/*")
}

// canonicalQuery sorts a query by name. The order of repeated names is kept, and so
// is the spelling of each pair.
func canonicalQuery(raw string) string {
	if !strings.Contains(raw, "&") {
		return raw
	}
	pairs := slices.DeleteFunc(strings.Split(raw, "&"), func(p string) bool { return p == "" })
	slices.SortStableFunc(pairs, func(a, b string) int { return cmp.Compare(queryName(a), queryName(b)) })
	return strings.Join(pairs, "&")
}

func queryName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}

// checkQuery refuses queries that carry a token.
func checkQuery(raw string) error {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if strings.EqualFold(queryName(pair), "access_token") {
			return ErrTokenInQuery
		}
	}
	return nil
}

// requestFor rebuilds the request that a key stands for. What is not in the key is
// not sent. It is a GET for a HEAD too: both cost one point, and only a GET brings
// what can be stored.
//
// The User-Agent is octopool's own: GitHub reformats a body for browsers and curl
// after its ETag was computed (observed).
func (x *Exchange) requestFor(ctx context.Context, g policy.Grant, key store.Key) *http.Request {
	out := (&http.Request{
		Method:     http.MethodGet,
		URL:        upstreamURL(g.Request(), key.Query),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header: http.Header{
			"Accept":          {key.Accept},
			"Accept-Encoding": {"gzip"},
			"User-Agent":      {x.UserAgent},
		},
		Host: key.Host,
	}).WithContext(ctx)
	if key.Version != "" {
		out.Header.Set("X-Github-Api-Version", key.Version)
	}
	return out
}

// upstreamURL is where a granted request goes. The host is the configured one, never
// the client's; the path is sent as it was judged, byte for byte.
func upstreamURL(r policy.Request, query string) *url.URL {
	escaped := r.UpstreamPath()
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		plain = escaped // cannot be: a canonical path unescapes
	}
	return &url.URL{Scheme: "https", Host: r.Origin.Host, Path: plain, RawPath: escaped, RawQuery: query}
}
