"""What happens in Redis at once or not at all: the Lua scripts of `worker.store`, each with its reason."""

from __future__ import annotations

# A batch is begun only where there is something to do, and only then is the start counted. EXPIRE comes first
# because a script that has written something is not stopped by a full Redis: solving is what empties it.
BEGIN = """
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return {-1, false} end
local ttl = math.max(redis.call('TTL', KEYS[1]), 60)
redis.call('EXPIRE', KEYS[1], ttl)
local options = redis.call('GET', KEYS[2])
if not options or redis.call('EXISTS', KEYS[3]) == 0 then return {0, false} end
local starts = redis.call('HINCRBY', KEYS[4], ARGV[1], 1)
redis.call('EXPIRE', KEYS[4], ttl)
return {starts, options}
"""

# Where nothing was counted, or no longer is, nothing is taken back: below zero a batch would count as over.
UNBEGIN = """
local starts = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
if starts > 0 then redis.call('HINCRBY', KEYS[1], ARGV[1], -1) end
"""

# The blob is the token of a commit: whoever deletes it enters the batch's answers, exactly once. A job that
# is over (done, cancelled, expired) takes no answers, so that nothing is left behind.
COMMIT = """
local first = redis.call('DEL', KEYS[4])
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return -1 end
if first == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], '*', 'result', ARGV[2])
redis.call('EXPIRE', KEYS[3], math.max(redis.call('TTL', KEYS[1]), 60))
return 1
"""

# A worker that finds no bytes says so in the stream. If they are gone because the batch was answered, that
# answer stands before these words, and the producer passes over them.
REPORT_MISSING = """
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
redis.call('XADD', KEYS[2], '*', 'result', ARGV[1])
redis.call('EXPIRE', KEYS[2], math.max(redis.call('TTL', KEYS[1]), 60))
return 1
"""

TOUCH = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
