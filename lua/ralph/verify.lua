-- SPDX-License-Identifier: MIT
-- The commands that judge work, run by Ralph and not by the agent: in a sandbox of
-- their own of the same profile, one container for all of them, which then also commits.
-- What was found for a tree is kept, so that a tree that did not change costs nothing.

local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

--- Bytes of output kept of each command, head and tail.
M.OUTPUT = 8 << 10
-- Before colours and the like are taken out.
local RAW_OUTPUT = 64 << 10
local KEPT_RESULTS, KEPT_SECONDS, KEPT_MADE = 64, 24 * 3600, 200
local FILE_LIMIT = 8 << 20
local PRIVATE = tonumber("600", 8)
local COMMIT_SECONDS = 600
-- One that is run with a time is out of reach of a Ctrl-C at the terminal.
local NO_LIMIT = 30 * 86400
-- Both streams in the order in which they were written; the command is an argument.
local SHELL = { "sh", "-c", 'exec 2>&1; exec sh -c "$1"', "sh" }
local NOT_EXECUTABLE, NOT_FOUND = 126, 127

---@class ralph.Verified
---@field command string
---@field code integer? none when it was ended
---@field seconds number
---@field output string head and tail
---@field timed_out boolean?
---@field before integer? status before the attempt
---@field state "clean"|"regressed"|"broken"|"fixed"|nil against before; nil where that is not known

--- One status against the one before.
---@param before { code: integer? }?
---@param after { code: integer? }
---@return "clean"|"regressed"|"broken"|"fixed"|nil
function M.state(before, after)
  if not before then return after.code == 0 and "clean" or nil end
  if after.code == 0 then return before.code == 0 and "clean" or "fixed" end
  return before.code == 0 and "regressed" or "broken"
end

--- Tells failures that were there before from new ones. Pure; `after` is not changed.
---@param before ralph.Verified[]?
---@param after ralph.Verified[]
---@return ralph.Verified[]
function M.compare(before, after)
  local known, out = {}, {}
  for _, one in ipairs(before or {}) do known[one.command] = one end
  for i, one in ipairs(after) do
    local result, old = {}, known[one.command]
    for key, value in pairs(one) do result[key] = value end
    result.before, result.state = old and old.code, M.state(old, one)
    out[i] = result
  end
  return out
end

-- What is known of trees ------------------------------------------------------------------

local function read(file)
  local text = wrapix.fs.read(file, FILE_LIMIT)
  local known = text and wrapix.json.decode(text)
  if type(known) ~= "table" or type(known.results) ~= "table" or type(known.made) ~= "table" then
    return { results = {}, made = {} }
  end
  return known
end

local function write(file, known)
  local text, message = wrapix.json.encode(known)
  if not text then return nil, message end
  return wrapix.fs.write_atomic(file, text .. "\n", { mode = PRIVATE, sync = false })
end

--- What results hold for: this tree, these commands, this image.
---@param tree string
---@param commands string[]
---@param image string
---@return string
function M.key(tree, commands, image)
  return wrapix.sha256.hex(table.concat({ tree, image, table.unpack(commands) }, "\0"))
end

--- What was found for a tree before.
---@param file string verify.json of the project
---@param key string
---@param now number
---@return ralph.Verified[]?
function M.recall(file, key, now)
  for _, entry in ipairs(read(file).results) do
    local age = type(entry) == "table" and entry.key == key and type(entry.time) == "number"
      and type(entry.results) == "table" and now - entry.time
    if age and age >= 0 and age < KEPT_SECONDS then return entry.results end
  end
end

--- Keeps what was found. A command that was ended says nothing about the tree.
---@param file string
---@param key string
---@param results ralph.Verified[]
---@param now number
function M.remember(file, key, results, now)
  for _, one in ipairs(results) do
    if one.timed_out or not one.code then return end
  end
  local known = read(file)
  local list = { { key = key, time = now, results = wrapix.json.array(results) } }
  for _, entry in ipairs(known.results) do
    if #list < KEPT_RESULTS and type(entry) == "table" and entry.key ~= key then list[#list + 1] = entry end
  end
  known.results = wrapix.json.array(list)
  known.made = wrapix.json.array(known.made)
  write(file, known)
end

