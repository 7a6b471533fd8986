-- SPDX-License-Identifier: MIT
-- New issues through `bd`. bd adds them one by one, so what can be wrong is looked for
-- before the first: fields, names, circles. Should bd fail in the middle, what it has
-- added is closed again.

local calls = require "ralph.tracker.bd_call"
local issues = require "ralph.tracker.issue"
local wrapix = require "wrapix"

local M = {}

--- Why an issue is closed that was added before its list came to an end.
M.CANCELLED = "cancelled: another issue of the same list could not be added"

local function fail(object, reason, code, hint)
  return nil, ("issues: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

local function name_of(fields, i)
  local name = type(fields) == "table" and (fields.key or fields.id or fields.title)
  return type(name) == "string" and name:sub(1, 80) or "entry " .. i
end

local function check(list)
  local keys = {}
  for i, fields in ipairs(list) do
    local ok, reason = issues.check_fields(fields, true)
    if not ok then return fail(name_of(fields, i), reason) end
    for _, label in ipairs(fields.labels or {}) do
      if label:find(",", 1, true) then return fail(name_of(fields, i), "labels: bd takes no ','") end
    end
    if fields.key then
      if keys[fields.key] then return fail(fields.key, "two entries have this key") end
      keys[fields.key] = i
    end
  end
  return keys
end

-- What an entry names: other entries by their keys, and issues.
local function links_of(fields)
  local links = {}
  if fields.parent then links[1] = { word = fields.parent, type = "parent-child" } end
  for _, dep in ipairs(fields.dependencies or {}) do
    links[#links + 1] = { word = dep.depends_on_id, type = dep.type or "blocks" }
  end
  for _, word in ipairs(fields.needs or {}) do
    links[#links + 1] = { word = word, type = "blocks" }
  end
  return links
end

-- The order in which they can be added: first what others name.
local function order_of(list, keys)
  local order, state, trail = {}, {}, {}
  local function visit(i)
    if state[i] == "done" then return true end
    trail[#trail + 1] = name_of(list[i], i)
    if state[i] == "open" then
      return fail(trail[1], "would wait for itself: " .. table.concat(trail, " → "), "ECYCLE")
    end
    state[i] = "open"
    for _, link in ipairs(links_of(list[i])) do
      local index = keys[link.word]
      if index then
        local ok, message, code = visit(index)
        if not ok then return nil, message, code end
      end
    end
    trail[#trail] = nil
    state[i] = "done"
    order[#order + 1] = i
    return true
  end
  for i in ipairs(list) do
    local ok, message, code = visit(i)
    if not ok then return nil, message, code end
  end
  return order
end

local function check_targets(bd, list, keys)
  local is_known
  for i, fields in ipairs(list) do
    for _, link in ipairs(links_of(fields)) do
      if not keys[link.word] then
        if not is_known then
          local all, message, code, hint = bd:export()
          if not all then return nil, message, code, hint end
          is_known = {}
          for _, issue in ipairs(all) do is_known[issue.id] = true end
        end
        if not is_known[link.word] then
          return fail(name_of(fields, i), ("there is no issue %s"):format(link.word), "ENOENT")
        end
      end
    end
  end
  return true
end

local function create_words(fields, ids, keys)
  local words = { "create" }
  local function add(option, value) words[#words + 1] = ("--%s=%s"):format(option, value) end
  for field, option in pairs(calls.OPTIONS) do
    if fields[field] and fields[field] ~= wrapix.json.null then add(option, fields[field]) end
  end
  if fields.priority then add("priority", fields.priority) end
  if fields.id then add("id", fields.id) end
  if fields.labels and #fields.labels > 0 then add("labels", table.concat(fields.labels, ",")) end
  if fields.metadata then add("metadata", wrapix.json.encode(fields.metadata)) end
  local deps = {}
  for _, link in ipairs(links_of(fields)) do
    local on = keys[link.word] and ids[keys[link.word]] or link.word
    if link.type == "parent-child" then
      add("parent", on)
      words[#words + 1] = "--no-inherit-labels"
    else
      deps[#deps + 1] = link.type .. ":" .. on
    end
  end
  if #deps > 0 then add("deps", table.concat(deps, ",")) end
  table.sort(words, function(a, b)
    if a == "create" or b == "create" then return a == "create" and b ~= "create" end
    return a < b
  end)
  return words
end

-- What could not be taken back is named as well: it is there, and nobody asked for it.
local function take_back(bd, ids)
  local closed, left = {}, {}
  for _, id in pairs(ids) do
    local ok = bd:call({ "close", "--reason=" .. M.CANCELLED, id })
    table.insert(ok and closed or left, id)
  end
  table.sort(closed)
  table.sort(left)
  local told = ""
  if #closed > 0 then told = "; closed as cancelled: " .. table.concat(closed, ", ") end
  if #left > 0 then told = told .. "; added, and could not be closed: " .. table.concat(left, ", ") end
  return told
end

--- Adds issues.
---@param bd ralph.Bd
---@param list table[]
---@return table[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add(bd, list)
  local keys, message, code, hint = check(list)
  if not keys then return nil, message, code, hint end
  local order, ok
  order, message, code = order_of(list, keys)
  if not order then return nil, message, code end
  ok, message, code, hint = check_targets(bd, list, keys)
  if not ok then return nil, message, code, hint end
  local ids, created, made = {}, {}, wrapix.json.array()
  for _, i in ipairs(order) do
    local found
    found, message, code, hint = bd:issues(create_words(list[i], ids, keys))
    if not found then
      return nil, message .. take_back(bd, ids), code, hint
    end
    ids[i], created[i] = found[1].id, found[1]
  end
  -- All of them are there, whether bd can show them now or not.
  for i in ipairs(list) do
    local shown = bd:issues({ "show", "--include-comments", ids[i] })
    made[i] = shown and shown[1] or created[i]
  end
  return made
end

--- Reads an export of beads into bd.
---@param bd ralph.Bd
---@param state string directory for the file that bd reads
---@param text string
---@return table|nil
---@return string? message
---@return string? code
---@return string? hint
function M.import(bd, state, text)
  local file = ("%s/import-%s.jsonl"):format(state, wrapix.sys.random_hex(8))
  local ok, message, code = wrapix.fs.ensure_dir(state, tonumber("700", 8))
  if ok then
    ok, message, code = wrapix.fs.write_atomic(file, text, { mode = tonumber("600", 8), sync = false })
  end
  if not ok then return fail("import", message, code) end
  local counts, why, what, hint = bd:call({ "import", "--input=" .. file })
  wrapix.fs.unlink(file)
  if not counts then return nil, why, what, hint end
  local ids = type(counts.ids) == "table" and counts.ids or {}
  local created = counts.created or 0
  return { created = created, updated = math.max(0, #ids - created),
    skipped = (counts.skipped or 0) + (counts.dedup_skipped or 0), ids = wrapix.json.array(ids) }
end

return M
