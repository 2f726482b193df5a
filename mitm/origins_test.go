package mitm

import (
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"testing"

	"octopool/policy"
)

// Which hosts are intercepted for which GitHub, and what each is for.
func TestOrigins(t *testing.T) {
	type roles map[string]policy.Role
	for _, tt := range []struct {
		github GitHub
		want   roles
	}{
		{GitHub{Host: "GitHub.com"}, roles{"api.github.com": policy.RoleAPI, "uploads.github.com": policy.RoleUploads}},
		{GitHub{Host: "github.com", Git: true}, roles{
			"api.github.com": policy.RoleAPI, "uploads.github.com": policy.RoleUploads, "github.com": policy.RoleWeb,
			"gist.github.com": policy.RoleGist, "codeload.github.com": policy.RoleArchive, "raw.githubusercontent.com": policy.RoleRaw,
		}},
		{GitHub{Host: "acme.ghe.com"}, roles{"api.acme.ghe.com": policy.RoleAPI, "uploads.acme.ghe.com": policy.RoleUploads}},
		{GitHub{Host: "acme.ghe.com", Git: true}, roles{
			"api.acme.ghe.com": policy.RoleAPI, "uploads.acme.ghe.com": policy.RoleUploads, "acme.ghe.com": policy.RoleWeb,
			"codeload.acme.ghe.com": policy.RoleArchive, "raw.acme.ghe.com": policy.RoleRaw,
		}},
		{GitHub{Host: "github.example.com"}, roles{"github.example.com": policy.RoleEnterprise, "uploads.github.example.com": policy.RoleUploads}},
		{GitHub{Host: "github.example.com", Git: true}, roles{
			"github.example.com": policy.RoleEnterprise, "uploads.github.example.com": policy.RoleUploads,
			"codeload.github.example.com": policy.RoleArchive, "raw.github.example.com": policy.RoleRaw, "gist.github.example.com": policy.RoleGist,
			"media.github.example.com": policy.RoleSigned,
		}},
	} {
		got := roles{}
		for _, o := range tt.github.Origins() {
			got[o.Host] = o.Role
		}
		if len(got) != len(tt.want) || !slices.Equal(Hosts([]GitHub{tt.github}), hostsOf(tt.github)) {
			t.Errorf("%s: %v, want %v", tt.github.Host, got, tt.want)
		}
		for host, role := range tt.want {
			if r, ok := got[host]; !ok || r != role {
				t.Errorf("%s: %s is %v, %v", tt.github.Host, host, r, ok)
			}
		}
	}
}

func hostsOf(g GitHub) (out []string) {
	for _, o := range g.Origins() {
		out = append(out, o.Host)
	}
	return out
}

// Which tunnels go to where a GitHub's dial setting says.
func TestOwns(t *testing.T) {
	for _, tt := range []struct {
		github, host string
		want         bool
	}{
		{"github.com", "objects.githubusercontent.com", true},
		{"GitHub.com", "objects.githubusercontent.com", true},
		{"github.com", "lfs.github.com", true},
		{"github.com", "github.com", true}, // not intercepted when git is false
		{"github.com", "evilgithub.com", false},
		{"github.com", "acme.ghe.com", false},
		{"acme.ghe.com", "acme.ghe.com", true},
		{"acme.ghe.com", "x.acme.ghe.com", true},
		{"acme.ghe.com", "objects.githubusercontent.com", false},
	} {
		if got := (GitHub{Host: tt.github}).owns(target{host: tt.host, port: 443}); got != tt.want {
			t.Errorf("%s owns %s: %v", tt.github, tt.host, got)
		}
	}
}

// A request goes upstream to a configured host, by TLS, or not at all.
func TestUpstreamIsClosed(t *testing.T) {
	u := NewUpstream([]GitHub{{Host: "github.com", Dial: "127.0.0.1:1", Roots: x509.NewCertPool()}}, NextProxy{})
	for _, url := range []string{"http://api.github.com/", "https://github.com/", "https://evil.example/", "https://api.github.com.evil.example/", "https://api.github.com:8443/"} {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.RoundTrip(r)
		if _, ok := errors.AsType[*Forbidden](err); !ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Nothing octopool sends goes through the proxy of its environment: that may be octopool
// itself.
func TestNoProxyFromEnvironment(t *testing.T) {
	p := new(Proxy)
	transports := []http.RoundTripper{p.newForwarder().Transport, p.newDoorman().Tr}
	for _, t := range NewUpstream([]GitHub{{Host: "github.com", Git: true}}, NextProxy{}).(*upstream).byHost {
		transports = append(transports, t)
	}
	for _, rt := range transports {
		if rt.(*http.Transport).Proxy != nil {
			t.Error("a transport has a proxy")
		}
	}
	if d := p.newDoorman(); d.ConnectDial != nil {
		t.Error("the doorman dials as the environment says")
	}
}
