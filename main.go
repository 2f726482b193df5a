// Octopool is a forward proxy for GitHub: it answers from what GitHub has just vouched
// for, and spends a pool's budgets where it has to ask.
//
// This file declares the commands and the configuration's syntax, and wires. What a
// command does lives in its package.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/VictoriaMetrics/metrics"
	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/launch"
	"octopool/policy"
)

// commands is the command line.
type commands struct {
	Serve   serve         `cmd:"" help:"Run the proxy."`
	Exec    execute       `cmd:"" help:"Run a program through the proxy."`
	Env     printEnv      `cmd:"" help:"Print the variables that make programs use the proxy."`
	Client  clientCommand `cmd:"" help:"Register clients."`
	CA      caCommand     `cmd:"" name:"ca" help:"Look at the certificate authority."`
	Check   check         `cmd:"" help:"Say what is wrong with the configuration."`
	Version version       `cmd:"" help:"Print the version."`
}

// configFlag is the --config that most commands have.
type configFlag struct {
	Config string `short:"c" help:"Configuration file (TOML). Without one: defaults, and credentials from GITHUB_PAT_NAME or GITHUB_TOKEN." placeholder:"FILE"`
}

// errSaid is an error that has been told already.
var errSaid = errors.New("")

func main() {
	var c commands
	parser := kong.Must(&c, kong.Name("octopool"),
		kong.Description("A forward proxy for GitHub that keeps what GitHub vouches for and shares what a pool of credentials may spend."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Writers(os.Stdout, os.Stderr))
	k, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "octopool: %v\nRun \"octopool --help\" to see what there is.\n", err)
		os.Exit(2)
	}
	if err := k.Run(); err != nil {
		if status := exitStatus(0); errors.As(err, &status) {
			os.Exit(int(status))
		}
		if !errors.Is(err, errSaid) {
			fmt.Fprintf(os.Stderr, "octopool: %v\n", err)
		}
		os.Exit(1)
	}
}

// exitStatus is the exit status of a program that octopool ran.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// drainTime is how long requests in flight may take to end after a SIGTERM.
const drainTime = 30 * time.Second

type serve struct{ configFlag }

func (serve) Help() string {
	return "Example: GITHUB_TOKEN=… octopool serve\n         octopool serve --config /etc/octopool.toml"
}

// Run serves until a SIGTERM or SIGINT.
func (s serve) Run() error {
	settings, err := load(s.Config)
	if err != nil {
		return err
	}
	token, err := firstClient(s.Config, &settings)
	if err != nil {
		return err
	}
	metrics.ExposeMetadata(true)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log := newLog()
	d, err := daemon.Start(settings, versionText(), log)
	if err != nil {
		return err
	}
	welcome(os.Stdout, d, settings, s.Config, token)
	log.Info("serving", "proxy", d.ProxyURL(), "admin", d.AdminURL(), "credentials", len(settings.Credentials), "clients", len(settings.Rules.Clients))
	select {
	case <-ctx.Done():
		log.Info("stopping; requests in flight may end", "within", drainTime)
	case err = <-d.Failed():
	}
	stop() // a second signal ends at once
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if cut := d.Stop(drain); errors.Is(cut, context.DeadlineExceeded) {
		log.Warn("cut what had not ended", "after", drainTime)
	} else if cut != nil {
		err = errors.Join(err, cut)
	}
	return err
}

// firstClient registers the client of an octopool without a configuration file.
func firstClient(file string, s *config.Settings) (policy.Secret, error) {
	if file != "" {
		return policy.Secret{}, nil
	}
	registration, token, err := daemon.FirstClient(s.DataDir)
	s.Rules.Clients = append(s.Rules.Clients, registration)
	return token, err
}

