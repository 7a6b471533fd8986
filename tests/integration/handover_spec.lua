-- SPDX-License-Identifier: MIT
-- What a script hands into a run and gets out of it: files, sockets, collected files;
-- with programs inside that behave, and with some that do not.

local fs = require("wrapix.fs")
local worlds = require("support.world")

-- Says each line to the socket and prints what comes back.
local CLIENT = [[
local net = require("wrapix").net
local words = { ... }
local stream = assert(net.connect_unix(words[1]))
for i = 2, #words do
  stream:write(words[i] .. "\n")
  print(stream:read_line())
end
]]

describe("a run of a script", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write("client.lua", CLIENT)
  end)
  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  -- The double has no mounts: the directory that would be /run/wrapix is a variable.
  local function script(inside, text)
    world:write("inside.sh", ([[
      RUN=%s/run/wrapix/sessions/$WRAPIX_SESSION_ID/run
      say() { name=$1; shift; %s --run %s/client.lua "$RUN/$name.sock" "$@"; }
    ]]):format(world.dir, worlds.wrapix, world.dir) .. inside)
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local box <close> = assert(wrapix.sandbox({ name = "job", image = %q }))
      local INSIDE = { "sh", "%s/inside.sh" }
    ]]):format(worlds.image, world.dir) .. text)
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
    return result
  end

  it("hands in a file and takes out another", function()
    script('tr a-z A-Z <"$RUN/prompt.md" >"$RUN/out/answer.txt"', [[
      local result = assert(box:run(INSIDE, { files = { ["prompt.md"] = "do it" },
        collect = { ["answer.txt"] = 100, none = 5 } }))
      assert(result.code == 0 and result.collected["answer.txt"] == "DO IT")
      assert(result.collected.none == nil and next(result.collect_errors) == nil)
    ]])
  end)

  it("says why something was not collected", function()
    script('echo 12345 >"$RUN/out/large"; ln -s /etc/passwd "$RUN/out/link"; mkfifo "$RUN/out/fifo"', [[
      local result = assert(box:run(INSIDE, { collect = { large = 3, link = 99999, fifo = 9 } }))
      assert(next(result.collected) == nil)
      assert(result.collect_errors.large == "is larger than 3 bytes")
      assert(result.collect_errors.link == "is a link", result.collect_errors.link)
      assert(result.collect_errors.fifo == "is no file", result.collect_errors.fifo)
    ]])
  end)

  it("answers each connection to a socket of its own", function()
    script('say ralph one two; say other three', [[
      local result = assert(box:run(INSIDE, { capture = true, sockets = {
        ralph = function(connection)
          for line in function() return connection:read_line(1024) end do
            connection:write("got " .. line .. "\n")
          end
        end,
        other = function(connection) connection:write(connection:read_line():upper() .. "\n") end,
      } }))
      assert(result.stdout == "got one\ngot two\nTHREE\n", result.stdout .. result.stderr)
    ]])
  end)

  it("lives on when what answers raises, or never ends", function()
    local result = script('say ralph one; say ralph two; say stuck & sleep 0.3', [[
      local log = setmetatable({ warn = function(_, text) print(text) end },
        { __index = function() return function() end end })
      local result = assert(box:run(INSIDE, { log = log, stdout = "pipe", sockets = {
        ralph = function(connection) error("broken: " .. connection:read_line()) end,
        stuck = function() while true do wrapix.task.sleep(60) end end,
      } }))
      assert(result.code == 0 and result.seconds < 10)
    ]])
    assert.matches("socket: ralph: .*broken: one", result.stdout)
    assert.matches("socket: ralph: .*broken: two", result.stdout)
  end)

  it("answers so many at once and no more, and hears what was said last", function()
    world:write("flood.lua", [[
      local net, task = require("wrapix").net, require("wrapix").task
      local path, open, refused = (...), {}, 0
      for i = 1, 40 do
        open[i] = assert(net.connect_unix(path))
        if i > 16 and open[i]:read_line() == nil then refused = refused + 1 end
      end
      for _, stream in ipairs(open) do stream:write("x\n") end
      print(refused)
    ]])
    script(('%s --run %s/flood.lua "$RUN/ralph.sock"'):format(worlds.wrapix, world.dir), [[
      local said = 0
      local result = assert(box:run(INSIDE, { capture = true, sockets = {
        ralph = function(connection) if connection:read_line(10) == "x" then said = said + 1 end end,
      } }))
      assert(result.stdout == "24\n", result.stdout .. result.stderr)
      assert(said == 16, said)
    ]])
  end)

  it("raises for what cannot be, before anything is started", function()
    script("true", [[
      for text, opts in pairs({ ["sockets: 'lease': is a name that wrapix uses"] =
          { sockets = { lease = function() end } }, ["files: '../x': is no name"] =
          { files = { ["../x"] = "" } }, ["collect: 'a': a number"] = { collect = { a = "x" } } }) do
        local ok, err = pcall(function() box:run(INSIDE, opts) end)
        assert(not ok and err:find("job.lua:%d+: run: ") and err:find(text, 1, true), err)
      end
      local ok, err = pcall(function() box:exec(INSIDE, { files = {} }) end)
      assert(not ok)
    ]])
    assert.same({}, world:verbs())
  end)

  it("leaves no socket when the start fails", function()
    world:script("run.exit", 125)
    world:script("run.stderr", "Error: no\n")
    script("true", [[
      local result = assert(box:run(INSIDE, { stderr = "pipe", sockets = { ralph = function() end } }))
      assert(result.code == 125)
    ]])
    assert.same({}, fs.list(world.dir .. "/run/wrapix/staging") or {})
  end)
end)
