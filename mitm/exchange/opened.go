package exchange

import (
	"strings"
	"sync"

	"octopool/policy/pool"
)

// opened knows which credential a repository was last open to, where github.com says 404
// to those that it is not open to. A clone is several requests, the second of which may be
// too large to be sent again.
type opened struct {
	mu    sync.Mutex           // guards repos
	repos map[openedKey]string // names of credentials
}

type openedKey struct{ github, pool, client, repo string }

func keyOfOpened(w pool.Want, repo string) openedKey {
	return openedKey{w.GitHub, w.Pool, w.Client, strings.ToLower(w.Owner + "/" + repo)}
}

// prefer makes a want lean towards the credential that the repository was open to.
func (o *opened) prefer(w pool.Want, repo string) pool.Want {
	if !w.Hidden || repo == "" {
		return w
	}
	o.mu.Lock()
	name := o.repos[keyOfOpened(w, repo)]
	o.mu.Unlock()
	if name == "" {
		return w
	}
	w.Prefer = []string{name}
	return w
}

// note takes down whom a repository was open to, if somebody else had just been refused.
func (o *opened) note(w pool.Want, repo, credential string, status int) {
	if !w.Hidden || repo == "" || status >= 300 || len(w.Except) == 0 {
		return
	}
	const most = 1 << 12 // names come from requests
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.repos == nil || len(o.repos) >= most {
		o.repos = map[openedKey]string{}
	}
	o.repos[keyOfOpened(w, repo)] = credential
}
