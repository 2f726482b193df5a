//go:build unix

package ca

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// owned is a file of somebody's.
type owned struct {
	fs.FileInfo
	uid int
}

func (o owned) Sys() any { return &syscall.Stat_t{Uid: uint32(o.uid)} }

// A key of root's may be read by its group, unless it is root who runs octopool; nobody
// else's may.
func TestWhoMayReadAGivenKey(t *testing.T) {
	self := os.Geteuid()
	for _, tt := range []struct {
		owner int
		want  fs.FileMode
	}{{self, 0o077}, {self + 1, 0o077}, {0, map[bool]fs.FileMode{true: 0o077, false: 0o037}[self == 0]}} {
		if got := tooOpen(owned{uid: tt.owner}); got != tt.want {
			t.Errorf("user %d, a key of %d: %04o, want %04o", self, tt.owner, got, tt.want)
		}
	}
}
