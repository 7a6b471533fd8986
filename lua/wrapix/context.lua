-- SPDX-License-Identifier: MIT
-- Puts the real world together for the pure parts: where profiles are looked up,
-- the facts of a launch. The command line and the library both take it from here.

local fs = require("wrapix.fs")
local host = require("wrapix.host")
local path = require("wrapix.path")
local sys = require("wrapix.sys")

local M = {}

local function cwd() return fs.realpath(".") or "/" end

---An absolute path of the workspace asked for, links not yet followed.
---@param asked string?
---@return string
function M.workspace(asked) return path.join(cwd(), asked or "") end

---The directories of this user; see facts.dirs.
---@return { runtime: string, state: string, data: string, cache: string, config: string }
function M.dirs()
  return require("wrapix.facts").dirs(sys.environ(), sys.home() or "/nonexistent")
end

---Where profiles are looked up for a workspace.
---@param workspace string
---@return wrapix.ProfileContext
function M.profiles(workspace)
  local dirs = M.dirs()
  return {
    workspace = workspace,
    config_dir = dirs.config,
    cwd = cwd(),
    home = sys.home(),
    user = sys.username(),
    read = fs.read,
    list = fs.list,
    builtin = host.profile,
    builtin_names = host.profile_names,
    trusted = function(file, text)
      return require("wrapix.trust").is_trusted(path.join(cwd(), file), text, dirs)
    end,
  }
end

---The facts of a new launch in a workspace.
---@param workspace string
---@param opts { runtime: string?, shows: boolean? }? what --runtime says; nothing is to be started
---@return wrapix.Facts|nil
---@return string? message
---@return string? code
---@return string? hint
function M.facts(workspace, opts)
  local session = require("wrapix.session").new()
  local image = require("wrapix.image")
  local facts, msg, code, hint = require("wrapix.facts").gather({
    workspace = workspace, session = session, guest_dir = session.guest_dir,
    runtime = opts and opts.runtime, shows = opts and opts.shows,
  }, { fs = fs, sys = sys, proc = require("wrapix.proc"), json = require("wrapix.json") })
  if not facts then return nil, msg, code, hint end
  local keeper = require("wrapix.keeper")
  if keeper.is_keeper() then
    facts.stdin_tty, facts.stdout_tty = keeper.has_terminal(), keeper.has_terminal()
  end
  facts.image = {
    recipe = function(profile) return image.recipe(profile, facts.env) end,
    reference = image.reference,
  }
  return facts
end

---Seconds of a duration as the options take it.
---@param value number|string
---@return number|nil
---@return string? message
function M.seconds(value) return require("wrapix.plan.units").duration(value) end

return M
