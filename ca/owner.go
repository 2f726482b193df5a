//go:build unix

package ca

import (
	"io/fs"
	"os"
	"syscall"
)

// tooOpen are the permissions that a key given to octopool must not have. A key of root's
// may be read by its group where octopool is not root: Kubernetes mounts a Secret for a
// user who is not root in no other way, and PostgreSQL draws the line there too.
func tooOpen(key fs.FileInfo) fs.FileMode {
	if owner, ok := key.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && os.Geteuid() != 0 {
		return 0o037
	}
	return 0o077
}
