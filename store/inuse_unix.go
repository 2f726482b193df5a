//go:build linux || darwin || freebsd

package store

import (
	"errors"
	"os"
	"syscall"
)

// InUse reports whether a process has the Badger store in dir open, this one included. It
// looks at the lock that Badger holds on the directory itself.
func InUse(dir string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false // nobody has what is not there
	}
	defer d.Close()
	return errors.Is(syscall.Flock(int(d.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
