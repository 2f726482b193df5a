package store

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// A Board is where octopools on one Redis tell each other what each knows. A member is
// one store. What it says is seen by the others until it says something else, or says
// nothing for RedisOptions.BoardTTL. Time is Redis's.
type Board struct {
	redis *Redis
	key   string
}

// Board returns the board of this name.
func (r *Redis) Board(name string) *Board {
	return &Board{redis: r, key: redisPrefix + "board:{" + name + "}"}
}

// Publish replaces what this member says. It takes RedisOptions.Patience at most; after an error the others
// may see what was said before, the new state, or nothing.
func (b *Board) Publish(ctx context.Context, state []byte) error {
	_, err := b.run(ctx, b.redis.scripts.publish,
		strconv.FormatInt(b.redis.boardTTL.Milliseconds(), 10), string(state))
	return err
}

// Others returns what the other members say that have published within the TTL, by member.
// It takes one round trip, and RedisOptions.Patience at most.
func (b *Board) Others(ctx context.Context) (map[string][]byte, error) {
	said, err := b.run(ctx, b.redis.scripts.others)
	states := make(map[string][]byte, len(said)/2)
	for i := 0; i+1 < len(said); i += 2 {
		states[said[i]] = []byte(said[i+1])
	}
	return states, err
}

func (b *Board) run(ctx context.Context, script *rueidis.Lua, args ...string) (said []string, err error) {
	err = b.redis.try(ctx, b.key, func(ctx context.Context, l *link) (err error) {
		said, err = script.Exec(ctx, l.reads, []string{b.key}, append([]string{b.redis.member}, args...)).AsStrSlice()
		return err
	})
	return said, err
}

// A board is a hash: member → until when it is seen, in milliseconds since 1970, a space
// and what it says.
const scriptBoard = `
local board, me = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone, said = {}, {}
local all = redis.call('HGETALL', board)
for i = 1, #all, 2 do
  local till, state = string.match(all[i + 1], '^(%d+) (.*)$')
  if not till or tonumber(till) <= now then
    gone[#gone + 1] = all[i]
  elseif all[i] ~= me then
    said[#said + 1] = all[i]
    said[#said + 1] = state
  end
end
`

const scriptPublish = scriptBoard + `
local ttl, state = tonumber(ARGV[2]), ARGV[3]
for _, member in ipairs(gone) do redis.call('HDEL', board, member) end
redis.call('HSET', board, me, string.format('%d ', now + ttl) .. state)
redis.call('PEXPIRE', board, ttl)
return {}
`

const scriptOthers = scriptBoard + `
return said
`
