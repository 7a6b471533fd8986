-- SPDX-License-Identifier: MIT
-- The completion scripts in the shells they are for: what is offered at TAB, that words
-- known beforehand start no wrapix, and that no name runs as code.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local worlds = require("support.world")

local HOSTILE = "$(touch x)"

-- In place of wrapix: shows its words; asked for names it notes that, and answers with
-- those of a file, or passes the question on.
local STUB = [=[#!/bin/sh
if [ "$1" = completion ]; then
  echo "$*" >>'DIR/asked'
  if [ -f "DIR/names.$3" ]; then exec cat "DIR/names.$3"; fi
  exec 'WRAPIX' "$@"
fi
for word; do printf '[%s]' "$word"; done
echo
]=]

describe("completion", function()
  local world

  before_each(function()
    world = worlds.new()
    local text = STUB:gsub("DIR", world.dir):gsub("WRAPIX", worlds.wrapix)
    for _, name in ipairs({ "wrapix", "ralph", "wrapix-builder" }) do
      local file = world:write("bin/" .. name, text)
      assert(proc.run({ "chmod", "755", file }))
    end
    world.env.PATH = world.dir .. "/bin:" .. (world.env.PATH or "/usr/bin:/bin")
    world.env.HOME = world.env.HOME or world.dir
  end)
  after_each(function() world:close() end)

  local function script(shell)
    local result = world:run({ "completion", shell })
    assert.equal(0, result.code, result.stderr)
    return world:write("script." .. shell, result.stdout)
  end

  local function asked()
    local text = fs.read(world.dir .. "/asked") or ""
    fs.unlink(world.dir .. "/asked")
    return text
  end

  local function is_untouched()
    return fs.stat(world.workspace .. "/x") == nil and fs.stat(world.dir .. "/x") == nil
  end

  local function need(shell)
    if not sys.which(shell) then pending(shell .. " is not installed") end
  end

  -- What a shell at a terminal prints in brackets for each line of keys.
  local function answers(shell, prompt, list)
    local results = {}
    for i, keys in ipairs(list) do
      shell:expect(prompt)
      shell:type(keys .. "\n")
      results[i] = shell:expect("\n(%[[^\r\n]*%])\r?\n")
    end
    shell:type("exit\n")
    return table.unpack(results)
  end

  it("makes a script that is right for each shell", function()
    for _, shell in ipairs({ "bash", "zsh", "fish" }) do
      local file = script(shell)
      if sys.which(shell) then
        local result = assert(proc.run({ shell, "-n", file }))
        assert.equal("", result.stderr)
        assert.equal(0, result.code)
      end
    end
    assert.equal(2, world:run({ "completion", "tcsh" }).code)
    assert.equal(2, world:run({ "completion", "names", "secrets" }).code)
  end)

  describe("in bash", function()
    -- What becomes of each line when its keys are typed: ALL inserts all that is offered.
    local ALL = "\27*"
    local function typed(list)
      need("bash")
      local rc = world:write("bashrc", ("PS1='> '\n. '%s'\n"):format(script("bash")))
      world:write("inputrc", "set enable-bracketed-paste off\nset bell-style none\n")
      world.env.INPUTRC = world.dir .. "/inputrc"
      local shell <close> = world:terminal(("exec bash --noprofile --rcfile '%s' -i"):format(rc))
      return answers(shell, "> $", list)
    end

    it("offers commands, options and their choices, and starts nothing", function()
      local a, b, c, d, e, f = typed({ "wrapix imag\t", "wrapix image " .. ALL, "wrapix --netw\t n\t",
        "wrapix --network=o\t", "wrapix -q ralph issue dep " .. ALL, "wrapix ex" .. ALL })
      assert.equal("[image]", a)
      assert.equal("[image][build][export][import][list][prune][show][update-agents]", b)
      assert.equal("[--network][none]", c)
      assert.equal("[--network=open]", d)
      assert.equal("[-q][ralph][issue][dep][add][list][remove]", e)
      assert.equal("[exec][explain]", f)
      assert.equal("", asked())
    end)

    it("knows the other names of the program, and help", function()
      local a, b, c = typed({ "ralph iss\t ad\t --ty\t bu\t", "wrapix-builder st" .. ALL,
        "wrapix help profile s\t" })
      assert.equal("[issue][add][--type][bug]", a)
      assert.equal("[start][status][stop]", b)
      assert.equal("[help][profile][show]", c)
      assert.equal("", asked())
    end)

    it("offers files and directories where an option takes a path", function()
      world:write("work/data/one.txt", "")
      world:write("work/data.txt", "")
      local a, b, c, d = typed({ "wrapix -C da\t", "wrapix image import data.\t",
        "wrapix --workspace=da\t", "wrapix base -m data/o\t:/mnt -- ls data/o\t" })
      assert.equal("[-C][data/]", a)
      assert.equal("[image][import][data.txt]", b)
      assert.equal("[--workspace=data/]", c)
      assert.equal("[base][-m][data/one.txt:/mnt][--][ls][data/one.txt]",
        (d:gsub("one.txt%]%[:", "one.txt:")))
      assert.equal("", asked())
    end)

    it("offers profiles, built-in ones and files, and starts nothing", function()
      world:write(world.env.XDG_CONFIG_HOME .. "/wrapix/profiles/rusty.lua", "return {}")
      world:write("work/.wrapix/profiles/stone.lua", "return {}")
      world:write("work/.wrapix/profiles/st" .. HOSTILE .. ".lua", "return {}")
      world:write("work/sub/.wrapix/profiles/steel.lua", "return {}")
      local a, b, c = typed({ "wrapix profile show ru" .. ALL, "wrapix sto" .. ALL,
        "wrapix -C sub ste\t" })
      assert.equal("[profile][show][rust][rusty]", a)
      assert.equal("[stone][stop]", b)
      assert.equal("[-C][sub][steel]", c)
      assert.equal("", asked())
      assert.is_true(is_untouched())
    end)

    it("offers specs and issues of the project", function()
      world:write("work/.wrapix/issues.jsonl", table.concat({
        '{"id":"shop-a1","title":"t","status":"open"}', '{"id":"shop-b2","status":"closed"}',
        '{"id":"$(touch x)","status":"open"}', "not JSON", "" }, "\n"))
      world:write("work/specs/cart.md", "# Cart\n")
      world:write("work/specs/" .. HOSTILE .. ".md", "# Bad\n")
      local a, b, c, d = typed({ "ralph step sh\t", "ralph issue reopen " .. ALL, "ralph use " .. ALL,
        "ralph issue show " .. ALL })
      assert.equal("[step][shop-a1]", a)
      assert.equal("[issue][reopen][shop-b2]", b)
      assert.equal("[use][cart]", c)
      assert.equal("[issue][show][shop-a1]", d)
      assert.is_true(is_untouched())
    end)

    it("runs no name as code, and takes it whole", function()
      world:write("names.sandbox", HOSTILE .. "\n`touch x`;touch x\n-rf\nweb 1\n")
      world:write("work/" .. HOSTILE .. "/file", "")
      local a, b, c, d = typed({ "wrapix exec " .. ALL, "wrapix stop \\$\t", "wrapix stop w\t",
        "wrapix -C \\$\t" })
      assert.truthy(a:find("[" .. HOSTILE .. "]", 1, true), a)
      assert.truthy(a:find("[`touch x`;touch x]", 1, true), a)
      assert.equal("[stop][" .. HOSTILE .. "]", b)
      assert.equal("[stop][web 1]", c)
      assert.equal("[-C][" .. HOSTILE .. "/]", d)
      assert.is_true(is_untouched())
    end)
  end)

  describe("in fish", function()
    local function offered(line)
      local file = world.dir .. "/script.fish"
      if not fs.stat(file) then script("fish") end
      local env = { LC_ALL = "C.UTF-8", TERM = "dumb" }
      for name, value in pairs(world.env) do env[name] = value end
      local result = assert(proc.run({ "fish", "-N", "-c", 'source $argv[1]; complete -C $argv[2]', file,
        line }, { cwd = world.workspace, clear_env = true, env = env, timeout = 30 }))
      assert.equal("", result.stderr)
      local words = {}
      for word in result.stdout:gmatch("([^\t\n]+)[^\n]*\n") do words[#words + 1] = word end
      table.sort(words)
      return table.concat(words, " ")
    end

    it("offers commands, options and choices, and starts nothing", function()
      need("fish")
      assert.equal("image", offered("wrapix imag"))
      assert.equal("add list remove", offered("wrapix ralph issue dep "))
      assert.equal("none open", offered("wrapix --network "))
      assert.equal("--network=open", offered("wrapix --network=o"))
      assert.equal("--dry-run", offered("wrapix image prune --dr"))
      assert.equal("show", offered("wrapix help profile s"))
      assert.equal("start status stop", offered("wrapix-builder st"))
      world:write("work/.wrapix/profiles/rusty.lua", "return {}")
      assert.equal("rust rusty", offered("wrapix profile show ru"))
      assert.equal("", asked())
    end)

    it("offers names and files, and runs none of them", function()
      need("fish")
      world:write("names.sandbox", HOSTILE .. "\nweb\n")
      world:write("work/data/one.txt", "")
      world:write("work/" .. HOSTILE .. "/file", "")
      assert.equal(HOSTILE .. " web", offered("wrapix exec "))
      assert.equal("data/", offered("wrapix -C d"))
      assert.equal("data/one.txt", offered("wrapix image import data/"))
      assert.truthy(offered("wrapix -C "):find("touch x", 1, true))
      assert.equal("", offered("wrapix version "))
      assert.equal("", offered("wrapix '(' "))
      assert.equal("", offered("wrapix '*' "))
      assert.is_true(is_untouched())
    end)
  end)

  describe("in zsh", function()
    local RC = "PS1='> ' ZLE_RPROMPT_INDENT=0\nunsetopt prompt_cr\nfpath=('DIR/zsh' $fpath)\n"
      .. "autoload -Uz compinit && compinit -u -D\n"
    local function typed(list, is_installed)
      need("zsh")
      local file, rc = script("zsh"), RC:gsub("DIR", world.dir)
      if is_installed then
        world:write("zsh/_wrapix", assert(fs.read(file)))
      else
        rc = ("%s. '%s'\n"):format(rc, file)
      end
      world:write("work/.zshrc", rc)
      world.env.ZDOTDIR = world.workspace
      local shell <close> = world:terminal("exec zsh -d -i")
      return answers(shell, "> ", list)
    end

    it("offers commands, options and choices, and starts nothing", function()
      world:write("work/.wrapix/profiles/steel.lua", "return {}")
      local a, b, c, d, e, f = typed({ "wrapix imag\t", "wrapix --netw\t n\t", "wrapix --network=o\t",
        "ralph iss\t ad\t --ty\t bu\t", "wrapix help profile s\t", "wrapix explain stee\t" })
      assert.equal("[image]", a)
      assert.equal("[--network][none]", b)
      assert.equal("[--network=open]", c)
      assert.equal("[issue][add][--type][bug]", d)
      assert.equal("[help][profile][show]", e)
      assert.equal("[explain][steel]", f)
      assert.equal("", asked())
    end)

    it("offers names and files, and runs none of them", function()
      world:write("names.sandbox", HOSTILE .. "\nweb 1\n")
      world:write("work/data/one.txt", "")
      local a, b, c = typed({ "wrapix exec w\t", "wrapix stop \\$\t", "wrapix -C da\t" }, true)
      assert.equal("[exec][web 1]", a)
      assert.equal("[stop][" .. HOSTILE .. "]", b)
      assert.equal("[-C][data]", c) -- it takes the slash away at the end of a line
      assert.is_true(is_untouched())
    end)
  end)
end)
