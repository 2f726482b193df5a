package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/mitm/launch"
	"octopool/policy"
	"octopool/store"
)

// A Session is one program's way through an octopool.
type Session struct {
	where  launch.Where
	token  policy.Secret
	hidden []string // variables that the program must not see
	stop   func()
}

// Run runs a program through the octopool, as [launch.Run] does, and ends the session.
func (s Session) Run(path string, command []string) error {
	defer s.stop()
	environ := os.Environ()
	set := s.where.WithToken(s.where.Settings(environ), s.token.Reveal(), environ)
	return launch.Run(path, command, launch.Environ(environ, set, s.hidden))
}

// Running is a session with the octopool that runs in these places, if it does. The label
// is for its log; "" is none.
func Running(p config.Places, token policy.Secret, label string) (Session, error) {
	where, err := WhereIs(p)
	if err == nil {
		err = launch.Reach(where.ProxyURL)
	}
	return Session{where: named(where, p, token, label), token: token, hidden: p.SecretVariables, stop: func() {}}, err
}

// WhereIs is how programs find the octopool that runs with these settings, be it now or
// later.
func WhereIs(p config.Places) (launch.Where, error) {
	if strings.HasSuffix(p.ProxyListen, ":0") {
		return launch.Where{}, config.Problem{Key: "proxy.listen", Message: "which port 0 is, only the running octopool knows; name it with --listen"}
	}
	authority, err := OpenAuthority(p)
	if err != nil {
		return launch.Where{}, err
	}
	return whereIs(proxyURL(p, p.ProxyListen), authority, p.GitHubs), nil
}

// RunningByActions is Running for a job of GitHub Actions, whose tokens the program never
// sees: all that it sends goes through a relay that names the job.
func RunningByActions(p config.Places, audience, label string) (Session, error) {
	where, err := WhereIs(p)
	if err == nil {
		err = launch.Reach(where.ProxyURL)
	}
	if err != nil {
		return Session{}, err
	}
	job, err := launch.ActionsOf(os.Environ(), audience, &http.Client{Timeout: 30 * time.Second})
	if err != nil {
		return Session{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := job.Token(ctx); err != nil { // told here, and not by the program
		return Session{}, err
	}
	own, err := NewClientToken() // for the relay alone, and for tools that will not start without one
	if err != nil {
		return Session{}, err
	}
	relay := &launch.Relay{Octopool: where.ProxyURL, User: launch.UserOf(label), Token: job.Token, Secret: own.Reveal()}
	if where.ProxyURL, err = relay.Start(); err != nil {
		return Session{}, err
	}
	hidden := append(launch.ActionsVariables(), p.SecretVariables...)
	return Session{where: where.Naming(own.Reveal(), ""), token: own, hidden: hidden, stop: func() { relay.Close() }}, nil
}

// named names the client in the proxy's URL where octopool asks for that, or a run is to be.
func named(where launch.Where, p config.Places, token policy.Secret, label string) launch.Where {
	if p.RequireAuth || label != "" {
		return where.Naming(token.Reveal(), label)
	}
	return where
}

func whereIs(proxyURL string, authority *ca.Authority, githubs []mitm.GitHub) launch.Where {
	where := launch.Where{ProxyURL: proxyURL, RootFile: authority.RootFile(), BundleFile: authority.BundleFile()}
	for _, g := range githubs {
		for _, o := range g.Origins() {
			where.Hosts = append(where.Hosts, o.Host)
			switch o.Role {
			case policy.RoleWeb, policy.RoleGist, policy.RoleEnterprise:
				where.GitHosts = append(where.GitHosts, o.Host)
			}
		}
	}
	return where
}

// drainProgram is how long what a program left behind may take to end.
const drainProgram = 2 * time.Second

// ForProgram starts an octopool for the life of one program, which is its only client:
// the one of this name, or the only one there is when client is "". The token is the
// program's, and nobody else's. What is learned is kept in memory when another octopool
// has the data folder open.
func ForProgram(s config.Settings, client, label string, log *slog.Logger) (Session, error) {
	registration, err := onlyClient(s.Rules.Clients, client)
	if err != nil {
		return Session{}, err
	}
	token, err := NewClientToken()
	if err != nil {
		return Session{}, err
	}
	registration.Token = policy.DigestOf(token.Reveal())
	s.Rules.Clients = []policy.Registration{registration}
	if name, ok := strings.CutPrefix(s.Rules.Anonymous, "client:"); ok && name != registration.Name {
		s.Rules.Anonymous = "reject" // that client is not here, and the program has a token
	}
	s.ProxyListen, s.AdminListen, s.ProxyCert = "127.0.0.1:0", "", "" // nobody else's, so it needs no TLS
	d, err := Start(s, log)
	if errors.Is(err, store.ErrLocked) {
		s.Cache.Backend, s.Cache.MaxBytes = "memory", config.MemoryBytes
		d, err = Start(s, log)
	}
	if err != nil {
		return Session{}, err
	}
	return Session{where: named(d.Where(), s.Places, token, label), token: token, hidden: s.SecretVariables, stop: func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainProgram)
		defer cancel()
		d.Stop(ctx) // what is cut off belongs to a program that has ended
	}}, nil
}

// onlyClient chooses who a program is.
func onlyClient(clients []policy.Registration, name string) (policy.Registration, error) {
	if len(clients) == 0 && (name == "" || name == firstClient) {
		return policy.Registration{Name: firstClient, Pool: "default"}, nil
	}
	if len(clients) == 1 && name == "" {
		return clients[0], nil
	}
	if name == "" {
		name = firstClient
	}
	i := slices.IndexFunc(clients, func(r policy.Registration) bool { return r.Name == name })
	if i >= 0 {
		return clients[i], nil
	}
	names := []string{}
	for _, r := range clients {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		names = []string{firstClient}
	}
	return policy.Registration{}, fmt.Errorf("no client %q; name one with --client: %s", name, strings.Join(names, ", "))
}
