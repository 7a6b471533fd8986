-- SPDX-License-Identifier: MIT
-- A double of `bd`, the program of beads, as far as its behaviour is known: commands and
-- options it knows, their answers in both forms, warnings on stderr. A word that it does not
-- know ends it as bd does. Shares no code with the trackers that are tested against it.
-- $FAKE_BD_DIR has `db.json` and `calls`, an argv a line. Switches: BD_JSON_ENVELOPE=1 wraps
-- answers; FAKE_BD_WARN=1 warns; FAKE_BD_HANG=1 never answers; FAKE_BD_SHOW=object shows one
-- issue as an object; FAKE_BD_GARBAGE=1 answers with something else; BD_ACTOR is who it is.

local wrapix = require "wrapix"
local store = dofile(debug.getinfo(1, "S").source:match("^@(.*)main%.lua$") .. "store.lua")

local fs, json = wrapix.fs, wrapix.json
local words = { ... }
local dir = assert(os.getenv("FAKE_BD_DIR"), "FAKE_BD_DIR is not set")

assert(fs.append(dir .. "/calls", assert(json.encode(json.array({ ... }))) .. "\n"))
if os.getenv("FAKE_BD_HANG") == "1" then wrapix.task.sleep(600) end
if os.getenv("FAKE_BD_WARN") == "1" then
  io.stderr:write('Warning: beads.role not configured\n{"level":"warn","msg":"dolt is slow"}\n')
end

local function stop(status) error({ status = status }, 0) end

local function plain_error(text)
  io.stderr:write("Error: ", text, "\n")
  stop(1)
end

-- Options of each command: true takes a value, false takes none, "list" may be repeated.
local ISSUE = { assignee = true, description = true, design = true, acceptance = true, notes = true,
  priority = true, type = true, ["external-ref"] = true, metadata = true, ["spec-id"] = true,
  due = true, defer = true, estimate = true, parent = true }
local SHORT = { a = "assignee", d = "description", p = "priority", t = "type", l = "labels",
  s = "status", r = "reason", n = "limit", i = "input", e = "estimate", o = "output" }

local function with(base, more)
  for name, value in pairs(base) do more[name] = value end
  return more
end

local COMMANDS = {
  create = with(ISSUE, { title = true, labels = "list", deps = "list", id = true, silent = false,
    ["waits-for"] = true, ["no-inherit-labels"] = false, ["dry-run"] = false }),
  update = with(ISSUE, { title = true, status = true, claim = false, ["add-label"] = "list",
    ["remove-label"] = "list", ["set-labels"] = "list", ["append-notes"] = true,
    ["set-metadata"] = "list", ["unset-metadata"] = "list" }),
  close = { reason = true, force = false, session = true, ["reason-file"] = true },
  show = { ["include-comments"] = false, ["include-dependents"] = false },
  list = { status = true, type = true, limit = true, all = false, label = "list" },
  ready = { limit = true, label = "list", ["exclude-label"] = "list", type = true,
    ["exclude-type"] = "list", sort = true, unassigned = false, priority = true, claim = false },
  ["dep add"] = { type = true, ["no-cycle-check"] = false },
  ["dep remove"] = {},
  ["comments add"] = { author = true },
  import = { input = true, ["dry-run"] = false, dedup = false },
  export = { output = true, all = false },
}

local function command_of()
  local name = table.remove(words, 1)
  if name == "dep" or name == "comments" then
    name = name .. " " .. tostring(table.remove(words, 1))
  end
  if not name or not COMMANDS[name] then
    plain_error(('unknown command "%s" for "bd"'):format(tostring(name)))
  end
  return name
end

local function set(options, name, kind, value)
  if kind == "list" then
    options[name] = options[name] or {}
    for one in (value .. ","):gmatch("([^,]*),") do table.insert(options[name], one) end
  else
    options[name] = value
  end
end

-- Words to options and what is left, as the flag library of bd reads them.
local function parse(known)
  local options, rest, i, only_words = {}, {}, 1, false
  local function take(name, value, shown)
    local kind = known[name]
    if name == "json" then kind = false end
    if kind == nil then plain_error("unknown flag: " .. shown) end
    if kind == false then
      options[name] = true
      return
    end
    if value == nil then
      i = i + 1
      value = words[i] or plain_error("flag needs an argument: " .. shown)
    end
    set(options, name, kind, value)
  end
  while i <= #words do
    local word = words[i]
    local name, value = word:match("^%-%-([^=]+)=(.*)$")
    if only_words or not word:find("^%-.") then
      rest[#rest + 1] = word
    elseif word == "--" then
      only_words = true
    elseif word:find("^%-%-") then
      take(name or word:sub(3), value, "--" .. (name or word:sub(3)))
    else
      local letter = word:sub(2, 2)
      if not SHORT[letter] or known[SHORT[letter]] == nil then
        plain_error(("unknown shorthand flag: '%s' in %s"):format(letter, word))
      end
      take(SHORT[letter], #word > 2 and word:sub(3) or nil, "-" .. letter)
    end
    i = i + 1
  end
  return options, rest
end

local function answer(value)
  if os.getenv("FAKE_BD_GARBAGE") == "1" then
    io.stdout:write("Everything is fine!\n")
    return
  end
  if os.getenv("BD_JSON_ENVELOPE") == "1" then value = { schema_version = 1, data = value } end
  io.stdout:write(assert(json.encode(value, { pretty = true })), "\n")
end

local function json_error(text, stream)
  stream:write(assert(json.encode({ schema_version = 1, error = text })), "\n")
  stop(1)
end

local function main()
  local name = command_of()
  local options, rest = parse(COMMANDS[name])
  local lock <close> = assert(fs.lock(dir .. "/lock", { wait = 30 }))
  local db = store.load(dir, { actor = os.getenv("BD_ACTOR") or wrapix.sys.username() or "somebody",
    fail = function(text) json_error(text, name == "show" and io.stdout or io.stderr) end })
  local value, is_text = store.commands[name](db, options, rest)
  store.save(dir, db)
  if is_text then
    io.stdout:write(value)
  else
    if name == "create" then value = with(value, { schema_version = 1 }) end
    if name == "show" and #value == 1 and os.getenv("FAKE_BD_SHOW") == "object" then
      value = value[1]
    end
    answer(value)
  end
  return lock and 0
end

local ok, err = pcall(main)
if ok then return 0 end
if type(err) == "table" and err.status then return err.status end
io.stderr:write("panic: ", tostring(err), "\n")
return 2
