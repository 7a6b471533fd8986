-- SPDX-License-Identifier: MIT
-- `ralph start`, `plan`, `ready` and `use` by the real program, with a scripted agent where
-- a real one would run: what becomes of specs and issues, whatever the agent does.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local worlds = require("support.world")

-- Runs a script of the spec; the double has no mounts, so it is told where things lie.
local AGENT = [[
return {
  name = "play", title = "Play", stream = "text",
  argv = function(mode, opts)
    return { "sh", opts.settings.script, mode, opts.prompt or "-" }
  end,
}
]]

local PRELUDE = [[
RUN=$DIR/run/wrapix/sessions/$WRAPIX_SESSION_ID/run
OUT=$RUN/out
n=$(($(cat "$DIR/count" 2>/dev/null || echo 0) + 1)); echo $n >"$DIR/count"
if [ "$1" = headless ]; then cat >"$DIR/prompt.$n"; else cp "$RUN/prompt.md" "$DIR/prompt.$n"; fi
]]

local FILLED = [[
# Shop

## Problem
Nobody can buy anything.

## Requirements
- There is a cart.

## Acceptance criteria
- [ ] `make test` passes.

## Out of scope
Nothing.
]]

local LIST = [[{"issues":[
  {"key":"cart","title":"Add a cart","description":"It holds goods.","acceptance_criteria":["It holds two."]},
  {"key":"pay","title":"Pay for the cart","description":"With a card.","needs":["cart"],"profile":"other",
   "acceptance_criteria":["A payment is kept."],"priority":1}
]}]]

