-- SPDX-License-Identifier: MIT
-- `wrapix image list` and `wrapix image show`: the images wrapix has made, who needs
-- them, and what went into one.

local common = require("wrapix.cli.image.common")
local explain = require("wrapix.explain")
local output = require("wrapix.cli.output")
local text_table = require("wrapix.cli.text_table")

local M = {}

-- list -------------------------------------------------------------------------

-- What scripts may rely on.
local FIELDS = { "ref", "id", "kind", "profile", "size", "own_size", "created", "base", "packages", "in_use",
  "current", "workspaces", "profiles", "builder", "labels" }

local function data_of(entry, now, deps)
  local data = { age = now - entry.created }
  for _, field in ipairs(FIELDS) do data[field] = entry[field] end
  data.workspaces = deps.json.array(data.workspaces or {})
  data.profiles = deps.json.array(data.profiles or {})
  return data
end

local KINDS = { stage = "(stage)", npm = "(npm)" }

local function print_table(entries, now, deps)
  local rows = { { "PROFILE", "IMAGE", "SIZE", "OWN", "AGE", "USED", "CURRENT" } }
  for i, entry in ipairs(entries) do
    rows[i + 1] = {
      KINDS[entry.kind] or common.show(entry.profile or "-"), common.show(entry.ref),
      common.size(entry.size), common.size(entry.own_size), text_table.duration(now - entry.created),
      entry.in_use and "yes" or "-", entry.current and "yes" or "-",
    }
  end
  deps.out(text_table.render(rows, { color = deps.color }))
end

function M.list(args, deps)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  local entries
  entries, message, code, hint = deps.image.needed(facts, common.profiles(args, facts, deps))
  if not entries then return common.refuse(deps, message, code, hint) end
  deps.image.measure(entries, facts)
  local now = deps.sys.time()
  if args.json then
    for i, entry in ipairs(entries) do entries[i] = data_of(entry, now, deps) end
    return output.json(deps.json.array(entries), deps)
  end
  if #entries == 0 then
    deps.report:note("no images yet; `wrapix image build` makes one")
    return 0
  end
  print_table(entries, now, deps)
  return 0
end

-- show -------------------------------------------------------------------------

local function stage_rows(shown)
  local rows = {}
  for i, stage in ipairs(shown.stages) do
    rows[i] = { stage.kind, common.size(stage.size), { text = common.show(stage.ref) } }
  end
  return rows
end

local function label_rows(shown)
  local names, rows = {}, {}
  for name in pairs(shown.labels) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do rows[i] = { "wrapix." .. name, common.show(shown.labels[name]) } end
  return rows
end

local function content_rows(shown)
  local rows = {
    { "size", ("%s, %s of it its own"):format(common.size(shown.size), common.size(shown.own_size)) },
    { "made", os.date("%Y-%m-%d %H:%M", shown.created) },
    { "built on", common.show(shown.base or "?") } }
  for _, agent in ipairs(shown.agents) do
    rows[#rows + 1] = { "agent", common.show(agent.name .. " " .. agent.version) }
  end
  if shown.toolchain then rows[#rows + 1] = { "toolchain", common.show(shown.toolchain) } end
  if shown.left_out then rows[#rows + 1] = { "left out", common.show(shown.left_out) } end
  rows[#rows + 1] = { "packages", common.show(table.concat(shown.packages, " ")) }
  return rows
end

function M.show(args, deps)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  local ref
  ref, message, code, hint = common.reference(args, facts, deps, "image show")
  if not ref then return common.refuse(deps, message, code, hint) end
  local shown
  shown, message, code, hint = deps.image.show(ref, facts)
  if not shown then return common.refuse(deps, message, code, hint) end
  if args.json then
    for _, name in ipairs({ "packages", "agents", "stages" }) do deps.json.array(shown[name]) end
    return output.json(shown, deps)
  end
  local opts = { color = deps.color, widest = { 20, 60 } }
  deps.out(explain.section(common.show(shown.ref), content_rows(shown), opts) .. "\n"
    .. explain.section("stages", stage_rows(shown), opts) .. "\n"
    .. explain.section("labels", label_rows(shown), opts))
  return 0
end

return M
