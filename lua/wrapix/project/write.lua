-- SPDX-License-Identifier: MIT
-- A draft of a project's profile as the text of its wrapix.lua. Pure. Everything
-- that came from outside goes through wrapix.project.quote, as a value or as a
-- comment; nothing else of a draft gets into the text.

local quote = require "wrapix.project.quote"

local M = {}

-- A file of thousands of remarks is read by nobody.
local MOST_REMARKS = 40

---@class wrapix.Draft
---@field name string
---@field profile string to derive from
---@field seen { [1]: string, [2]: string }[] what was looked at, and what it says
---@field why string
---@field toolchain table? argument of with_toolchain
---@field image string?
---@field base string?
---@field packages { entry: any, why: string }[]
---@field env { name: string, value: string, why: string? }[]
---@field secrets { name: string }[]
---@field caches { name: string, dest: string, why: string? }[]
---@field mounts { source: string, dest: string, mode: string?, optional: boolean?, off: string? }[]
--- off: why it is only a comment
---@field writable { dest: string }[]
---@field commands { what: string, argv: string[] }[] run inside after each start
---@field remarks string[] what was not taken over

local function add_comment(lines, text) lines[#lines + 1] = "--" .. quote.comment(text) end

local function head(draft)
  local lines = {}
  add_comment(lines, "The sandbox of this project. `wrapix` uses this file once it is trusted")
  add_comment(lines, "(`wrapix trust`), because it is a program that runs on the host, as you.")
  lines[#lines + 1] = "--"
  local width = 0
  for _, row in ipairs(draft.seen) do
    width = math.max(width, math.min(30, utf8.len(row[1]) or 30))
  end
  for _, row in ipairs(draft.seen) do
    local pad = (" "):rep(width - (utf8.len(row[1]) or width))
    add_comment(lines, ("  %s%s  %s"):format(row[1], pad, row[2]))
  end
  add_comment(lines, ("Derived from %s: %s."):format(draft.profile, draft.why))
  if #draft.remarks > 0 then
    lines[#lines + 1] = "--"
    add_comment(lines, "Left to you:")
    for i = 1, math.min(#draft.remarks, MOST_REMARKS) do
      add_comment(lines, "  " .. draft.remarks[i])
    end
    if #draft.remarks > MOST_REMARKS then
      add_comment(lines, ("  and %d more"):format(#draft.remarks - MOST_REMARKS))
    end
  end
  lines[#lines + 1] = "--"
  add_comment(lines, "`wrapix explain` shows what it comes to, and where each part of it is from.")
  return lines
end

-- The part of the text that runs commands inside; there only when it is used.
local RUNNER = [[

-- Runs a command in the sandbox; a failure becomes a warning.
local function inside(ctx, what, argv)
  local result, message = ctx.sandbox:exec(argv)
  if not result then return nil, what .. ": " .. message end
  if result.code ~= 0 then
    local status = result.code or "signal " .. tostring(result.signal)
    return nil, ("%s: status %s: %s"):format(what, status, result.stderr:sub(-400))
  end
end]]

-- Groups lines under a comment of why they are there, which is said once.
local function grouped(field, rows)
  if #rows == 0 then return {} end
  local lines, why = { "", ("  %s = {"):format(field) }, nil
  for _, row in ipairs(rows) do
    if row.why and row.why ~= why then lines[#lines + 1] = "    --" .. quote.comment(row.why) end
    why = row.why
    if row.off then lines[#lines + 1] = "    --" .. quote.comment("Left to you: " .. row.off) end
    lines[#lines + 1] = ("    %s%s,"):format(row.off and "-- " or "", row.text)
  end
  lines[#lines + 1] = "  },"
  return lines
end

local function rows_of(list, text_of)
  local rows = {}
  for i, item in ipairs(list) do rows[i] = { text = text_of(item), why = item.why, off = item.off } end
  return rows
end

local function mount_text(mount)
  local text = ("{ source = %s, dest = %s"):format(quote.text(mount.source), quote.text(mount.dest))
  if mount.mode then text = text .. (", mode = %s"):format(quote.text(mount.mode)) end
  return text .. (mount.optional and ", optional = true }" or " }")
end

local function hook_lines(commands)
  if #commands == 0 then return {} end
  local lines = {
    "",
    "  -- These run inside at every start, one after the other, beside the command: a",
    "  -- sandbox begins from its image each time, and only the workspace and caches stay.",
    "  hooks = {",
    '    timeout = "30m",',
    "    after_start = {",
  }
  for _, command in ipairs(commands) do
    lines[#lines + 1] = ("      function(ctx) return inside(ctx, %s, %s) end,")
      :format(quote.text(command.what), quote.value(command.argv))
  end
  lines[#lines + 1] = "    },"
  lines[#lines + 1] = "  },"
  return lines
end

-- What a reader may want next, as comments: fields the draft has not used.
local function offers(draft)
  local lines = { "", "  -- What else may stand here:" }
  local function offer(is_free, text)
    if is_free then lines[#lines + 1] = "  -- " .. text end
  end
  offer(true, 'limits = { memory = "8g", cpus = 4 },')
  offer(true, 'network = "none", -- it is open')
  offer(#draft.packages == 0, 'packages = { "sqlite3" },')
  offer(#draft.env == 0, 'env = { CI = "1" },')
  offer(#draft.secrets == 0, 'secrets = { "API_KEY" }, -- passed from your environment')
  offer(#draft.mounts == 0, 'mounts = { { source = "~/data", dest = "/data" } }, -- read-only')
  offer(true, 'command = { "make", "test" }, -- instead of the agent')
  return lines
end

local function base_text(draft)
  local text = "wrapix.profiles" .. quote.field(draft.profile)
  if not draft.toolchain then return text end
  return ("%s.with_toolchain(%s)"):format(text, quote.value(draft.toolchain))
end

local function append(lines, more) table.move(more, 1, #more, #lines + 1, lines) end

--- Writes a draft as Lua.
---@param draft wrapix.Draft
---@return string
function M.render(draft)
  local lines = head(draft)
  lines[#lines + 1] = 'local wrapix = require "wrapix"'
  if #draft.commands > 0 then lines[#lines + 1] = RUNNER end
  append(lines, { "", ("return wrapix.derive(%s, {"):format(base_text(draft)) })
  lines[#lines + 1] = ("  name = %s,"):format(quote.text(draft.name))
  for _, field in ipairs({ "image", "base" }) do
    if draft[field] then
      lines[#lines + 1] = ("  %s = %s,"):format(field, quote.text(draft[field]))
    end
  end
  append(lines, grouped("packages", rows_of(draft.packages, function(item)
    return quote.value(item.entry)
  end)))
  append(lines, grouped("env", rows_of(draft.env, function(item)
    return ("%s = %s"):format(quote.key(item.name), quote.text(item.value))
  end)))
  append(lines, grouped("secrets", rows_of(draft.secrets, function(item)
    return quote.text(item.name)
  end)))
  append(lines, grouped("mounts", rows_of(draft.mounts, mount_text)))
  append(lines, grouped("caches", rows_of(draft.caches, function(item)
    return ("%s = %s"):format(quote.key(item.name), quote.text(item.dest))
  end)))
  append(lines, grouped("writable", rows_of(draft.writable, function(item)
    return quote.text(item.dest)
  end)))
  append(lines, hook_lines(draft.commands))
  append(lines, offers(draft))
  append(lines, { "})", "" })
  return table.concat(lines, "\n")
end

--- An empty draft.
---@param name string
---@return wrapix.Draft
function M.draft(name)
  return {
    name = name, profile = "base", seen = {}, why = "nothing here names a language", packages = {},
    env = {}, secrets = {}, caches = {}, mounts = {}, writable = {}, commands = {}, remarks = {},
  }
end

return M
