-- SPDX-License-Identifier: MIT
-- `wrapix notify TITLE [MESSAGE] [SOUND]`: tells the person at this machine something,
-- the same way as a sandbox does: by wrapix-notifyd where it runs, else by itself.

local options = require("wrapix.cli.options")
local path = require("wrapix.path")

local URGENCIES = { low = true, normal = true, critical = true }

local function check_urgency(text)
  if URGENCIES[text] then return true end
  return nil, "is none of low, normal and critical"
end

---@type wrapix.CliCommand
local M = {
  name = "notify",
  summary = "Show a notification.",
  description = "Goes to wrapix-notifyd where it runs, and is shown by this command where it does "
    .. "not, by the same rules. It is not held back because its terminal is looked at: whoever "
    .. "calls it means it.",
  arguments = {
    { name = "title", argname = "TITLE", optional = true, description = "One line." },
    { name = "message", argname = "MESSAGE", optional = true, description = "More of it." },
    { name = "sound", argname = "SOUND", optional = true,
      description = "Name of a sound, where the desktop knows it." },
  },
  options = options.list(
    { flags = { "--urgency" }, argname = "LEVEL", check = check_urgency,
      offers = { "low", "normal", "critical" },
      description = "low, normal or critical." },
    { flags = { "--tag" }, argname = "TAG",
      description = "Take the place of the last one with this tag, where the desktop can." },
    { flags = { "--test" }, description = "Send one, and say which way it went." },
    options.quiet, options.verbose
  ),
  example = {
    { 'make; wrapix notify "make is done"', "when the work is over" },
    { "wrapix notify --test", "which way notifications take on this machine" },
  },
}

local MOST_MEANWHILE = 50
local TEST = { title = "wrapix", message = "Notifications reach you." }

-- Others may write there too, or the history may not take it.
local function find_own(deps, since)
  local last = deps.notify_history.open(deps.dirs().state):read(MOST_MEANWHILE) or {}
  for i = #last, 1, -1 do
    local record = last[i]
    local is_new = type(record.time) == "number" and record.time >= since
    if is_new and record.session == nil then return record end
  end
end

-- What became of the one that this process showed, as the history has it.
local function tell_own(deps, since)
  local record = find_own(deps, since)
  if not record then
    deps.report:error("notify: nothing is known of what became of it")
    return 1
  end
  local shown = false
  for _, sink in ipairs(record.sinks or {}) do
    shown = shown or sink.ok
    local what = sink.ok and "shown" or type(sink.detail) == "string" and sink.detail or "failed"
    deps.out(("%s: %s\n"):format(path.show(tostring(sink.name)), path.show(what)))
  end
  if shown then return 0 end
  deps.report:error(("notify: %s%s"):format(record.decision, record.why and ": " .. record.why or ""),
    "sinks and rules are in $XDG_CONFIG_HOME/wrapix/notify.lua")
  return 1
end

local function test(deps, way, since)
  if way == "daemon" then
    deps.out("handed to wrapix-notifyd; `wrapix notifyd explain` tells what it did\n")
    return 0
  end
  deps.out("no wrapix-notifyd runs: shown by this command\n")
  return tell_own(deps, since)
end

---@param args table
---@param deps table
---@return integer status
function M.run(args, deps)
  deps.report:choose(args)
  if not args.title and not args.test then
    deps.report:error("usage: TITLE is missing", "`wrapix notify --help` shows how")
    return 2
  end
  local message = args.test and TEST or { title = args.title, message = args.message,
    sound = args.sound, urgency = args.urgency, tag = args.tag }
  local since = deps.sys.time()
  local way, why = deps.notify.send(message, { log = deps.report })
  if not way then
    deps.report:error(why)
    return 1
  end
  if why then deps.report:warn(why) end
  return args.test and test(deps, way, since) or 0
end

return M
