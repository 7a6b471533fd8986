-- SPDX-License-Identifier: MIT
-- lua/ralph is written on the public library alone, so that whatever it does a script of
-- one's own can do: nothing but `require "wrapix"`, of that only what docs/scripting.md
-- lists, and no program but by it. With the source read as text, as nobody can see a
-- forbidden call that no spec happens to make.

local fs = require("wrapix.fs")
local wrapix = require("wrapix")
local strip = assert(loadfile(WRAPIX_ROOT .. "/src/strip.lua", "t"))().strip

-- What a command is handed, see docs/architecture.md.
local DEPS = { out = true, err = true, flush = true, read_line = true, report = true,
  has_terminal = true, color = true, interruptible = true, called = true }

-- Ways around the library, and what each is.
local FORBIDDEN = {
  ["%f[%w_]_c%f[^%w_]"] = "a C module", ["io%s*%.%s*popen"] = "io.popen",
  ["os%s*%.%s*execute"] = "os.execute", ["os%s*%.%s*exit"] = "os.exit",
  ["%f[%w_]loadfile"] = "loadfile", ["%f[%w_]dofile"] = "dofile",
  ["%f[%w_]package%s*%."] = "package", ["getmetatable%s*%(%s*wrapix"] = "the library's metatable",
  ["rawget%s*%(%s*wrapix"] = "rawget", ["debug%s*%.%s*getregistry"] = "the registry",
  ["debug%s*%.%s*getupvalue"] = "upvalues of others", ["%f[%w_.]wrapix%s*%["] = "a name made up",
}

local function files()
  local list = {}
  for rel, stat in assert(fs.walk(WRAPIX_ROOT .. "/lua/ralph")) do
    if stat.type == "file" and rel:find("%.lua$") then
      list[#list + 1] = { rel = rel, text = strip(assert(fs.read(WRAPIX_ROOT .. "/lua/ralph/" .. rel))) }
    end
  end
  return list
end

-- The code without the content of its texts.
local function without_strings(text)
  text = text:gsub("%[(=*)%[.-%]%1%]", '""'):gsub("\\.", "  ")
  return (text:gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''"))
end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

-- What is wrong with one file, each as a line.
local function problems_of(text, names)
  local found = {}
  local function add(...) found[#found + 1] = string.format(...) end
  local literal = '%f[%w_]require%s*%(?%s*(["\'])([^"\'\n]*)%1'
  for _, name in text:gmatch(literal) do
    if name ~= "wrapix" and not name:find("^ralph%f[%z.]") then add("requires %s", name) end
  end
  for alias in text:gmatch('local%s+([%w_]+)[^=\n]*=%s*require%s*%(?%s*"wrapix"%)?%s*\n') do
    if alias ~= "wrapix" then add("the library is called %s", alias) end
  end
  local code = without_strings(text)
  -- A name from a table of names: none of this file's texts may be one of ours.
  local is_made_up = count(code, "%f[%w_]require%f[^%w_]") ~= count(text, literal)
  if is_made_up and text:find("[\"']wrapix%.[%w_.]*[\"']") then add("requires a name made up") end
  for pattern, what in pairs(FORBIDDEN) do
    if code:find(pattern) then add("uses %s", what) end
  end
  local aliases = { wrapix = wrapix }
  for alias, name in code:gmatch("local%s+([%w_]+)[^=\n]*=%s*wrapix%.([%w_]+)%s*\n") do
    if names[name] then aliases[alias] = wrapix[name] end
  end
  for name in code:gmatch("%f[%w_.]wrapix%.([%w_]+)") do
    if not names[name] then add("wrapix.%s is not public", name) end
  end
  for name, field in code:gmatch("%f[%w_.]wrapix%.([%w_]+)%.([%w_]+)") do
    local part = names[name] and wrapix[name]
    if type(part) == "table" and part[field] == nil then add("wrapix.%s has no %s", name, field) end
  end
  for alias, part in pairs(aliases) do
    if alias ~= "wrapix" and type(part) == "table" then
      for field in code:gmatch("%f[%w_.]" .. alias .. "%.([%w_]+)%s*%(") do
        if part[field] == nil then add("%s has no %s", alias, field) end
      end
    end
  end
  for field in code:gmatch("%f[%w_.]deps%.([%w_]+)") do
    if not DEPS[field] then add("deps.%s is not a command's to use", field) end
  end
  table.sort(found)
  return found
end

describe("lua/ralph", function()
  local names = {}
  for _, name in ipairs(getmetatable(wrapix).names()) do names[name] = true end

  it("uses the public library and nothing else", function()
    local list, found = files(), {}
    assert.is_true(#list > 1)
    for _, file in ipairs(list) do
      for _, problem in ipairs(problems_of(file.text, names)) do
        found[#found + 1] = file.rel .. ": " .. problem
      end
    end
    assert.equal("", table.concat(found, "\n"))
  end)

  it("would be found out by this spec", function()
    for text, problem in pairs({
      ['require "wrapix.host"'] = "requires wrapix.host",
      ["require('wrapix._c.fs')"] = "requires wrapix._c.fs",
      ['require "ralphs"'] = "requires ralphs",
      ['local r = require; r("wrapix.host")'] = "requires a name made up",
      ['require(("wrapix." .. name))'] = "requires a name made up",
      ['require("wrapix." .. name)'] = "requires wrapix.",
      ['local w = require "wrapix"\n'] = "the library is called w",
      ['local p = io.popen("ls")'] = "uses io.popen",
      ["os.execute(x)"] = "uses os.execute",
      ["wrapix.host.script(x)"] = "wrapix.host is not public",
      ["wrapix.fs.no_such(x)"] = "wrapix.fs has no no_such",
      ["local fs = wrapix.fs\nfs.no_such(x)"] = "fs has no no_such",
      ["getmetatable(wrapix).x()"] = "uses the library's metatable",
      ["deps.container.run()"] = "deps.container is not a command's to use",
      ["wrapix[x]"] = "uses a name made up",
    }) do
      assert.same({ problem }, problems_of(text, names), text)
    end
    for _, text in ipairs({ 'require "wrapix"', 'require("ralph.step")', 'require "ralph"',
      'x = "wrapix.host io.popen"', "x = [[\nos.execute(\"wrapix.lua\")\n]]", "wrapix.fs.read(x)",
      "project.wrapix.host()", 'require(({ step = "ralph.step" })[name])' }) do
      assert.same({}, problems_of(text, names), text)
    end
  end)
end)
