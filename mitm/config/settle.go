package config

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"octopool/mitm"
	"octopool/policy"
	"octopool/policy/pool"
)

// A Problem is one thing that is wrong with a configuration. Key is where it stands, as
// in "client[1].scopes[0]"; "" when it stands nowhere.
type Problem struct {
	Key     string
	Message string
}

func (p Problem) Error() string {
	if p.Key == "" {
		return p.Message
	}
	return p.Key + ": " + p.Message
}

// Settings are a configuration that makes sense: its references are resolved, its
// defaults filled in, its parts in the types of those who use them.
type Settings struct {
	DataDir     string
	ProxyListen string
	AdminListen string
	AdminToken  policy.Secret
	CACert      string // path; "" to make an authority in DataDir
	CAKey       string

	Backend  string
	TTL      time.Duration
	MaxEntry int64
	FreshFor time.Duration

	GitHubs     []mitm.GitHub
	Egress      mitm.Egress
	Credentials []pool.Credential
	Rules       policy.Rules

	// SecretVariables are the environment variables that secrets were read from: a
	// program that is to use octopool instead must not see them.
	SecretVariables []string
}

// Settle turns what is written into settings, or says everything that is wrong with it.
// getenv is where env: references and the credentials of the environment come from.
func (f File) Settle(getenv func(string) string, environ []string) (Settings, []Problem) {
	f.Credential = append(slices.Clone(f.Credential), fromEnvironment(environ, len(f.Credential) == 0)...)
	f.fill()
	s := settler{getenv: getenv}
	out := Settings{
		DataDir:     cmp.Or(f.DataDir, defaultDataDir(getenv)),
		ProxyListen: f.Proxy.Listen,
		AdminListen: f.Admin.Listen,
		Backend:     f.Cache.Backend,
		TTL:         time.Duration(f.Cache.TTL),
		MaxEntry:    int64(f.Cache.MaxEntry),
		FreshFor:    time.Duration(f.Cache.FreshFor),
		Egress:      mitm.Egress{Allow: f.Tunnel.Allow, Deny: f.Tunnel.Deny, Ports: f.Tunnel.Ports, Private: f.Tunnel.Private},
	}
	if out.DataDir == "" {
		s.wrong("data_dir", "not set, and neither XDG_STATE_HOME nor HOME is")
	}
	s.listen("proxy.listen", f.Proxy.Listen)
	if f.Admin.Listen != "" {
		s.listen("admin.listen", f.Admin.Listen)
		if f.Admin.Token == "" && !isLoopback(f.Admin.Listen) {
			s.wrong("admin.listen", "%s can be reached from other machines: set admin.token", f.Admin.Listen)
		}
	}
	if f.Admin.Token != "" {
		out.AdminToken = s.secret("admin.token", f.Admin.Token)
	}
	out.CACert, out.CAKey = s.authority(f.CA)
	if !slices.Contains([]string{"badger", "memory", "off"}, f.Cache.Backend) {
		s.wrong("cache.backend", "%q is not badger, memory or off", f.Cache.Backend)
	}
	if f.Cache.MaxEntry == 0 {
		s.wrong("cache.max_entry", "must be more than 0; to store nothing set cache.backend = \"off\"")
	}
	for i, port := range f.Tunnel.Ports {
		if port < 1 || port > 65535 {
			s.wrong(fmt.Sprintf("tunnel.ports[%d]", i), "%d is not a port", port)
		}
	}
	out.GitHubs = s.gitHubs(f.GitHub)
	out.Credentials = s.credentials(f)
	out.Rules = s.rules(f)
	out.SecretVariables = s.variables
	return out, s.problems
}

// A settler collects what is wrong.
type settler struct {
	getenv   func(string) string
	problems []Problem

	variables []string // of the environment that were read
}

func (s *settler) wrong(key, format string, args ...any) {
	s.problems = append(s.problems, Problem{key, fmt.Sprintf(format, args...)})
}

func (s *settler) listen(key, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		s.wrong(key, "%q is not an address such as \"127.0.0.1:8080\"", address)
	}
}

