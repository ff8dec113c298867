-- wrk -s wrk.lua URL -- FILE CALLERS: posts the file's lines in turn, and writes a line of JSON.
-- What is counted begins when each caller has had an answer, and ends with the last answer: callers
-- whose texts share a batch are answered together, and a part of a batch is never counted.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, microseconds; } moment;
  int gettimeofday(moment *now, void *zone);
]]
local threads, bodies, sent, now = {}, {}, 0, ffi.new("moment")
answered, bad, from, to = 0, 0, 0, 0

local function seconds()
  ffi.C.gettimeofday(now, nil)
  return tonumber(now.seconds) + tonumber(now.microseconds) / 1e6
end

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  for line in io.lines(arguments[1]) do table.insert(bodies, line) end
  callers = tonumber(arguments[2])
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  sent = sent + 1
  return wrk.format("POST", nil, headers, bodies[(sent - 1) % #bodies + 1])
end

function response(status)
  answered, to = answered + 1, seconds()
  if answered == callers then from = to end
  if status ~= 200 then bad = bad + 1 end
end

function done(summary)
  local one, failed = threads[1], summary.errors
  io.write(string.format(
    '{"answered": %d, "bad": %d, "seconds": %.6f, "cut": %d}\n',
    one:get("answered"), one:get("bad"), one:get("to") - one:get("from"),
    failed.connect + failed.read + failed.write + failed.timeout
  ))
end