describe("the phases of ralph", function()
  local world

  before_each(function()
    world = worlds.new()
    world:write("config/wrapix/agents/play.lua", AGENT)
    world:write("config/wrapix/profiles/play.lua", ([[
      return { name = "play", image = %q, agents = { "play" }, agent = "play",
        settings = { play = { script = %q } } }]]):format(worlds.image, world.dir .. "/agent.sh"))
    world:write("config/wrapix/profiles/other.lua",
      ('return { name = "other", image = %q }'):format(worlds.image))
    world:write("config/wrapix/ralph.lua", 'return { profile = "play" }')
  end)
  after_each(function()
    local sessions, containers = world:sessions(), world:containers()
    world:close()
    assert.same({}, sessions)
    assert.same({}, containers)
  end)

  local function agent(script)
    world:write("agent.sh", ("DIR='%s'\n"):format(world.dir) .. PRELUDE .. script)
  end
  local function ralph(...) return world:run({ "ralph", ... }) end
  local function done(...)
    local result = ralph(...)
    assert.equal(0, result.code, result.stderr)
    return result
  end
  local function read(name) return fs.read(world.workspace .. "/" .. name) end
  local function prompt(n) return fs.read(("%s/prompt.%d"):format(world.dir, n)) end
  local function host_dir()
    local dir = world.dir .. "/state/wrapix/ralph"
    return dir .. "/" .. assert(fs.list(dir))[1]
  end
  local function state() return assert(json.decode(fs.read(host_dir() .. "/state.json"))) end
  local function issues()
    local list = {}
    for line in (read(".wrapix/issues.jsonl") or ""):gmatch("[^\n]+") do
      list[#list + 1] = assert(json.decode(line))
    end
    table.sort(list, function(a, b) return a.title < b.title end)
    return list
  end
  local function writes(file, text) return ("cat >%s <<'END'\n%s\nEND\n"):format(file, text) end

  describe("start", function()
    it("makes a spec, its row and the state, and nothing twice", function()
      local result = done("start", "shop")
      assert.equal("specs/shop.md: made\nnext: wrapix ralph plan shop\n", result.stdout)
      assert.matches("^# Shop\n", read("specs/shop.md"))
      assert.equal("# Specs\n\n| Spec | Purpose |\n|---|---|\n| [shop](shop.md) | Shop |\n",
        read("specs/README.md"))
      assert.equal("shop", state().current)
      world:write("work/specs/shop.md", FILLED)
      result = done("start", "shop")
      assert.equal("specs/shop.md: is there already, and was not changed\nnext: wrapix ralph ready shop\n",
        result.stdout)
      assert.equal(FILLED, read("specs/shop.md"))
      assert.equal(5, select(2, read("specs/README.md"):gsub("\n", "")))
      assert.same({}, world:calls("run"))
    end)

    it("has a row for each of several that are started at once", function()
      local running = {}
      for i = 1, 6 do running[i] = world:start({ "ralph", "start", "spec-" .. i }) end
      for i = 1, 6 do assert.equal(0, world:finish(running[i]).code) end
      assert.equal(6, select(2, read("specs/README.md"):gsub("%[spec%-%d%]", "")))
    end)

    it("refuses names that are none", function()
      for _, name in ipairs({ "../x", "A b", "readme", "x.md" }) do
        local result = ralph("start", name)
        assert.equal(1, result.code)
        assert.matches("^wrapix: spec: ", result.stderr)
        assert.matches("\nhint: ", result.stderr)
      end
      assert.is_nil(fs.stat(world.workspace .. "/specs"))
    end)

    it("says in JSON what it did", function()
      local data = json.decode(done("start", "shop", "--json").stdout)
      assert.same({ name = "shop", file = world.workspace .. "/specs/shop.md", hidden = false,
        created = true, listed = true }, data)
    end)
  end)

  it("use takes a spec that is there, and no other", function()
    world:write("work/specs/one.md", FILLED)
    world:write("work/specs/two.md", FILLED)
    assert.equal("in work: one\n", done("use", "one").stdout)
    assert.equal("one", state().current)
    local result = ralph("use", "thre")
    assert.equal(1, result.code)
    assert.matches("there are: one, two", result.stderr, 1, true)
    assert.equal("one", state().current)
  end)

  describe("plan", function()
    before_each(function() world:write("answers.md", "What? A cart {{TASK}}.\n") end)
    local function plan(...) return ralph("plan", "--answers", world.dir .. "/answers.md", ...) end

    it("is done when the spec is filled, by answers given as data", function()
      agent(writes("specs/shop.md", FILLED))
      done("start", "shop")
      local result = plan()
      assert.equal(0, result.code, result.stderr)
      assert.equal("specs/shop.md: filled\nnext: wrapix ralph ready shop\n", result.stdout)
      assert.matches("=== BEGIN %x+ prepared answers ===\nWhat%? A cart {{TASK}}%.\n\n=== END", prompt(1))
      assert.matches("/workspace/specs/shop.md", prompt(1), 1, true)
      local kept = result.stderr:match("earlier text is kept: (%S+)")
      assert.matches("fill in", fs.read(kept), 1, true)
      local argv = table.concat(world:calls("run")[1].argv, " ")
      assert.matches("%S*/%.wrapix%S*/workspace/%.wrapix%S*ro", argv)
    end)

    it("starts a spec that is not there", function()
      agent(writes("specs/shop.md", FILLED))
      assert.equal(0, plan("shop").code)
      assert.matches("shop.md", read("specs/README.md"), 1, true)
    end)

    it("is not done by words: the sections that are empty are named", function()
      agent("echo RALPH_COMPLETE; sed -i 's/<!-- fill in: who.*/Somebody./' specs/shop.md")
      local result = plan("shop")
      assert.equal(1, result.code)
      assert.matches("wrapix: plan: specs/shop.md: still empty: Requirements, Acceptance criteria, "
        .. "Out of scope\nhint: `wrapix ralph plan shop` goes on", result.stderr, 1, true)
      assert.matches("Somebody", read("specs/shop.md"), 1, true)
      local data = json.decode(plan("shop", "--json").stdout)
      assert.is_false(data.ok)
      assert.same({ "Requirements", "Acceptance criteria", "Out of scope" }, data.empty)
    end)

    it("tells how an agent failed that did not get there", function()
      agent("echo broken pipe of thoughts >&2; exit 3")
      local result = plan("shop")
      assert.equal(1, result.code)
      assert.matches("the agent ended early: broken pipe of thoughts", result.stderr, 1, true)
    end)

    it("changes a filled spec only when that is asked for, and wants a change", function()
      agent("true")
      world:write("work/specs/shop.md", FILLED)
      local result = plan("shop")
      assert.equal(1, result.code)
      assert.matches("is filled already\nhint: `wrapix ralph plan -u shop` changes it", result.stderr, 1, true)
      assert.same({}, world:calls("run"))
      result = plan("-u", "shop")
      assert.equal(1, result.code)
      assert.matches("specs/shop.md: is as it was", result.stderr, 1, true)
      agent("echo '- And a till.' >>specs/shop.md")
      assert.equal(0, plan("-u", "shop").code)
      assert.equal(FILLED .. "- And a till.\n", read("specs/shop.md"))
      assert.equal(1, plan("-u", "nothing").code)
    end)

    it("keeps a hidden spec out of the work tree at all times", function()
      agent('find . -name "*.md" >"$DIR/seen"; cp "$RUN/spec.md" "$DIR/given"\n'
        .. writes('"$OUT/spec.md"', FILLED))
      local result = plan("--hidden", "plan-b")
      assert.equal(0, result.code, result.stderr)
      assert.equal("", fs.read(world.dir .. "/seen"))
      assert.matches("fill in", fs.read(world.dir .. "/given"), 1, true)
      assert.matches("/run/wrapix/out/spec.md", prompt(1), 1, true)
      assert.is_nil(fs.stat(world.workspace .. "/specs"))
      assert.equal(FILLED .. "\n", fs.read(host_dir() .. "/specs/plan-b.md"))
      assert.is_true(state().specs["plan-b"].hidden)
      world:write("work/specs/shop.md", FILLED)
      assert.matches("is in the work tree", plan("--hidden", "shop").stderr, 1, true)
    end)

    it("puts the spec back when it is interrupted, and keeps what was written", function()
      done("start", "shop")
      local before = read("specs/shop.md")
      agent("echo half >specs/shop.md; : >\"$DIR/there\"; exec sleep 60")
      local running = world:start({ "ralph", "plan", "--answers", world.dir .. "/answers.md" })
      worlds.wait_until("the agent writes", function() return fs.stat(world.dir .. "/there") end)
      world:signal(running, "INT")
      local result = world:finish(running)
      assert.equal(130, result.code, result.stderr)
      assert.equal(before, read("specs/shop.md"))
      local file = result.stderr:match("written so far: (%S+)")
      assert.equal("half\n", fs.read(file))
    end)

    it("puts the spec back when the agent made a link of it", function()
      done("start", "shop")
      local before = read("specs/shop.md")
      world:write("secret", FILLED)
      agent('ln -sf "$DIR/secret" specs/shop.md')
      local result = plan()
      assert.equal(1, result.code)
      assert.matches("is a link.*\nhint: the spec was put back", result.stderr)
      assert.equal("file", fs.lstat(world.workspace .. "/specs/shop.md").type)
      assert.equal(before, read("specs/shop.md"))
      assert.equal(FILLED, fs.read(world.dir .. "/secret"))
    end)

    it("ends at its budget, and bounds an agent at the terminal by time alone", function()
      local at_terminal <close> = world:terminal({ "ralph", "plan", "shop", "--max-cost", "1" })
      at_terminal:expect("tells nobody what it costs")
      at_terminal:expect("hint: %-%-max%-time bounds it")
      assert.equal(2, (at_terminal:wait()))
      agent("mkdir -p specs; echo '# half' >specs/shop.md; exec sleep 60")
      local terminal <close> = world:terminal({ "ralph", "plan", "shop", "--max-time", "1s" })
      terminal:expect("its budget is used up: 1 s of 1")
      assert.equal(1, (terminal:wait()))
      assert.equal("# half\n", read("specs/shop.md"))
      local result = plan("shop", "--max-time", "0.3s")
      assert.equal(1, result.code)
      assert.matches("its budget is used up: 0 s of 0", result.stderr, 1, true)
    end)

    it("asks at the terminal, and wants one", function()
      local result = ralph("plan", "shop")
      assert.equal(2, result.code)
      assert.matches("there is no terminal to ask at\nhint: --answers", result.stderr, 1, true)
      assert.is_nil(fs.stat(world.workspace .. "/specs"))
      agent('echo "Which shop?"; read answer; echo "I see: $answer"\n' .. writes("specs/shop.md", FILLED))
      local terminal <close> = world:terminal({ "ralph", "plan", "shop" })
      terminal:expect("Which shop%?")
      terminal:type("mine\n")
      terminal:expect("I see: mine")
      terminal:expect("specs/shop%.md: filled")
      assert.equal(0, (terminal:wait()))
      assert.matches("Interview the person", prompt(1), 1, true)
    end)

    it("refuses answers it cannot read, and templates it cannot use, before an agent starts", function()
      agent("true")
      assert.matches("plan: .*nowhere: ", ralph("plan", "shop", "--answers", "nowhere").stderr)
      world:write("answers.md", " \n")
      assert.matches("answers.md: is empty", plan("shop").stderr, 1, true)
      world:write("answers.md", ("x"):rep(25 << 10))
      assert.matches("has more than 24 KiB", plan("shop").stderr, 1, true)
      world:write("answers.md", "x")
      world:write("prompts/plan.md", "{{NONSENSE}}")
      world:write("config/wrapix/ralph.lua",
        ('return { profile = "play", templates = %q }'):format(world.dir .. "/prompts"))
      assert.matches("unknown placeholder {{NONSENSE}}", plan("shop").stderr, 1, true)
      assert.same({}, world:calls("run"))
      assert.is_nil(fs.stat(world.workspace .. "/specs"))
    end)

    it("does not work in a tree in which another works", function()
      world:write("work/specs/shop.md", FILLED)
      agent(": >\"$DIR/there\"; while ! [ -e \"$DIR/go\" ]; do sleep 0.02; done; echo '- More.' >>specs/shop.md")
      local running = world:start({ "ralph", "plan", "-u", "shop", "--answers", world.dir .. "/answers.md" })
      worlds.wait_until("the agent works", function() return fs.stat(world.dir .. "/there") end)
      local result = plan("-u", "shop")
      assert.equal(1, result.code)
      assert.matches(("another ralph works in this tree (process %d)"):format(running:pid()), result.stderr, 1, true)
      world:write("go", "")
      assert.equal(0, world:finish(running).code)
    end)
  end)

  describe("ready", function()
    before_each(function() world:write("work/specs/shop.md", FILLED) end)

    it("adds what the agent proposes, with what needs what", function()
      agent('cp "$RUN/spec.md" "$DIR/given"\n' .. writes('"$OUT/issues.json"', LIST))
      local result = done("ready", "shop", "--yes")
      assert.matches("KEY   PROFILE  NEEDS  TITLE\ncart  %-        %-      Add a cart\n"
        .. "pay   other    cart   Pay for the cart\nadded: 2\n", result.stdout)
      assert.equal(FILLED, fs.read(world.dir .. "/given"))
      local list = issues()
      assert.same({ "Add a cart", "Pay for the cart" }, { list[1].title, list[2].title })
      assert.equal("shop", list[1].spec_id)
      assert.equal("- It holds two.", list[1].acceptance_criteria)
      assert.same({ "profile:other" }, list[2].labels)
      assert.equal(list[1].id, list[2].dependencies[1].depends_on_id)
      assert.equal(64, #state().specs.shop.base.text_sha)
      assert.is_nil(state().specs.shop.pending)
    end)

    it("finds no change the second time, and starts no agent", function()
      agent(writes('"$OUT/issues.json"', LIST))
      done("ready", "shop", "--yes")
      local result = done("ready", "shop", "--yes")
      assert.equal("shop: no change since its issues were made\n", result.stdout)
      assert.equal(1, #world:calls("run"))
      assert.equal("unchanged", json.decode(done("ready", "shop", "--yes", "--json").stdout).state)
    end)

    it("is about what changed since then, and leaves out what is there", function()
      agent(writes('"$OUT/issues.json"', LIST))
      done("ready", "shop", "--yes")
      local more = FILLED:gsub("%- There is a cart%.", "- There is a cart.\n- There is a till.")
      world:write("work/specs/shop.md", more)
      agent(writes('"$OUT/issues.json"', [=[{"issues":[
        {"key":"again","title":"add a CART.","description":"d","acceptance_criteria":["c"]},
        {"key":"till","title":"Add a till","description":"d","acceptance_criteria":["c"],"needs":["again"]}]}]=]))
      local result = done("ready", "shop", "--yes")
      local text = prompt(2)
      assert.matches("BEGIN %x+ what changed in the spec ===\n@@ .*\n%+%- There is a till%.\n", text)
      assert.matches("%[open%] Add a cart\n", text)
      assert.matches("there already as " .. issues()[1].id, result.stderr, 1, true)
      local list = issues()
      assert.equal(3, #list)
      assert.equal("Add a till", list[2].title)
      assert.equal(list[1].id, list[2].dependencies[1].depends_on_id)
      assert.equal("shop: no change since its issues were made\n", done("ready", "shop", "--yes").stdout)
      -- A change that asks for no work is counted as done.
      world:write("work/specs/shop.md", more .. "\nBye.\n")
      agent(writes('"$OUT/issues.json"', '{"issues":[]}'))
      assert.matches("added: 0", done("ready", "shop", "--yes").stdout, 1, true)
      assert.matches("no change", done("ready", "shop", "--yes").stdout, 1, true)
      assert.equal(1, #assert(fs.list(host_dir() .. "/base")))
    end)

    it("sends a bad list back with its mistakes, as data", function()
      agent('if [ $n = 1 ]; then\n' .. writes('"$OUT/issues.json"', '{"issues":[{"key":"a"}]}')
        .. "else\n" .. writes('"$OUT/issues.json"', LIST) .. "fi\n")
      local result = done("ready", "shop", "--yes")
      assert.matches("the list has 3 mistakes and goes back", result.stderr, 1, true)
      assert.matches("BEGIN %x+ what is wrong with the file ===\n%- issue 1 %(a%): title: a text is wanted\n",
        prompt(2))
      assert.matches('BEGIN %x+ the file as it was written ===\n{"issues":%[{"key":"a"}%]}', prompt(2))
      assert.equal(2, #issues())
    end)

    it("gives up after three tries and changes nothing", function()
      agent(writes('"$OUT/issues.json"', "no JSON"))
      local result = ralph("ready", "shop", "--yes")
      assert.equal(1, result.code)
      assert.matches("cannot be taken, after 3 tries:\n.*not valid JSON", result.stderr)
      assert.equal(3, #world:calls("run"))
      assert.same({}, issues())
      assert.is_nil(fs.stat(host_dir() .. "/state.json"))
    end)

    it("counts no file, a giant and a link as mistakes", function()
      agent('case $n in\n1) ;;\n2) head -c 600000 /dev/zero >"$OUT/issues.json" ;;\n'
        .. '3) ln -s "$DIR/agent.sh" "$OUT/issues.json" ;;\nesac\n')
      local result = ralph("ready", "shop", "--yes")
      assert.equal(1, result.code)
      assert.matches("there is no file /run/wrapix/out/issues.json", prompt(2), 1, true)
      assert.matches("issues.json: is larger than", prompt(3), 1, true)
      assert.matches("issues.json: is a link", result.stderr, 1, true)
    end)

    it("stops at once when the agent cannot work", function()
      agent("echo no money >&2; exit 1")
      local result = ralph("ready", "shop", "--yes")
      assert.equal(1, result.code)
      assert.matches("the agent ended early: no money", result.stderr, 1, true)
      assert.equal(1, #world:calls("run"))
    end)

    it("wants a filled spec, a name and somebody who agrees", function()
      agent("true")
      world:write("work/specs/shop.md", "# Shop\n")
      assert.matches("specs/shop.md: without a heading: Problem.*\nhint: `wrapix ralph plan shop` fills it",
        ralph("ready", "shop", "--yes").stderr)
      assert.matches("none is in work\nhint: `wrapix ralph start NAME`", ralph("ready", "--yes").stderr, 1, true)
      local result = ralph("ready", "shop")
      assert.equal(2, result.code)
      assert.matches("nobody is there to agree\nhint: --yes", result.stderr, 1, true)
      assert.same({}, world:calls("run"))
    end)

    it("only shows with --dry-run", function()
      agent(writes('"$OUT/issues.json"', LIST))
      local data = json.decode(done("ready", "shop", "--dry-run", "--json").stdout)
      assert.equal("dry_run", data.state)
      assert.same({ "cart", "pay" }, { data.proposed[1].key, data.proposed[2].key })
      assert.matches("pay   other", done("ready", "shop", "-n").stdout, 1, true)
      assert.same({}, issues())
      assert.is_nil(fs.stat(host_dir() .. "/state.json"))
      data = json.decode(done("ready", "shop", "--yes", "--json").stdout)
      assert.equal("added", data.state)
      assert.equal(2, #data.added)
    end)

    it("adds nothing unasked when the agent changed the project", function()
      agent("echo x >stray; " .. writes('"$OUT/issues.json"', LIST))
      local result = ralph("ready", "shop", "--yes")
      assert.equal(1, result.code)
      assert.matches("files of the project changed while the agent worked: stray", result.stderr, 1, true)
      assert.same({}, issues())
      agent("echo xy >stray; " .. writes('"$OUT/issues.json"', LIST))
      local terminal <close> = world:terminal({ "ralph", "ready", "shop" })
      terminal:expect("worked: stray")
      terminal:expect("%[y/N%]")
      terminal:type("y\n")
      terminal:expect("added: 2")
    end)

    it("asks at the terminal; without a yes nothing is added", function()
      agent(writes('"$OUT/issues.json"', LIST))
      local terminal <close> = world:terminal({ "ralph", "ready", "shop" })
      terminal:expect("Add these 2 issues to the list%? %[y/N%]")
      terminal:type("\n")
      terminal:expect("nothing is added")
      assert.equal(1, (terminal:wait()))
      assert.same({}, issues())
      local again <close> = world:terminal({ "ralph", "ready", "shop" })
      again:expect("%[y/N%]")
      again:type("y\n")
      again:expect("added: 2")
      assert.equal(0, (again:wait()))
    end)

    it("leaves everything as it was when it is interrupted", function()
      agent(": >\"$DIR/there\"; exec sleep 60")
      local running = world:start({ "ralph", "ready", "shop", "--yes" })
      worlds.wait_until("the agent works", function() return fs.stat(world.dir .. "/there") end)
      local second = ralph("ready", "shop", "--yes")
      assert.matches("another `ralph ready` runs here (process", second.stderr, 1, true)
      assert.matches("hint: wait for it, or end it with Ctrl-C at its terminal: nothing is added then",
        second.stderr, 1, true)
      world:signal(running, "INT")
      assert.equal(130, world:finish(running).code)
      assert.same({}, issues())
      assert.is_nil(fs.stat(host_dir() .. "/state.json"))
    end)

    it("adds nothing twice after it died between the list and the state", function()
      agent(writes('"$OUT/issues.json"', LIST))
      done("ready", "shop", "--yes")
      local found = state()
      local own = found.specs.shop
      own.pending, own.base = own.base, nil
      own.pending.batch = issues()[1].metadata.wrapix.batch
      assert(fs.write_atomic(host_dir() .. "/state.json", assert(json.encode(found))))
      local result = done("ready", "shop", "--yes")
      assert.matches("2 issues of an interrupted run were there", result.stderr, 1, true)
      assert.matches("no change", result.stdout, 1, true)
      assert.equal(1, #world:calls("run"))
      assert.equal(2, #issues())
      -- Died before the list was written: the run is forgotten, and starts anew.
      found = state()
      own = found.specs.shop
      own.pending = { batch = "00", text_sha = own.base.text_sha, time = 1 }
      own.base = nil
      assert(fs.write_atomic(host_dir() .. "/state.json", assert(json.encode(found))))
      result = done("ready", "shop", "--yes")
      assert.equal(2, #world:calls("run"))
      assert.matches("is there already as", result.stderr, 1, true)
      assert.equal(2, #issues())
    end)

    describe("with git", function()
      local function git(...)
        local result = assert(proc.run({ "git", "-c", "user.name=N", "-c", "user.email=n@example.org", ... },
          { cwd = world.workspace, env = { GIT_CONFIG_GLOBAL = "/dev/null", HOME = world.dir .. "/home" } }))
        assert.equal(0, result.code, result.stderr)
        return (result.stdout:gsub("%s+$", ""))
      end
      before_each(function()
        git("init", "-q", "-b", "main")
        git("add", "specs")
        git("commit", "-q", "-m", "first")
      end)

      it("takes what changed since a commit, a short id, a branch or a tag", function()
        local first = git("rev-parse", "HEAD")
        git("tag", "v1")
        world:write("work/specs/shop.md", FILLED .. "- And a till.\n")
        agent(writes('"$OUT/issues.json"', LIST))
        for i, word in ipairs({ first, first:sub(1, 8), "main", "v1", "HEAD" }) do
          done("ready", "shop", "--dry-run", "--since", word)
          assert.matches("what changed in the spec ===\n@@ .*\n%+%- And a till%.\n", prompt(i))
        end
        local result = ralph("ready", "shop", "-n", "--since", "nowhere")
        assert.equal(1, result.code)
        assert.matches("ready: nowhere: there is no such commit", result.stderr, 1, true)
        assert.equal(1, ralph("ready", "shop", "-n", "--since", "../../x").code)
      end)

      it("remembers the commit that has the text, and finds the text there again", function()
        agent(writes('"$OUT/issues.json"', LIST))
        done("ready", "shop", "--yes")
        assert.equal(git("rev-parse", "HEAD"), state().specs.shop.base.commit)
        assert(fs.remove_tree(host_dir() .. "/base"))
        assert.matches("no change", done("ready", "shop", "--yes").stdout, 1, true)
        world:write("work/specs/shop.md", FILLED .. "- Not committed.\n")
        agent(writes('"$OUT/issues.json"', '{"issues":[]}'))
        done("ready", "shop", "--yes")
        assert.is_nil(state().specs.shop.base.commit)
        assert.matches("no change", done("ready", "shop", "--yes").stdout, 1, true)
      end)
    end)

    it("works for a hidden spec, and shows nothing of it in the work tree", function()
      world:write("answers.md", "x")
      agent('if [ -e "$OUT" ] && grep -q "You help" "$DIR/prompt.$n"; then\n' .. writes('"$OUT/spec.md"', FILLED)
        .. "else\n" .. writes('"$OUT/issues.json"', LIST) .. "fi\n")
      assert(fs.remove_tree(world.workspace .. "/specs"))
      done("plan", "plan-b", "--hidden", "--answers", world.dir .. "/answers.md")
      done("ready", "--yes")
      assert.equal("plan-b", issues()[1].spec_id)
      assert.is_nil(fs.stat(world.workspace .. "/specs"))
      assert.matches("is hidden, so git knows nothing of it",
        ralph("ready", "--yes", "--since", "HEAD").stderr, 1, true)
    end)
  end)
end)
