package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"octopool/policy/pool/installation"
)

// A Finding is what GitHub says of one credential: a personal access token, or one
// installation of an App; or of an App that has none.
type Finding struct {
	Name, GitHub string
	Who          string            // "user octocat", "installation 42 of acme"; "" when GitHub does not say
	Sees         string            // scopes, or repositories and permissions; "" when GitHub does not say
	Expires      time.Time         // of a personal access token; zero when it does not expire or GitHub does not say
	Budgets      map[string]Budget // by resource; empty where GitHub has no limits
	Wrong        string            // why it cannot be used; "" when it can
	Next         string            // what to do about that; "" when there is nothing to say
}

// Online asks GitHub about every credential, once each, and returns findings in the order
// of the configuration. A token costs one point, an installation none. told is called with
// the name of each credential that is about to be asked about. Nothing of it is remembered.
func (p *Pools) Online(ctx context.Context, told func(name string)) []Finding {
	found := make([][]Finding, len(p.Credentials))
	var all sync.WaitGroup
	turns := make(chan struct{}, 4) // GitHub wants few requests at once
	for i, c := range p.Credentials {
		turns <- struct{}{}
		told(c.Name)
		all.Go(func() {
			defer func() { <-turns }()
			if c.Token.IsZero() {
				found[i] = p.onlineApp(ctx, c)
			} else {
				found[i] = []Finding{p.onlineToken(ctx, c)}
			}
		})
	}
	all.Wait()
	var out []Finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

func (p *Pools) onlineToken(ctx context.Context, c Credential) Finding {
	f := Finding{Name: c.Name, GitHub: c.GitHub}
	api, auth := p.GitHubs[c.GitHub].API, authorize(c.Token)
	login, _, resp, err := p.user(ctx, api, auth)
	switch {
	case resp.StatusCode == 0:
		f.Wrong, f.Next = unreached(err), "see that this machine reaches "+api+", or name where to connect with dial in [[github]]"
	case resp.StatusCode == http.StatusUnauthorized:
		f.Wrong, f.Next = "GitHub does not know this token (401): it has expired, was revoked or is another GitHub's", "make a new one and put it where the configuration says"
	case err != nil:
		f.Wrong = fmt.Sprintf("GitHub answered %d to GET /user", resp.StatusCode)
		if strings.HasPrefix(c.Token.Reveal(), "ghs_") {
			f.Next = "this is a token of an installation, which lives for an hour; configure the App itself"
		}
	default:
		f.Who, f.Sees = "user "+login, scopesOf(resp.Header)
		f.Expires = expiryOf(resp.Header)
	}
	if f.Wrong == "" {
		f.Budgets, err = p.budgetsOf(ctx, api, auth)
		f.blame(err)
	}
	return f
}

// unreached is the error of a transport without the URL, which can hold what is secret.
func unreached(err error) string { return "GitHub cannot be reached: " + err.Error() }

// scopesOf says what a token may, as far as its answers tell.
func scopesOf(h http.Header) string {
	switch scopes, told := h["X-Oauth-Scopes"]; {
	case !told:
		return "what its fine-grained permissions say"
	case strings.Join(scopes, "") == "":
		return "what is public: it has no scopes"
	default:
		return "scopes " + strings.Join(scopes, ", ")
	}
}

// expiryOf is when a token expires, by a header of GitHub's answers (its documentation,
// "Token expiration and revocation"); observed with a zone's name and with an offset.
func expiryOf(h http.Header) time.Time {
	text := h.Get("Github-Authentication-Token-Expiration")
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}

func (p *Pools) onlineApp(ctx context.Context, c Credential) []Finding {
	none := Finding{Name: c.Name, GitHub: c.GitHub}
	p.mu.Lock()
	var signer *installation.App
	for _, a := range p.apps {
		if a.Name == c.Name {
			signer = a.signer
		}
	}
	p.mu.Unlock()
	known, err := []installation.Installation(nil), error(nil)
	if c.App.Installation == 0 {
		known, err = signer.Installations(ctx)
	} else {
		var one installation.Installation
		one, err = signer.Installation(ctx, c.App.Installation)
		known = []installation.Installation{one}
	}
	if err != nil {
		none.blame(err)
		return []Finding{none}
	}
	var out []Finding
	for _, i := range known {
		if i.Owner == "" || len(c.Owners) == 0 || among(c.Owners, i.Owner) {
			out = append(out, p.onlineInstallation(ctx, c, signer, i))
		}
	}
	if len(out) == 0 {
		none.Wrong, none.Next = "the App is installed nowhere it may be used", "install it on the accounts whose repositories your clients use, or see owners"
		out = append(out, none)
	}
	return out
}

func (p *Pools) onlineInstallation(ctx context.Context, c Credential, signer *installation.App, i installation.Installation) Finding {
	f := Finding{Name: c.Name, GitHub: c.GitHub, Who: fmt.Sprintf("installation %d of %s", i.ID, i.Owner), Sees: "all repositories"}
	if i.Selected {
		f.Sees = "selected repositories"
	}
	if i.Permissions != "" {
		f.Sees += ": " + i.Permissions
	}
	if i.Suspended {
		f.blame(&installation.Refused{Status: http.StatusForbidden, Cause: installation.Suspended})
		return f
	}
	t, err := signer.Mint(ctx, i.ID, installation.Narrowing{})
	if err == nil {
		f.Budgets, err = p.budgetsOf(ctx, p.GitHubs[c.GitHub].API, authorize(t.Text))
	}
	f.blame(err)
	return f
}

// blame says what is wrong, if anything is, and what to do about it.
func (f *Finding) blame(err error) {
	if err == nil {
		return
	}
	f.Wrong = err.Error()
	refused, ok := errors.AsType[*installation.Refused](err)
	if !ok {
		return
	}
	switch refused.Cause {
	case installation.Suspended:
		f.Wrong, f.Next = "the installation is suspended", "its owner can unsuspend it in the settings, under GitHub Apps"
	case installation.Uninstalled:
		f.Next = "compare installation_id with the URL of the installation's settings, or leave it out for every installation"
	case installation.UnknownApp, installation.BadKey:
		f.Next = "compare client_id or app_id with the App's settings, and generate a private key there"
	case installation.WrongClock:
		f.Next = "set this machine's clock"
	case installation.Limited:
		f.Next = "ask again later"
	}
}

// budgetsOf is what GET /rate_limit says, which costs nothing. It is 404 where an
// Enterprise Server has no limits.
func (p *Pools) budgetsOf(ctx context.Context, api string, auth *authorization) (map[string]Budget, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/rate_limit", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("User-Agent", p.UserAgent)
	r.Header.Set("Authorization", auth.bearer)
	answer, err := p.Transport.RoundTrip(r)
	if err != nil {
		return nil, errors.New(unreached(err))
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("GitHub answered %d to GET /rate_limit", answer.StatusCode)
	}
	var said struct {
		Resources map[string]struct {
			Limit, Used, Remaining int
			Reset                  int64
		}
	}
	const enough = 64 << 10
	if json.NewDecoder(io.LimitReader(answer.Body, enough)).Decode(&said) != nil {
		return nil, errors.New("GitHub's answer to GET /rate_limit is not JSON")
	}
	out := map[string]Budget{}
	for name, b := range said.Resources {
		out[name] = Budget{Limit: b.Limit, Used: b.Used, Remaining: b.Remaining, Reset: time.Unix(b.Reset, 0).UTC()}
	}
	return out, nil
}
