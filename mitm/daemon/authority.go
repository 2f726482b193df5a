package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/config"
)

// OpenAuthority opens the authority that the configuration names, or the one in the data
// folder, which is made on first use. An error that the configuration can mend is a
// [config.Problem].
func OpenAuthority(p config.Places) (*ca.Authority, error) {
	return openAuthority(p, authorityDir(p))
}

// authorityDir is the data folder itself, so that ca.pem is where people look for it.
func authorityDir(p config.Places) string { return p.DataDir }

// openAuthority opens an authority, and writes the files that clients trust to dir.
func openAuthority(p config.Places, dir string) (*ca.Authority, error) {
	hosts := mitm.Hosts(p.GitHubs)
	if p.CACert != "" {
		authority, err := ca.Load(dir, p.CACert, p.CAKey, hosts)
		if err != nil {
			return nil, config.Problem{Key: faultyHalf(p, err), Message: err.Error()}
		}
		return authority, nil
	}
	authority, err := ca.Open(dir, hosts)
	if missing, ok := errors.AsType[*ca.NotCovered](err); ok {
		return nil, config.Problem{Key: keyOf(p.GitHubs, missing.Hosts[0]), Message: fmt.Sprintf(
			"the CA in %s may not sign for %s, which it was made without: %s", dir, strings.Join(missing.Hosts, ", "), whatNext(dir, missing.Hosts))}
	}
	return authority, err
}

// keyOf is where the GitHub of a host stands.
func keyOf(githubs []mitm.GitHub, host string) string {
	i := slices.IndexFunc(githubs, func(g mitm.GitHub) bool { return slices.Contains(mitm.Hosts([]mitm.GitHub{g}), host) })
	return fmt.Sprintf("github[%d].host", i)
}

// faultyHalf is the key of the file that an error is about.
func faultyHalf(p config.Places, err error) string {
	if strings.HasPrefix(err.Error(), p.CAKey) {
		return "ca.key"
	}
	return "ca.certificate"
}

// CheckAuthority says what would be wrong with the authority at start. It makes none,
// and leaves nothing behind.
func CheckAuthority(p config.Places) []config.Problem {
	if len(p.GitHubs) == 0 || p.DataDir == "" {
		return nil // there is worse
	}
	err := checkAuthority(p)
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[config.Problem](err); ok {
		return []config.Problem{problem}
	}
	return []config.Problem{{Message: err.Error()}}
}

func checkAuthority(p config.Places) error {
	if p.CACert == "" {
		if _, err := os.Stat(filepath.Join(authorityDir(p), "ca.pem")); errors.Is(err, fs.ErrNotExist) {
			return nil // it will be made
		}
		_, err := OpenAuthority(p)
		return err
	}
	scratch, err := os.MkdirTemp("", "octopool-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	_, err = openAuthority(p, scratch)
	return err
}
