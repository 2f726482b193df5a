package store

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"
)

const (
	// purgers is how many URLs Purge looks at at a time.
	purgers = 16
	// scanned is how many keys of the database Redis looks at for one answer.
	scanned = 1000
	// purgePatience is how long one of its steps may take.
	purgePatience = time.Second
)

// Stats counts what this octopool has put, less what it saw go: views that expire, that
// Redis evicts or that other octopools change are not noticed. What there is altogether
// only Redis knows (INFO memory, DBSIZE).
func (r *Redis) Stats() Stats {
	return Stats{
		Entries:   uint64(max(0, r.entries.Load())),
		Bytes:     uint64(max(0, r.bytes.Load())),
		Errors:    r.failures.count.Load(),
		Evictions: uint64(r.evictions.Load()),
	}
}

// Purge forgets what octopools on this Redis have put. It first waits for what this one
// has not yet written. It ends early, and notes why, when Redis fails.
func (r *Redis) Purge(match func(Key) bool) int {
	r.outbox.settle()
	l := r.link.Load()
	if l == nil {
		r.failures.note("purge", errAway)
		return 0
	}
	p := purge{redis: r, link: l, match: match}
	for _, node := range l.bulk.Nodes() {
		if err := p.node(r.life, node); err != nil {
			r.failures.note("purge", err)
		}
	}
	return p.purged
}

type purge struct {
	redis *Redis
	link  *link

	mu     sync.Mutex // guards everything below, and calling match
	match  func(Key) bool
	purged int
}

// node purges the URLs that one node of a cluster has. A replica may name some once more.
func (p *purge) node(ctx context.Context, node rueidis.Client) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(purgers)
	var cursor uint64
	for {
		page, err := p.scan(ctx, node, cursor)
		if err != nil {
			_ = work.Wait() // if its error is another, it is no more telling
			return err
		}
		for _, url := range page.Elements {
			work.Go(func() error { return p.url(ctx, url) })
		}
		if cursor = page.Cursor; cursor == 0 {
			return work.Wait()
		}
	}
}

func (p *purge) scan(ctx context.Context, node rueidis.Client, cursor uint64) (rueidis.ScanEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, purgePatience)
	defer cancel()
	return node.Do(ctx, node.B().Scan().Cursor(cursor).Match(viewsPrefix+"*").Count(scanned).Build()).AsScanEntry()
}

// url purges the views of one URL.
func (p *purge) url(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, purgePatience)
	defer cancel()
	bulk := p.link.bulk
	stored, err := bulk.Do(ctx, bulk.B().Hgetall().Key(url).Build()).AsStrMap()
	if _, answered := rueidis.IsRedisErr(err); answered {
		return nil // no hash, not octopool's
	}
	if err != nil {
		return err
	}
	var fields []string
	p.mu.Lock()
	for field, value := range stored {
		if v, ok := p.redis.decode(url, field, value); ok && p.match(v.key) {
			fields = append(fields, field)
		}
	}
	p.mu.Unlock()
	if len(fields) == 0 {
		return nil
	}
	changed, err := p.redis.change(ctx, p.link, p.redis.scripts.drop,
		spot{url, fields[0]}, append([]string{bodiesOf(url)}, fields...))
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.purged -= int(changed)
	p.mu.Unlock()
	return nil
}
