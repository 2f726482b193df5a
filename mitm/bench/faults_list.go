package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"octopool/mitm/githubtest"
)

// A fault is something that breaks and is mended.
type fault struct {
	name          string
	root          bool     // it takes root
	redis         bool     // the store is Redis
	named         bool     // octopool has to ask for GitHub's address
	configuration string   // more of octopool's
	limits        []string // of its process, see octopool.limits
	environ       []string

	// breaks begins it. mend ends it.
	breaks func(ctx context.Context, w *troubled) (mend func() error, err error)

	restarts bool     // it ends octopool's process
	ruins    bool     // the store cannot be closed any more: octopool says so when it ends, and begins with what there is
	costs    bool     // what was stored may have to be paid for again
	may      []string // what clients may get while it lasts, other than 200
}

// lasting reports whether octopool's process and machine stay what they are.
func (f fault) lasting() bool {
	return !f.restarts && !f.ruins && !f.redis && f.limits == nil && f.environ == nil
}

// playable reports whether this process may.
func (f fault) playable() bool { return !f.root || os.Geteuid() == 0 }

// faults are all of them.
func faults() []fault { return append(anybodysFaults(), rootFaults()...) }

func anybodysFaults() []fault {
	const (
		badGateway = "502"
		late       = "504"
	)
	return []fault{
		{name: "GitHub refuses connections", may: []string{badGateway}, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			w.wire.refuse()
			return w.wire.listen, nil
		}},
		{name: "GitHub resets connections", may: []string{badGateway}, breaks: onWire(reset)},
		{name: "GitHub accepts and says nothing", may: []string{badGateway, late}, breaks: onWire(silent)},
		{name: "GitHub answers garbage", may: []string{badGateway}, breaks: onWire(babble)},
		{name: "GitHub is far away (each answer 300 ms later)", breaks: func(_ context.Context, w *troubled) (func() error, error) {
			w.wire.become(passSlowly(w.github.Addr(), 300*time.Millisecond))
			return w.mendWire, nil
		}, may: []string{badGateway}}, // what was under way when the way became another
		{name: "GitHub has a wrong certificate", may: []string{badGateway}, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			impostor := githubtest.New()
			w.wire.become(passTo(impostor.Addr()))
			return func() error {
				defer impostor.Close()
				if seen := impostor.Seen(); len(seen) > 0 {
					return fmt.Errorf("an impostor saw %v", seen)
				}
				return w.mendWire()
			}, nil
		}},
		{name: "GitHub hangs before headers", may: []string{badGateway, late}, breaks: answering(func(w http.ResponseWriter, r *http.Request, over <-chan bool) {
			hang(r, over)
			panic(http.ErrAbortHandler)
		})},
		{name: "GitHub hangs in the middle of a body", may: []string{badGateway, broken}, breaks: answering(func(w http.ResponseWriter, r *http.Request, over <-chan bool) {
			half(w)
			hang(r, over)
			panic(http.ErrAbortHandler)
		})},
		{name: "GitHub truncates bodies", may: []string{badGateway, broken}, breaks: answering(func(w http.ResponseWriter, _ *http.Request, _ <-chan bool) {
			half(w)
			panic(http.ErrAbortHandler)
		})},
		storm(500), storm(502), storm(503),
		{name: "GitHub's clock is an hour ahead", breaks: clock(time.Hour)},
		{name: "GitHub's clock is an hour behind", breaks: clock(-time.Hour)},
		{name: "Redis is slow (each answer 2 s later)", redis: true, costs: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			w.redis.become(passSlowly(w.server.addr, 2*time.Second))
			return w.mendRedis, nil
		}},
		{name: "Redis answers garbage", redis: true, costs: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			w.redis.become(babble)
			return w.mendRedis, nil
		}},
		{name: "Redis is gone", redis: true, costs: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			w.redis.refuse()
			return func() error { return w.redis.listen() }, nil
		}},
		{name: "Redis is full", redis: true, costs: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			_, err := w.server.ask("CONFIG SET maxmemory 1")
			return func() error {
				_, err := w.server.ask("CONFIG SET maxmemory 0")
				return err
			}, err
		}},
		{name: "the store's folder is deleted", ruins: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			return func() error { return nil }, os.RemoveAll(filepath.Join(w.dir, "data", "store"))
		}},
		{name: "the store's files are overwritten", ruins: true, costs: true, breaks: func(_ context.Context, w *troubled) (func() error, error) {
			return func() error { return nil }, w.scribble()
		}},
		{name: "64 file descriptors", limits: []string{"prlimit", "--nofile=64"}, may: []string{badGateway, broken}, breaks: manyIdle},
		{name: "GOMEMLIMIT of 256 MiB and large answers", environ: []string{"GOMEMLIMIT=256MiB"}, breaks: largeAnswers},
		{name: "SIGTERM, and started again", restarts: true, may: []string{broken}, breaks: ended(syscall.SIGTERM)},
		{name: "SIGKILL, and started again", restarts: true, may: []string{broken}, breaks: ended(syscall.SIGKILL)},
	}
}

// onWire has connections to GitHub handled so.
func onWire(handle func(net.Conn)) func(context.Context, *troubled) (func() error, error) {
	return func(_ context.Context, w *troubled) (func() error, error) {
		w.wire.become(handle)
		return w.mendWire, nil
	}
}

func (w *troubled) mendWire() error {
	w.wire.become(passTo(w.github.Addr()))
	return nil
}

func (w *troubled) mendRedis() error {
	w.redis.become(passTo(w.server.addr))
	return nil
}

// answering has GitHub answer every request so, until over is closed.
func answering(answer func(w http.ResponseWriter, r *http.Request, over <-chan bool)) func(context.Context, *troubled) (func() error, error) {
	return func(_ context.Context, w *troubled) (func() error, error) {
		over := make(chan bool)
		w.github.Intercept(func(to http.ResponseWriter, r *http.Request) bool {
			answer(to, r, over)
			return true
		})
		return func() error {
			w.github.Intercept(nil)
			close(over)
			return nil
		}, nil
	}
}

func hang(r *http.Request, over <-chan bool) {
	select {
	case <-over:
	case <-r.Context().Done():
	}
}

// half sends the header of an answer and half of its body.
func half(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", "4000")
	w.Header().Set("ETag", `"`+rand.Text()+`"`)
	w.Write(make([]byte, 2000))
	http.NewResponseController(w).Flush()
}

// storm has GitHub answer with an error, which is passed on as it is.
func storm(status int) fault {
	return fault{name: fmt.Sprintf("GitHub answers %d to everything", status), may: []string{fmt.Sprint(status)}, breaks: answering(func(w http.ResponseWriter, _ *http.Request, _ <-chan bool) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"storm","status":"%d"}`, status)
	})}
}

// clock has the clocks of GitHub and octopool differ: which of the two jumped neither can
// tell.
func clock(by time.Duration) func(context.Context, *troubled) (func() error, error) {
	return func(_ context.Context, w *troubled) (func() error, error) {
		w.clock.Store(int64(by))
		return func() error {
			w.clock.Store(0)
			return nil
		}, nil
	}
}

// ended has octopool end, and start again on its data with another port.
func ended(by syscall.Signal) func(context.Context, *troubled) (func() error, error) {
	return func(ctx context.Context, w *troubled) (func() error, error) {
		if by == syscall.SIGKILL {
			w.child.Process.Kill()
		}
		if err := w.octopool.stop(); err != nil && by != syscall.SIGKILL {
			return nil, err
		}
		return func() error { return w.launch(ctx) }, nil
	}
}
