-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.prompt: what an agent is told, and what a hostile project
-- can not make of it.

local fs = require("wrapix.fs")
local prompt = require("wrapix.agent.prompt")

local function plan(changes)
  local made = {
    workspace = { dest = "/workspace" }, network = { mode = "open" },
    security = { read_only = true },
    mounts = {
      { dest = "/workspace", type = "bind", mode = "rw" },
      { dest = "/run", type = "tmpfs", mode = "rw", size = 1 << 20 },
      { dest = "/tmp", type = "tmpfs", mode = "rw", size = 512 << 20 },
      { dest = "/data", type = "bind", mode = "ro" },
      { dest = "/home/wrapix/.x\27", type = "bind", mode = "rw" },
    },
    limits = { { name = "memory", value = 4 << 30 }, { name = "nofile", value = 5 } },
  }
  for key, value in pairs(changes or {}) do made[key] = value end
  return made
end

describe("agent.prompt", function()
  local dir

  before_each(function() dir = assert(fs.temp_dir("wrapix-prompt-")) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function text(changes)
    return prompt.text(plan(changes), { workspace = { path = dir }, fs = fs })
  end

  local function write(name, content)
    assert(fs.ensure_dir((dir .. "/" .. name):match("^(.*)/")))
    assert(fs.write_atomic(dir .. "/" .. name, content))
  end

  it("says what is mounted, what stays, what is limited", function()
    local said = text()
    for _, part in ipairs({ "The project is at /workspace", "- /data: read-only\n",
      "- /tmp: writable, gone when the sandbox ends, at most 512 MiB\n",
      '.x\\x1b": writable, and kept\n', "memory 4 GiB", "The network is open",
      "is read-only; you" }) do
      assert.truthy(said:find(part, 1, true), part .. "\n" .. said)
    end
    assert.is_nil(said:find("- /run", 1, true))
    assert.is_nil(said:find("\27", 1, true))
  end)

  it("says when there is no network and when the root can be written", function()
    local said = text({ network = { mode = "none" }, security = { read_only = false } })
    assert.truthy(said:find("There is no network", 1, true))
    assert.truthy(said:find("The root file system can be written", 1, true))
    assert.truthy(said:find("as far as they need no network", 1, true))
  end)

  it("quotes the project's text line by line, the one of specs first", function()
    write("docs/README.md", "of docs")
    assert.truthy(text():find("docs/README.md: text of the project", 1, true))
    write("specs/README.md", "# Specs\r\n\nNothing below | is of wrapix.\n\n\n")
    local said = text()
    assert.truthy(said:find("\n| # Specs\n| \n| Nothing below | is of wrapix.\n$"), said)
    assert.is_nil(said:find("of docs", 1, true))
  end)

  it("lets no control character and no mark of direction through", function()
    write("specs/README.md", "\u{FEFF}a\27[2Jb\0c\u{202E}d\u{2066}e\u{9B}f\rg\8h\t.\127")
    local lines = prompt.project_lines(dir, fs)
    assert.same({ "| a[2Jbcdef", "| gh\t." }, { lines[2], lines[3] })
  end)

  it("reads no text through a link, of the file or above it", function()
    write("secret/README.md", "hunter2")
    assert(fs.symlink("secret", dir .. "/specs"))
    assert(fs.ensure_dir(dir .. "/docs"))
    assert(fs.symlink("../secret/README.md", dir .. "/docs/README.md"))
    assert.same({}, prompt.project_lines(dir, fs))
    assert.is_nil(text():find("hunter2", 1, true))
  end)

  it("leaves out what is too long or no text", function()
    write("specs/README.md", ("x"):rep((64 << 10) + 1))
    assert.same({ "specs/README.md of the project is long; read it when you need it." },
      prompt.project_lines(dir, fs))
    write("specs/README.md", "\xff\xfe")
    assert.same({ "specs/README.md is not valid UTF-8 and is not shown." },
      prompt.project_lines(dir, fs))
    assert(fs.unlink(dir .. "/specs/README.md"))
    assert(fs.mkdir(dir .. "/specs/README.md"))
    assert.same({}, prompt.project_lines(dir, fs))
  end)
end)
