-- SPDX-License-Identifier: MIT
-- `ralph ready [NAME]`: issues from a spec. The words to options, the table and the
-- question; the phase is ralph.ready.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "ready",
  summary = "Turn a spec, or what changed in it, into issues.",
  description = "An agent in a sandbox writes a list of issues; it is checked, shown, and added after "
    .. "you agree: all of it or nothing. The first time it is about the whole spec, later about what "
    .. "changed in it since the last time, whether that is committed or not.",
  arguments = {
    { name = "name", argname = "NAME", optional = true, offers = "spec",
      description = "The spec (default: the one in work)." },
  },
  options = options.list(
    { flags = { "--since" }, argname = "COMMIT",
      description = "Take what changed in the spec since this commit, branch or tag." },
    { flags = { "-y", "--yes" }, description = "Add the issues without asking." },
    { flags = { "-n", "--dry-run" }, description = "Show the issues and add nothing." },
    shared.budgets, options.json, options.common
  ),
  example = {
    { "ralph ready", "make issues of the spec in work" },
    { "ralph ready shop-cart --since v1.2", "of what changed in this spec since v1.2" },
    { "ralph ready --dry-run --json", "only see what would be added" },
  },
}

-- The table --------------------------------------------------------------------------

local WIDEST = 72

local function cell(text)
  text = wrapix.log.clean(text)
  if utf8.len(text) and utf8.len(text) > WIDEST then
    text = text:sub(1, utf8.offset(text, WIDEST) - 1) .. "…"
  end
  return text
end

local function profile_of(entry)
  local label = entry.labels and entry.labels[1]
  return label and label:match("^profile:(.*)$") or "-"
end

local function rows_of(entries)
  local rows = { { "KEY", "PROFILE", "NEEDS", "TITLE" } }
  for _, entry in ipairs(entries) do
    local needs = #entry.needs > 0 and table.concat(entry.needs, ", ") or "-"
    rows[#rows + 1] = { entry.key, profile_of(entry), cell(needs), cell(entry.title) }
  end
  return rows
end

local function pad(text, width) return text .. (" "):rep(width - utf8.len(text)) end

local function show_table(entries, deps)
  local rows, widths = rows_of(entries), { 0, 0, 0 }
  for _, row in ipairs(rows) do
    for i in ipairs(widths) do widths[i] = math.max(widths[i], utf8.len(row[i])) end
  end
  for _, row in ipairs(rows) do
    deps.out(("%s  %s  %s  %s\n"):format(pad(row[1], widths[1]), pad(row[2], widths[2]),
      pad(row[3], widths[3]), row[4]))
  end
end

-- Telling ----------------------------------------------------------------------------

local function show(proposal, deps)
  if #proposal.others > 0 then
    deps.report:warn("ready: files of the project changed while the agent worked: "
      .. require("ralph.onlooker").text(proposal.others), "it was to change none: `git status` shows them")
  end
  for _, one in ipairs(proposal.skipped) do
    deps.report:note(("is there already as %s: %s"):format(one.id, cell(one.title)))
  end
  if #proposal.entries > 0 then show_table(proposal.entries, deps) end
end

local function show_json(proposal, state, added, deps)
  local array = wrapix.json.array
  local entries, issues = {}, {}
  for i, entry in ipairs(proposal.entries) do
    local copy = {}
    for key, value in pairs(entry) do copy[key] = value end
    copy.needs = array(entry.needs)
    entries[i] = copy
  end
  for i, issue in ipairs(added or {}) do issues[i] = issue.id end
  shared.json({
    spec = proposal.spec.name, state = state, proposed = array(entries),
    skipped = array(proposal.skipped), added = array(issues), tries = proposal.tries,
    usd = proposal.usd, changed = array(proposal.others),
  }, deps)
end

local function agrees(proposal, args, deps)
  if args.yes then return true end
  local count = #proposal.entries
  local what = count == 1 and "this issue" or ("these %d issues"):format(count)
  deps.err((count == 0 and "Nothing to add. Count the spec as done? [y/N] "
    or "Add %s to the list? [y/N] "):format(what))
  local answer = (deps.read_line() or ""):lower():match("^%s*(.-)%s*$")
  return answer == "y" or answer == "yes"
end

local function finish(proposal, args, deps)
  if args.json and (args.dry_run or proposal.unchanged) then
    show_json(proposal, proposal.unchanged and "unchanged" or "dry_run", nil, deps)
    return 0
  end
  if proposal.recovered > 0 then
    local text = "%d issues of an interrupted run were there; they count now"
    deps.report:note(text:format(proposal.recovered))
  end
  if proposal.unchanged then
    deps.out(("%s: no change since its issues were made\n"):format(proposal.spec.name))
    return 0
  end
  if not args.json then show(proposal, deps) end
  if args.dry_run then return 0 end
  if not agrees(proposal, args, deps) then
    deps.report:note("nothing is added")
    return 1
  end
  local added, message, code, hint = require("ralph.ready").accept(proposal, { anyway = not args.yes })
  if not added then return shared.refuse(deps, message, code, hint) end
  if args.json then
    show_json(proposal, "added", added, deps)
  else
    deps.out(("added: %d\nnext: %s loop\n"):format(#added, deps.called or "ralph"))
  end
  return 0
end

function M.run(args, deps)
  if not (args.yes or args.dry_run or deps.has_terminal()) then
    return shared.refuse(deps, "ready: nobody is there to agree", "EUSAGE",
      "--yes adds the issues without asking, --dry-run only shows them")
  end
  local project, message, code, hint = shared.open(args, deps,
    { max_cost = args.max_cost, max_tokens = args.max_tokens, max_time = args.max_time })
  if not project then return shared.refuse(deps, message, code, hint) end
  local display = args.verbose and not args.json and shared.display(args, deps)
  local opts = {
    since = args.since, on_event = display and function(event) display:event(event) end or nil,
  }
  local proposal <close>, why, what, mend = deps.interruptible(function()
    return require("ralph.ready").propose(project, args.name, opts)
  end)
  if not proposal then return shared.refuse(deps, why, what, mend) end
  return finish(proposal, args, deps)
end

return M
