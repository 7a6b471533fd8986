-- SPDX-License-Identifier: MIT
-- Processes that are not there, for specs: launcher 40 below shell 30 below terminal 20,
-- all as the chain of a screen and as what /proc would say.

local M = {}

---@param children table[]? more processes below the terminal
---@param changes table<integer, table>? fields by process
---@return table screen
---@return table reader
function M.new(children, changes)
  local all = {
    [40] = { pid = 40, name = "wrapix", ppid = 30, tty = 7, start = 4 },
    [30] = { pid = 30, name = "bash", ppid = 20, tty = 7, start = 3 },
    [20] = { pid = 20, name = "foot", ppid = 1, tty = 0, start = 2 },
  }
  for pid, change in pairs(changes or {}) do
    for name, value in pairs(change) do all[pid][name] = value end
  end
  local below = { all[30] }
  for _, child in ipairs(children or {}) do below[#below + 1] = child end
  local screen = { version = 1, at_terminal = true, chain = {
    { pid = 40, start = 4, name = "wrapix" }, { pid = 30, start = 3, name = "bash" },
    { pid = 20, start = 2, name = "foot" },
  } }
  return screen, {
    stat = function(pid) return all[pid] end,
    children = function(pid) return pid == 20 and below or {} end,
    chain = function() return { all[40], all[30], all[20] } end,
    environ = function() return nil end,
  }
end

---A `run` that gives these answers in turn and keeps what was asked.
---@param answers table[] results of proc.run, or texts of stdout
function M.runner(answers)
  local asked, at = {}, 0
  return function(argv, opts)
    at = at + 1
    asked[at] = { argv = argv, opts = opts }
    local answer = answers[at]
    if answer == nil then return nil, "ENOENT: run: not there", "ENOENT" end
    return type(answer) == "string" and { code = 0, stdout = answer, stderr = "" } or answer
  end, asked
end

---Texts that are no answer of anything.
M.GARBAGE = {
  "", "\0\0\0", "null", "[", "{}", "[]", "[[]]", "[{}]", "[1]", "\"x\"", "{\"Ok\":1}", "-1", "1e999",
  "{\"nodes\":7,\"type\":\"root\"}", ("["):rep(5000), ("9"):rep(5000), "\27[31mError\27[0m\n",
  "[{\"pid\":\"20\",\"focused\":true}]", "[null,null]", "(true,)", "('',)",
}

return M
