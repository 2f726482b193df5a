package githubtest

import (
	"net/http"
	"strings"
)

// As makes the server play another GitHub than github.com: the tenant of that name, if
// host is SUB.ghe.com, and an Enterprise Server else. An Enterprise Server has its API at
// /api/v3, /api/graphql and /api/uploads, raw files at /raw and archives at /_codeload,
// and hosts for them too, as one with subdomain isolation (GitHub's documentation, "Enabling
// subdomain isolation"; /_codeload was observed). It says which version it is, and comes
// without rate limits: SetRateLimits(true) switches them on.
func As(host string) Option {
	return func(s *Server) {
		s.place = newPlace(strings.ToLower(host))
		s.unlimited = s.place.server
	}
}

// installedVersion is what an Enterprise Server says that it is.
const installedVersion = "3.17.4"

// A place is where a GitHub's parts are. The server thinks in the names of github.com: a
// place reads requests as if they had come there, and respells what answers say of it.
type place struct {
	server bool              // an Enterprise Server
	host   string            // "" for github.com
	hosts  map[string]string // whose part of github.com each is
	words  *strings.Replacer // URLs of github.com into this place's; nil for github.com
}

// newPlace is the place of that host. Where it has what signed URLs name is not known but
// that it is below its name.
func newPlace(host string) place {
	p := place{host: host, server: !strings.HasSuffix(host, ".ghe.com"), hosts: map[string]string{
		host: hostGit, "uploads." + host: hostUploads, "codeload." + host: hostCodeload,
		"raw." + host: hostRaw, "gist." + host: hostGist, "media." + host: hostAssets,
	}}
	api, uploads, codeload, raw, gist := "api."+host, "uploads."+host, "codeload."+host, "raw."+host, "gist."+host
	if p.server {
		api, uploads, codeload, raw, gist = host+"/api/v3", host+"/api/uploads", host+"/_codeload", host+"/raw", host+"/gist"
	} else {
		p.hosts[api] = hostAPI
	}
	at := func(host string) string { return "https://" + host }
	p.words = strings.NewReplacer(
		at(hostAPI), at(api), at(hostUploads), at(uploads), at(hostCodeload), at(codeload), at(hostRaw), at(raw),
		at(hostGist), at(gist), at(hostAssets), at("media."+host), at(hostGit), at(host),
		"git@"+hostGit, "git@"+host, "git://"+hostGit, "git://"+host)
	return p
}

// gitHub is github.com itself.
func gitHub() place {
	p := place{hosts: map[string]string{}}
	for _, host := range Hosts() {
		p.hosts[host] = host
	}
	return p
}

// prefixes are the parts that an Enterprise Server has on its one host.
var prefixes = []struct{ prefix, host, path string }{
	{"/api/v3", hostAPI, ""}, {"/api/graphql", hostAPI, "/graphql"}, {"/api/uploads", hostUploads, ""},
	{"/_codeload", hostCodeload, ""}, {"/codeload", hostCodeload, ""}, {"/raw", hostRaw, ""}, {"/gist", hostGist, ""},
}

// read is a request as it would be at github.com, and for which of its hosts. It is false
// for a host that is none of this place's.
func (p place) read(r *http.Request, host string) (*http.Request, string, bool) {
	part, known := p.hosts[host]
	if !p.server || part != hostGit {
		return r, part, known
	}
	for _, at := range prefixes {
		rest, is := strings.CutPrefix(r.URL.Path, at.prefix)
		if !is || rest != "" && rest[0] != '/' {
			continue
		}
		there := *r
		u := *r.URL
		u.Path, u.RawPath = at.path+rest, ""
		if u.Path == "" {
			u.Path = "/"
		}
		if raw, is := strings.CutPrefix(r.URL.RawPath, at.prefix); is {
			u.RawPath = at.path + raw
		}
		there.URL = &u
		return &there, at.host, true
	}
	return r, part, true
}

// spell makes a URL, or a text with URLs, this place's own.
func (p place) spell(text string) string {
	if p.words == nil {
		return text
	}
	return p.words.Replace(text)
}

// localize makes an answer this place's own: what it says of URLs, and of who it is.
func (p place) localize(a *answer) {
	if p.words == nil {
		return
	}
	for _, name := range []string{"Link", "Location"} {
		if value := a.header.Get(name); value != "" {
			a.header.Set(name, p.spell(value))
		}
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		a.body = []byte(p.spell(string(a.body)))
	}
	if p.server {
		set(a.header, "X-GitHub-Enterprise-Version", installedVersion)
	}
}

// installed is what an Enterprise Server's /meta has besides, of which gh makes out that it
// is one.
func (p place) installed() object {
	if !p.server {
		return nil
	}
	return object{{"installed_version", installedVersion}}
}
