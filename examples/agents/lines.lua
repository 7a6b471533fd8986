-- An agent of one's own: copy this file to ~/.config/wrapix/agents/lines.lua, and
-- `wrapix --agent lines` starts it. Everything an agent can have is here once; its
-- program is a few lines of shell, so that it runs in any image.
local json = require("wrapix").json

-- Counts the lines of its prompt, and says so as one JSON object a line.
local PROGRAM = [[
  echo '{"event":"hello","id":"s1"}'
  lines=$(wc -l)
  echo "{\"event\":\"tokens\",\"in\":$lines,\"out\":1}"
  if [ "$lines" -gt "${LINES_MOST:-100}" ]; then
    echo '{"event":"failed","why":"too many lines"}'; exit 1
  fi
  echo "{\"event\":\"said\",\"what\":\"$lines lines\"}"
]]

return {
  name = "lines",
  title = "Line counter",

  -- What its image needs. A program from npm would be named here as well:
  --   npm = "some-agent", version = "1.2.3", bin = { ["some-agent"] = "some-agent/cli.js" }
  install = { packages = { "coreutils" } },

  -- Variables that are passed when they are set; the first one wins over the others.
  secrets = { "LINES_API_KEY" },
  env = { LINES_HOME = "~/.lines" },

  -- One login for all projects, and what is kept of each project.
  login = {
    dest = "~/.lines-login",
    command = { "sh", "-c", "echo token >~/.lines-login/token" },
    status = function(read) return read("token") and "there" or "none" end,
  },
  state = { { name = "home", dest = "~/.lines" } },

  -- Its settings file, from settings = { lines = { … } } of the profile.
  settings = function(input)
    local unused = {}
    for event in pairs(input.hooks or {}) do
      unused[#unused + 1] = { what = "hooks.agent." .. event, reason = "it has no hooks" }
    end
    return {
      files = { { dest = "/etc/lines.json", text = assert(json.encode(input.extra or {})) } },
      unused = unused,
    }
  end,

  -- The prompt comes on stdin. With output = "text" a person reads what it says.
  argv = function(mode, opts)
    if mode == "headless" and opts.output ~= "text" then return { "sh", "-c", PROGRAM } end
    return { "wc", "-l" }
  end,

  -- One object of its stream → events. `state` is one table for the whole stream.
  decode = function(state, object)
    if object.event == "hello" then
      return { { type = "start", session = object.id } }
    elseif object.event == "tokens" then
      return { { type = "usage", input = object["in"], output = object.out } }
    elseif object.event == "said" then
      state.answer = object.what
      return { { type = "text", text = object.what } }
    elseif object.event == "failed" then
      state.error = object.why
    end
  end,

  -- How it ended, where its stream does not say so itself.
  judge = function(state, exit)
    if state.error == "too many lines" then return { kind = "too_long", text = state.error } end
    if exit.code == 0 and state.answer then return { kind = "done", text = state.answer } end
  end,
}
