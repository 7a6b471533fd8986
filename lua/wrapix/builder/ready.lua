-- SPDX-License-Identifier: MIT
-- Waiting for the builder: what guest.sh says of its progress is passed on, its failures
-- are understood, and the end is a client that was answered. Gives up only when nothing
-- has moved for a time: a first filling may take long.

local answer_of = require("wrapix.builder.answer")
local forms = require("wrapix.builder.forms")
local greeting = require("wrapix.builder.greeting")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local PAUSE = 0.25
local GREET_SECONDS = 15
local LOOK_SECONDS = 2
local NIX_SECONDS = 30
local PREFIX = "wrapix-builder: "
local LOGS_HINT = "`wrapix builder logs` shows what it said"

---@class wrapix.BuilderProgress
---@field lines string[] what guest.sh said, without its prefix
---@field serving boolean
---@field failed { word: string, text: string }?

--- Reads what the container has written.
---@param text string
---@return wrapix.BuilderProgress
function M.progress(text)
  local found = { lines = {}, serving = false }
  for line in text:gmatch("[^\r\n]+") do
    if line:sub(1, #PREFIX) == PREFIX then
      local said = line:sub(#PREFIX + 1)
      found.lines[#found.lines + 1] = said
      if said == "serving" then found.serving = true end
      local word, why = said:match("^failed: (%a+): (.*)$")
      if word then found.failed = { word = word, text = why } end
    end
  end
  return found
end

local FULL_HINT = "free some space, then start it again: what was filled in is kept"
local FAILURES = {
  full = { "ENOSPC", "the disk is full (%s)", FULL_HINT },
  image = { "EIMAGE", "%s", "set another image, or none for wrapix's own" },
  database = { "EIO", "the database of /nix cannot be read (%s)",
    "`wrapix builder reset` begins anew; what was built is lost" },
}

local function guest_failed(failed)
  local code, form, hint = table.unpack(FAILURES[failed.word] or { "EBUILDER", "%s", LOGS_HINT })
  return nil, ("builder: start: " .. form):format(path.show(failed.text)), code, hint
end

--- Says hello once.
---@param client wrapix.BuilderClient
---@return { major: integer, minor: integer }|nil
---@return string? message
---@return string? code
---@return string? hint
function M.greet(client) return greeting.try(client, GREET_SECONDS) end

-- What no waiting mends.
local FINAL = { EHOSTKEY = "`wrapix builder restart` takes the keys that are there now",
  EACCES = "`wrapix builder restart` takes the keys that are there now",
  EKEY = "chmod 600 the key", ENOENT = "apt install openssh-client" }

local function engine_logs(builder, box)
  local result, message, code = proc.run(builder.engine.logs_argv(box),
    { stdin = "null", timeout = 30, max_output = 16 << 20 })
  if not result then return nil, message, code end
  return result.stdout or "", result.stderr or ""
end

local function look(builder, box)
  local result, message, code = proc.run(builder.engine.inspect_argv(box),
    { stdin = "null", timeout = 30 })
  if not result then return nil, message, code end
  return builder.engine.state(result)
end

-- It has ended without a word of its own.
local function has_ended(state, complaints)
  local why = answer_of.last_line(complaints) or ("status %s"):format(state.status or "unknown")
  return nil, ("builder: start: its container ended: %s"):format(path.show(why)), "EBUILDER",
    LOGS_HINT
end

-- Nix itself, where this machine has it. Its own settings may be what is wrong, so a
-- failure is a warning: the builder has answered.
local function try_nix(builder, client)
  local nix = sys.which("nix")
  if not nix or client.key:find("[%s\"']") then return end
  local result = proc.run({ nix, "--extra-experimental-features", "nix-command", "store", "ping",
    "--store", ("ssh-ng://builder@%s"):format(forms.address) }, {
    env = { NIX_SSHOPTS = table.concat(forms.ssh_options(client), " ") },
    stdin = "null", timeout = NIX_SECONDS,
  })
  if not result or result.code == 0 then return end
  builder.report:warn(("builder: it answers, but not to this machine's Nix: %s"):format(
    path.show(answer_of.last_line(result.stderr) or "no reason given")))
end

-- One round: true when it is ready, false to go on.
local function round(builder, box, client, seen)
  local text, complaints, problem = engine_logs(builder, box)
  if not text then return nil, complaints, problem end
  local progress = M.progress(text)
  for i = seen.lines + 1, #progress.lines do
    local line = progress.lines[i]
    -- What one that serves already did when it was started is old.
    if line:find("^fill: ") and not (seen.is_old and progress.serving) then
      builder.report:note(line)
    end
    seen.moved = sys.clock()
  end
  seen.lines = math.max(seen.lines, #progress.lines)
  if progress.failed then return guest_failed(progress.failed) end
  if progress.serving then
    local version, why, code = M.greet(client)
    if version then return true end
    if code == "ECANCELED" then return nil, why, code end
    if FINAL[code] then return nil, "builder: " .. why, code, FINAL[code] end
    seen.why = why
  end
  if sys.clock() - seen.looked > LOOK_SECONDS then
    seen.looked = sys.clock()
    local state, message, code = look(builder, box)
    if not state then return nil, message, code end
    if state.state ~= "running" then return has_ended(state, complaints) end
  end
  return false
end

--- Waits until the builder answers a client.
---@param builder wrapix.Builder
---@param box wrapix.BuilderBox
---@param client wrapix.BuilderClient
---@param is_old boolean? it ran before this command
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.wait(builder, box, client, is_old)
  local seen = { is_old = is_old, lines = 0, moved = sys.clock(), looked = sys.clock() }
  while true do
    local done, message, code, hint = round(builder, box, client, seen)
    if done == nil then return nil, message, code, hint end
    if done then break end
    local silent = sys.clock() - seen.moved
    if silent > builder.settings.ready_within then
      return nil, ("builder: start: not ready, and nothing moved for %d seconds%s"):format(
        silent // 1, seen.why and ": it " .. seen.why or ""), "ETIMEDOUT", LOGS_HINT
    end
    local ok
    ok, message, code = task.sleep(PAUSE)
    if not ok then return nil, message, code end
  end
  try_nix(builder, client)
  return true
end

return M
