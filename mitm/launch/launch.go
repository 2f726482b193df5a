// Package launch makes programs use an octopool: the environment variables that name the
// proxy and make each tool trust it, how shells set them, and running a program with
// them. It knows octopool by its address and its files only.
package launch

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Setting is one environment variable.
type Setting struct{ Name, Value string }

// Where names what a program needs to find and trust an octopool.
type Where struct {
	ProxyURL   string
	RootFile   string   // the root alone, for variables that add to what a tool trusts
	BundleFile string   // the root and the system's roots, for variables that replace it
	Hosts      []string // that are intercepted
	GitHosts   []string // of these, the ones that git speaks to
}

// URL is how programs on this machine reach a listener.
func URL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Naming is Where with a proxy URL that names a client by its token, and so does for all
// that a program sends, and a run for octopool's log; "" is none.
func (w Where) Naming(token, label string) Where {
	if u, err := url.Parse(w.ProxyURL); err == nil {
		u.User = url.UserPassword(UserOf(label), token)
		w.ProxyURL = u.String()
	}
	return w
}

// UserOf is the user name of a proxy URL that names a run for octopool's log.
func UserOf(label string) string {
	if label == "" {
		return "octopool"
	}
	return "octopool+" + label
}

// Settings are the variables for a program, in a fixed order. Both spellings of the
// proxy's are set, since curl prefers the lower and wget reads no other; Node reads them
// only when told to. environ is where the program starts from: the hosts it reached
// without a proxy it still does, but for those that octopool intercepts.
func (w Where) Settings(environ []string) []Setting {
	direct := strings.Join(w.direct(environ), ",")
	out := []Setting{
		{"HTTPS_PROXY", w.ProxyURL}, {"https_proxy", w.ProxyURL},
		{"NO_PROXY", direct}, {"no_proxy", direct},
		{"NODE_USE_ENV_PROXY", "1"},
	}
	// These add a file to what the tool trusts already.
	for _, name := range []string{"NODE_EXTRA_CA_CERTS", "DENO_CERT"} {
		out = append(out, Setting{name, w.RootFile})
	}
	// These trust a file instead. Some add on some systems: a bundle is right either way.
	for _, name := range []string{
		"SSL_CERT_FILE",      // OpenSSL, Go on Linux, Ruby, .NET, httpx, rustls
		"CURL_CA_BUNDLE",     // curl
		"GIT_SSL_CAINFO",     // git, git-lfs: Debian's git reads no other
		"REQUESTS_CA_BUNDLE", // Python requests, and so PyGithub
		"PIP_CERT",
		"CARGO_HTTP_CAINFO",
		"AWS_CA_BUNDLE",
		"NIX_SSL_CERT_FILE",
		"HTTPLIB2_CA_CERTS",
		"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
		"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
	} {
		out = append(out, Setting{name, w.BundleFile})
	}
	return out
}

// direct are the hosts to reach without the proxy.
func (w Where) direct(environ []string) []string {
	out := []string{"localhost", "127.0.0.1", "::1"}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		for entry := range strings.SplitSeq(valueOf(environ, name), ",") {
			entry = strings.TrimSpace(entry)
			if entry != "" && !slices.Contains(out, entry) && !slices.ContainsFunc(w.Hosts, func(h string) bool { return exempts(entry, h) }) {
				out = append(out, entry)
			}
		}
	}
	return out
}

// exempts reports whether some tool would take an entry of NO_PROXY to name host: names
// stand for their subdomains too, with a dot or a star in front or without.
func exempts(entry, host string) bool {
	name := strings.ToLower(entry)
	if before, _, found := strings.Cut(name, ":"); found && before != "" {
		name = before
	}
	name = strings.TrimLeft(name, "*.")
	return name == "" || name == host || strings.HasSuffix(host, "."+name)
}

// WithToken adds a client's token: for gh and those that read GITHUB_TOKEN, and for git,
// which asks a credential helper once a host wants to know. Only hosts that are
// intercepted are told the token.
func (w Where) WithToken(settings []Setting, token string, environ []string) []Setting {
	settings = append(settings, Setting{"GH_TOKEN", token}, Setting{"GITHUB_TOKEN", token})
	if slices.ContainsFunc(w.Hosts, isEnterprise) {
		settings = append(settings, Setting{"GH_ENTERPRISE_TOKEN", token}, Setting{"GITHUB_ENTERPRISE_TOKEN", token})
	}
	count, _ := strconv.Atoi(valueOf(environ, "GIT_CONFIG_COUNT")) // what it names by number stays
	const helper = `!f() { test "$1" = get && echo username=x-access-token && echo "password=$GITHUB_TOKEN"; }; f`
	for _, host := range w.GitHosts {
		for _, value := range []string{"", helper} { // the empty one resets helpers of the user's own
			settings = append(settings,
				Setting{"GIT_CONFIG_KEY_" + strconv.Itoa(count), "credential.https://" + host + ".helper"},
				Setting{"GIT_CONFIG_VALUE_" + strconv.Itoa(count), value})
			count++
		}
	}
	return append(settings, Setting{"GIT_CONFIG_COUNT", strconv.Itoa(count)})
}

// isEnterprise reports whether gh takes a host for an Enterprise Server's, whose tokens
// have variables of their own.
func isEnterprise(host string) bool {
	return host != "github.com" && !strings.HasSuffix(host, ".github.com") && !strings.HasSuffix(host, ".githubusercontent.com")
}

// Environ is environ with settings in place of what it had by their names, and without
// the variables that hold what the program must not see.
func Environ(environ []string, settings []Setting, without []string) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return isCredential(name) || slices.Contains(without, name) ||
			name == "SSL_CERT_DIR" || // would have some tools trust less than the file says
			slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == name })
	})
	for _, s := range settings {
		out = append(out, s.Name+"="+s.Value)
	}
	return out
}

// isCredential reports whether a variable is one that octopools take credentials from.
func isCredential(name string) bool {
	return strings.HasPrefix(name, "GITHUB_PAT_") ||
		strings.HasPrefix(name, "GITHUB_APP_") && strings.HasSuffix(name, "_PEM")
}

// valueOf is the value of an environment variable; "" when it is not set.
func valueOf(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
