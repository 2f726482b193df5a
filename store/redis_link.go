package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

const (
	// maxAsking is how many calls may wait for Redis. It is half of what a connection of
	// rueidis has room for: one more than that would wait for room, without a bound.
	maxAsking = 1 << 12
	ringScale = 13

	// While Redis is given up it is asked whether it is back, at first after firstRest.
	firstRest = 20 * time.Millisecond
	maxRest   = time.Second
	// connectPatience is for what happens in the background.
	connectPatience = time.Second
	// silence is how long a connection may be silent when asked. After one more second,
	// between two such questions, it is closed.
	silence = 3 * time.Second
)

var (
	errAway = errors.New("redis does not answer")
	errBusy = errors.New("too many wait for redis")
)

// ask is try for a store's methods: an error is noted, and is a miss.
func (r *Redis) ask(kind, key string, f func(context.Context, *link) error) {
	if err := r.try(r.life, key, f); err != nil {
		r.failures.note(kind, err)
	}
}

// try is within for what is small and quick. If Redis does not answer for the key, or the
// connection breaks, Redis is given up: until it answers again, which keepLinked finds
// out, errAway is returned at once. An error that Redis itself returns is an answer.
func (r *Redis) try(ctx context.Context, key string, f func(context.Context, *link) error) error {
	var used *link
	err := r.within(ctx, r.patience, func(ctx context.Context, l *link) error {
		used = l
		return f(ctx, l)
	})
	_, answered := errors.AsType[*rueidis.RedisError](err)
	if err == nil || answered || used == nil || ctx.Err() != nil {
		return err
	}
	if r.link.CompareAndSwap(used, nil) {
		r.lost <- key // has room: keepLinked has taken the last before it set link again
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("redis did not answer within %v", r.patience)
	}
	return err
}

// within has f ask Redis, for as long as patience, in the caller's goroutine. It returns
// errAway at once while Redis is given up.
func (r *Redis) within(ctx context.Context, patience time.Duration, f func(context.Context, *link) error) error {
	if r.life.Err() != nil {
		return errClosed
	}
	l := r.link.Load()
	if l == nil {
		return errAway
	}
	defer r.asking.Add(-1)
	if r.asking.Add(1) > maxAsking {
		return errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f(ctx, l)
}

// keepLinked finds out when Redis, after it was lost, answers again.
func (r *Redis) keepLinked(l *link) {
	defer func() { r.link.Store(nil); l.close() }()
	for {
		var key string
		select {
		case <-r.life.Done():
			return
		case key = <-r.lost:
		}
		away := false
		for rest := firstRest; !r.back(&l, key); rest = min(2*rest, maxRest) {
			away = true
			select {
			case <-r.life.Done():
				return
			case <-time.After(rest):
			}
		}
		if away {
			r.failures.log.Info("store answers")
		}
		r.link.Store(l)
	}
}

// back says whether Redis answers for a key as fast as it should. It connects to Redis
// first if *l is nil.
func (r *Redis) back(l **link, key string) bool {
	if *l == nil {
		made, err := r.connect()
		if err != nil {
			r.failures.note("connect", err)
			return false
		}
		*l = made
	}
	ctx, cancel := context.WithTimeout(r.life, connectPatience)
	defer cancel()
	asked := time.Now()
	for range 2 { // the first may have to connect
		if err := (*l).reads.Do(ctx, (*l).reads.B().Exists().Key(key).Build()).NonRedisError(); err != nil {
			return false
		}
		if time.Since(asked) < r.patience {
			return true
		}
		asked = time.Now()
	}
	return false
}

// connect connects to Redis; it takes a few seconds at most. Afterwards rueidis connects
// anew when a connection breaks or a cluster changes.
func (r *Redis) connect() (*link, error) {
	reads, err := rueidis.NewClient(r.options)
	if err != nil {
		return nil, err
	}
	options := r.options
	options.DisableCache = true
	bulk, err := rueidis.NewClient(options)
	if err != nil {
		reads.Close()
		return nil, err
	}
	return &link{reads: reads, bulk: bulk}, nil
}

func (l *link) close() {
	if l != nil {
		l.reads.Close()
		l.bulk.Close()
	}
}
