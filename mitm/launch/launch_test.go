package launch

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// here is an octopool that intercepts github.com.
func here() Where {
	return Where{
		ProxyURL: "http://127.0.0.1:8080", RootFile: "/data/ca.pem", BundleFile: "/data/ca-bundle.pem",
		Hosts: []string{"api.github.com", "github.com"}, GitHosts: []string{"github.com"},
	}
}

func TestHowAListenerIsReached(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080":         "http://127.0.0.1:8080",
		"[::1]:8080":             "http://[::1]:8080",
		"proxy.example.com:8080": "http://proxy.example.com:8080",
		":8080":                  "http://127.0.0.1:8080", // no program could dial what it says
		"0.0.0.0:8080":           "http://127.0.0.1:8080",
		"[::]:8080":              "http://127.0.0.1:8080",
	} {
		if got := URL(listen); got != want {
			t.Errorf("%s is reached at %s, want %s", listen, got, want)
		}
	}
}

// TestTrust: variables that add get the root alone, those that replace the bundle.
func TestTrust(t *testing.T) {
	want := strings.TrimSpace(`
HTTPS_PROXY=http://127.0.0.1:8080
https_proxy=http://127.0.0.1:8080
NO_PROXY=localhost,127.0.0.1,::1
no_proxy=localhost,127.0.0.1,::1
NODE_USE_ENV_PROXY=1
NODE_EXTRA_CA_CERTS=/data/ca.pem
DENO_CERT=/data/ca.pem
SSL_CERT_FILE=/data/ca-bundle.pem
CURL_CA_BUNDLE=/data/ca-bundle.pem
GIT_SSL_CAINFO=/data/ca-bundle.pem
REQUESTS_CA_BUNDLE=/data/ca-bundle.pem
PIP_CERT=/data/ca-bundle.pem
CARGO_HTTP_CAINFO=/data/ca-bundle.pem
AWS_CA_BUNDLE=/data/ca-bundle.pem
NIX_SSL_CERT_FILE=/data/ca-bundle.pem
HTTPLIB2_CA_CERTS=/data/ca-bundle.pem
GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=/data/ca-bundle.pem
CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=/data/ca-bundle.pem`)
	got := strings.Join(Environ(nil, here().Settings(nil), nil), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHostsWithoutProxy: a company's own stay direct; what octopool intercepts must not.
func TestHostsWithoutProxy(t *testing.T) {
	const local = "localhost,127.0.0.1,::1"
	for before, want := range map[string]string{
		"":                             local,
		"*":                            local,
		"github.com":                   local,
		".github.com, internal.corp":   local + ",internal.corp",
		"*.GitHub.com:443,10.0.0.0/8":  local + ",10.0.0.0/8",
		".com":                         local,
		"api.github.com,localhost":     local,
		"ithub.com,fd00::1,git.corp:1": local + ",ithub.com,fd00::1,git.corp:1",
		local + ",internal.corp":       local + ",internal.corp", // told twice
	} {
		for _, name := range []string{"NO_PROXY", "no_proxy"} {
			settings := here().Settings([]string{name + "=" + before})
			i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
			if got := settings[i].Value; got != want {
				t.Errorf("with %s=%s programs reach %s directly, want %s", name, before, got, want)
			}
		}
	}
}

// TestWhatAProgramSees: the octopool's, the client's token, and no credential.
func TestWhatAProgramSees(t *testing.T) {
	before := []string{
		"PATH=/bin", "HTTPS_PROXY=http://corp:1", "https_proxy=http://corp:1", "SSL_CERT_DIR=/certs",
		"GITHUB_TOKEN=ghp_1", "GH_TOKEN=ghp_2", "GITHUB_PAT_BOT=ghp_3", "GITHUB_APP_X_PEM=key", "BOT_PAT=ghp_4",
		"GITHUB_ACTIONS=true", "GITHUB_APP_X_ID=12",
	}
	w := here()
	after := Environ(before, w.WithToken(w.Settings(before), "client-token", before), []string{"BOT_PAT"})
	for _, want := range []string{"PATH=/bin", "HTTPS_PROXY=http://127.0.0.1:8080", "GITHUB_TOKEN=client-token", "GH_TOKEN=client-token", "GITHUB_ACTIONS=true", "GITHUB_APP_X_ID=12"} {
		if !slices.Contains(after, want) {
			t.Errorf("%s is missing", want)
		}
	}
	names := map[string]int{}
	for _, entry := range after {
		name, value, _ := strings.Cut(entry, "=")
		if names[name]++; names[name] > 1 {
			t.Errorf("%s is set twice", name)
		}
		if strings.HasPrefix(value, "ghp_") || value == "key" || name == "SSL_CERT_DIR" || strings.Contains(value, "corp") {
			t.Errorf("the program sees %s", entry)
		}
	}
	for _, name := range []string{"BOT_PAT", "GH_ENTERPRISE_TOKEN"} {
		if names[name] > 0 {
			t.Errorf("%s is set", name)
		}
	}
}

// TestOnlyInterceptedHostsAreToldTheToken: with git = false github.com is tunnelled, and
// GitHub itself would see what git sends.
func TestOnlyInterceptedHostsAreToldTheToken(t *testing.T) {
	helpers := func(w Where, environ ...string) []string {
		var out []string
		for _, s := range w.WithToken(nil, "client-token", environ) {
			if strings.HasPrefix(s.Name, "GIT_CONFIG_") {
				if strings.Contains(s.Value, "client-token") {
					t.Errorf("%s holds the token", s.Name)
				}
				if strings.HasPrefix(s.Value, "!") {
					s.Value = "!…"
				}
				out = append(out, s.Name+"="+s.Value)
			}
		}
		return out
	}
	want := []string{
		"GIT_CONFIG_KEY_0=credential.https://github.com.helper", "GIT_CONFIG_VALUE_0=",
		"GIT_CONFIG_KEY_1=credential.https://github.com.helper", "GIT_CONFIG_VALUE_1=!…", "GIT_CONFIG_COUNT=2",
	}
	if diff := cmp.Diff(want, helpers(here())); diff != "" {
		t.Error(diff)
	}
	// What the environment configures for git by number stays.
	want = []string{
		"GIT_CONFIG_KEY_3=credential.https://github.com.helper", "GIT_CONFIG_VALUE_3=",
		"GIT_CONFIG_KEY_4=credential.https://github.com.helper", "GIT_CONFIG_VALUE_4=!…", "GIT_CONFIG_COUNT=5",
	}
	if diff := cmp.Diff(want, helpers(here(), "GIT_CONFIG_COUNT=3")); diff != "" {
		t.Error(diff)
	}
	w := here()
	w.GitHosts = nil
	if diff := cmp.Diff([]string{"GIT_CONFIG_COUNT=0"}, helpers(w)); diff != "" {
		t.Error(diff)
	}
}

func TestEnterpriseServersHaveVariablesOfTheirOwn(t *testing.T) {
	w := Where{Hosts: []string{"git.example.com"}, GitHosts: []string{"git.example.com"}}
	set := Environ(nil, w.WithToken(nil, "client-token", nil), nil)
	for _, want := range []string{"GH_ENTERPRISE_TOKEN=client-token", "GITHUB_ENTERPRISE_TOKEN=client-token"} {
		if !slices.Contains(set, want) {
			t.Errorf("%s is missing in %v", want, set)
		}
	}
}

func TestWelcome(t *testing.T) {
	w := Welcome{Version: "1.2", Where: here(), Token: "github_pat_new", Kept: "/data/client-default"}
	w.Where.BundleFile = "/my data/ca-bundle.pem"
	var b strings.Builder
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	want := `octopool 1.2 is at http://127.0.0.1:8080

In another terminal:

  eval "$(octopool env)"
  export GH_TOKEN=github_pat_new

This is the token of client "default". It is shown this once; octopool keeps a digest.

Without the octopool command, set these yourself:

  export HTTPS_PROXY=http://127.0.0.1:8080
  export NODE_EXTRA_CA_CERTS=/data/ca.pem
  export SSL_CERT_FILE='/my data/ca-bundle.pem'
  export GIT_SSL_CAINFO='/my data/ca-bundle.pem'
  export REQUESTS_CA_BUNDLE='/my data/ca-bundle.pem'

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
