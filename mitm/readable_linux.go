package mitm

import (
	"net"
	"syscall"
)

// readable waits until there is something to read from c, be it its end, or until its
// deadline. To copy from a connection takes a pipe from the start on (splice(2)), so that
// ten thousand silent tunnels would have forty thousand descriptors more.
func readable(c net.Conn) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil // nor is it spliced
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var one [1]byte
	return raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN && err != syscall.EINTR // any other error is what reading says
	})
}
