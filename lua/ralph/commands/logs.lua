-- SPDX-License-Identifier: MIT
-- `ralph logs [ID]`: what an agent did in an attempt, from the raw stream that was kept:
-- as a person follows it, or as it came.

local excerpt = require "ralph.excerpt"
local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local transcripts = require "ralph.transcript"
local wrapix = require "wrapix"

local CHUNK = 1 << 20
local PAUSE = 0.2
-- A stream's first object tells which agent wrote it.
local SAMPLE = 64 << 10

---@type wrapix.CliCommand
local M = {
  name = "logs",
  summary = "Show what an agent did in an attempt.",
  description = "The newest attempt, or the newest at issue ID, as it was shown while it ran. The raw "
    .. "streams lie in .wrapix/logs/SPEC/ISSUE/attempt-N.jsonl, those of a hidden spec in the "
    .. "project's directory on the host, and are kept for 14 days.",
  arguments = {
    { name = "id", argname = "ID", optional = true, offers = "issue",
      description = "An issue, or the beginning of its id." },
  },
  options = options.list(
    { flags = { "-f", "--follow" }, description = "Go on until the attempt ends." },
    { flags = { "--raw" }, description = "The stream as the agent wrote it." },
    { flags = { "-n", "--attempt" }, argname = "N", check = options.check_count,
      description = "This attempt instead of the newest." },
    { flags = { "--list" }, description = "Only say which attempts there are." },
    options.common
  ),
  example = {
    { "ralph logs --follow", "what is being done now" },
    { "ralph logs shop-4f --attempt 1 --raw", "a stream, to look into it with other programs" },
  },
}

local function matching(list, args)
  local attempt = args.attempt and math.tointeger(tonumber(args.attempt))
  local found = {}
  for _, one in ipairs(list) do
    local is_issue = not args.id or one.issue == args.id or one.issue:sub(1, #args.id) == args.id
    if is_issue and (not attempt or one.attempt == attempt) then found[#found + 1] = one end
  end
  return found
end

local function show_list(list, deps)
  for _, one in ipairs(list) do
    deps.out(("%s  attempt %d  %s  %d bytes  %s\n"):format(wrapix.log.clean(one.issue), one.attempt,
      os.date("%Y-%m-%d %H:%M", math.floor(one.mtime)), one.size, wrapix.log.clean(one.rel)))
  end
  return 0
end

-- The agent by what its stream says of itself: the one whose table understands most of it.
local function reader_for(project, text)
  local sample, best, most = text:sub(1, SAMPLE), nil, 0
  local own = project.config.agent
  for _, name in ipairs(own and { own } or wrapix.agent.names()) do
    local agent = wrapix.agent.get(name)
    if agent and agent.stream ~= "text" then
      local known = 0
      for _, event in ipairs(wrapix.agent.reader.new(agent):feed(sample)) do
        if event.type ~= "note" then known = known + 1 end
      end
      if known > most then best, most = agent, known end
    end
  end
  return best and wrapix.agent.reader.new(best)
end

local function plain_lines(deps)
  return function(chunk)
    for line in (excerpt.plain(chunk)):gmatch("[^\n]+") do deps.out(wrapix.log.clean(line) .. "\n") end
  end
end

-- What ralph.transcript says of what it left out, in a line of its own.
local CUT = '{"text":"([^"\n]*)","type":"wrapix"}\n'

-- What shows bytes of the stream: the reader is chosen when there are some.
local function shower(args, deps, project)
  if args.raw then return deps.out end
  local display, reader, plain = shared.display(args, deps), nil, plain_lines(deps)
  return function(chunk)
    if reader == nil then reader = reader_for(project, chunk) or false end
    if not reader then return plain(chunk) end
    local at = 1
    repeat
      local from, last, text = chunk:find(CUT, at)
      for _, event in ipairs(reader:feed(chunk:sub(at, (from or #chunk + 1) - 1))) do display:event(event) end
      if text then display:say("  " .. text, "yellow") end
      at = (last or #chunk) + 1
    until not from
  end
end

local function is_running(project, one)
  local record = require("ralph.attempts").read(project, one.issue)
  return record.running ~= nil and record.running.attempt == one.attempt
end

local function show(args, deps, project, one)
  local put, at = shower(args, deps, project), 0
  repeat
    local is_last = not args.follow or not is_running(project, one)
    repeat
      local text, message, code = wrapix.fs.read_part_beneath(one.root, one.rel, at, CHUNK)
      if not text then return shared.refuse(deps, "logs: " .. message, code) end
      if text ~= "" then put(text) end
      at = at + #text
      if not deps.flush() then return 0 end
    until text == ""
    if is_last then return 0 end
  until not wrapix.task.sleep(PAUSE)
  return 0
end

function M.run(args, deps)
  local project, message, code, hint = shared.open(args, deps)
  if not project then return shared.refuse(deps, message, code, hint) end
  local list = matching(transcripts.all(project), args)
  if #list == 0 then
    return shared.refuse(deps, args.id and ("logs: %s: no attempt is kept"):format(wrapix.log.clean(args.id))
      or "logs: no attempt is kept", "ENOENT", "`ralph step` makes one; they are kept for 14 days")
  end
  if args.list then return show_list(list, deps) end
  local status
  local function shown()
    status = show(args, deps, project, list[#list])
    return true
  end
  if args.follow then deps.interruptible(shown) else shown() end
  return status or 0
end

return M
