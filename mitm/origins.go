package mitm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"time"

	"octopool/policy"
)

// A GitHub is one GitHub whose hosts are intercepted: github.com, an Enterprise Server
// or a ghe.com tenant.
type GitHub struct {
	Host  string         // "github.com", "github.example.com", "SUB.ghe.com"
	Git   bool           // intercept git, LFS, archives and raw files too
	Dial  string         // connect to this address instead, with the same TLS names; "" for the real one
	Roots *x509.CertPool // what to trust; nil for the system's roots
}

// Origins are the hosts of a GitHub that octopool intercepts, and what each is for.
func (g GitHub) Origins() []policy.Origin {
	host := strings.ToLower(g.Host)
	origin := func(name string, role policy.Role) policy.Origin {
		return policy.Origin{GitHub: host, Host: name, Role: role}
	}
	switch {
	case host == "github.com":
		out := []policy.Origin{
			origin("api.github.com", policy.RoleAPI),
			origin("uploads.github.com", policy.RoleUploads),
		}
		if g.Git {
			out = append(out,
				origin("github.com", policy.RoleWeb),
				origin("gist.github.com", policy.RoleGist),
				origin("codeload.github.com", policy.RoleArchive),
				origin("raw.githubusercontent.com", policy.RoleRaw))
		}
		return out
	case strings.HasSuffix(host, ".ghe.com"):
		out := []policy.Origin{
			origin("api."+host, policy.RoleAPI),
			origin("uploads."+host, policy.RoleUploads),
		}
		if g.Git {
			out = append(out,
				origin(host, policy.RoleWeb),
				origin("codeload."+host, policy.RoleArchive),
				origin("raw."+host, policy.RoleRaw))
		}
		return out
	}
	return g.server(host, origin)
}

// server are the hosts of an Enterprise Server: one for everything, and those that it has
// for some of it with subdomain isolation (GitHub's documentation, "Enabling subdomain
// isolation"). Which of the two it has cannot be told from here.
func (g GitHub) server(host string, origin func(string, policy.Role) policy.Origin) []policy.Origin {
	out := []policy.Origin{origin(host, policy.RoleEnterprise), origin("uploads."+host, policy.RoleUploads)}
	if g.Git {
		out = append(out,
			origin("codeload."+host, policy.RoleArchive),
			origin("raw."+host, policy.RoleRaw),
			origin("gist."+host, policy.RoleGist),
			// gh shows its token to every host that an Enterprise Server redirects it to (observed).
			origin("media."+host, policy.RoleSigned))
	}
	return out
}

// API is where the REST API of a GitHub begins.
func (g GitHub) API() string {
	first := g.Origins()[0]
	if first.Role == policy.RoleEnterprise {
		return "https://" + first.Host + "/api/v3"
	}
	return "https://" + first.Host
}

// Hosts are the names of all hosts that octopool intercepts for these GitHubs.
func Hosts(githubs []GitHub) []string {
	var out []string
	for _, g := range githubs {
		for _, o := range g.Origins() {
			out = append(out, o.Host)
		}
	}
	return out
}

// owns reports whether a tunnelled host is one of this GitHub's own, such as those
// that signed URLs name, so that Dial applies to it.
func (g GitHub) owns(t target) bool {
	if t.matches(g.Host) || t.matches("*."+g.Host) {
		return true
	}
	return strings.EqualFold(g.Host, "github.com") && t.matches("*.githubusercontent.com")
}

// upstream sends requests to the configured GitHubs and to nothing else. It follows no
// redirects, decompresses nothing and knows no proxy but the next one.
type upstream struct {
	byHost map[string]http.RoundTripper
}

// NewUpstream returns the transport to these GitHubs, through the next proxy if there is one
// and a GitHub is not connected to elsewhere.
func NewUpstream(githubs []GitHub, next NextProxy) http.RoundTripper {
	u := &upstream{byHost: map[string]http.RoundTripper{}}
	for _, g := range githubs {
		api, files := g.transport(apiHeaderTimeout, next), g.transport(fileHeaderTimeout, next)
		for _, o := range g.Origins() {
			u.byHost[o.Host] = files
			if o.Role == policy.RoleAPI {
				u.byHost[o.Host] = api
			}
		}
	}
	return u
}

// GitHub ends an API request after 10 seconds (GitHub's documentation,
// "Troubleshooting the REST API"); a git server may count objects in silence for
// minutes before it answers.
const (
	apiHeaderTimeout  = time.Minute
	fileHeaderTimeout = 15 * time.Minute
)

// idleTimeout is shorter than GitHub's own, which drops idle connections after about a
// minute (observed).
const idleTimeout = 30 * time.Second

func (g GitHub) transport(headers time.Duration, next NextProxy) *http.Transport {
	if g.Dial != "" {
		next = NextProxy{}
	}
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: next.ofTransport(), // never the environment's: octopool itself may be in it
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if g.Dial != "" {
				addr = g.Dial
			}
			return d.DialContext(ctx, network, addr)
		},
		TLSClientConfig:       &tls.Config{RootCAs: g.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: headers,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   128,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}
}

// RoundTrip sends a request to a configured host over verified TLS.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	t, ok := u.byHost[r.URL.Host]
	if !ok || r.URL.Scheme != "https" {
		return nil, &Forbidden{"no configured GitHub has the host " + r.URL.Host}
	}
	return t.RoundTrip(r)
}

// CloseIdleConnections closes what is kept open for the next request.
func (u *upstream) CloseIdleConnections() {
	for _, t := range u.byHost {
		if c, ok := t.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}
