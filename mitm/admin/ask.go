package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"octopool/mitm/learning"
	"octopool/policy"
)

// Errors of those who ask that their callers can say more about. Any other names the URL
// and what is wrong with what answers there.
var (
	ErrNotRunning = errors.New("no octopool answers")
	ErrWrongToken = errors.New("octopool does not know the token")
)

// Ask asks the octopool whose admin listener has this URL for its status, and returns
// the JSON as it came, too. It waits ten seconds at most, and takes no proxy.
func Ask(ctx context.Context, url string, token policy.Secret) (Status, []byte, error) {
	return askFor(ctx, question{url: url, path: "/api/status", token: token, patience: 10 * time.Second},
		func(s Status) bool { return s.Version != "" })
}

// AskUsage asks as [Ask] does, for what a client did in the last day.
func AskUsage(ctx context.Context, url string, token policy.Secret, client string) (learning.Usage, []byte, error) {
	return askFor(ctx, question{url: url, path: "/api/clients/" + client + "/usage", token: token, patience: 10 * time.Second},
		func(u learning.Usage) bool { return u.Client == client })
}

// A question is one request to an admin listener.
type question struct {
	url, path string
	token     policy.Secret
	post      []byte // JSON to send; nil is a GET
	patience  time.Duration
}

// askFor returns the answer, and as it came. Whether it is an octopool's is known once it
// has been read.
func askFor[A any](ctx context.Context, q question, isOctopools func(A) bool) (answer A, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.patience)
	defer cancel()
	text, err = q.send(ctx)
	if err != nil {
		return answer, nil, err
	}
	var read A
	if json.Unmarshal(text, &read) != nil || !isOctopools(read) {
		return answer, nil, fmt.Errorf("%s answers, but is no octopool", q.url)
	}
	return read, text, nil
}

// send returns what was answered, if that is good.
func (q question) send(ctx context.Context) ([]byte, error) {
	r, err := q.request(ctx)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s does not answer within %v", q.url, q.patience)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer resp.Body.Close()
	const most = 64 << 20 // thousands of clients and credentials come to a few MiB
	text, err := io.ReadAll(io.LimitReader(resp.Body, most))
	switch {
	case resp.StatusCode == http.StatusUnauthorized && strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Bearer "): // the proxy's own listener has another challenge
		return nil, ErrWrongToken
	case resp.StatusCode == http.StatusBadRequest && q.post != nil:
		return nil, errors.New(printable(strings.TrimSpace(string(text))))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers with %s: it is no octopool, or an older one", q.url, resp.Status)
	case err != nil:
		return nil, fmt.Errorf("%s: its answer ended early: %w", q.url, err)
	}
	return text, nil
}

func (q question) request(ctx context.Context) (*http.Request, error) {
	method := http.MethodGet
	if q.post != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, q.url+q.path, bytes.NewReader(q.post))
	if err != nil {
		return nil, err
	}
	if q.post != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if !q.token.IsZero() {
		r.Header.Set("Authorization", "Bearer "+q.token.Reveal())
	}
	return r, nil
}
