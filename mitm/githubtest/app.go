package githubtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An App is a GitHub App: it proves who it is by JWTs signed with its key, and
// acts through its installations. Its methods may be called at any time, as those of
// the Server.
type App struct {
	s        *Server
	id       int
	clientID string
	slug     string
	key      *rsa.PrivateKey
	owner    *account
	bot      *account
	created  time.Time

	permissions map[string]string // what new installations are granted; guarded by s.mu, as what follows
	tokenLife   time.Duration
}

// An Installation is an App installed on an account. It has budgets of its own, which all
// its tokens share.
type Installation struct {
	s       *Server
	app     *App
	id      int
	account *account
	created time.Time

	repos       map[*repo]bool    // nil: all that the account has; guarded by s.mu, as what follows
	permissions map[string]string // by name: read, write or admin
	suspended   time.Time         // zero: it is not
	gone        bool
}

// defaultPermissions is what most Apps for continuous integration are granted.
func defaultPermissions() map[string]string {
	return map[string]string{
		"actions": "read", "checks": "write", "contents": "write", "deployments": "write", "issues": "write",
		"metadata": "read", "pull_requests": "write", "statuses": "write",
	}
}

// AddApp registers an App. Its bot's login is slug[bot]. It may do what continuous
// integration needs (SetPermissions says otherwise), once it is installed.
func (s *Server) AddApp(slug string) *App {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return s.AddAppWithKey(slug, key)
}

// AddAppWithKey is AddApp with a key that is there already: making one takes longer than
// most of what a test does with it.
func (s *Server) AddAppWithKey(slug string, key *rsa.PrivateKey) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.apps {
		if strings.EqualFold(other.slug, slug) {
			panic("githubtest: cannot add App " + slug)
		}
	}
	a := &App{
		s: s, id: s.id(), slug: slug, key: key, clientID: "Iv23li" + rand.Text()[:14],
		owner: s.ensureAccount(slug+"-owners", true), permissions: defaultPermissions(), tokenLife: time.Hour,
	}
	a.bot = s.ensureAccount(slug+"[bot]", false)
	a.bot.app = a
	a.created = s.tick()
	s.apps = append(s.apps, a)
	s.machines[a.Principal()] = true
	return a
}

// ID is the App's id, as a JWT's iss may name it.
func (a *App) ID() int64 { return int64(a.id) }

// ClientID is the App's other name in a JWT's iss, which GitHub prefers.
func (a *App) ClientID() string { return a.clientID }

// Slug is the App's name in URLs.
func (a *App) Slug() string { return a.slug }

// Login is the bot's login: who the App's installations write as.
func (a *App) Login() string { return a.bot.login }

// Principal is how the server's methods about budgets and limits name the App by itself,
// whose JWTs have a budget of their own: app:ID.
func (a *App) Principal() string { return appOwner(a.id) }

// PEM is the private key as GitHub hands it out: PKCS #1.
func (a *App) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.key)})
}

// SetPermissions changes what the App asks for, and is granted where it is installed
// from now on. Reading metadata is always among it.
func (a *App) SetPermissions(permissions map[string]string) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.permissions = withMetadata(permissions)
}

// SetTokenLife changes how long installation tokens minted from now on live, from an hour.
func (a *App) SetTokenLife(life time.Duration) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.tokenLife = life
}

// Install installs an App on an account, which becomes an organization if there is none
// of that login: on the repositories with these full names, or on all that the
// account has or will have when there are none.
func (s *Server) Install(app *App, owner string, repos ...string) *Installation {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.ensureAccount(owner, true)
	if s.installedOn(app, account) != nil {
		panic("githubtest: " + app.slug + " is installed on " + owner)
	}
	in := &Installation{s: s, app: app, id: s.id(), account: account, created: s.tick(), permissions: maps.Clone(app.permissions)}
	in.choose(repos)
	s.installations = append(s.installations, in)
	s.machines[in.Principal()] = true
	return in
}

// ID is the installation's id.
func (in *Installation) ID() int64 { return int64(in.id) }

// Owner is the login of the account it is installed on.
func (in *Installation) Owner() string { return in.account.login }

// Principal is how the server's methods about budgets and limits name the
// installation, where they name a user by the login: installation:ID.
func (in *Installation) Principal() string { return installationOwner(in.id) }

// SetRepos changes what the installation is for, as Install's last arguments do.
func (in *Installation) SetRepos(repos ...string) {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	in.choose(repos)
}

func (in *Installation) choose(fullNames []string) {
	in.repos = nil
	for _, fullName := range fullNames {
		r := in.s.mustRepo(fullName)
		if r.owner != in.account {
			panic("githubtest: " + fullName + " is not " + in.account.login + "'s")
		}
		if in.repos == nil {
			in.repos = map[*repo]bool{}
		}
		in.repos[r] = true
	}
}

// SetPermissions changes what the installation is granted, for tokens it has and will have.
func (in *Installation) SetPermissions(permissions map[string]string) {
	in.change(func() { in.permissions = withMetadata(permissions) })
}

// Suspend makes GitHub refuse the installation's tokens, and mint no others.
func (in *Installation) Suspend() { in.change(func() { in.suspended = in.s.now() }) }

// Unsuspend ends that: tokens from before work again, if they have not expired.
func (in *Installation) Unsuspend() { in.change(func() { in.suspended = time.Time{} }) }

// Uninstall ends the installation for good: it is not found any more, and its tokens are bad.
func (in *Installation) Uninstall() {
	in.change(func() {
		in.gone = true
		in.s.installations = slices.DeleteFunc(in.s.installations, func(other *Installation) bool { return other == in })
	})
}

func (in *Installation) change(f func()) {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	f()
}

func withMetadata(permissions map[string]string) map[string]string {
	all := maps.Clone(permissions)
	if all == nil {
		all = map[string]string{}
	}
	all["metadata"] = "read"
	return all
}

// covers reports whether a repository is among those the installation is for.
func (in *Installation) covers(r *repo) bool {
	return !in.gone && r.owner == in.account && (in.repos == nil || in.repos[r])
}

func (in *Installation) selection() string {
	if in.repos == nil {
		return "all"
	}
	return "selected"
}

// installedOn is an App's installation on an account, or nil.
func (w *world) installedOn(app *App, on *account) *Installation {
	for _, in := range w.installations {
		if in.app == app && in.account == on {
			return in
		}
	}
	return nil
}

// installationOf is an App's installation by its id, or nil: one App does not see another's.
func (w *world) installationOf(app *App, id string) *Installation {
	for _, in := range w.installations {
		if in.app == app && strconv.Itoa(in.id) == id {
			return in
		}
	}
	return nil
}
