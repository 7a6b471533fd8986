-- SPDX-License-Identifier: MIT
-- Runs programs under build/tests/bench/measure and reads what it prints. Knows
-- nothing of what is measured.

local proc = require("wrapix.proc")

local M = {}

---@class wrapix.bench.Run
---@field seconds number wall time
---@field cpu number seconds, with children waited for
---@field peak_kb integer largest resident set
---@field status integer as wait gives it; 0 is success

--- Runs a command a number of times, one after the other.
---@param tool string path of the program `measure`
---@param count integer
---@param argv string[] the program first, as a path
---@param opts { env: table?, clear_env: boolean?, cwd: string? }
---@return wrapix.bench.Run[]|nil
---@return string? message
function M.runs(tool, count, argv, opts)
  local words = table.move(argv, 1, #argv, 3, { tool, tostring(count) })
  local result, message = proc.run(words, {
    stdin = "null", env = opts.env, clear_env = opts.clear_env, cwd = opts.cwd, timeout = 600,
  })
  if not result then return nil, message end
  if result.code ~= 0 then return nil, "measure: " .. result.stderr end
  local runs = {}
  for line in result.stdout:gmatch("[^\n]+") do
    local seconds, cpu, peak, status = line:match("^(%S+) (%S+) (%d+) (%d+)$")
    runs[#runs + 1] = { seconds = tonumber(seconds), cpu = tonumber(cpu),
      peak_kb = math.tointeger(tonumber(peak)), status = math.tointeger(tonumber(status)) }
    if runs[#runs].status ~= 0 then
      return nil, ("%s: ended with wait status %s"):format(argv[1], status)
    end
  end
  return runs
end

--- One number of each run.
---@param runs wrapix.bench.Run[]
---@param field string
---@return number[]
function M.field(runs, field)
  local list = {}
  for i, run in ipairs(runs) do list[i] = run[field] end
  return list
end

return M
