// Package installation asks a GitHub for tokens of a GitHub App's installations: it
// signs as the App, lists where the App is installed, mints tokens, and says in one
// sentence why it could not.
//
// It refuses to know when a token is wanted, what it is spent on and what a pool is: it
// starts nothing, keeps nothing between two calls and never asks again by itself.
package installation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v88/github"

	"octopool/policy"
)

// Config is what an App needs to sign and to ask.
type Config struct {
	Issuer    string            // the App's client id ("Iv23…") or its app id in decimal
	Key       policy.Secret     // PEM: PKCS#1 or PKCS#8, RSA
	API       string            // "https://api.github.com", "https://ghe.example/api/v3", "https://api.SUB.ghe.com"
	Transport http.RoundTripper // sends to that GitHub; sets no Authorization of its own
	UserAgent string            // octopool's
	Now       func() time.Time  // this machine's clock; nil is time.Now
}

// An App signs as one GitHub App at one GitHub. It is safe for concurrent use.
type App struct {
	api       string // without a slash at the end
	signer    signer
	transport http.RoundTripper
	userAgent string
	now       func() time.Time
}

// New checks what can be checked without asking GitHub. Its errors never hold a part of
// the key.
func New(c Config) (*App, error) {
	api, err := url.Parse(c.API)
	switch {
	case err != nil || api.Host == "" || api.User != nil || api.RawQuery != "" || api.Fragment != "":
		return nil, errors.New("an App needs the URL of a GitHub's API")
	case api.Scheme != "https":
		return nil, errors.New("an App signs for https only")
	case c.Transport == nil:
		return nil, errors.New("an App needs a way to its GitHub")
	case c.Issuer == "":
		return nil, errors.New("an App needs its client id or app id")
	}
	key, err := readKey(c.Key)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &App{
		api:       strings.TrimRight(c.API, "/"),
		signer:    signer{issuer: c.Issuer, key: ghinstallation.NewRSASigner(signingMethod, key), now: c.Now},
		transport: c.Transport,
		userAgent: cmp.Or(c.UserAgent, "octopool"),
		now:       c.Now,
	}, nil
}

// An Installation is a place where the App is installed.
type Installation struct {
	ID        int64
	Owner     string // login of the user or organization; "" when it is an enterprise
	Suspended bool   // no tokens are minted for it
	Selected  bool   // it covers some of the owner's repositories, not all

	// Permissions are what its tokens may, as "contents=read metadata=read"; "" when GitHub
	// does not say.
	Permissions string
}

// Installations lists all installations of the App, ordered by ID, suspended ones too.
// They come complete or not at all.
//
// An error is a *Refused when GitHub answered no, and wraps that of ctx when ctx ended.
func (a *App) Installations(ctx context.Context) ([]Installation, error) {
	c := &call{app: a, begins: '['}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	var all []Installation
	for page := 1; ; {
		found, answer, err := client.Apps.ListInstallations(ctx, &github.ListOptions{Page: page, PerPage: 100})
		if err != nil {
			return nil, c.failed("a list of installations")
		}
		for _, i := range found {
			one, err := installationOf(i)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		if answer.NextPage <= page { // there is none, or it would go round in circles
			break
		}
		page = answer.NextPage
	}
	// One that came or went between two pages may have moved another onto both.
	slices.SortFunc(all, func(x, y Installation) int { return cmp.Compare(x.ID, y.ID) })
	return slices.CompactFunc(all, func(x, y Installation) bool { return x.ID == y.ID }), nil
}

// Installation asks about one. Errors are as with Installations; the cause is
// Uninstalled when the App has no such installation.
func (a *App) Installation(ctx context.Context, id int64) (Installation, error) {
	c := &call{app: a, installation: id, begins: '{'}
	client, err := c.client()
	if err != nil {
		return Installation{}, err
	}
	found, _, err := client.Apps.GetInstallation(ctx, id)
	if err != nil {
		return Installation{}, c.failed("an installation")
	}
	return installationOf(found)
}

func installationOf(i *github.Installation) (Installation, error) {
	if i.GetID() == 0 {
		return Installation{}, errors.New("GitHub sent an installation without an id")
	}
	return Installation{
		ID:        i.GetID(),
		Owner:     i.GetAccount().GetLogin(),
		Suspended: i.SuspendedAt != nil,
		Selected:  i.GetRepositorySelection() == "selected",

		Permissions: permissionsOf(i.Permissions),
	}, nil
}

// permissionsOf writes permissions on one line, sorted by name.
func permissionsOf(p *github.InstallationPermissions) string {
	text, err := json.Marshal(p) // the library has a field for each; this leaves out those that are not set
	all := map[string]string{}
	if err != nil || json.Unmarshal(text, &all) != nil {
		return ""
	}
	out := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+"="+all[name])
	}
	return printable(strings.Join(out, " "))
}

// client lists and looks up as the App; every request it sends becomes part of the call.
func (c *call) client() (*github.Client, error) {
	apps, err := c.apps()
	if err != nil {
		return nil, err
	}
	base := c.app.api + "/"
	client, err := github.NewClient(
		github.WithTransport(apps),
		github.WithURLs(&base, nil),
		github.WithDisableRateLimitCheck(), // or it refuses by itself what GitHub has not refused
	)
	if err != nil {
		return nil, fmt.Errorf("a client for %s: %w", base, err)
	}
	return client, nil
}
