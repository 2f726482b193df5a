// Package launch makes programs use an octopool: the environment variables that name the
// proxy and make each tool trust it, and running a program with them.
package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Setting is one environment variable.
type Setting struct{ Name, Value string }

// Where names what a program needs to find and trust an octopool.
type Where struct {
	ProxyURL   string
	RootFile   string // the root alone, for variables that add to what a tool trusts
	BundleFile string // the root and the system's roots, for variables that replace it
}

// adding are the variables whose file is trusted beside what the tool already trusts.
var adding = []string{"NODE_EXTRA_CA_CERTS", "DENO_CERT"}

// replacing are the variables whose file is trusted instead. Some add on some systems:
// a bundle is right either way.
var replacing = []string{
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
}

// Settings are the variables for a program, in a fixed order. Both spellings of the
// proxy's are set, since curl prefers the lower and wget reads no other; Node reads them
// only when told to.
func (w Where) Settings() []Setting {
	const local = "localhost,127.0.0.1,::1"
	out := []Setting{
		{"HTTPS_PROXY", w.ProxyURL}, {"https_proxy", w.ProxyURL},
		{"NO_PROXY", local}, {"no_proxy", local},
		{"NODE_USE_ENV_PROXY", "1"},
	}
	for _, name := range adding {
		out = append(out, Setting{name, w.RootFile})
	}
	for _, name := range replacing {
		out = append(out, Setting{name, w.BundleFile})
	}
	return out
}

// Shells are the formats of [Format].
var Shells = []string{"sh", "fish", "powershell", "github-actions", "dotenv"}

// Format writes settings as a shell reads them. github-actions is what a step appends to
// the file that GITHUB_ENV names.
func Format(shell string, settings []Setting) (string, error) {
	line, ok := map[string]func(Setting) string{
		"sh":   func(s Setting) string { return "export " + s.Name + "=" + quote(s.Value) },
		"fish": func(s Setting) string { return "set -gx " + s.Name + " " + quoteFish(s.Value) },
		"powershell": func(s Setting) string {
			return "$env:" + s.Name + " = '" + strings.ReplaceAll(s.Value, "'", "''") + "'"
		},
		"github-actions": func(s Setting) string { return s.Name + "=" + s.Value },
		"dotenv":         func(s Setting) string { return s.Name + "=" + quote(s.Value) },
	}[shell]
	if !ok {
		return "", fmt.Errorf("%q is not one of %s", shell, strings.Join(Shells, ", "))
	}
	var out strings.Builder
	for _, s := range settings {
		out.WriteString(line(s))
		out.WriteByte('\n')
	}
	return out.String(), nil
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func quoteFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// WithToken adds a client's token: for gh and those that read GITHUB_TOKEN, and for git,
// which asks a credential helper once a host wants to know.
func WithToken(settings []Setting, token string, hosts []string, environ []string) []Setting {
	settings = append(settings, Setting{"GH_TOKEN", token}, Setting{"GITHUB_TOKEN", token})
	count := 0
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "GIT_CONFIG_COUNT="); ok {
			count, _ = strconv.Atoi(value)
		}
	}
	const helper = `!f() { test "$1" = get && echo username=x-access-token && echo "password=$GH_TOKEN"; }; f`
	for _, host := range hosts {
		for _, value := range []string{"", helper} { // the empty one resets helpers of the user's own
			settings = append(settings,
				Setting{"GIT_CONFIG_KEY_" + strconv.Itoa(count), "credential.https://" + host + ".helper"},
				Setting{"GIT_CONFIG_VALUE_" + strconv.Itoa(count), value})
			count++
		}
	}
	return append(settings, Setting{"GIT_CONFIG_COUNT", strconv.Itoa(count)}, Setting{"GIT_TERMINAL_PROMPT", "0"})
}

// Environ is environ with settings in place of what it had by their names, and without
// the variables that hold what the program must not see.
func Environ(environ []string, settings []Setting, without []string) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "GITHUB_PAT_") || name == "SSL_CERT_DIR" || slices.Contains(without, name) ||
			slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == name })
	})
	for _, s := range settings {
		out = append(out, s.Name+"="+s.Value)
	}
	return out
}

// Run runs a program to its end and returns its exit status. Interrupts reach the program
// by its terminal; a SIGTERM is passed on. The error is that it could not be started.
func Run(ctx context.Context, command []string, environ []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				cmd.Process.Signal(s)
			}
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
					return 128 + int(status.Signal()), nil
				}
				return exit.ExitCode(), nil
			}
			return 0, err
		}
	}
}
