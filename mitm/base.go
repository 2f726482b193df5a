package mitm

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"octopool/policy"
)

// Errors of a request that came to the listener itself and is not answered there.
var (
	errInClear = errors.New("a token would come here in clear from other machines: set HTTPS_PROXY to this address and ask for " +
		"https://api.github.com/, or have octopool's operator set proxy.tls or proxy.plain_base_url")
	errBrowser = errors.New("what a page in a browser asks for is not answered here")
)

// atBase is the entry of an API request that came to the listener itself, from a tool
// that takes a base URL instead of a proxy. It is answered by the first GitHub.
//
// Such a request is open to attacks that no tunnel is open to: the Host may be any, since
// octopool does not know what names lead to it, so a page in a browser can have a name of
// its own lead here (DNS rebinding), or just ask us across sites, and GitHub's answers let
// it read them (Access-Control-Allow-Origin: *). So only a registered client's own token
// opens this door, whatever policy.anonymous and policy.unknown are, and a browser's saved
// password is none: what a browser says it asks for a page is refused.
func (p *Proxy) atBase(r *http.Request) (entry, error) {
	path := r.URL.EscapedPath()
	mounts := p.GitHubs[0].mounts()
	at := mounts[len(mounts)-1]
	if i := slices.IndexFunc(mounts, func(m mount) bool { return m.holds(path) }); i >= 0 {
		at = mounts[i]
	}
	e := entry{origin: at.origin, path: at.inside(path), identify: p.registered, base: baseOf(r, at, mounts)}
	switch {
	case !p.rules.Load().Door.BaseURL:
		return e, errInClear
	case fromPage(r.Header):
		return e, errBrowser
	}
	return e, nil
}

// registered identifies registered clients alone.
func (p *Proxy) registered(ctx context.Context, rules *policy.Policy, authorization []string) (policy.Caller, error) {
	named, err := p.recognize(ctx, rules, authorization)
	if err != nil {
		return policy.Caller{}, err
	}
	return rules.IdentifyNamed(named, time.Now())
}

// fromPage reports whether a browser says that it asks on behalf of a page. Node's fetch,
// which octokit uses, has other fields of these but never these two.
func fromPage(h http.Header) bool {
	site := h.Get("Sec-Fetch-Site")
	return h.Get("Origin") != "" || site != "" && site != "none"
}

// A mount is a part of a GitHub below our own address.
type mount struct {
	at     string // what paths begin with here; "" is any
	origin policy.Origin
	to     string // what stands there instead at the origin
}

// mounts are those of a GitHub's API. The first two are its REST API and uploads where an
// Enterprise Server has them, the last is the REST API at the top.
func (g GitHub) mounts() []mount {
	origins := g.Origins()
	api := origins[0]
	if api.Role == policy.RoleEnterprise {
		return []mount{
			{"/api/v3", api, "/api/v3"}, {"/api/uploads", api, "/api/uploads"}, {"/api/graphql", api, "/api/graphql"},
			{"/graphql", api, "/api/graphql"}, {"", api, "/api/v3"},
		}
	}
	return []mount{{"/api/v3", api, ""}, {"/api/uploads", origins[1], ""}, {"/api/graphql", api, "/graphql"}, {"", api, ""}}
}

func (m mount) holds(path string) bool { return path == m.at || strings.HasPrefix(path, m.at+"/") }

// inside is the path at the origin of one that the mount holds.
func (m mount) inside(path string) string {
	if path = m.to + strings.TrimPrefix(path, m.at); path == "" {
		return "/"
	}
	return path
}

// A base turns GitHub's URLs of an API into those that lead there by our own address. The
// zero base leaves them.
//
// That is for Link and Location, which clients follow. Bodies are left as they are: they
// stream, their ETag is a digest of them, and an issue that mentions api.github.com must
// come as it was written.
type base []struct{ from, to string } // both end with a slash

// baseOf goes by the address that the client knows us by. What it says of that has an
// effect on its own answer alone.
func baseOf(r *http.Request, used mount, mounts []mount) base {
	address := "" // an answer to HTTP/1.0 without Host has relative URLs
	if r.Host != "" {
		address = "http://" + r.Host
		if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
			address = "https://" + r.Host
		}
	}
	rest := mounts[len(mounts)-1] // of the two ways to the REST API, the one by which the client came
	if strings.HasPrefix(used.at, "/api/") {
		rest = mounts[0]
	}
	var b base
	for _, m := range []mount{rest, mounts[1]} {
		b = append(b, struct{ from, to string }{"https://" + m.origin.Host + m.to + "/", address + m.at + "/"})
	}
	return b
}

// rewrite makes the URLs of an answer's header ours.
func (b base) rewrite(h http.Header) {
	if len(b) == 0 {
		return
	}
	change(h, "Link", func(value string) string {
		for _, u := range b {
			value = strings.ReplaceAll(value, "<"+u.from, "<"+u.to)
		}
		return value
	})
	change(h, "Location", func(value string) string {
		for _, u := range b {
			if rest, ok := strings.CutPrefix(value, u.from); ok {
				return u.to + rest
			}
		}
		return value
	})
}

// change replaces the values of a field. The slice may be the stored answer's.
func change(h http.Header, name string, with func(string) string) {
	var changed []string
	for _, value := range h[name] {
		changed = append(changed, with(value))
	}
	if changed != nil {
		h[name] = changed
	}
}
