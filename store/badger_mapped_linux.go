package store

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// mappedFiles is how much of mapped files is in the memory of this process, in bytes.
func mappedFiles() int64 {
	sizes, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var all, resident, shared int64
	if _, err := fmt.Sscan(string(sizes), &all, &resident, &shared); err != nil {
		return 0
	}
	return shared * int64(os.Getpagesize())
}

// dropMapped takes the pages of mapped files from the memory of this process. The system
// maps them again, from its cache, when they are used.
func dropMapped(file func(name string) bool) error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(maps)) {
		// address-address rw-s offset device inode      name
		slash := strings.IndexByte(line, '/')
		if slash < 0 || !file(strings.TrimSuffix(line[slash:], "\n")) {
			continue
		}
		var from, to uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			return err
		}
		if !strings.HasSuffix(mode, "s") {
			continue // not shared: it would forget what was written
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); errno != 0 {
			return errno
		}
	}
	return nil
}
