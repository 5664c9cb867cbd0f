//! What is run in Redis: each script is one step that nothing comes between.
//!
//! Each touches only the keys that it is given, bounds the size of what it returns, and puts aside
//! what stands there and has another type: everything under these names is ours.

/// What most scripts begin with. `text` reads a string that is no longer than it may be.
macro_rules! script {
    ($body:literal) => {
        concat!(
            r"
local function text(key, limit)
  local length = redis.pcall('STRLEN', key)
  if type(length) == 'table' then redis.call('UNLINK', key) return false end
  if length == 0 then return false end
  if length > limit then redis.call('UNLINK', key) return false end
  return redis.call('GET', key)
end
",
            $body
        )
    };
}

/// Keys: entry, lease. Arguments: claim, its milliseconds, milliseconds that a young entry has left,
/// whether to take the entry for none, the limit of an entry, the limit of a claim.
pub(super) const ASK: &str = script!(
    r"
local entry, left = false, 0
if ARGV[4] == '0' then
  entry = text(KEYS[1], tonumber(ARGV[5]))
  if entry then left = redis.call('PTTL', KEYS[1]) end
  if entry and left > tonumber(ARGV[3]) then return {1, '', entry, left} end
end
local lease = text(KEYS[2], tonumber(ARGV[6]))
if lease then return {2, lease, entry or '', left} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {0, '', entry or '', left}
"
);

/// Keys: lease. Arguments: claim, its milliseconds, the limit of a claim.
pub(super) const EXTEND: &str = script!(
    r"
if text(KEYS[1], tonumber(ARGV[3])) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"
);

/// Keys: entry, lease. Arguments: claim, the limit of a claim, milliseconds to keep the entry, the
/// entry; without milliseconds nothing is written.
pub(super) const PUT: &str = script!(
    r"
if text(KEYS[2], tonumber(ARGV[2])) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3]) end
return 1
"
);

/// Keys: buckets. Arguments: the longest wait and the longest debt in microseconds, then the rate
/// and the burst of each bucket.
///
/// The generic cell rate algorithm: a bucket is the time at which the next call would be on time.
pub(super) const TAKE: &str = script!(
    r"
local clock = redis.call('TIME')
local now = clock[1] * 1e6 + clock[2]
local over = 1e15
for n, key in ipairs(KEYS) do
  local each = 1e6 / math.max(tonumber(ARGV[1 + 2 * n]), 1e-9)
  local arrival = tonumber(text(key, 64) or 0) or 0
  if arrival ~= arrival or arrival > now + tonumber(ARGV[2]) then arrival = now end
  arrival = math.max(arrival, now - ARGV[2 + 2 * n] * each)
  local wait = math.max(0, arrival + each - now)
  if wait <= tonumber(ARGV[1]) then
    redis.call('SET', key, string.format('%.0f', arrival + each), 'PX', 60000)
    return {1, math.ceil(wait)}
  end
  over = math.min(over, wait)
end
return {0, math.ceil(math.min(over, 1e12))}
"
);

/// Keys: log, incarnation, table. Arguments: the position, a name for a store without one, the most
/// messages, the limit of a message.
pub(super) const POLL: &str = script!(
    r"
local clock = redis.call('TIME')
local incarnation = text(KEYS[2], 32)
if not incarnation or #incarnation ~= 16 then
  incarnation = ARGV[2]
  redis.call('SET', KEYS[2], incarnation)
end
local first = redis.pcall('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if first.err then redis.call('UNLINK', KEYS[1]) first = {} end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local messages = {}
if #last > 0 then
  -- Nothing comes after the last position that there is; asking for it is an error.
  local found = redis.pcall('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[3])
  if found.err then found = {} end
  for _, message in ipairs(found) do
    local value = message[2][2] or ''
    if #value > tonumber(ARGV[4]) then value = '' end
    messages[#messages + 1] = message[1]
    messages[#messages + 1] = value
  end
end
local rows = redis.pcall('HLEN', KEYS[3])
if type(rows) == 'table' then redis.call('UNLINK', KEYS[3]) rows = 0 end
return {
  clock[1], clock[2], incarnation,
  first[1] and first[1][1] or '', last[1] and last[1][1] or '',
  rows, messages
}
"
);

/// Keys: log, incarnation. Arguments: a name for a store without one, milliseconds to keep messages,
/// messages.
///
/// A log that takes no message, because it is none or its numbers are used up, is begun anew, and
/// the store has another name then. One that is full is not: that passes.
pub(super) const APPEND: &str = script!(
    r"
for n = 3, #ARGV do
  local added = redis.pcall('XADD', KEYS[1], '*', 'd', ARGV[n])
  if type(added) == 'table' and added.err then
    if string.find(added.err, 'OOM') then return redis.error_reply(added.err) end
    redis.call('UNLINK', KEYS[1])
    redis.call('SET', KEYS[2], ARGV[1])
    redis.call('XADD', KEYS[1], '*', 'd', ARGV[n])
  end
end
local clock = redis.call('TIME')
local oldest = string.format('%.0f', clock[1] * 1000 - ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', '~', oldest)
return 1
"
);

/// Keys: table. Arguments: the most rows, fields and rows.
pub(super) const SAVE: &str = script!(
    r"
local rows = redis.pcall('HLEN', KEYS[1])
if type(rows) == 'table' then redis.call('UNLINK', KEYS[1]) rows = 0 end
for n = 2, #ARGV, 2 do
  if rows < tonumber(ARGV[1]) or redis.call('HEXISTS', KEYS[1], ARGV[n]) == 1 then
    rows = rows + redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1])
  end
end
return 1
"
);

/// Keys: table. Arguments: fields.
pub(super) const REMOVE: &str = script!(
    r"
for n = 1, #ARGV do redis.pcall('HDEL', KEYS[1], ARGV[n]) end
return 1
"
);

/// Keys: table. Arguments: the cursor, the limit of a row.
pub(super) const LOAD: &str = script!(
    r"
local found = redis.pcall('HSCAN', KEYS[1], ARGV[1], 'COUNT', 200)
if found.err then redis.call('UNLINK', KEYS[1]) return {'0', {}} end
local rows = {}
for n = 1, #found[2], 2 do
  local field, row = found[2][n], found[2][n + 1]
  if #field > 64 or #row > tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], field)
  else
    rows[#rows + 1] = field
    rows[#rows + 1] = row
  end
end
return {found[1], rows}
"
);

/// All of them.
pub(super) const ALL: [&str; 9] = [ASK, EXTEND, PUT, TAKE, POLL, APPEND, SAVE, REMOVE, LOAD];
