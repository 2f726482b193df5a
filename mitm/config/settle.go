package config

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"octopool/mitm"
	"octopool/mitm/mint"
	"octopool/mitm/oidc"
	"octopool/policy"
	"octopool/policy/pool"
)

// Places are the settings that a program needs to find an octopool and to trust it. No
// secret is among them, so whoever only looks for one is not asked for its secrets.
type Places struct {
	DataDir     string // absolute
	ProxyListen string
	ProxyCert   string // path; "" for a listener without TLS
	ProxyKey    string
	RequireAuth bool   // the proxy's URL names a client
	CACert      string // path; "" to make an authority in DataDir
	CAKey       string
	GitHubs     []mitm.GitHub

	// SecretVariables are the environment variables that secrets are read from: a
	// program that is to use octopool instead must not see them.
	SecretVariables []string
}

// Settings are a configuration that makes sense: its references are resolved, its
// defaults filled in, its parts in the types of those who use them.
type Settings struct {
	Places
	AdminListen string
	AdminToken  policy.Secret
	LogLevel    slog.Level
	Audit       AuditFile
	Mint        mint.Settings // its keys are in DataDir if there are none

	Cache        CacheSettings
	Egress       mitm.Egress
	Door         mitm.Door
	Next         mitm.NextProxy
	ClientLimits mitm.Limits
	Rules        policy.Rules

	Issuers []oidc.Issuer // of the clients that are who an issuer says

	// What pools are made of: see Pools.
	Credentials []pool.Credential
	Allowances  []pool.Client
	Limits      map[string]pool.Limits // by the host of a GitHub
	MaxWait     time.Duration          // for a place with a credential, before a request is refused

	// Files are the configuration and what it refers to, as far as that could be read. A
	// change of any of them changes the settings.
	Files []string

	// Warnings are what an operator should hear of and can go on with, a sentence each.
	Warnings []string
}

// A settler collects what is wrong.
type settler struct {
	environ  []string
	dir      string // where relative paths start
	files    []string
	problems []Problem
	warnings []string

	written   int      // how many of the credentials are the file's; the rest are the environment's
	sources   []string // of those of the environment
	variables []string // of the environment that secrets are read from
}

func (s *settler) wrong(key, format string, args ...any) {
	s.problems = append(s.problems, Problem{key, fmt.Sprintf(format, args...)})
}

// complete adds to a file what stands in the environment, and what is assumed.
func (s *settler) complete(f File) File {
	s.written = len(f.Credential)
	f.GitHub, f.Client = slices.Clone(f.GitHub), slices.Clone(f.Client)
	added := s.inEnvironment(f)
	f.Credential = slices.Clone(f.Credential)
	for _, c := range added {
		f.Credential = append(f.Credential, c.Credential)
		s.sources = append(s.sources, c.source)
	}
	f.fill()
	return f
}

func (s *settler) settings(f File) Settings {
	out := Settings{
		Places:       s.places(f),
		AdminListen:  f.Admin.Listen,
		LogLevel:     s.level(f.Log),
		Audit:        s.audit(f.Audit),
		Mint:         s.mint(f.Mint),
		Cache:        s.caching(f.Cache),
		Egress:       s.egress(f.Tunnel),
		Door:         s.door(f.Proxy),
		Next:         s.next(f),
		ClientLimits: s.clientLimits(f.Limits),
		Limits:       s.limits(f.GitHub),
		MaxWait:      time.Duration(f.Pool.MaxWait),
	}
	if f.Admin.Listen != "" {
		s.listen("admin.listen", f.Admin.Listen)
		if f.Admin.Token == "" && !isLoopback(f.Admin.Listen) {
			s.wrong("admin.listen", "%s can be reached from other machines: set admin.token", f.Admin.Listen)
		}
		if f.Admin.Listen == f.Proxy.Listen && !strings.HasSuffix(f.Admin.Listen, ":0") {
			s.wrong("admin.listen", "%s is proxy.listen too; operators and clients have a listener each", f.Admin.Listen)
		}
	}
	if f.Admin.Token != "" {
		out.AdminToken = s.secret("admin.token", f.Admin.Token)
	}
	out.Credentials = s.credentials(f)
	out.Rules = s.rules(f, out.Credentials)
	out.Issuers = s.issuers(f)
	out.Allowances = s.allowances(f)
	s.warnOfOnlookers(out.DataDir)
	s.tryOut(out)
	out.Warnings = s.warnings
	out.Files = s.files
	return out
}

// tryOut asks those who will use the settings. What they refuse should have been told
// above, with its place; what was forgotten there must not pass all the same.
func (s *settler) tryOut(out Settings) {
	if len(s.problems) > 0 {
		return
	}
	if _, err := policy.New(out.Rules); err != nil {
		s.wrong("", "%v", err)
	}
	pools := out.Pools()
	pools.Transport = mitm.NewUpstream(out.GitHubs, out.Next)
	if _, err := pool.New(pools); err != nil {
		s.wrong("", "%v", err)
	}
}

