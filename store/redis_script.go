package store

import "github.com/redis/rueidis"

// Scripts are what this store has Redis do. Those that change the views of a URL each
// run alone, wholly or not at all, and return by how much they changed the number of
// views and the size of their bodies, and how many views they dropped to make room.
//
// They name some bodies themselves, which is allowed in a cluster since these lie in the
// slot of the keys that are declared.
type scripts struct {
	put, touch, drop *rueidis.Lua
	publish, others  *rueidis.Lua
}

func newScripts() scripts {
	return scripts{
		put:     rueidis.NewLuaScript(scriptCommon + scriptWrite + scriptPut),
		touch:   rueidis.NewLuaScript(scriptCommon + scriptWrite + scriptTouch),
		drop:    rueidis.NewLuaScript(scriptCommon + scriptDrop),
		publish: rueidis.NewLuaScript(scriptPublish),
		others:  rueidis.NewLuaScript(scriptOthers),
	}
}

// KEYS are the hash of a URL and, for what writes, the key of a body. ARGV begins with
// what the keys of bodies begin with.
const scriptCommon = `
local views, bodies = KEYS[1], ARGV[1]
local count, bytes, evicted = 0, 0, 0

local function read(value)
  local order, vouched, used, length, encoding =
    string.match(value, '^(%d+) (%-?%d+) (%-?%d+) (%d+) ([^\n]*)\n')
  return order and {
    order = tonumber(order), vouched = tonumber(vouched), used = tonumber(used),
    length = tonumber(length), encoding = encoding,
  }
end

local function remove(field, old)
  redis.call('HDEL', views, field)
  redis.call('UNLINK', bodies .. field)
  if old then count, bytes = count - 1, bytes - old.length end
end

-- What has this name and is no hash is not octopool's, or damaged.
local kind = redis.call('TYPE', views).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', views) end
`

// scriptWrite begins what writes a view. It reads what there is, and removes what has
// not been used for the TTL and what cannot be read.
const scriptWrite = `
local body = KEYS[2]
local field, record, vouched = ARGV[2], ARGV[3], ARGV[4]
local now, ttl = tonumber(ARGV[5]), tonumber(ARGV[6])
local stored, last, same = {}, 0, nil
local all = redis.call('HGETALL', views)
for i = 1, #all, 2 do
  local old = read(all[i + 1])
  if not old or (ttl > 0 and old.used + ttl <= now) then
    remove(all[i], old)
  else
    last = math.max(last, old.order)
    if all[i] == field then
      same = old
    else
      old.field = all[i]
      stored[#stored + 1] = old
    end
  end
end

local function write(length, encoding)
  local state = string.format('%d %s %d %d %s\n', last + 1, vouched, now, length, encoding)
  redis.call('HSET', views, field, state .. record)
  if ttl > 0 then redis.call('EXPIRE', views, ttl) else redis.call('PERSIST', views) end
end
`

// Of too many views, of one Accept or of all, the least recently vouched go.
const scriptPut = `
local encoding, length, value = ARGV[7], tonumber(ARGV[8]), ARGV[9]
local accept, mostAlike, most = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
if same then count, bytes = count - 1, bytes - same.length end
table.sort(stored, function(a, b)
  if a.vouched ~= b.vouched then return a.vouched > b.vouched end
  return a.order > b.order
end)
local alike, kept = 1, 1
for _, old in ipairs(stored) do
  local isAlike = string.sub(old.field, 1, #accept) == accept
  if kept == most or (isAlike and alike == mostAlike) then
    remove(old.field, old)
    evicted = evicted + 1
  else
    kept = kept + 1
    if isAlike then alike = alike + 1 end
  end
end
if ttl > 0 then redis.call('SET', body, value, 'EX', ttl) else redis.call('SET', body, value) end
write(length, encoding)
return {count + 1, bytes + length, evicted}
`

const scriptTouch = `
if not same then return {count, bytes, evicted} end
local left = redis.call('TTL', body)
if left == -2 then -- there is no body any more
  remove(field, same)
  return {count, bytes, evicted}
end
if ttl > 0 and left < ttl / 2 then redis.call('EXPIRE', body, ttl) end
write(same.length, same.encoding)
return {count, bytes, evicted}
`

// The rest of ARGV are fields to drop.
const scriptDrop = `
for i = 2, #ARGV do
  local value = redis.call('HGET', views, ARGV[i])
  if value then remove(ARGV[i], read(value)) end
end
return {count, bytes, evicted}
`
