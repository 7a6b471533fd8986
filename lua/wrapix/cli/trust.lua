-- SPDX-License-Identifier: MIT
-- `wrapix trust`: shows the profiles of a workspace and keeps that the user agrees
-- to run them, as they are now. Runs none of them. What is shown is what is kept:
-- each file is read once.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local report = require("wrapix.cli.report")
local text_table = require("wrapix.cli.text_table")

---@type wrapix.CliCommand
local M = {
  name = "trust",
  summary = "Say that a project's own profiles may be used.",
  description = "A project's wrapix.lua, ralph.lua and .wrapix/profiles/*.lua are programs that run "
    .. "on the host, so they are used only after you have said so. This shows them and asks; the "
    .. "answer holds for the content they have now, and a changed file is asked about anew.",
  usage = {
    "wrapix trust [FILE|DIR] [--yes]",
    "wrapix trust --list",
    "wrapix trust --remove [FILE|DIR]",
  },
  arguments = {
    { name = "place", argname = "FILE|DIR", optional = true, offers = "file",
      description = "One file, or a project with all it has (default: the workspace)." },
  },
  options = options.list(
    { flags = { "-y", "--yes" }, description = "Do not ask." },
    { flags = { "--list" }, description = "List what is trusted." },
    { flags = { "--remove" }, description = "Trust it no more." },
    options.workspace, options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix trust", "show this project's profiles and ask" },
    { "wrapix trust wrapix.lua --yes", "trust one file without being asked" },
    { "wrapix trust --remove .", "take it back for everything in this directory" },
  },
}

local function refuse(deps, message, code, hint)
  deps.report:error(message, hint)
  return code == "EUSAGE" and 2 or 1
end

local function place_of(args, deps)
  local workspace = prepare.workspace(args, deps)
  return args.place and path.join(workspace, args.place) or workspace
end

-- Listing --------------------------------------------------------------------------

local function now(file, files, deps)
  local workspace, rel = deps.trust.split(file)
  if not workspace then return "gone" end
  local found = deps.trust.look(workspace, rel, files)
  if found.code == "ENOENT" or found.file ~= file then return "gone" end
  return found.state
end

local function list(args, deps)
  local files, message, code, hint = deps.trust.load(deps.dirs())
  if not files then return refuse(deps, message, code, hint) end
  local rows = {}
  for file, entry in pairs(files) do
    rows[#rows + 1] = {
      file = file, sha256 = entry.sha256, time = entry.time, state = now(file, files, deps),
    }
  end
  table.sort(rows, function(a, b) return a.file < b.file end)
  if args.json then return output.json(deps.json.array(rows), deps) end
  if #rows == 0 then
    deps.report:note("nothing is trusted")
    return 0
  end
  local cells = { { "STATE", "SINCE", "FILE" } }
  for i, row in ipairs(rows) do
    cells[i + 1] = { row.state, text_table.moment(row.time), path.show(row.file) }
  end
  deps.out(text_table.render(cells, { color = deps.color }))
  return 0
end

local function remove(args, deps)
  local place = place_of(args, deps)
  local removed, message, code, hint = deps.trust.remove(place, deps.dirs())
  if not removed then return refuse(deps, message, code, hint) end
  if args.json then return output.json({ removed = deps.json.array(removed) }, deps) end
  if #removed == 0 then
    return refuse(deps, ("trust: %s: nothing there is trusted"):format(path.show(place)), "ENOENT",
      "`wrapix trust --list` shows what is")
  end
  for _, file in ipairs(removed) do deps.out(("%s  trusted no more\n"):format(path.show(file))) end
  return 0
end

-- Trusting -------------------------------------------------------------------------

local function find(args, deps, files)
  local place = place_of(args, deps)
  local shown = path.show(place)
  local stat, message, code = deps.fs.stat(place)
  if stat and stat.type == "directory" then
    local found = deps.trust.find(deps.fs.realpath(place), files)
    if #found > 0 then return found end
    return nil, ("trust: %s: there is neither wrapix.lua nor ralph.lua nor .wrapix/profiles/*.lua")
      :format(shown), "ENOENT", "`wrapix init` writes a wrapix.lua"
  end
  local workspace, rel = deps.trust.split(place)
  if workspace then return { deps.trust.look(workspace, rel, files) } end
  if not stat then return nil, "trust: " .. message, code end
  return nil, ("trust: %s: nobody asks about this file"):format(shown), "EUSAGE",
    "that is wrapix.lua, ralph.lua and .wrapix/profiles/NAME.lua of a project; other profiles are "
      .. "used by their path"
end

local function show(found, deps)
  for _, item in ipairs(found) do
    local state = item.state == "changed" and "changed since it was trusted" or "not trusted yet"
    deps.out(("== %s (%s)\n"):format(path.show(item.file), state))
    for line in (item.text:gsub("\n$", "") .. "\n"):gmatch("(.-)\n") do
      deps.out("  " .. report.printable((line:gsub("\t", "    "))) .. "\n")
    end
  end
end

local function ask(found, deps)
  if not deps.sys.isatty(0) or not deps.sys.isatty(1) then
    return nil, "trust: there is no terminal to ask at", "ENOTTY",
      "read the file, then `wrapix trust --yes`"
  end
  show(found, deps)
  local what = #found == 1 and "this file" or "these files"
  deps.out(("Run %s on this host, as you? [y/N] "):format(what))
  deps.flush()
  local answer = (deps.read_line() or ""):lower():match("^%s*(.-)%s*$")
  if answer == "y" or answer == "yes" then return true end
  return nil, "trust: nothing is trusted anew", "ECANCELED"
end

local function wanted_of(found)
  local wanted = {}
  for _, item in ipairs(found) do
    if not item.text then
      return nil, ("trust: %s: %s"):format(path.show(item.file), item.problem), item.code
    end
    if item.state ~= "trusted" then wanted[#wanted + 1] = item end
  end
  return wanted
end

local function trust(args, deps)
  local files, message, code, hint = deps.trust.load(deps.dirs())
  if not files then return refuse(deps, message, code, hint) end
  local found, wanted, ok
  found, message, code, hint = find(args, deps, files)
  if not found then return refuse(deps, message, code, hint) end
  wanted, message, code = wanted_of(found)
  if not wanted then return refuse(deps, message, code) end
  if #wanted > 0 and not args.yes then
    ok, message, code, hint = ask(wanted, deps)
    if not ok then return refuse(deps, message, code, hint) end
  end
  if #wanted > 0 then
    ok, message, code, hint = deps.trust.add(wanted, deps.dirs())
    if not ok then return refuse(deps, message, code, hint) end
  end
  local names = {}
  for i, item in ipairs(found) do names[i] = item.file end
  if args.json then return output.json({ trusted = deps.json.array(names) }, deps) end
  for _, name in ipairs(names) do deps.out(("%s  trusted\n"):format(path.show(name))) end
  return 0
end

function M.run(args, deps)
  if args.list and (args.remove or args.place or args.yes) or args.remove and args.yes then
    return refuse(deps, "usage: --list, --remove and --yes do not go together", "EUSAGE")
  elseif args.json and not (args.yes or args.list or args.remove) then
    return refuse(deps, "usage: --json goes with --yes, --list or --remove", "EUSAGE")
  end
  if args.list then return list(args, deps) end
  if args.remove then return remove(args, deps) end
  return trust(args, deps)
end

return M
