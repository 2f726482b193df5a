package mitm

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// pipes counts those this process has open.
func pipes(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(all) == 0 {
		t.Fatal("no list of descriptors", err)
	}
	for _, one := range all {
		if to, err := os.Readlink(one); err == nil && strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// A tunnel has the descriptors of its two ends and no others while nobody says anything,
// be it from the start or after a while.
func TestSilentTunnelHoldsNoPipes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pair := func() (net.Conn, net.Conn) {
		t.Helper()
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close(); far.Close() })
		return near, far
	}
	before := pipes(t)
	const tunnels = 20
	for range tunnels {
		client, in := pair()
		out, server := pair()
		go join(in, out, func(int64) {}, func(int64) {})
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			io.WriteString(way[0], "hello")
			if _, err := io.ReadFull(way[1], make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := pipes(t)
	for until := time.Now().Add(30 * time.Second); after > before+2*tunnels/4 && time.Now().Before(until); after = pipes(t) {
		time.Sleep(100 * time.Millisecond)
		runtime.GC() // net keeps a few for whoever comes next
	}
	if after > before+2*tunnels/4 {
		t.Errorf("%d silent tunnels have %d descriptors of pipes", tunnels, after-before)
	}
}
