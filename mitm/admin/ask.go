package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"octopool/policy"
)

// Errors of Ask that its caller can say more about. Any other names the URL and what is
// wrong with what answers there.
var (
	ErrNotRunning = errors.New("no octopool answers")
	ErrWrongToken = errors.New("octopool does not know the token")
)

// Ask asks the octopool whose admin listener has this URL for its status, and returns
// the JSON as it came, too. It waits ten seconds at most, and takes no proxy.
func Ask(ctx context.Context, url string, token policy.Secret) (Status, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/status", nil)
	if err != nil {
		return Status{}, nil, err
	}
	if !token.IsZero() {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return Status{}, nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer resp.Body.Close()
	const most = 64 << 20 // thousands of clients and credentials come to a few MiB
	text, err := io.ReadAll(io.LimitReader(resp.Body, most))
	var s Status
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return Status{}, nil, ErrWrongToken
	case resp.StatusCode != http.StatusOK:
		return Status{}, nil, fmt.Errorf("%s answers with %s: it is no octopool, or an older one", url, resp.Status)
	case err != nil:
		return Status{}, nil, fmt.Errorf("%s: its answer ended early: %w", url, err)
	case json.Unmarshal(text, &s) != nil || s.Version == "":
		return Status{}, nil, fmt.Errorf("%s answers, but is no octopool", url)
	}
	return s, text, nil
}