// welcome prints what to paste in another terminal.
func welcome(w io.Writer, d *daemon.Daemon, s config.Settings, file string, token policy.Secret) {
	where := whereOf(d)
	flag := ""
	if file != "" {
		flag = " --config " + file
	}
	fmt.Fprintf(w, "octopool %s is at %s\n\nIn another terminal:\n\n  eval \"$(octopool env%s)\"\n", versionText(), where.ProxyURL, flag)
	switch {
	case !token.IsZero():
		fmt.Fprintf(w, "  export GH_TOKEN=%s\n\nThis is the token of client \"default\". It is shown this once; octopool keeps a digest.\n", token.Reveal())
	case file == "":
		fmt.Fprintf(w, "  export GH_TOKEN=…    # the token that was shown on first use\n\nIs it lost? Remove %s and start again.\n", filepath.Join(s.DataDir, "client-default"))
	default:
		fmt.Fprintf(w, "  export GH_TOKEN=…    # the token of a registered client\n")
	}
	fmt.Fprintf(w, "\nWithout the octopool command, set these yourself:\n\n")
	for _, v := range where.Settings() {
		switch v.Name {
		case "HTTPS_PROXY", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS":
			fmt.Fprintf(w, "  export %s=%s\n", v.Name, v.Value)
		}
	}
	fmt.Fprintln(w)
}

func whereOf(d *daemon.Daemon) launch.Where {
	return launch.Where{ProxyURL: d.ProxyURL(), RootFile: d.Authority.RootFile(), BundleFile: d.Authority.BundleFile()}
}

type execute struct {
	configFlag
	Client  string   `default:"default" help:"Which client the program is. Without a configuration file there is one, default."`
	Command []string `arg:"" passthrough:"" help:"The program and its arguments, after --."`
}

func (execute) Help() string {
	return "Through the running octopool if OCTOPOOL_TOKEN holds a client's token, else through one started for the program's life.\n\nExample: octopool exec -- gh api user"
}

