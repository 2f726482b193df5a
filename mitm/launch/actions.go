package launch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The variables of a GitHub Actions job that may have OpenID Connect tokens.
const (
	actionsURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	actionsToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// ActionsVariables are those by which whoever sees them gets tokens of the job.
func ActionsVariables() []string { return []string{actionsURL, actionsToken} }

// Actions gets tokens from the runner of a GitHub Actions job (GitHub's documentation,
// "OpenID Connect reference").
type Actions struct {
	url, bearer string
	client      *http.Client

	mu         sync.Mutex
	token      string
	half, ends time.Time // of its life
}

// ActionsOf finds the runner in a job's environment. The tokens are for this audience.
func ActionsOf(environ []string, audience string, client *http.Client) (*Actions, error) {
	at, bearer := valueOf(environ, actionsURL), valueOf(environ, actionsToken)
	if at == "" || bearer == "" {
		return nil, errors.New("this is no GitHub Actions job that may have OpenID Connect tokens: give it permissions: id-token: write")
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("%s is no https URL", actionsURL)
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	return &Actions{url: u.String(), bearer: bearer, client: client}, nil
}

// Token returns one that is good for half of its life at least, or, when the runner gives no
// other, the last one as long as it is good.
func (a *Actions) Token(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Before(a.half) {
		return a.token, nil
	}
	token, ends, err := a.fetch(ctx)
	switch {
	case err == nil:
		a.token, a.ends, a.half = token, ends, now.Add(ends.Sub(now)/2)
	case !now.Before(a.ends):
		return "", err
	}
	return a.token, nil
}

func (a *Actions) fetch(ctx context.Context) (token string, ends time.Time, err error) {
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return "", ends, err
	}
	in.Header.Set("Authorization", "bearer "+a.bearer)
	in.Header.Set("Accept", "application/json; api-version=2.0")
	resp, err := a.client.Do(in)
	if err != nil {
		return "", ends, fmt.Errorf("the runner's tokens: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Value string `json:"value"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer)
	if resp.StatusCode != http.StatusOK || err != nil || answer.Value == "" {
		return "", ends, fmt.Errorf("the runner gives no token: %s", resp.Status)
	}
	ends, err = endOf(answer.Value)
	return answer.Value, ends, err
}

// endOf is the exp of a token. Whether it is right is for octopool to say.
func endOf(token string) (time.Time, error) {
	parts := strings.Split(token, ".")
	var claims struct {
		Exp int64 `json:"exp"`
	}
	if len(parts) == 3 {
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(text, &claims) == nil && claims.Exp > 0 {
			return time.Unix(claims.Exp, 0), nil
		}
	}
	return time.Time{}, errors.New("the runner's token is no JWT with an end")
}