// secret resolves a reference. Its messages never repeat what was written, which may be
// a secret in the wrong place.
func (s *settler) secret(key, reference string) policy.Secret {
	kind, name, _ := strings.Cut(reference, ":")
	var text string
	switch kind {
	case "env":
		s.variables = append(s.variables, name)
		if text = s.getenv(name); text == "" {
			s.wrong(key, "the environment variable %s is not set", name)
		}
	case "file":
		content, err := os.ReadFile(name)
		if err != nil {
			s.wrong(key, "%v", err)
		} else if text = strings.TrimSpace(string(content)); text == "" {
			s.wrong(key, "%s is empty", name)
		}
	default:
		s.wrong(key, "write a reference, env:NAME or file:PATH, not the secret itself")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		s.wrong(key, "the secret holds a space or a control character")
		return policy.Secret{}
	}
	return policy.NewSecret(text)
}

// authority reads the two references of [ca].
func (s *settler) authority(c CA) (certificate, key string) {
	if c.Certificate == "" && c.Key == "" {
		return "", ""
	}
	path := func(name, reference string) string {
		path, ok := strings.CutPrefix(reference, "file:")
		if !ok || path == "" {
			s.wrong(name, "write file:PATH; certificate and key go together")
			return ""
		}
		f, err := os.Open(path)
		if err != nil {
			s.wrong(name, "%v", err)
			return ""
		}
		f.Close()
		return path
	}
	return path("ca.certificate", c.Certificate), path("ca.key", c.Key)
}

func (s *settler) gitHubs(in []GitHub) []mitm.GitHub {
	var out []mitm.GitHub
	seen := map[string]bool{}
	for i, g := range in {
		at := fmt.Sprintf("github[%d].", i)
		host := strings.ToLower(g.Host)
		if host == "" || strings.ContainsAny(host, "/: *") {
			s.wrong(at+"host", "%q is not a host name such as \"github.com\"", g.Host)
		}
		if seen[host] {
			s.wrong(at+"host", "%s is there twice", host)
		}
		seen[host] = true
		if g.Dial != "" {
			s.listen(at+"dial", g.Dial)
		}
		out = append(out, mitm.GitHub{Host: host, Git: g.Git == nil || *g.Git, Dial: g.Dial, Roots: s.roots(at+"ca_file", g.CAFile)})
	}
	return out
}

// roots are the system's and those of a file; nil without one.
func (s *settler) roots(key, file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		s.wrong(key, "%v", err)
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		s.wrong(key, "%s holds no PEM certificate", file)
	}
	return roots
}

func (s *settler) credentials(f File) []pool.Credential {
	var out []pool.Credential
	seen := map[string]bool{}
	for i, c := range f.Credential {
		at := fmt.Sprintf("credential[%d].", i)
		switch {
		case c.Name == "":
			s.wrong(at+"name", "a credential needs a name")
		case !policy.IsName(c.Name):
			s.wrong(at+"name", "%q: a name has letters, digits, dots, dashes and underscores", c.Name)
		case seen[c.Name]:
			s.wrong(at+"name", "%s is there twice", c.Name)
		}
		seen[c.Name] = true
		if c.PAT == "" {
			s.wrong(at+"name", "credential %s has no pat", c.Name)
			continue
		}
		if !slices.ContainsFunc(f.GitHub, func(g GitHub) bool { return strings.EqualFold(g.Host, c.GitHub) }) {
			s.wrong(at+"github", "credential %s: name the host of one of the [[github]] entries", c.Name)
		}
		out = append(out, pool.Credential{
			Name: c.Name, GitHub: strings.ToLower(c.GitHub), Pool: c.Pool, Owners: c.Owners,
			Token: s.secret(at+"pat", c.PAT),
		})
	}
	if len(f.Credential) == 0 {
		s.wrong("", "no credential: set GITHUB_TOKEN or GITHUB_PAT_NAME, or add a [[credential]]")
	}
	return out
}