// Run runs the program and exits with its status.
func (e execute) Run() error {
	if e.Command[0] == "--" {
		e.Command = e.Command[1:]
	}
	if len(e.Command) == 0 {
		return errors.New("exec: name a program, as in: octopool exec -- gh api user")
	}
	settings, err := load(e.Config)
	if err != nil {
		return err
	}
	where, token, stop, err := e.octopool(settings)
	if err != nil {
		return err
	}
	defer stop()
	hosts := make([]string, 0, len(settings.GitHubs))
	for _, g := range settings.GitHubs {
		hosts = append(hosts, g.Host)
	}
	set := launch.WithToken(where.Settings(), token.Reveal(), hosts, os.Environ())
	status, err := launch.Run(context.Background(), e.Command, launch.Environ(os.Environ(), set, settings.SecretVariables))
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

// octopool finds the one that runs, or starts one for a single client.
func (e execute) octopool(settings config.Settings) (launch.Where, policy.Secret, func(), error) {
	if token := os.Getenv("OCTOPOOL_TOKEN"); token != "" {
		authority, err := daemon.OpenAuthority(settings)
		if err != nil {
			return launch.Where{}, policy.Secret{}, nil, err
		}
		where := launch.Where{ProxyURL: "http://" + settings.ProxyListen, RootFile: authority.RootFile(), BundleFile: authority.BundleFile()}
		return where, policy.NewSecret(token), func() {}, launch.Reach(where.ProxyURL)
	}
	token, err := e.onlyClient(&settings)
	if err != nil {
		return launch.Where{}, policy.Secret{}, nil, err
	}
	settings.ProxyListen, settings.AdminListen = "127.0.0.1:0", ""
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	d, err := daemon.Start(settings, versionText(), quiet)
	if err != nil {
		return launch.Where{}, policy.Secret{}, nil, err
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		d.Stop(ctx)
	}
	return whereOf(d), token, stop, nil
}

// onlyClient makes a token for the time of one program and leaves no other client.
func (e execute) onlyClient(s *config.Settings) (policy.Secret, error) {
	registration := policy.Registration{Name: e.Client, Pool: "default"}
	if e.Config != "" {
		i := slices.IndexFunc(s.Rules.Clients, func(r policy.Registration) bool { return r.Name == e.Client })
		if i < 0 {
			return policy.Secret{}, fmt.Errorf("exec: %s registers no client %q; name one with --client", e.Config, e.Client)
		}
		registration = s.Rules.Clients[i]
	}
	token, err := daemon.NewClientToken()
	if err != nil {
		return policy.Secret{}, err
	}
	registration.Token = policy.DigestOf(token.Reveal())
	s.Rules.Clients = []policy.Registration{registration}
	return token, nil
}

type printEnv struct {
	configFlag
	Shell string `default:"sh" help:"One of sh, fish, powershell, github-actions, dotenv."`
}

func (printEnv) Help() string {
	return "Example: eval \"$(octopool env)\"\n         octopool env --shell github-actions >>\"$GITHUB_ENV\""
}

// Run prints the variables of the octopool that this configuration runs.
func (e printEnv) Run() error {
	settings, err := load(e.Config)
	if err != nil {
		return err
	}
	authority, err := daemon.OpenAuthority(settings)
	if err != nil {
		return err
	}
	where := launch.Where{ProxyURL: "http://" + settings.ProxyListen, RootFile: authority.RootFile(), BundleFile: authority.BundleFile()}
	text, err := launch.Format(e.Shell, where.Settings())
	fmt.Print(text)
	return err
}

type clientCommand struct {
	New newClient `cmd:"" help:"Make a client's token and print its registration."`
}

type newClient struct {
	Name   string   `arg:"" help:"The client's name."`
	Prefix string   `default:"github_pat_" help:"How the token begins; tools look at it. ghs_ for a pool of Apps."`
	Scope  []string `sep:"none" help:"What it may ask; may be repeated. Without any it may do everything." placeholder:"SCOPE"`
}

func (newClient) Help() string {
	return "Example: octopool client new ci --scope 'read /repos/acme/**' --scope 'git:read acme/*'"
}

// Run prints a token once, and the registration that goes into the configuration.
func (n newClient) Run() error {
	text, token, err := daemon.NewRegistration(n.Name, n.Prefix, n.Scope)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "The client's token, shown this once:\n\n")
	fmt.Printf("%s\n", token.Reveal())
	fmt.Fprintf(os.Stderr, "\nIts registration, for the configuration file:\n\n")
	fmt.Print(text)
	return nil
}

type caCommand struct {
	Path  caPath  `cmd:"" help:"Print where the root certificate is kept."`
	Print caPrint `cmd:"" help:"Print the root certificate (PEM)."`
}

type caPath struct {
	configFlag
	Bundle bool `help:"The bundle with the system's roots instead, for variables that replace what a tool trusts."`
}

func (caPath) Help() string {
	return "Example: sudo cp \"$(octopool ca path)\" /usr/local/share/ca-certificates/octopool.crt"
}

// Run prints a path.
func (c caPath) Run() error {
	settings, err := load(c.Config)
	if err != nil {
		return err
	}
	authority, err := daemon.OpenAuthority(settings)
	if err != nil {
		return err
	}
	path := authority.RootFile()
	if c.Bundle {
		path = authority.BundleFile()
	}
	fmt.Println(path)
	return nil
}

type caPrint struct{ configFlag }

func (caPrint) Help() string { return "Example: octopool ca print >octopool.pem" }

// Run prints the root.
func (c caPrint) Run() error {
	settings, err := load(c.Config)
	if err != nil {
		return err
	}
	authority, err := daemon.OpenAuthority(settings)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(authority.RootPEM())
	return err
}

type check struct{ configFlag }

func (check) Help() string { return "Example: octopool check --config /etc/octopool.toml" }

