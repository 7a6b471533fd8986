-- SPDX-License-Identifier: MIT
-- `wrapix init`: writes a wrapix.lua for the project one is in, and says what was
-- seen, what came of it and what is left to do. What is decided is in
-- wrapix.project; the name of this file is not init, which is the dispatcher's.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local project = require("wrapix.project")
local report = require("wrapix.cli.report")
local text_table = require("wrapix.cli.text_table")

local FROM = { "devcontainer" }
local LONGEST_CELL = 60

---@type wrapix.CliCommand
local M = {
  name = "init",
  summary = "Write a wrapix.lua for this project, after looking at it.",
  description = "Looks at the files of the project (Cargo.toml, pyproject.toml, package.json, "
    .. "go.mod, Makefile and their like), and writes a commented wrapix.lua that derives from the "
    .. "profile that fits, and .wrapix/.gitignore. Nothing that is there is changed. What was "
    .. "written is trusted as it is, so that `wrapix` uses it; what came from a devcontainer.json "
    .. "is not, until you have read it and said `wrapix trust`.",
  usage = {
    "wrapix init [--profile NAME] [--dry-run]",
    "wrapix init --from devcontainer [FILE]",
  },
  arguments = {
    { name = "file", argname = "FILE", optional = true, offers = "file",
      description = "With --from: the devcontainer.json (default: the project's, if it has one)." },
  },
  options = options.list(
    { flags = { "--profile" }, argname = "NAME", offers = "profile",
      description = "Derive from this profile." },
    { flags = { "--from" }, argname = "devcontainer", choices = FROM,
      description = "Take over what a devcontainer.json says." },
    { flags = { "--dry-run" }, description = "Print the wrapix.lua; write nothing." },
    options.workspace, options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix init", "look at this project and write wrapix.lua" },
    { "wrapix init --profile rust --dry-run", "print what would be written for a given profile" },
    { "wrapix init --from devcontainer", "take over .devcontainer/devcontainer.json" },
  },
}

local function cell(text)
  local shown = report.printable(text)
  if #shown <= LONGEST_CELL then return shown end
  return shown:sub(1, utf8.offset(shown, 0, LONGEST_CELL) - 1) .. "…"
end

local function print_rows(heading, list, second, deps)
  if #list == 0 then return end
  local rows = { heading }
  for i, item in ipairs(list) do
    -- A reason may hold a command to copy, so only the name of a thing is cut.
    local more = second == "reason" and report.printable(item[second]) or cell(item[second])
    rows[i + 1] = { cell(item.what or item.file), more }
  end
  deps.out(text_table.render(rows, { color = deps.color }) .. "\n")
end

local function warn_mounts(result, deps)
  for _, mount in ipairs(result.source and result.draft.mounts or {}) do
    if not mount.off and not mount.source:find("^%./") and mount.source ~= "." then
      deps.report:warn(("init: %s of this host is shown to the sandbox, %s"):format(
        path.show(mount.source), mount.mode == "rw" and "read-write" or "read-only"))
    end
  end
end

local function print_result(result, written, deps)
  if result.source then
    print_rows({ "TAKEN OVER", "AS" }, result.mapped, "became", deps)
    print_rows({ "NOT TAKEN OVER", "WHY" }, result.unmapped, "reason", deps)
  else
    print_rows({ "SEEN", "MEANS" }, result.look.found, "means", deps)
  end
  local others = #result.others > 0 and ("; adds what is needed for %s"):format(
    table.concat(result.others, ", ")) or ""
  deps.out(("derived from %s: %s%s\n"):format(result.draft.profile, cell(result.draft.why), others))
  if not written then return end
  deps.out(("written: %s%s\n"):format(path.show(result.file),
    result.has_ignore and "" or ", .wrapix/.gitignore"))
end

local function data_of(result, written, is_trusted, deps)
  local array = deps.json.array
  return {
    file = result.file, text = result.text, profile = result.draft.profile, why = result.draft.why,
    others = array(result.others), found = array(result.look.found), source = result.source,
    mapped = result.mapped and array(result.mapped),
    unmapped = result.unmapped and array(result.unmapped),
    notes = array(result.notes), written = written, trusted = is_trusted,
    ignore_file = result.has_ignore and "kept" or written and "written" or "missing",
  }
end

-- What wrapix wrote of its own accord the user has asked for; the words of a
-- devcontainer.json are those of whoever wrote that.
local function trust(result, deps)
  if result.source then return false end
  local written = { file = result.file, text = result.text }
  local ok, message, _, hint = deps.trust.add({ written }, deps.dirs())
  if not ok then deps.report:warn(message, hint) end
  return ok == true
end

local function tell_next(args, result, is_trusted, deps)
  local dir = args.workspace and " -C " .. report.printable(args.workspace) or ""
  if is_trusted then
    local text = "`wrapix%s` uses it; after a change of it, `wrapix trust%s`"
    deps.report:note(text:format(dir, dir))
  else
    local text = "read wrapix.lua, then `wrapix trust%s`; until then `wrapix%s` does not use it"
    deps.report:note(text:format(dir, dir))
  end
  for _, text in ipairs(result.notes) do deps.report:note(text) end
end

local function refuse(deps, message, code, hint)
  deps.report:error(message, hint)
  return code == "EUSAGE" and 2 or 1
end

function M.run(args, deps)
  if args.file and not args.from then
    deps.report:error("usage: FILE goes with --from devcontainer", "`wrapix init --help` shows how")
    return 2
  end
  local result, message, code, hint = project.plan({
    workspace = prepare.workspace(args, deps), profile = args.profile,
    devcontainer = args.from == "devcontainer",
    file = args.file and path.join(deps.cwd(), args.file),
  }, deps)
  if not result then return refuse(deps, message, code, hint) end
  warn_mounts(result, deps)
  local is_trusted = false
  if not args.dry_run then
    local ok
    ok, message, code = project.write(result, deps)
    if not ok then return refuse(deps, message, code) end
    is_trusted = trust(result, deps)
  end
  if args.json then
    return output.json(data_of(result, not args.dry_run, is_trusted, deps), deps)
  end
  if args.dry_run then
    deps.out(result.text)
    return 0
  end
  print_result(result, true, deps)
  tell_next(args, result, is_trusted, deps)
  return 0
end

return M
