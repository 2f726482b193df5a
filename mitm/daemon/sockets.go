package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"octopool/mitm/config"
	"octopool/store"
)

// Sockets are listeners that were opened before octopool was started, by systemd for one
// (socket activation, see systemd.socket(5) and sd_listen_fds(3)). They outlive it: what
// connects while none has it at hand waits in the kernel for the next octopool. Without
// any, octopool opens its own.
type Sockets struct {
	proxy, admin net.Listener // nil: not given
}

// Given are the sockets that this process was started with, by the names proxy and admin.
func Given() (Sockets, error) {
	var s Sockets
	for _, file := range activation.Files(true) {
		at := map[string]*net.Listener{"proxy": &s.proxy, "admin": &s.admin}[file.Name()]
		if at == nil {
			return s, fmt.Errorf("octopool was started with a socket called %q; call it proxy or admin (FileDescriptorName= in a systemd.socket)", file.Name())
		}
		if *at != nil {
			return s, fmt.Errorf("octopool was started with two sockets called %q; it takes one", file.Name())
		}
		l, err := net.FileListener(file)
		if err != nil {
			return s, fmt.Errorf("the socket called %q that octopool was started with: %w", file.Name(), err)
		}
		file.Close() // l has one of its own
		if _, ok := l.(*net.TCPListener); !ok {
			return s, fmt.Errorf("the socket called %q that octopool was started with is not TCP", file.Name())
		}
		*at = l
	}
	return s, nil
}

// storeLook is how often it is looked whether another octopool has let go of its store.
// Clients wait for that in the kernel's queue.
const storeLook = 10 * time.Millisecond

// Await returns when an octopool with these settings can open its store: at once, but for
// one that was given its sockets, which is to relieve another and waits until that has let
// go. waited says whether it had to: then the settings may be outdated. The error is ctx's.
func (g Sockets) Await(ctx context.Context, s config.Settings, log *slog.Logger) (waited bool, err error) {
	dir := filepath.Join(s.DataDir, "store")
	if g.proxy == nil || s.Cache.Backend != "badger" || !store.InUse(dir) {
		return false, nil
	}
	log.Info("waiting: another octopool has the data folder open, and this one relieves it", "data_dir", s.DataDir)
	tick := time.NewTicker(storeLook)
	defer tick.Stop()
	for store.InUse(dir) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	return true, nil
}

// listen is one of these sockets, or one of our own at address. What the configuration
// assumes goes by the address it names, so a socket that was given has to be there.
func listen(given net.Listener, key, address string) (net.Listener, error) {
	if given == nil {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, config.Problem{Key: key, Message: err.Error()}
		}
		return l, nil
	}
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, config.Problem{Key: key, Message: err.Error()}
	}
	if at := given.Addr().(*net.TCPAddr); !sameAddress(want, at) {
		return nil, config.Problem{Key: key, Message: fmt.Sprintf("octopool was started with a socket that listens at %s: write that here, or have it listen at %s", at, address)}
	}
	return given, nil
}

// sameAddress goes by what an address means: all of a machine's is :8080 and 0.0.0.0:8080.
func sameAddress(a, b *net.TCPAddr) bool {
	everywhere := func(a *net.TCPAddr) bool { return len(a.IP) == 0 || a.IP.IsUnspecified() }
	return a.Port == b.Port && (a.IP.Equal(b.IP) || everywhere(a) && everywhere(b))
}
