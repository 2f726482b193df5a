package mint

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"octopool/policy"
	"octopool/policy/minted"
)

// OpenKey reads the key in a file, which is made on first use. Two octopools that make it
// at once agree on one.
func OpenKey(file string) (minted.Key, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(file); err != nil && !errors.Is(err, fs.ErrExist) {
			return minted.Key{}, err
		}
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return minted.Key{}, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return minted.Key{}, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return minted.Key{}, fmt.Errorf("%s has mode %04o: others than its owner can mint tokens with it; run: chmod 600 %[1]s", file, mode)
	}
	key, err := minted.NewKey(policy.NewSecret(strings.TrimSpace(string(text))))
	if err != nil {
		return minted.Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func makeKey(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	var key [32]byte
	rand.Read(key[:]) // it never fails
	temporary, err := writeBeside(file, []byte(hex.EncodeToString(key[:])+"\n"))
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	return os.Link(temporary, file) // not over one that has come meanwhile
}

// replace puts data in the place of a file at once: whoever reads it, or the next start
// after a crash, finds what was there or what is, never a part.
func replace(file string, data []byte) error {
	temporary, err := writeBeside(file, data)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, file); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}

// writeBeside writes data to a new file in the same folder, which its owner alone may read.
func writeBeside(file string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
