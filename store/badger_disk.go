//go:build linux || darwin || freebsd

package store

import (
	"math"
	"os"
	"syscall"
)

// freeOn returns how many bytes this process may still write to the disk that dir is on; very
// many if that cannot be known.
func freeOn(dir string) int64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return math.MaxInt64
	}
	blocks, size := int64(disk.Bavail), int64(disk.Bsize)
	if blocks > math.MaxInt64/size {
		return math.MaxInt64
	}
	return blocks * size
}

// diskOf is what a file takes on disk. The last file of the value log has a great
// length, most of which nothing was written to yet.
func diskOf(file os.FileInfo) int64 {
	if stat, ok := file.Sys().(*syscall.Stat_t); ok {
		return int64(stat.Blocks) * 512
	}
	return file.Size()
}
