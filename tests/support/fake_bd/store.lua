-- SPDX-License-Identifier: MIT
-- What the double of bd keeps and does. Written apart from Ralph's trackers, from what is
-- known of beads, so that a mistake of theirs is not repeated here.

local wrapix = require "wrapix"

local json = wrapix.json

local M = { commands = {} }

local HIDDEN_TYPES = { ["merge-request"] = true, gate = true, molecule = true, message = true,
  agent = true, role = true, rig = true }
local FAILURES = { "failed", "rejected", "wontfix", "cancelled", "abandoned", "blocked", "error",
  "timeout", "aborted" }

local function now()
  local time = wrapix.sys.time()
  return os.date("!%Y-%m-%dT%H:%M:%S", time // 1) .. (".%06dZ"):format(time % 1 * 1e6 // 1)
end

function M.load(dir, how)
  local text = wrapix.fs.read(dir .. "/db.json")
  local db = text and assert(json.decode(text)) or { issues = {}, prefix = "bd" }
  db.how = how
  return db
end

function M.save(dir, db)
  db.how = nil
  assert(wrapix.fs.write_atomic(dir .. "/db.json", assert(json.encode(db)), { sync = false }))
end

local function fail(db, ...) db.how.fail(string.format(...)) end

local function find(db, word)
  if db.issues[word] then return db.issues[word] end
  local found
  for id, issue in pairs(db.issues) do
    if id:sub(1, #word) == word then
      if found then fail(db, "ambiguous ID: %s", word) end
      found = issue
    end
  end
  if not found then fail(db, "no issue found matching %q", word) end
  return found
end

local function sorted(db)
  local list = json.array()
  for _, issue in pairs(db.issues) do list[#list + 1] = issue end
  table.sort(list, function(a, b)
    if a.priority ~= b.priority then return a.priority < b.priority end
    if a.created_at ~= b.created_at then return a.created_at > b.created_at end
    return a.id < b.id
  end)
  return list
end

local function deps_of(issue) return issue.dependencies or {} end

-- Readiness -----------------------------------------------------------------------------

local function is_open(issue)
  return issue ~= nil and issue.status ~= "closed" and issue.status ~= "pinned"
end

local function has_failed(issue)
  for _, word in ipairs(FAILURES) do
    if (issue.close_reason or ""):lower():find(word, 1, true) then return true end
  end
  return false
end

local function children(db, id)
  local list = {}
  for _, issue in pairs(db.issues) do
    for _, dep in ipairs(deps_of(issue)) do
      if dep.type == "parent-child" and dep.depends_on_id == id then list[#list + 1] = issue end
    end
  end
  return list
end

local function gate_holds(db, dep)
  local any, open, closed = (dep.metadata or ""):find("any%-children") ~= nil, 0, 0
  for _, child in ipairs(children(db, dep.depends_on_id)) do
    if child.status == "closed" then closed = closed + 1 elseif is_open(child) then open = open + 1 end
  end
  return open > 0 and not (any and closed > 0)
end

local function is_blocked(db, issue, depth)
  if depth > 50 then return false end
  for _, dep in ipairs(deps_of(issue)) do
    local on = db.issues[dep.depends_on_id]
    local kind = dep.type
    if on and kind == "blocks" and is_open(on) then return true end
    if on and kind == "conditional-blocks" and not (on.status == "closed" and has_failed(on)) then
      return true
    end
    if on and kind == "parent-child" and is_open(on) and is_blocked(db, on, depth + 1) then
      return true
    end
    if kind == "waits-for" and gate_holds(db, dep) then return true end
  end
  return false
end

local function has_any(list, wanted)
  for _, one in ipairs(list or {}) do
    for _, other in ipairs(wanted or {}) do
      if one == other then return true end
    end
  end
  return false
end

local function plain(issue)
  local out = {}
  for key, value in pairs(issue) do out[key] = value end
  out.comments = nil
  out.dependency_count, out.dependent_count = #deps_of(issue), 0
  out.comment_count = #(issue.comments or {})
  return out
end

function M.commands.ready(db, options)
  local list, limit = json.array(), tonumber(options.limit or 100)
  for _, issue in ipairs(sorted(db)) do
    local is_ready = issue.status == "open" and not issue.pinned and not issue.ephemeral
      and not issue.is_template and not HIDDEN_TYPES[issue.issue_type]
      and (not issue.defer_until or issue.defer_until <= now()) and not is_blocked(db, issue, 0)
    if is_ready and not has_any({ issue.issue_type }, options["exclude-type"])
      and not has_any(issue.labels, options["exclude-label"])
      and (limit == 0 or #list < limit) then
      list[#list + 1] = plain(issue)
    end
  end
  if limit > 0 and #list == limit then io.stderr:write("Showing the first ", limit, " issues\n") end
  return list
end

-- Fields --------------------------------------------------------------------------------

local FIELDS = { assignee = "assignee", description = "description", design = "design",
  acceptance = "acceptance_criteria", notes = "notes", type = "issue_type", title = "title",
  ["external-ref"] = "external_ref", ["spec-id"] = "spec_id", due = "due_at", defer = "defer_until" }

local function set_fields(db, issue, options)
  for option, field in pairs(FIELDS) do
    local value = options[option]
    if value ~= nil then issue[field] = value ~= "" and value or nil end
  end
  if options.title == "" then fail(db, "title cannot be empty") end
  if options.priority then
    issue.priority = math.tointeger(tonumber((options.priority:gsub("^P", ""))))
    if not issue.priority or issue.priority > 4 then
      fail(db, "invalid priority %q (expected 0-4 or P0-P4, not words like high/medium/low)",
        options.priority)
    end
  end
  if options.metadata then
    local value, message = json.decode(options.metadata)
    if message then fail(db, "invalid JSON in --metadata: must be valid JSON") end
    issue.metadata = value
  end
  issue.updated_at = now()
end

local function set_status(issue, status)
  if status == "closed" and issue.status ~= "closed" then issue.closed_at = now() end
  if status ~= "closed" then issue.closed_at, issue.close_reason = nil, nil end
  if status == "in_progress" then issue.started_at = now() end
  issue.status = status
end

local function reaches(db, from, to, seen)
  if from == to then return true end
  if seen[from] or not db.issues[from] then return false end
  seen[from] = true
  for _, dep in ipairs(deps_of(db.issues[from])) do
    local blocking = dep.type == "blocks" or dep.type == "parent-child"
      or dep.type == "conditional-blocks" or dep.type == "waits-for"
    if blocking and reaches(db, dep.depends_on_id, to, seen) then return true end
  end
  return false
end

local function add_dep(db, issue, on, kind)
  for _, dep in ipairs(deps_of(issue)) do
    if dep.depends_on_id == on.id then
      if dep.type == kind then return end
      fail(db, "dependency %s -> %s already exists with type %q (requested %q)", issue.id, on.id,
        dep.type, kind)
    end
  end
  local blocking = kind == "blocks" or kind == "parent-child" or kind == "conditional-blocks"
    or kind == "waits-for"
  if issue == on or blocking and reaches(db, on.id, issue.id, {}) then
    fail(db, "adding dependency would create a cycle")
  end
  issue.dependencies = issue.dependencies or json.array()
  table.insert(issue.dependencies, { issue_id = issue.id, depends_on_id = on.id, type = kind,
    created_at = now(), created_by = db.how.actor })
end

-- Commands ------------------------------------------------------------------------------

local function new_id(db, options)
  if options.id then
    if db.issues[options.id] then fail(db, "issue %s already exists", options.id) end
    return options.id
  end
  if options.parent then
    local n = 1
    while db.issues[options.parent .. "." .. n] do n = n + 1 end
    return options.parent .. "." .. n
  end
  while true do
    local id = ("%s-%s"):format(db.prefix, assert(wrapix.sys.random_hex(3)))
    if not db.issues[id] then return id end
  end
end

function M.commands.create(db, options, rest)
  local title = options.title or rest[1]
  if not title or title == "" then fail(db, "title required") end
  local parent = options.parent and find(db, options.parent)
  local issue = { id = new_id(db, options), title = title, status = "open", priority = 2,
    issue_type = "task", created_at = now(), created_by = db.how.actor, updated_at = now() }
  options.title = title
  set_fields(db, issue, options)
  if options.labels then issue.labels = json.array(options.labels) end
  local links = {}
  for _, text in ipairs(options.deps or {}) do
    local kind, on = text:match("^([^:]+):(.+)$")
    links[#links + 1] = { kind or "blocks", find(db, on or text) }
  end
  db.issues[issue.id] = issue
  if parent then add_dep(db, issue, parent, "parent-child") end
  for _, link in ipairs(links) do add_dep(db, issue, link[2], link[1]) end
  return plain(issue)
end

function M.commands.show(db, options, rest)
  if #rest == 0 then fail(db, "requires at least 1 arg(s), only received 0") end
  local list = json.array()
  for i, id in ipairs(rest) do
    local issue = find(db, id)
    local out = plain(issue)
    if options["include-comments"] then out.comments = issue.comments end
    -- Here dependencies are the issues depended on, each with the type of the dependency.
    out.dependencies = issue.dependencies and json.array()
    for j, dep in ipairs(deps_of(issue)) do
      local on = plain(db.issues[dep.depends_on_id] or { id = dep.depends_on_id })
      on.dependencies, on.dependency_type = nil, dep.type
      out.dependencies[j] = on
    end
    list[i] = out
  end
  return list
end

function M.commands.list(db, options)
  local list = json.array()
  for _, issue in ipairs(sorted(db)) do
    if options.all or options.status == issue.status
      or not options.status and issue.status ~= "closed" then
      list[#list + 1] = plain(issue)
    end
  end
  return list
end

local function claim(db, issue)
  local is_own = issue.assignee == db.how.actor
  if issue.status == "in_progress" and is_own then return end
  if issue.assignee and not is_own then
    fail(db, "issue already claimed by %s", issue.assignee)
  end
  if issue.status ~= "open" then fail(db, "issue is not open: %s", issue.status) end
  set_status(issue, "in_progress")
  issue.assignee = db.how.actor
end

local function set_labels(issue, options)
  local set = {}
  for _, label in ipairs(options["set-labels"] or issue.labels or {}) do set[label] = true end
  for _, label in ipairs(options["add-label"] or {}) do set[label] = true end
  for _, label in ipairs(options["remove-label"] or {}) do set[label] = nil end
  issue.labels = json.array()
  for label in pairs(set) do table.insert(issue.labels, label) end
  table.sort(issue.labels)
  if #issue.labels == 0 then issue.labels = nil end
end

function M.commands.update(db, options, rest)
  local list = json.array()
  for i, id in ipairs(rest) do
    local issue = find(db, id)
    if options.claim then claim(db, issue) end
    set_fields(db, issue, options)
    if options.status then set_status(issue, options.status) end
    if options["set-labels"] or options["add-label"] or options["remove-label"] then
      set_labels(issue, options)
    end
    list[i] = plain(issue)
  end
  return list
end

function M.commands.close(db, options, rest)
  local list = json.array()
  for i, id in ipairs(rest) do
    local issue = find(db, id)
    set_status(issue, "closed")
    issue.close_reason = options.reason or "Closed"
    list[i] = plain(issue)
  end
  return list
end

M.commands["dep add"] = function(db, options, rest)
  local issue, on, kind = find(db, rest[1]), find(db, rest[2]), options.type or "blocks"
  add_dep(db, issue, on, kind)
  return { status = "added", issue_id = issue.id, depends_on_id = on.id, type = kind }
end

M.commands["dep remove"] = function(db, _, rest)
  local issue, kept = find(db, rest[1]), json.array()
  for _, dep in ipairs(deps_of(issue)) do
    if dep.depends_on_id ~= rest[2] then kept[#kept + 1] = dep end
  end
  if #kept == #deps_of(issue) then
    fail(db, "dependency from %s to %s does not exist", issue.id, rest[2])
  end
  issue.dependencies = #kept > 0 and kept or nil
  return { status = "removed", issue_id = issue.id, depends_on_id = rest[2] }
end

M.commands["comments add"] = function(db, options, rest)
  local issue = find(db, rest[1])
  if (rest[2] or "") == "" then fail(db, "comment text cannot be empty") end
  issue.comments = issue.comments or json.array()
  local comment = { id = assert(wrapix.sys.random_hex(8)), issue_id = issue.id, text = rest[2],
    author = options.author or db.how.actor, created_at = now() }
  table.insert(issue.comments, comment)
  return comment
end

function M.commands.export(db)
  local out = {}
  for _, issue in ipairs(sorted(db)) do
    local record = plain(issue)
    record._type, record.comments = "issue", issue.comments
    out[#out + 1] = assert(json.encode(record)) .. "\n"
  end
  return table.concat(out), true
end

function M.commands.import(db, options)
  local text = assert(wrapix.fs.read(options.input))
  local created, ids = 0, json.array()
  for line in text:gmatch("[^\n]+") do
    local issue, message = json.decode(line)
    if message then fail(db, "failed to parse JSONL: %s", message) end
    if issue._type == nil or issue._type == "issue" then
      if not issue.title then fail(db, "title is required") end
      for _, key in ipairs({ "_type", "dependency_count", "dependent_count", "comment_count" }) do
        issue[key] = nil
      end
      issue.id = issue.id or new_id(db, {})
      if not db.issues[issue.id] then created = created + 1 end
      db.issues[issue.id] = issue
      ids[#ids + 1] = issue.id
    end
  end
  return { source = options.input, created = created, skipped = 0, dedup_skipped = 0, memories = 0,
    ids = ids, dry_run = false }
end

return M
