package store

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// RedisOptions say which Redis, and how it is used.
type RedisOptions struct {
	// URL is where Redis is:
	//
	//	redis://127.0.0.1:6379          port 6379 if none is given
	//	redis://user:password@host/2    an ACL user, database 2
	//	redis://:password@host          the default user's password
	//	rediss://host                   with TLS, from 1.2; the certificate is verified
	//	unix:///run/redis/redis.sock    unix://user:password@/path?db=2
	//
	//	redis://one:6379?addr=two:6379&addr=three:6379               a cluster
	//	redis://one:26379?addr=two:26379&master_set=mymaster         sentinels
	//
	// valkey and valkeys stand for redis and rediss. One address of a cluster will do; the
	// others are for when that one is down. User, password and database are those of Redis
	// itself: sentinels are asked without a password, and with TLS if Redis is. What is
	// not a letter or digit in a user or password must be percent-encoded.
	//
	// Further parameters: db, client_name, dial_timeout and write_timeout (such as 2s),
	// skip_verify=true (TLS without verifying), and client_cache=0 for servers that cannot
	// tell when something changes (Redis before 6, and some services).
	//
	// An ACL user needs ~octopool:* +@read +@write +@scripting +@connection, and
	// +cluster|slots +cluster|shards in a cluster.
	URL string

	// A view that is neither put nor touched for TTL is dropped; never, if TTL is not
	// positive. It is kept to the second.
	TTL time.Duration

	// Log gets warnings, at most one a minute of each kind; nil for none.
	Log *slog.Logger

	// HotBytes bounds the memory for what is read often, for each node of a cluster; 64 MiB
	// if 0.
	HotBytes int

	// Patience is how long a request waits for one answer of Redis before it does without;
	// 50 ms if 0. It should be several times what an answer takes.
	Patience time.Duration

	// BoardTTL is how long what a member publishes on a board is seen by the others; 5 s
	// if 0.
	BoardTTL time.Duration
}

// closeGrace is how long Close waits for what is not yet written.
const closeGrace = time.Second

// OpenRedis returns a store in a Redis. It returns an error, which never holds the URL
// or its password, only if it cannot make sense of o.URL. If Redis does not answer, which
// is found out within a few seconds, the store misses until it does.
func OpenRedis(o RedisOptions) (*Redis, error) {
	options, err := parseRedisURL(o.URL)
	if err != nil {
		return nil, err
	}
	options.CacheSizeEachConn = o.HotBytes
	if o.HotBytes <= 0 {
		options.CacheSizeEachConn = 64 << 20
	}
	if o.BoardTTL <= 0 {
		o.BoardTTL = 5 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 50 * time.Millisecond
	}
	if o.TTL > 0 {
		o.TTL = max(o.TTL.Truncate(time.Second), time.Second)
	}
	r := &Redis{
		ttl:      o.TTL,
		boardTTL: o.BoardTTL,
		patience: o.Patience,
		member:   rand.Text(),
		now:      time.Now,
		failures: newFailures(o.Log, time.Now),
		scripts:  newScripts(),
		options:  options,
		lost:     make(chan string, 1),
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.outbox.open()
	l, err := r.connect()
	if err != nil {
		r.failures.note("connect", err)
		r.lost <- viewsPrefix
	}
	r.link.Store(l)
	r.keeper.Go(func() { r.keepLinked(l) })
	for _, queue := range r.outbox.queues {
		r.writer.Go(func() { r.deliver(queue) })
	}
	return r, nil
}

// parseRedisURL makes sense of a URL. Its errors hold nothing of it: one special
// character, and the password is where a host or a database should be.
func parseRedisURL(text string) (rueidis.ClientOption, error) {
	fail := func(why string) (rueidis.ClientOption, error) {
		return rueidis.ClientOption{}, errors.New("redis url: " + why)
	}
	u, err := url.Parse(text)
	if err != nil {
		return fail("not a URL; special characters in a password must be percent-encoded")
	}
	if !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys", "unix"}, u.Scheme) {
		return fail("must begin with redis://, rediss:// or unix://")
	}
	if u.Scheme != "unix" && u.Hostname() == "" {
		return fail("no host")
	}
	options, err := rueidis.ParseURL(text)
	if err != nil { // "redis: invalid database number: …"
		_, why, _ := strings.Cut(err.Error(), ": ")
		why, _, _ = strings.Cut(why, ":")
		return fail(why)
	}
	if options.Dialer.Timeout == 0 {
		options.Dialer.Timeout = connectPatience
	}
	if options.ConnWriteTimeout == 0 {
		options.ConnWriteTimeout = silence
	}
	if options.ClientName == "" {
		options.ClientName = "octopool"
	}
	options.Dialer.KeepAlive = time.Second
	options.Sentinel.Dialer = options.Dialer
	options.Sentinel.TLSConfig = options.TLSConfig
	options.Sentinel.TopologyRefreshInterval = 5 * time.Second
	options.PipelineMultiplex = -1  // one connection, so that answers come in order (see change)
	options.AlwaysPipelining = true // or a timeout would close the connection
	options.RingScaleEachConn = ringScale
	options.ReadBufferEachConn = 64 << 10
	options.WriteBufferEachConn = 64 << 10
	options.DisableRetry = true
	return options, nil
}

// Close writes what is not yet written, if Redis takes it within a second, and ends the
// connections. It returns nil.
func (r *Redis) Close() error {
	r.closed.Do(func() {
		r.outbox.close()
		grace := time.AfterFunc(closeGrace, r.end)
		r.writer.Wait()
		grace.Stop()
		r.end()
		r.keeper.Wait()
	})
	return nil
}
