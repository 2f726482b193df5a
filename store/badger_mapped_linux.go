package store

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

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