func (s *settler) rules(f File) policy.Rules {
	rules := policy.Rules{Anonymous: f.Policy.Anonymous, Unknown: f.Policy.Unknown}
	pools := map[string]bool{}
	for _, c := range f.Credential {
		pools[c.Pool] = true
	}
	names, digests := map[string]bool{}, map[policy.Digest]string{}
	for i, c := range f.Client {
		at := fmt.Sprintf("client[%d].", i)
		r := policy.Registration{Name: c.Name, Pool: c.Pool}
		switch {
		case !policy.IsName(c.Name):
			s.wrong(at+"name", "%q: a client's name has letters, digits, dots, dashes and underscores", c.Name)
		case names[c.Name]:
			s.wrong(at+"name", "client %s is there twice", c.Name)
		}
		names[c.Name] = true
		if !pools[c.Pool] {
			s.wrong(at+"pool", "client %s: no credential is in pool %q; there are: %s", c.Name, c.Pool, strings.Join(slices.Sorted(maps.Keys(pools)), ", "))
		}
		r.Token = s.digest(at, c)
		if other, taken := digests[r.Token]; taken {
			s.wrong(at+"token_sha256", "clients %s and %s have the same token", other, c.Name)
		}
		digests[r.Token] = c.Name
		for j, text := range c.Scopes {
			scope, err := policy.ParseScope(text)
			if err != nil {
				s.wrong(fmt.Sprintf("%sscopes[%d]", at, j), "client %s: %v", c.Name, err)
			}
			r.Scopes = append(r.Scopes, scope)
		}
		if c.Scopes != nil && len(c.Scopes) == 0 {
			s.wrong(at+"scopes", "client %s: an empty list would allow everything; leave scopes out for that", c.Name)
		}
		rules.Clients = append(rules.Clients, r)
	}
	switch anonymous := f.Policy.Anonymous; {
	case anonymous == "passthrough", anonymous == "reject":
	case strings.HasPrefix(anonymous, "client:"):
		if name := strings.TrimPrefix(anonymous, "client:"); !names[name] {
			s.wrong("policy.anonymous", "there is no client %q", name)
		}
	default:
		s.wrong("policy.anonymous", "%q is not passthrough, reject or client:NAME", anonymous)
	}
	if u := f.Policy.Unknown; u != "reject" && u != "passthrough" {
		s.wrong("policy.unknown", "%q is not reject or passthrough", u)
	}
	return rules
}

// digest is what a client is registered by.
func (s *settler) digest(at string, c Client) policy.Digest {
	switch {
	case c.TokenSHA256 != "" && c.Token != "":
		s.wrong(at+"token", "client %s: token and token_sha256 are two ways to say one thing; keep one", c.Name)
	case c.TokenSHA256 != "":
		d, err := policy.ParseDigest(c.TokenSHA256)
		if err != nil {
			s.wrong(at+"token_sha256", "client %s: %v", c.Name, err)
		}
		return d
	case c.Token != "":
		if secret := s.secret(at+"token", c.Token); !secret.IsZero() {
			return policy.DigestOf(secret.Reveal())
		}
	default:
		s.wrong(at+"name", "client %s has neither token_sha256 nor token; `octopool client new %s` makes one", c.Name, c.Name)
	}
	return policy.DigestOf("client without a token: " + c.Name)
}

// fromEnvironment are the credentials that the environment names: GITHUB_PAT_NAME, and
// GITHUB_TOKEN where there is nothing else.
func fromEnvironment(environ []string, alone bool) []Credential {
	var out []Credential
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if short, ok := strings.CutPrefix(name, "GITHUB_PAT_"); ok && short != "" && value != "" {
			out = append(out, Credential{Name: strings.ToLower(short), PAT: "env:" + name})
		}
	}
	slices.SortFunc(out, func(a, b Credential) int { return cmp.Compare(a.Name, b.Name) })
	if alone && len(out) == 0 && slices.ContainsFunc(environ, func(e string) bool {
		value, ok := strings.CutPrefix(e, "GITHUB_TOKEN=")
		return ok && value != ""
	}) {
		out = append(out, Credential{Name: "github-token", PAT: "env:GITHUB_TOKEN"})
	}
	return out
}

// defaultDataDir is where state is kept when no folder is set (XDG Base Directory
// Specification).
func defaultDataDir(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "octopool")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "octopool")
	}
	return ""
}
