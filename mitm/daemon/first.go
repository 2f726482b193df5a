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

// First is the client of an octopool without a configuration file. Its token is made on
// first use; what is kept in the data folder is a digest.
type First struct {
	Registration policy.Registration
	Token        policy.Secret // zero when the client was made earlier

	file string
}

// FirstClient returns the first client of an octopool with this data folder. A new one
// is not kept before [First.Keep]: an octopool that cannot start must not have made a
// token that nobody saw.
func FirstClient(dataDir string) (First, error) {
	f := First{file: filepath.Join(dataDir, "client-"+firstClient)}
	f.Registration = policy.Registration{Name: firstClient, Pool: "default"}
	text, err := os.ReadFile(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		if f.Token, err = NewClientToken(); err == nil {
			f.Registration.Token = policy.DigestOf(f.Token.Reveal())
		}
		return f, err
	}
	if err != nil {
		return f, err
	}
	if f.Registration.Token, err = policy.ParseDigest(strings.TrimSpace(string(text))); err != nil {
		return f, fmt.Errorf("%s: %w; remove the file to have a new token made", f.file, err)
	}
	return f, nil
}

// File is where the digest is kept.
func (f First) File() string { return f.file }

// Kept is an error when the client is new although there was one: its file is gone, and
// nobody has seen the token that a new one would have.
func (f First) Kept() error {
	if f.Token.IsZero() {
		return nil
	}
	return fmt.Errorf("%s is gone; restart octopool to have a new client made", f.file)
}

// Keep writes a new client's digest to the data folder.
func (f First) Keep() error {
	if f.Token.IsZero() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(f.file, []byte(f.Registration.Token.String()+"\n"), 0o600)
}

// NewClientToken makes a token for a client of a pool of personal access tokens. Tools
// behave by what a token looks like: gh reports missing scopes for ghp_ and gho_, Renovate
// and octokit take ghs_ for an App's. Like a fine-grained token, it has none of that.
func NewClientToken() (policy.Secret, error) {
	token, err := policy.NewToken("github_pat_", rand.Reader)
	return policy.NewSecret(token), err
}
