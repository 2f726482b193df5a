package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// warnOfReaders warns of a file with a secret that everybody on the machine can read. It is
// no problem: secrets that are mounted into a container often look so. What the CA's key may
// be is stricter (see octopool/ca): with it others could be GitHub to every client.
func (s *settler) warnOfReaders(path string) {
	file, err := os.Stat(path)
	if err != nil || !file.Mode().IsRegular() || file.Mode()&0o004 == 0 {
		return
	}
	warning := fmt.Sprintf("%s is a secret that every user of this machine can read; run: chmod 600 %s", path, path)
	if !slices.Contains(s.warnings, warning) { // several may refer to it
		s.warnings = append(s.warnings, warning)
	}
}

// warnOfOnlookers warns of a data folder in which everybody can read what is stored, private
// repositories' answers among it. octopool makes none like that.
func (s *settler) warnOfOnlookers(dir string) {
	for _, folder := range []string{dir, filepath.Join(dir, "store")} {
		info, err := os.Stat(folder)
		if err != nil || info.Mode()&0o005 != 0o005 {
			return
		}
	}
	s.warnings = append(s.warnings, fmt.Sprintf("%s can be read by every user of this machine, and has answers of private repositories; run: chmod 700 %[1]s", filepath.Join(dir, "store")))
}