func (s *settler) places(f File) Places {
	out := Places{ProxyListen: f.Proxy.Listen, RequireAuth: f.Proxy.RequireAuth}
	if out.DataDir = cmp.Or(f.DataDir, s.defaultDataDir()); out.DataDir == "" {
		s.wrong("data_dir", "not set, and neither XDG_STATE_HOME nor HOME is")
	}
	out.DataDir = s.path(out.DataDir)
	s.listen("proxy.listen", f.Proxy.Listen)
	out.ProxyCert, out.ProxyKey = s.proxyTLS(f.Proxy)
	out.CACert, out.CAKey = s.authority(f.CA)
	out.GitHubs = s.gitHubs(f.GitHub)
	s.variables = append(s.variables, variablesOf(f)...)
	out.SecretVariables = s.variables
	return out
}

// defaultDataDir is where state is kept when no folder is set (XDG Base Directory
// Specification).
func (s *settler) defaultDataDir() string {
	if dir := s.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "octopool")
	}
	if home := s.getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "octopool")
	}
	return ""
}

// path makes a path absolute: programs are told of some, and run elsewhere.
func (s *settler) path(path string) string {
	if name, ok := strings.CutPrefix(path, credentialsFolder+"/"); ok && s.getenv(credentialsVariable) != "" {
		path = filepath.Join(s.getenv(credentialsVariable), name)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func (s *settler) listen(key, address string) {
	if err := checkAddress(address); err != nil {
		s.wrong(key, "%v", err)
	}
}

// authority reads the two references of [ca].
func (s *settler) authority(c CA) (certificate, key string) {
	if c.Certificate == "" && c.Key == "" {
		return "", ""
	}
	return s.pair("ca", c.Certificate, c.Key)
}

// pair reads the two references of a table to a certificate and its key.
func (s *settler) pair(table, certificate, key string) (certificatePath, keyPath string) {
	path := func(name, reference string) string {
		path, ok := strings.CutPrefix(reference, "file:")
		if !ok || path == "" {
			s.wrong(name, "write file:PATH; certificate and key go together")
			return ""
		}
		path = s.path(path)
		f, err := os.Open(path)
		if err != nil {
			s.wrong(name, "%v", err)
			return ""
		}
		f.Close()
		return path
	}
	certificatePath, keyPath = path(table+".certificate", certificate), path(table+".key", key)
	if certificatePath == "" || keyPath == "" {
		return "", ""
	}
	return certificatePath, keyPath
}

func (s *settler) gitHubs(in []GitHub) []mitm.GitHub {
	var out []mitm.GitHub
	seen := map[string]bool{}
	for i, g := range in {
		at := fmt.Sprintf("github[%d].", i)
		host := hostOf(g)
		g := mitm.GitHub{Host: host, Git: g.Git == nil || *g.Git, Dial: g.Dial, Roots: s.roots(at+"ca_file", g.CAFile)}
		if g.Dial != "" {
			s.listen(at+"dial", g.Dial)
		}
		switch parent := parentGitHub(host); {
		case host == "":
			s.wrong(strings.TrimSuffix(at, "."), "a [[github]] needs a host")
			continue
		case checkHost(host) != nil:
			s.wrong(at+"host", "%q is not a host name such as \"github.com\"", host)
			continue
		case parent != "":
			s.wrong(at+"host", "%s belongs to %s: name that one, and its hosts are known", host, parent)
			continue
		case seen[host]:
			s.wrong(at+"host", "%s is there twice", host)
			continue
		}
		seen[host] = true
		out = append(out, g)
	}
	return out
}

func hostOf(g GitHub) string { return strings.ToLower(strings.TrimSuffix(g.Host, ".")) }

// parentGitHub is the GitHub that a host is a part of; "" for one that stands alone.
func parentGitHub(host string) string {
	if strings.HasSuffix(host, ".github.com") {
		return "github.com"
	}
	if sub, ok := strings.CutSuffix(host, ".ghe.com"); ok && strings.Contains(sub, ".") {
		return lastPart(sub) + ".ghe.com"
	}
	return ""
}

// roots are the system's and those of a file; nil without one.
func (s *settler) roots(key, file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	text, err := s.read(file)
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

func (s *settler) egress(t Tunnel) mitm.Egress {
	for _, list := range []struct {
		key   string
		rules []string
	}{{"tunnel.allow", t.Allow}, {"tunnel.deny", t.Deny}} {
		for i, rule := range list.rules {
			if err := checkTunnelRule(rule); err != nil {
				s.wrong(fmt.Sprintf("%s[%d]", list.key, i), "%v", err)
			}
		}
	}
	if len(t.Ports) == 0 {
		s.wrong("tunnel.ports", "list a port; to tunnel nothing set tunnel.allow = []")
	}
	for i, port := range t.Ports {
		if port < 1 || port > 65535 {
			s.wrong(fmt.Sprintf("tunnel.ports[%d]", i), "%d is not a port", port)
		}
	}
	return mitm.Egress{Allow: t.Allow, Deny: t.Deny, Ports: t.Ports, Private: t.Private}
}
