-- SPDX-License-Identifier: MIT
-- Records docs/claude.svg: `wrapix` typed into a shell in a small project, the real
-- Claude Code at its prompt, a task done, and the shell again. What the model says is a
-- script; all else is what a user has. On a test host:
--   tests/host/run deb13 -- build/wrapix tests/support/record_claude.lua >docs/claude.svg

local here = debug.getinfo(1, "S").source:match("^@(.*)/tests/support/")
_G.WRAPIX_ROOT = require("wrapix.fs").realpath(here or ".")
package.path = ("%s/tests/?.lua;%s"):format(WRAPIX_ROOT, package.path)

local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local screen = require("support.screen")
local task = require("wrapix.task")

local COLUMNS, SMALL, LARGE = 92, 11, 29
local TASK = "make the test pass"
local GREET = '#!/bin/sh\necho "Hello, $2!"\n'
local TEST = '#!/bin/sh\n[ "$(./greet you)" = "Hello, you!" ] && echo passed || '
  .. '{ echo "failed: $(./greet you)"; exit 1; }\n'

local function bash(command, description)
  return { tools = { { "Bash", { command = command, description = description } } } }
end

local SCRIPT = {
  { text = "I will run the test first.", tools = bash("./test", "Run the test").tools },
  { tools = { { "Read", { file_path = "/workspace/greet" } } } },
  { text = "greet takes its second argument, and there is only one.",
    tools = { { "Edit",
      { file_path = "/workspace/greet", old_string = "$2", new_string = "$1" } } } },
  bash("./test", "Run the test again"),
  { text = "The test passes: `greet` now uses its first argument." },
}

local socket = e2e.tmp .. "/tmux"

local function tmux(...)
  local words = { "tmux", "-S", socket, "-f", "/dev/null", ... }
  local result = assert(proc.run(words, { timeout = 20 }))
  assert(result.code == 0, result.stderr)
  return result.stdout
end

local function shown() return tmux("capture-pane", "-p", "-t", "0") end

local function await(text)
  local ok = pcall(e2e.wait_for, text, function() return shown():find(text, 1, true) end, 60)
  if not ok then error(("%s did not come:\n%s"):format(text, shown())) end
  task.sleep(1) -- what is drawn after it
end

local function type_in(text)
  tmux("send-keys", "-t", "0", "-l", text)
  task.sleep(0.3)
  tmux("send-keys", "-t", "0", "Enter")
end

-- The person's own `base`: the built-in one, with the address of the model.
local function prepare(world)
  local config = world.home .. "/config/wrapix/profiles"
  assert(fs.ensure_dir(config))
  e2e.file(config .. "/base.lua", ([[
local wrapix = require "wrapix"
return wrapix.derive(wrapix.profiles.base, { env = { ANTHROPIC_BASE_URL = %q } })
]]):format(world.model:url()))
  e2e.file(world.home .. "/shellrc", ("PS1='~/greet$ '; PATH=%s:$PATH; cd %s; clear\n")
    :format(e2e.wrapix:match("^(.*)/"), world.dir))
  world.env.XDG_CONFIG_HOME = world.home .. "/config"
end

local function start_terminal(world)
  local words = { "new-session", "-d", "-x", tostring(COLUMNS), "-y", tostring(SMALL) }
  for name, value in pairs(world.env) do
    if value then table.move({ "-e", name .. "=" .. value }, 1, 2, #words + 1, words) end
  end
  table.move({ "bash", "--rcfile", world.home .. "/shellrc", "-i" }, 1, 4, #words + 1, words)
  tmux(table.unpack(words))
  tmux("set-option", "-g", "status", "off")
end

local function frame() return tmux("capture-pane", "-p", "-e", "-t", "0") end

local function record()
  local frames = {}
  local function take() frames[#frames + 1] = frame() end
  await("~/greet$")
  tmux("send-keys", "-t", "0", "-l", "wrapix")
  await("wrapix")
  take()
  tmux("send-keys", "-t", "0", "Enter")
  await("bypass permissions on")
  take()
  tmux("resize-window", "-t", "0", "-x", tostring(COLUMNS), "-y", tostring(LARGE))
  task.sleep(1)
  type_in(TASK)
  await("now uses its first")
  take()
  type_in("/exit")
  await("~/greet$")
  tmux("send-keys", "-t", "0", "C-l")
  type_in("cat greet; ls -l; ./test")
  await("passed")
  take()
  return frames
end

local function main()
  claude.build()
  local world <close> = claude.world({ files = { greet = GREET, test = TEST } })
  prepare(world)
  world.model:play(SCRIPT)
  start_terminal(world)
  local frames = record()
  tmux("kill-server")
  io.write(screen.svg(frames, "wrapix opens Claude Code in a sandbox; it does a small task"))
end

main()
