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
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/VictoriaMetrics/metrics"
	"github.com/alecthomas/kong"

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
	Status  status        `cmd:"" help:"Show pool, clients and cache of the running octopool."`
	Cache   cacheCommand  `cmd:"" help:"Look at what the running octopool keeps, and forget it."`
	Version version       `cmd:"" help:"Print the version."`
}

// Help has the example of octopool itself, as each command's has its own.
func (commands) Help() string { return example("GITHUB_TOKEN=… octopool exec -- gh api user") }

// example is how a help text shows command lines: as they are, one each.
func example(lines ...string) string { return "Example:\n\n    " + strings.Join(lines, "\n    ") }

// usage is an error in the command line that its parser cannot see.
type usage struct{ error }

func main() {
	var c commands
	parser := kong.Must(&c, kong.Name("octopool"),
		kong.Description("A forward proxy for GitHub that keeps what GitHub vouches for and shares what a pool of credentials may spend."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"shells": launch.Shells}, kong.Writers(os.Stdout, os.Stderr))
	k, err := parser.Parse(os.Args[1:])
	if err != nil {
		os.Exit(report(usage{err}))
	}
	os.Exit(report(k.Run()))
}

// report tells an error and returns its exit status.
func report(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[launch.Exit](err); ok && exit.Err == nil {
		return exit.Status // the program has told its own
	} else if ok {
		fmt.Fprintf(os.Stderr, "octopool: %v\n", err)
		return exit.Status
	}
	if _, ok := errors.AsType[usage](err); ok {
		fmt.Fprintf(os.Stderr, "octopool: %v\nRun \"octopool --help\" to see what there is.\n", err)
		return 2
	}
	if _, ok := errors.AsType[config.Wrong](err); !ok { // whose lines begin with their place
		fmt.Fprint(os.Stderr, "octopool: ")
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// file is the flag that says which configuration.
type file struct {
	Config string `short:"c" help:"Configuration file (TOML). Without one: defaults, and credentials from GITHUB_PAT_NAME or GITHUB_TOKEN." placeholder:"FILE"`
}

// configuration are the flags that say which configuration, and change it.
type configuration struct {
	file
	Listen string `help:"Where the proxy listens, instead of proxy.listen." placeholder:"HOST:PORT"`
}

// source reads the configuration.
func (c configuration) source() (config.Source, error) {
	src, err := c.file.source()
	src.Written.Proxy.Listen = cmp.Or(c.Listen, src.Written.Proxy.Listen)
	return src, err
}

func (c file) source() (config.Source, error) {
	var text []byte
	tree := map[string]any{}
	if c.Config != "" {
		var err error
		if text, err = os.ReadFile(c.Config); err != nil {
			return config.Source{}, err
		}
		_, err = toml.Decode(string(text), &tree)
		if parse, ok := errors.AsType[toml.ParseError](err); ok {
			return config.Source{}, config.Wrong{fmt.Sprintf("%s:%d: %s", c.Config, parse.Position.Line, config.Unquoted(parse.Message))}
		} else if err != nil {
			return config.Source{}, fmt.Errorf("%s: %w", c.Config, err)
		}
	}
	return config.NewSource(c.Config, string(text), tree), nil
}

// settle makes settings of a source, and says all that would keep an octopool from
// starting with them.
func settle(src config.Source, how func(environ []string) (config.Settings, []config.Problem)) (config.Settings, error) {
	settings, problems := how(os.Environ())
	return settings, src.Wrong(append(problems, daemon.CheckAuthority(settings.Places)...))
}

// settleToServe is settle for who serves clients. Without a file there is one.
func (c configuration) settleToServe(src config.Source) (settings config.Settings, first daemon.First, err error) {
	settings, err = settle(src, src.SettleToServe)
	if err == nil && c.Config == "" {
		first, err = daemon.FirstClient(settings.DataDir)
		settings.Rules.Clients = append(settings.Rules.Clients, first.Registration)
	}
	return settings, first, err
}

// find is for what needs no secret: to know where an octopool is, and what to trust.
func (c configuration) find(use func(config.Places) error) error {
	src, err := c.source()
	if err != nil {
		return err
	}
	places, problems := src.Places(os.Environ())
	if err := src.Wrong(problems); err != nil {
		return err
	}
	return src.Locate(use(places))
}

// drainTime is how long requests in flight may take to end after a SIGTERM.
const drainTime = 30 * time.Second

type serve struct {
	configuration
	AdminListen string `help:"Where metrics and health are, instead of admin.listen." placeholder:"HOST:PORT"`
}

func (serve) Help() string {
	return example("GITHUB_TOKEN=… octopool serve", "octopool serve --config /etc/octopool.toml")
}

// Run serves until a SIGTERM or SIGINT.
func (s serve) Run() error {
	src, err := s.source()
	if err != nil {
		return err
	}
	src.Written.Admin.Listen = cmp.Or(s.AdminListen, src.Written.Admin.Listen)
	settings, first, err := s.settleToServe(src)
	if err != nil {
		return err
	}
	metrics.ExposeMetadata(true)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log := daemon.NewLog(os.Stderr)
	d, err := daemon.Start(settings, log)
	if err != nil {
		return src.Locate(err)
	}
	if err = first.Keep(); err == nil {
		_, err = s.welcome(d, first).WriteTo(os.Stdout)
	}
	if err == nil {
		log.Info("serving", "proxy", d.Where().ProxyURL, "admin", d.AdminURL(), "credentials", len(settings.Credentials), "clients", len(settings.Rules.Clients))
		select {
		case <-ctx.Done():
			log.Info("stopping; requests in flight may end", "within", drainTime)
		case err = <-d.Failed():
		}
	}
	stop() // a second signal ends at once
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	cut := d.Stop(drain)
	if errors.Is(cut, context.DeadlineExceeded) {
		log.Warn("cut what had not ended", "after", drainTime)
		cut = nil
	}
	return errors.Join(err, cut)
}

func (s serve) welcome(d *daemon.Daemon, first daemon.First) launch.Welcome {
	w := launch.Welcome{Version: daemon.Version(), Where: d.Where(), Token: first.Token.Reveal(), Kept: first.File()}
	if path, err := filepath.Abs(s.Config); err == nil && s.Config != "" {
		w.Flags = " --config " + launch.Quote(path)
	}
	if s.Listen != "" {
		w.Flags += " --listen " + launch.Quote(strings.TrimPrefix(d.Where().ProxyURL, "http://"))
	}
	return w
}

type execute struct {
	configuration
	Client  string   `help:"Which client the program is. May be left out when there is one, or one that is called default." placeholder:"NAME"`
	Command []string `arg:"" passthrough:"" help:"The program and its arguments, after --."`
}

func (execute) Help() string {
	return "Through the running octopool if OCTOPOOL_TOKEN holds a client's token, else through one started for the program's life.\n\n" +
		example("octopool exec -- gh api user")
}

// Run runs the program and exits with its status.
func (e execute) Run() error {
	if e.Command[0] == "--" {
		e.Command = e.Command[1:]
	}
	if len(e.Command) == 0 {
		return usage{errors.New("exec: name a program, as in: octopool exec -- gh api user")}
	}
	path, err := launch.Find(e.Command[0])
	if err != nil {
		return err
	}
	session, err := e.session()
	if err != nil {
		return err
	}
	return session.Run(path, e.Command)
}

// session is a way through the octopool that runs, or through one for the program alone.
func (e execute) session() (session daemon.Session, err error) {
	if token := os.Getenv("OCTOPOOL_TOKEN"); token != "" {
		err = e.find(func(places config.Places) (err error) {
			session, err = daemon.Running(places, policy.NewSecret(token))
			return err
		})
		return session, err
	}
	src, err := e.source()
	if err != nil {
		return session, err
	}
	settings, err := settle(src, src.Settle)
	if err != nil {
		return session, err
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	session, err = daemon.ForProgram(settings, e.Client, quiet)
	return session, src.Locate(err)
}

type printEnv struct {
	configuration
	Shell string `default:"sh" enum:"${shells}" help:"One of ${enum}."`
}

func (printEnv) Help() string {
	return example(`eval "$(octopool env)"`, `octopool env --shell github-actions >>"$GITHUB_ENV"`)
}

// Run prints the variables of the octopool that this configuration runs.
func (e printEnv) Run() error {
	return e.find(func(places config.Places) error {
		where, err := daemon.WhereIs(places)
		if err != nil {
			return err
		}
		text, err := launch.Format(e.Shell, where.Settings(os.Environ()))
		fmt.Print(text)
		return err
	})
}

type clientCommand struct {
	New newClient `cmd:"" help:"Make a client's token and print its registration."`
}

func (clientCommand) Help() string { return newClient{}.Help() }

type newClient struct {
	Name   string   `arg:"" help:"The client's name."`
	Prefix string   `default:"github_pat_" help:"How the token begins; tools look at it. ghs_ for a pool of Apps."`
	Scope  []string `sep:"none" help:"What it may ask; may be repeated. Without any it may do everything." placeholder:"SCOPE"`
}

func (newClient) Help() string {
	return "The token goes to standard error, the registration to standard output.\n\n" +
		example("octopool client new ci --scope 'read /repos/acme/**' >>octopool.toml")
}

// Run prints a token once, and the registration that goes into the configuration. They
// go apart: the file that gets one must not get the other.
func (n newClient) Run() error {
	text, token, err := daemon.NewRegistration(n.Name, n.Prefix, n.Scope)
	if err != nil {
		return usage{err}
	}
	fmt.Fprintf(os.Stderr, "The token of client %s, shown this once:\n\n%s\n\nIts registration, for the configuration file:\n\n", n.Name, token.Reveal())
	fmt.Print(text)
	return nil
}

type caCommand struct {
	Path  caPath  `cmd:"" help:"Print where the root certificate is kept."`
	Print caPrint `cmd:"" help:"Print the root certificate (PEM)."`
}

func (caCommand) Help() string { return caPath{}.Help() }

type caPath struct {
	configuration
	Bundle bool `help:"The bundle with the system's roots instead, for variables that replace what a tool trusts."`
}

func (caPath) Help() string {
	return example(`sudo cp "$(octopool ca path)" /usr/local/share/ca-certificates/octopool.crt`)
}

// Run prints a path.
func (c caPath) Run() error {
	return c.find(func(places config.Places) error {
		authority, err := daemon.OpenAuthority(places)
		if err != nil {
			return err
		}
		if c.Bundle {
			fmt.Println(authority.BundleFile())
		} else {
			fmt.Println(authority.RootFile())
		}
		return nil
	})
}

type caPrint struct{ configuration }

func (caPrint) Help() string { return example("octopool ca print >octopool.pem") }

// Run prints the root.
func (c caPrint) Run() error {
	return c.find(func(places config.Places) error {
		authority, err := daemon.OpenAuthority(places)
		if err == nil {
			_, err = os.Stdout.Write(authority.RootPEM())
		}
		return err
	})
}

type check struct{ configuration }

func (check) Help() string { return example("octopool check --config /etc/octopool.toml") }

// Run says what is wrong, a line each, and changes nothing.
func (c check) Run() error {
	src, err := c.source()
	if err != nil {
		return err
	}
	settings, _, err := c.settleToServe(src)
	if err == nil {
		fmt.Printf("%s: ok\n%s", cmp.Or(c.Config, "defaults and environment"), settings)
	}
	return err
}

// operator are the flags that say which octopool to ask.
type operator struct {
	file
	AdminListen string `help:"Where its metrics and health are, instead of admin.listen." placeholder:"HOST:PORT"`
}

// ask has the octopool asked that this configuration runs.
func (o operator) ask(use func(context.Context, config.AdminPlace) error) error {
	src, err := o.source()
	if err != nil {
		return err
	}
	src.Written.Admin.Listen = cmp.Or(o.AdminListen, src.Written.Admin.Listen)
	place, problems := src.AdminPlace(os.Environ())
	if err := src.Wrong(problems); err != nil {
		return err
	}
	return src.Locate(use(context.Background(), place))
}

// show prints what an octopool has answered: the JSON as it came, or for people.
func show(answer interface{ WriteTable(io.Writer) error }, text []byte, asJSON bool) error {
	if asJSON {
		_, err := os.Stdout.Write(text)
		return err
	}
	return answer.WriteTable(os.Stdout)
}

type status struct {
	operator
	JSON bool `help:"All there is to know, as GET /api/status has it."`
}

func (status) Help() string {
	return example("octopool status --config /etc/octopool.toml", "octopool status --json | jq '.pools[].credentials[] | select(.up | not)'")
}

// Run asks the octopool that this configuration runs.
func (s status) Run() error {
	return s.ask(func(ctx context.Context, place config.AdminPlace) error {
		answer, text, err := daemon.Status(ctx, place)
		if err != nil {
			return err
		}
		return show(answer, text, s.JSON)
	})
}

type cacheCommand struct {
	Stats cacheStats `cmd:"" help:"Show what is kept, and what that has saved."`
	Purge cachePurge `cmd:"" help:"Forget what is kept of some paths, or all."`
}

func (cacheCommand) Help() string {
	return example("octopool cache stats", "octopool cache purge '/repos/acme/**'")
}

type cacheStats struct {
	operator
	JSON bool `help:"All there is to know, as GET /api/cache has it."`
}

func (cacheStats) Help() string {
	return example("octopool cache stats --config /etc/octopool.toml", "octopool cache stats --json | jq .hit_share")
}

// Run asks the octopool that this configuration runs.
func (s cacheStats) Run() error {
	return s.ask(func(ctx context.Context, place config.AdminPlace) error {
		answer, text, err := daemon.Cache(ctx, place)
		if err != nil {
			return err
		}
		return show(answer, text, s.JSON)
	})
}

type cachePurge struct {
	operator
	Pattern string `arg:"" optional:"" help:"What to forget: a path as in a client's scopes, or a host and a path."`
	All     bool   `help:"Forget everything."`
}

func (cachePurge) Help() string {
	return "What is asked for again then costs its point again. A Redis is purged for all octopools that share it.\n\n" +
		example("octopool cache purge '/repos/acme/**'", "octopool cache purge 'ghe.example/repos/acme/web/issues/*'", "octopool cache purge --all")
}

// Run says how many answers were forgotten.
func (p cachePurge) Run() error {
	pattern, err := daemon.PurgePattern(p.Pattern, p.All)
	if err != nil {
		return usage{fmt.Errorf("cache purge: %w", err)}
	}
	return p.ask(func(ctx context.Context, place config.AdminPlace) error {
		answers, err := daemon.Purge(ctx, place, pattern)
		if err == nil {
			fmt.Printf("answers forgotten: %d\n", answers)
		}
		return err
	})
}

type version struct{}

func (version) Help() string { return example("octopool version") }

// Run prints the version and what it was built with.
func (version) Run() error {
	fmt.Printf("octopool %s %s %s/%s\n", daemon.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