--- Paths that verifying itself has made: they are not the agent's, and not committed.
---@param file string
---@return string[]
function M.made(file)
  local list = {}
  for _, path in ipairs(read(file).made) do
    if type(path) == "string" then list[#list + 1] = path end
  end
  return list
end

--- Adds to them.
---@param file string
---@param paths string[]
function M.note_made(file, paths)
  local known, have, list = read(file), {}, {}
  for _, source in ipairs({ paths, known.made }) do
    for _, path in ipairs(source) do
      if type(path) == "string" and utf8.len(path) and not have[path] and #list < KEPT_MADE then
        have[path] = true
        list[#list + 1] = path
      end
    end
  end
  known.made, known.results = wrapix.json.array(list), wrapix.json.array(known.results)
  write(file, known)
end

-- Running ---------------------------------------------------------------------------------

---@class ralph.Verifier
---@field box wrapix.Sandbox
---@field log table? is told what takes long, such as an image that is built
local Verifier = {}
Verifier.__index = Verifier

function Verifier:_start()
  if self.is_up then return true end
  local ok, message, code, hint = self.box:start({ apart = true, log = self.log })
  if not ok then return nil, "verify: " .. message, code or "EENGINE", hint end
  self.is_up = true
  return true
end

-- A command that is ended from outside runs on in there, so the sandbox goes with it.
function Verifier:_drop()
  self.is_up = false
  self.box:stop(1)
end

local function shell_argv(command)
  local argv = table.move(SHELL, 1, #SHELL, 1, {})
  argv[#argv + 1] = command
  return argv
end

function Verifier:_run_one(command)
  local ok, message, code, hint = self:_start()
  if not ok then return nil, message, code, hint end
  local begun, kept = wrapix.sys.clock(), excerpt.keeper(RAW_OUTPUT)
  local result
  result, message, code = self.box:exec(shell_argv(command), { stdin = "null", capture = true,
    timeout = self.timeout, on_stdout = function(chunk) kept:take(chunk) end })
  if not result then
    self:_drop()
    return nil, "verify: " .. message, code
  end
  if result.timed_out then self:_drop() end
  kept:take((result.stdout or "") .. (result.stderr or ""))
  return {
    command = command, code = not result.timed_out and (result.code or 128 + (result.signal or 0)) or nil,
    seconds = wrapix.sys.clock() - begun, timed_out = result.timed_out or nil,
    output = kept:fit(M.OUTPUT),
  }
end

--- Runs the commands one after the other, each whatever became of those before.
---@param commands string[]
---@param on_result fun(one: ralph.Verified)?
---@return ralph.Verified[]? results
---@return string? message when there is no sandbox to run them in
---@return string? code
---@return string? hint
function Verifier:run(commands, on_result)
  local results = {}
  for i, command in ipairs(commands) do
    local one, message, code, hint = self:_run_one(command)
    if not one then return nil, message, code, hint end
    results[i] = one
    if on_result then on_result(one) end
  end
  return results
end

-- Committing ------------------------------------------------------------------------------

function Verifier:_git(argv, input)
  local words = { "git", table.unpack(argv) }
  return self.box:exec(words, { stdin = not input and "null" or nil, input = input, capture = true,
    timeout = COMMIT_SECONDS })
end

local function said(result)
  return excerpt.fit(excerpt.both((result.stdout or "") .. (result.stderr or ""), RAW_OUTPUT), 4096)
end

local function no_git(result)
  if result.code ~= NOT_FOUND and result.code ~= NOT_EXECUTABLE then return nil end
  return nil, "commit: git: is not in the image", "ENOGIT",
    'add packages = { "git" } to the profile, or commit = false to ralph.lua'
end

-- Everything but what is Ralph's own and what verifying made. Literal: a name may hold
-- what git takes for a pattern.
local function pathspecs(excluded)
  local list = { ".", ":(exclude,literal).wrapix" }
  for _, path in ipairs(excluded or {}) do list[#list + 1] = ":(exclude,literal)" .. path end
  return table.concat(list, "\0") .. "\0"
end

-- Asked only after a failure: no hook can have said that.
function Verifier:_has_name()
  local result = self:_git({ "var", "GIT_COMMITTER_IDENT" })
  return not result or result.code == 0
end

-- By name where the names are known: no pattern, and none that is gone already is missed.
function Verifier:_stage(what)
  local words = { "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul" }
  local input = what.paths and table.concat(what.paths, "\0") .. "\0" or pathspecs(what.exclude)
  if what.paths then words = { "update-index", "-z", "--add", "--remove", "--stdin" } end
  local result, message, code = self:_git(words, input)
  if not result then return nil, "commit: " .. message, code end
  if result.code == 0 then return true end
  local _, why, what_code, hint = no_git(result)
  if why then return nil, why, what_code, hint end
  return nil, ("commit: git %s: %s"):format(words[1], said(result)), "EGIT"
end

--- Commits what an attempt left uncommitted. The project's own hooks run; what they
--- refuse is the attempt's failure, and stays in the work tree.
---@param message string
---@param what { paths: string[]?, exclude: string[]? }? paths: these alone; exclude: all but these
---@return { committed: boolean }? result
---@return string? message
---@return string? code "ENOGIT", "EIDENT", "EREFUSED" when git or a hook says no, or what running it gave
---@return string? hint
function Verifier:commit(message, what)
  local ok, why, code, hint = self:_start()
  if not ok then return nil, why, code, hint end
  ok, why, code, hint = self:_stage(what or {})
  if not ok then return nil, why, code, hint end
  local result
  result, why, code = self:_git({ "diff", "--cached", "--quiet" })
  if not result then return nil, "commit: " .. why, code end
  if result.code == 0 then return { committed = false } end
  result, why, code = self:_git({ "commit", "--quiet", "--file=-" }, message)
  if not result then return nil, "commit: " .. why, code end
  if result.code == 0 then return { committed = true } end
  if not result.timed_out and not self:_has_name() then
    return nil, "commit: git: nobody is named for commits", "EIDENT",
      "git config --global user.name NAME, and user.email: the sandbox has them from the host"
  end
  if result.timed_out then self:_drop() end
  return nil, "commit: was refused: " .. said(result), "EREFUSED"
end

--- Which image it runs in.
---@return string? reference
---@return string? message
---@return string? code
---@return string? hint
function Verifier:image()
  local plan, message, code, hint = self.box:plan({ "true" })
  if not plan then return nil, message, code, hint end
  return plan.image.ref
end

--- Ends the sandbox, if there is one.
function Verifier:close()
  if self.is_up then self:_drop() end
end

Verifier.__close = Verifier.close

--- Makes a verifier. Nothing is started before it is needed.
---@param box wrapix.Sandbox
---@param timeout number|false|nil seconds each command may take
---@param log table? as for a sandbox's run
---@return ralph.Verifier
function M.new(box, timeout, log)
  return setmetatable({ box = box, timeout = timeout or NO_LIMIT, is_up = false, log = log }, Verifier)
end

return M