// Run says what is wrong, a line each, and changes nothing.
func (c check) Run() error {
	settings, err := load(c.Config)
	if err != nil {
		return err
	}
	if err := daemon.CheckAuthority(settings); err != nil {
		return err
	}
	fmt.Printf("%s: ok: %d credentials, %d clients, intercepting %s\n", cmp.Or(c.Config, "defaults and environment"),
		len(settings.Credentials), len(settings.Rules.Clients), strings.Join(mitm.Hosts(settings.GitHubs), " "))
	return nil
}

type version struct{}

func (version) Help() string { return "Example: octopool version" }

// Run prints the version and what it was built with.
func (version) Run() error {
	fmt.Printf("octopool %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// versionText is the module's version, or the revision it was built from.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	return "devel"
}

// newLog logs to standard error: in words on a terminal, else in JSON.
func newLog() *slog.Logger {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
}

// load reads and settles a configuration. What is wrong with it is printed, a line
// each, with its place.
func load(file string) (config.Settings, error) {
	f := config.Default()
	var where lines
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return config.Settings{}, err
		}
		where = linesOf(string(text))
		if err := decode(file, string(text), where, &f); err != nil {
			return config.Settings{}, err
		}
	}
	settings, problems := f.Settle(os.Getenv, os.Environ())
	if file != "" && len(settings.Rules.Clients) == 0 {
		problems = append(problems, config.Problem{Message: "no [[client]]: nobody could use the pool; `octopool client new NAME` makes one"})
	}
	for _, p := range problems {
		switch line := where.of(p.Key); {
		case line > 0:
			fmt.Fprintf(os.Stderr, "%s:%d: %s: %s\n", file, line, p.Key, p.Message)
		case file != "":
			fmt.Fprintf(os.Stderr, "%s: %s\n", file, p.Error())
		default:
			fmt.Fprintf(os.Stderr, "octopool: %s\n", p.Error())
		}
	}
	if len(problems) > 0 {
		return settings, errSaid
	}
	return settings, nil
}

// decode reads TOML strictly: a key that means nothing is an error, and names the one
// that was likely meant.
func decode(file, text string, where lines, f *config.File) error {
	meta, err := toml.Decode(text, f)
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %s", file, parse.Position.Line, strings.TrimPrefix(parse.Message, "toml: "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	unknown := meta.Undecoded()
	for _, key := range unknown {
		hint := ""
		if meant := nearest(key); meant != "" {
			hint = "; did you mean " + meant + "?"
		}
		fmt.Fprintf(os.Stderr, "%s:%d: unknown key %s%s\n", file, where.of(key.String()), key, hint)
	}
	if len(unknown) > 0 {
		return errSaid
	}
	return nil
}

// nearest is the key that a mistyped one was likely meant to be.
func nearest(key toml.Key) string {
	best, distance := "", 4
	for _, known := range config.Keys() {
		if d := levenshtein.ComputeDistance(key.String(), known); d < distance {
			best, distance = known, d
		}
	}
	return best
}

// lines says on which line each key of a TOML file stands; tables of an array are
// numbered, as in client[1].name, and also there without their number.
type lines map[string]int

var (
	tableLine = regexp.MustCompile(`^\s*\[(\[?)\s*([A-Za-z0-9_.-]+)\s*\]`)
	keyLine   = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=`)
)

func linesOf(text string) lines {
	l := lines{}
	table, plain := "", ""
	count := map[string]int{}
	add := func(key string, n int) {
		if _, ok := l[key]; !ok {
			l[key] = n
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table, plain = m[2]+".", m[2]+"."
			if m[1] != "" {
				table = fmt.Sprintf("%s[%d].", m[2], count[m[2]])
				count[m[2]]++
			}
			add(strings.TrimSuffix(table, "."), i+1)
			add(strings.TrimSuffix(plain, "."), i+1)
		} else if m := keyLine.FindStringSubmatch(line); m != nil {
			add(table+m[1], i+1)
			add(plain+m[1], i+1)
		}
	}
	return l
}

// of is the line of a key, or of what it is in; 0 when that is nowhere.
func (l lines) of(key string) int {
	for key != "" {
		if n, ok := l[key]; ok {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}
