-- wrk -s wrk.lua URL -- FILE: posts the file's lines in turn, and writes a line of JSON: the moment
-- of each answer 200, how many others there were, and how many connections failed.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, microseconds; } moment;
  int gettimeofday(moment *now, void *zone);
]]
local threads, bodies, sent, now = {}, {}, 0, ffi.new("moment")
-- Global: what the main thread asks for in the end.
moments, bad = {}, 0

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  for line in io.lines(arguments[1]) do table.insert(bodies, line) end
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  sent = sent + 1
  return wrk.format("POST", nil, headers, bodies[(sent - 1) % #bodies + 1])
end

function response(status)
  if status ~= 200 then
    bad = bad + 1
    return
  end
  ffi.C.gettimeofday(now, nil)
  table.insert(moments, tonumber(now.seconds) + tonumber(now.microseconds) / 1e6)
end

function done(summary)
  local failed, shown = summary.errors, {}
  for _, one in ipairs(threads[1]:get("moments")) do
    table.insert(shown, string.format("%.6f", one))
  end
  io.write(string.format(
    '{"moments": [%s], "bad": %d, "cut": %d}\n', table.concat(shown, ","),
    threads[1]:get("bad"), failed.connect + failed.read + failed.write + failed.timeout
  ))
end
