package store

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// A Ledger is names that octopools on one Redis keep in common until a time each. It is
// not dropped when the store is purged. Time is each octopool's own, to the second.
type Ledger struct {
	redis *Redis
	key   string
}

// Ledger returns the ledger of this name.
func (r *Redis) Ledger(name string) *Ledger {
	return &Ledger{redis: r, key: redisPrefix + "ledger:{" + name + "}"}
}

// Add keeps names until a time each. It takes RedisOptions.Patience at most; after an error
// they may be kept or not.
func (l *Ledger) Add(ctx context.Context, names map[string]time.Time) error {
	if len(names) == 0 {
		return nil
	}
	return l.redis.try(ctx, l.key, func(ctx context.Context, link *link) error {
		add := link.reads.B().Zadd().Key(l.key).ScoreMember()
		for name, until := range names {
			add = add.ScoreMember(float64(until.Unix()), name)
		}
		past := link.reads.B().Zremrangebyscore().Key(l.key).Min("-inf").Max(strconv.FormatInt(time.Now().Unix(), 10))
		for _, result := range link.reads.DoMulti(ctx, add.Build(), past.Build()) {
			if err := result.Error(); err != nil {
				return err
			}
		}
		return nil
	})
}

// All returns the names whose time has not come. It takes one round trip, and
// RedisOptions.Patience at most.
func (l *Ledger) All(ctx context.Context) (map[string]time.Time, error) {
	var scored []rueidis.ZScore
	err := l.redis.try(ctx, l.key, func(ctx context.Context, link *link) (err error) {
		now := "(" + strconv.FormatInt(time.Now().Unix(), 10)
		scored, err = link.reads.Do(ctx, link.reads.B().Zrangebyscore().Key(l.key).Min(now).Max("+inf").Withscores().Build()).AsZScores()
		return err
	})
	names := make(map[string]time.Time, len(scored))
	for _, s := range scored {
		names[s.Member] = time.Unix(int64(s.Score), 0)
	}
	return names, err
}
