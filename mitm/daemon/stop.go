package daemon

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// yieldTime is how long an octopool that stops may keep the store from the next one, and
// so that one's clients waiting. Requests for what is stored take less; clones and tunnels,
// which take longer, need no store.
const yieldTime = 2 * time.Second

// Stop takes no more connections, lets requests in flight end until ctx is done, and
// closes the store, which is there for the next octopool within yieldTime, whatever goes
// on here. It returns ctx's error if something had to be cut off.
func (d *Daemon) Stop(ctx context.Context) error {
	d.following.stop()
	d.yield(ctx)
	closed := d.store.Close()
	err := d.proxy.Shutdown(ctx)
	d.endPools() // not before: requests in flight may wait for a token
	(&http.Client{Transport: d.upstream}).CloseIdleConnections()
	return errors.Join(d.audit.ended(err), closed)
}

// yield ends what the next octopool has to have for itself: both listeners, and the use of
// the store.
func (d *Daemon) yield(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, yieldTime)
	var asked sync.WaitGroup
	asked.Go(func() { d.admin.Shutdown(ctx) })
	d.proxy.Yield(ctx)
	cancel()
	asked.Wait()
	d.admin.Close() // who follows events does not leave by itself
}
