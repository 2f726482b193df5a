package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/config"
)

// Rotate begins the rotation of the CA in the data folder, for the hosts of these places,
// or has its next stage begin at once. An error that the configuration can mend is a
// [config.Problem].
func Rotate(p config.Places, overlap time.Duration, finish bool) (ca.Rotation, error) {
	if p.CACert != "" {
		return ca.Rotation{}, config.Problem{Key: "ca.certificate", Message: "this CA is your own, which octopool does not rotate: " +
			"have its maker issue another, let clients trust both roots, then name the new files here and restart octopool"}
	}
	dir := authorityDir(p)
	if finish {
		r, err := ca.Finish(dir)
		if errors.Is(err, ca.ErrNoRotation) {
			err = fmt.Errorf("%w of the CA in %s; `octopool ca rotate` begins one", err, dir)
		}
		return r, err
	}
	r, err := ca.Rotate(dir, mitm.Hosts(p.GitHubs), overlap)
	if under, ok := errors.AsType[*ca.UnderWay](err); ok {
		err = fmt.Errorf("%w; `octopool ca rotate --finish` has it do so at once", under)
	}
	return r, err
}

// withRotation adds to files what changes when the CA of these places is rotated.
func withRotation(files []string, p config.Places) []string {
	if p.CACert != "" {
		return files
	}
	return append(slices.Clone(files), ca.RotationFile(authorityDir(p)))
}

// rotationProblem is why an octopool does not take up a rotated CA.
func rotationProblem(err error) error {
	if _, ok := errors.AsType[*ca.NotCovered](err); ok {
		return fmt.Errorf("the CA was rotated for other hosts than this octopool serves, which goes on with the old one: restart it, or rotate for these hosts (%w)", err)
	}
	return fmt.Errorf("the CA was rotated, and octopool goes on with the old one: %w", err)
}

// whatNext says how a CA comes to cover hosts that it was made without.
func whatNext(dir string, hosts []string) string {
	if from, ok := ca.CoversFrom(dir, hosts); ok {
		return fmt.Sprintf("it is being rotated for that, and may from %s on; until then leave the host out, so that clients can come to trust the new root, or run `octopool ca rotate --finish`", from.Format(time.RFC3339))
	}
	return "run `octopool ca rotate` with this configuration, which says what happens when"
}
