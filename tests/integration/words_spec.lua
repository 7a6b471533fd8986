-- SPDX-License-Identifier: MIT
-- Bytes through the whole program: words, variables, paths, streams. What goes
-- in one end comes out of the other, or is refused before anything is touched.

local fs = require("wrapix.fs")
local worlds = require("support.world")

local HOSTILE = {
  "", " ", "a b", "it's", 'say "hi"', "$(id)", "`id`", "a\nb", "tab\there", "back\\slash", "*", "~",
  "-x", "--", "--rm", "a=b", "a:b,c;d", "äöü€𝄞", "\27[31m", "%s%n", "#", "!", "trailing ", "{a,b}",
}

describe("bytes", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  it("of a command's words arrive as they are", function()
    local words = { "test", "--", "printf", "%s\\0" }
    table.move(HOSTILE, 1, #HOSTILE, #words + 1, words)
    local result = world:run(words)
    assert.equal(0, result.code, result.stderr)
    assert.equal(table.concat(HOSTILE, "\0") .. "\0", result.stdout)
  end)

  it("of a command's words that are no UTF-8 arrive as well", function()
    local result = world:run({ "test", "--", "printf", "%s", "\xff\xfe\x80" })
    assert.equal("\xff\xfe\x80", result.stdout)
  end)

  it("of variables arrive as they are", function()
    local words, script = {}, {}
    for i, text in ipairs(HOSTILE) do
      words[#words + 1] = "-e"
      words[#words + 1] = ("V%d=%s"):format(i, text)
      script[i] = ('"$V%d"'):format(i)
    end
    local command = { "test", "--", "sh", "-c", 'printf "%s\\0" ' .. table.concat(script, " ") }
    table.move(command, 1, #command, #words + 1, words)
    local result = world:run(words)
    assert.equal(0, result.code, result.stderr)
    assert.equal(table.concat(HOSTILE, "\0") .. "\0", result.stdout)
  end)

  it("of variables of a profile arrive as they are", function()
    local lines = {}
    for i, text in ipairs(HOSTILE) do lines[i] = ("V%d = %q,"):format(i, text) end
    world:write("config/wrapix/profiles/odd.lua", ('return { name = "odd", image = %q, env = { %s } }\n')
      :format(worlds.image, table.concat(lines, "\n")))
    local result = world:run({ "odd", "--", "sh", "-c", 'printf %s "$V6$V8$V18"' })
    assert.equal(HOSTILE[6] .. HOSTILE[8] .. HOSTILE[18], result.stdout)
  end)

  for _, name in ipairs({
    "with space", "it's", 'quo"te', "com,ma", "col:on", "new\nline", "-dash", "equal=s", "ünï", "$(id)",
    " lead", "trail ", 'all ",\n:\\ of it',
  }) do
    it(("of the workspace's path %q reach the engine"):format(name), function()
      local path = world.dir .. "/odd/" .. name
      world:write(path .. "/here", "yes")
      local result = world:run({ "-C", path, "test", "--", "cat", "here" })
      assert.equal(0, result.code, result.stderr)
      assert.equal("yes", result.stdout)
      local here = world:run({ "test", "--", "cat", "here" }, { cwd = path })
      assert.equal("yes", here.stdout, here.stderr)
    end)

    it(("of a mount's path %q reach the engine"):format(name), function()
      world:write(world.dir .. "/odd/" .. name .. "/file", "yes")
      local function escaped(text) return (text:gsub("[:\\]", "\\%0")) end
      local spec = escaped(world.dir .. "/odd/" .. name) .. ":" .. escaped("/mnt/" .. name)
      -- The double refuses a source that does not exist.
      local result = world:run({ "-m", spec, "test", "--", "true" })
      assert.equal(0, result.code, result.stderr)
    end)
  end

  it("that are no UTF-8 in a path are refused before anything is touched", function()
    local path = world.dir .. "/odd/\xff\xfe"
    world:write(path .. "/file", "")
    for _, words in ipairs({
      { "-C", path, "test", "--", "true" }, { "-m", path .. ":/mnt/x", "test", "--", "true" },
    }) do
      local result = world:run(words)
      assert.is_true(result.code == 125 or result.code == 2, tostring(result.code))
      assert.truthy(result.stderr:find("not valid UTF-8", 1, true), result.stderr)
    end
    assert.same({}, world:calls("run"))
    assert.is_nil(fs.stat(world.dir .. "/run/wrapix/sessions"))
  end)

  it("that are NUL are refused before anything is touched", function()
    for _, fields in ipairs({
      'env = { A = "x\\0y" }', 'command = { "x\\0y" }',
      'mounts = { { source = "/tmp", dest = "/x\\0y" } }',
    }) do
      world:write("config/wrapix/profiles/nul.lua",
        ('return { name = "nul", image = %q, %s }\n'):format(worlds.image, fields))
      local result = world:run({ "nul" })
      assert.equal(125, result.code, fields)
      assert.truthy(result.stderr:find("NUL", 1, true), result.stderr)
    end
    assert.same({}, world:calls("run"))
    assert.is_nil(fs.stat(world.dir .. "/run/wrapix/sessions"))
  end)

  it("of 10 MB of stdin arrive, and its end", function()
    local line = {}
    for i = 0, 255 do line[#line + 1] = string.char(i) end
    local input = table.concat(line):rep(40960)
    local result = world:run({ "test", "--", "cat" }, { input = input })
    assert.equal(0, result.code)
    assert.is_true(result.stdout == input)
  end)

  it("of stderr pass unchanged", function()
    local result = world:run({ "-q", "test", "--", "sh", "-c",
      [[printf 'one\r\ntwo\0\377\33[1m' >&2; printf 'Error: x: image not known\n' >&2; exit 3]] })
    assert.equal(3, result.code)
    assert.equal("one\r\ntwo\0\xff\27[1mError: x: image not known\n", result.stderr)
  end)

  it("of stdout and stderr are not held back", function()
    local running <close> = world:start({ "-q", "test", "--", "sh", "-c",
      "echo out; echo err >&2; cat; echo end" })
    assert.equal("out", running.stdout:read_line())
    assert.equal("err", running.stderr:read_line())
    assert(running.stdin:write("through\n"))
    assert.equal("through", running.stdout:read_line())
    assert.equal("end\n", world:finish(running).stdout)
  end)
end)
