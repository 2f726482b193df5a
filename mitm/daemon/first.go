package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"octopool/policy"
)

// firstClient is who may use an octopool without a configuration file.
const firstClient = "default"

// FirstClient returns the client of an octopool without a configuration file. Its token
// is made on first use and returned only then; what is kept in the data folder is a
// digest. Later the returned secret is zero.
func FirstClient(dataDir string) (policy.Registration, policy.Secret, error) {
	r := policy.Registration{Name: firstClient, Pool: "default"}
	file := filepath.Join(dataDir, "client-default")
	text, err := os.ReadFile(file)
	if err == nil {
		if r.Token, err = policy.ParseDigest(strings.TrimSpace(string(text))); err != nil {
			err = fmt.Errorf("%s: %w; remove the file to make a new token", file, err)
		}
		return r, policy.Secret{}, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return r, policy.Secret{}, err
	}
	token, err := NewClientToken()
	if err != nil {
		return r, policy.Secret{}, err
	}
	r.Token = policy.DigestOf(token.Reveal())
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return r, policy.Secret{}, err
	}
	return r, token, os.WriteFile(file, []byte(r.Token.String()+"\n"), 0o600)
}

// NewClientToken makes a token for a client of a pool of personal access tokens. Tools
// behave by what a token looks like: gh reports missing scopes for ghp_ and gho_, Renovate
// and octokit take ghs_ for an App's. Like a fine-grained token, it has none of that.
func NewClientToken() (policy.Secret, error) {
	token, err := policy.NewToken("github_pat_", rand.Reader)
	return policy.NewSecret(token), err
}
