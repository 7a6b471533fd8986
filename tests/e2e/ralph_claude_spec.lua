-- SPDX-License-Identifier: MIT
-- The whole way with the real Claude Code: a spec, its issues, and a loop that mends a C
-- project until its tests pass. Only what the model says is a script. Then a limit of the
-- account, and a login that is refused.

local claude = require("support.claude")
local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local model_server = require("support.model_server")
local proc = require("wrapix.proc")
local repo = require("support.repo")

local turn = model_server.turn

local FILES = {
  Makefile = "test:\n\tcc -Wall -Wextra -Werror -o /tmp/check check.c text.c && /tmp/check\n",
  ["text.h"] = "int count_words(const char *text);\nint longest_line(const char *text);\n",
  ["check.c"] = [[
#include "text.h"
int main(void) {
  return count_words(" two words ") != 2 || longest_line("a\nbcd\ne") != 3;
}
]],
  ["text.c"] = [[
#include "text.h"

int count_words(const char *text) {
  int words = 0, inside = 0;
  for (; *text; text++) {
    int blank = *text == ' ' || *text == '\n';
    words += !blank && inside;
    inside = !blank;
  }
  return words;
}

int longest_line(const char *text) {
  int longest = 0, length = 0;
  for (; *text; text++) {
    length = *text == '\n' ? 0 : length + 1;
    if (length < longest) longest = length;
  }
  return longest;
}
]],
}

local SPEC = [[
# Words

## Problem
`make test` fails.

## Requirements
- Words are counted.
- The longest line is found.

## Acceptance criteria
- [ ] `make test` ends with 0.

## Out of scope
Other alphabets.
]]

local function issue(key, title, needs)
  return { key = key, title = title, description = "See text.c.", needs = needs and json.array({ needs }),
    acceptance_criteria = json.array({ "the function is right" }) }
end

local ISSUES = assert(json.encode({ issues = json.array({
  issue("line", "Find the longest line", "words"), issue("words", "Count words"),
}) }))

-- What the model was asked first, as one text.
local function prompt_of(request)
  local content = request.body.messages[1].content
  if type(content) == "string" then return content end
  local texts = {}
  for _, block in ipairs(content) do texts[#texts + 1] = block.text end
  return table.concat(texts, "\n")
end

-- A tool on the file that the prompt wants the spec in: of root's project for somebody else it
-- is none of the work tree.
local function on_spec(tool, input)
  return function(request)
    input.file_path = prompt_of(request):match("Write the finished text to ([^,]*),")
    return turn.tool(tool, input)
  end
end

local PACKAGES = 'packages = { "gcc", "libc6-dev", "make" },'

describe("ralph with the real Claude Code", function()
  after_each(e2e.assert_clean)

  -- A repository of the sandboxes' user with the files.
  local function project(world)
    -- The way there belongs to root on a host without a user of its own.
    assert(fs.chmod(e2e.tmp, tonumber("755", 8)))
    assert(fs.chown(world.dir:match("^(.*)/"), e2e.uid, e2e.gid))
    repo.git(world.dir, "init", "-q", "-b", "main")
    repo.git(world.dir, "add", ".")
    repo.git(world.dir, "commit", "-q", "-m", "begin")
  end

  -- A world with a repository, and `ralph` in it.
  local function open(config, fields)
    local world = claude.world({ files = FILES, fields = PACKAGES .. (fields or "") })
    for name, value in pairs({ XDG_CONFIG_HOME = world.home .. "/config", XDG_STATE_HOME = world.home .. "/state" }) do
      world.env[name] = value
      assert(fs.ensure_dir(value))
    end
    assert(fs.ensure_dir(world.env.XDG_CONFIG_HOME .. "/wrapix"))
    assert(fs.ensure_dir(world.env.XDG_CONFIG_HOME .. "/git"))
    e2e.file(world.env.XDG_CONFIG_HOME .. "/git/config", "[user]\nname = Person\nemail = person@example.org\n")
    e2e.file(world.env.XDG_CONFIG_HOME .. "/wrapix/ralph.lua",
      ("return { profile = %q, notify = false, %s }"):format(world.profile, config))
    project(world)
    local function ralph(...)
      return assert(proc.run({ e2e.wrapix, "ralph", ... }, { cwd = world.dir, env = world.env, timeout = 120 }))
    end
    return world, ralph
  end

  setup(function()
    local world <close> = claude.world({ fields = PACKAGES })
    local result = e2e.cli({ "image", "build", world.profile }, { timeout = 900 })
    if result.code ~= 0 then error(result.stderr) end
  end)

  local function must(result)
    if result.code ~= 0 then error(("status %d: %s%s"):format(result.code, result.stdout, result.stderr), 2) end
    return result
  end

  -- The status of a command in the image, on the project as it is.
  local function sh_status(world, command)
    return world:run({ "sh", "-c", command .. " >/dev/null 2>&1" }).code
  end

  -- The issues of the project: those of the list, then the discovered one.
  local function by_title(ralph)
    local found = {}
    for _, one in ipairs(json.decode(ralph("issue", "list", "--all", "--json").stdout)) do
      found[one.title] = one
    end
    return found["Count words"], found["Find the longest line"], found["Other alphabets"]
  end

  local function step(ralph)
    local result = ralph("step", "--json")
    return result.code, assert(json.decode(result.stdout), result.stdout .. result.stderr)
  end

  it("goes from a name to a C project whose tests pass", function()
    local world <close>, ralph = open('verify = { "make test" }, protect = { "check.c" }')
    world.model:play({
      on_spec("Read", {}), on_spec("Write", { content = SPEC }),
      { text = "It asks for words." },
      turn.tool("Write", { file_path = "/run/wrapix/out/issues.json", content = ISSUES }),
      { text = "Two issues." },
      -- It says that it is done, and is not: of two mistakes one is left.
      turn.tool("Read", { file_path = "/workspace/text.c" }),
      turn.tool("Edit", { file_path = "/workspace/text.c", old_string = "blank && inside",
        new_string = "blank && !inside" }),
      turn.bash("git commit -qam 'count words' && ralph done"), { text = "Done." },
      -- Told so, it mends the other one as well, and says what it found.
      turn.bash("make test; sed -i 's/length < longest/length > longest/' text.c && make test"),
      turn.bash("ralph issue add 'Other alphabets' -d later && ralph note 'both were wrong'"),
      { text = "The tests pass.\nRALPH_COMPLETE" },
      turn.bash("make test && ralph done --no-change 'is mended already'"), { text = "Nothing to do." },
      turn.bash("ralph blocked 'nobody reads Greek'"), { text = "Waiting." },
    })
    must(ralph("start", "words"))
    must(ralph("plan", "--answers", e2e.file(world.home .. "/answers", "Words and lines.")))
    assert.equal(SPEC, fs.read(world.dir .. "/specs/words.md"))
    assert.matches("added: 2\n", must(ralph("ready", "--yes")).stdout, 1, true)
    assert.equal(2, sh_status(world, "make test"))

    local code, first = step(ralph)
    assert.same({ 1, "failed", "verify: make test: status 2 (as before the attempt)" },
      { code, first.verdict, first.reason })
    local evidence = first.evidence
    assert.same({ 1, "count words", "broken", "socket" }, { #evidence.commits, evidence.commits[1].subject,
      evidence.verify[1].state, evidence.signal.by })
    assert.truthy(evidence.usd > 0 and evidence.tokens.input > 0 and evidence.tokens.output > 0)
    assert.equal(4, evidence.turns)

    local result = ralph("loop")
    assert.equal(102, result.code, result.stdout .. result.stderr)
    assert.matches("ralph: waiting: 1 issue waits for a person %(2 done, %d+s[,)]", result.stdout)
    assert.equal("", result.stderr)
    assert.equal(0, sh_status(world, "make test"))
    -- The spec was the person's, and stays so.
    assert.equal("?? specs/", repo.git(world.dir, "status", "--porcelain", "--", ".", ":(exclude).wrapix"))
    local words, line, more = by_title(ralph)
    assert.same({ "closed", "closed", "open" }, { words.status, line.status, more.status })
    assert.equal(words.id .. ": Count words", repo.git(world.dir, "log", "-1", "--format=%s"))
    assert.equal("no change needed: is mended already", line.close_reason)
    assert.equal("both were wrong", words.comments[2].text)
    assert.matches("nobody reads Greek", ralph("status").stdout, 1, true)

    -- The second attempt was told why the first had failed, and stood in a context of its own.
    local second = world.model:asked("This is attempt 2")[1]
    assert.matches("make: *** [Makefile:2: test]", prompt_of(second), 1, true)
    assert.is_nil(assert(json.encode(second.body.messages)):find("tool_use", 1, true))
  end)

  it("ends the step at a limit of the account, which costs no attempt", function()
    local world <close>, ralph = open("")
    world.env.ANTHROPIC_API_KEY, world.env.CLAUDE_CODE_OAUTH_TOKEN = false, claude.token
    local reset = os.time() + 7200
    world.model:play({ turn.rejected(reset) })
    must(ralph("issue", "add", "Mend it"))
    local code, found = step(ralph)
    assert.same({ 103, "limited", reset, "limit" },
      { code, found.verdict, found.evidence.limit.reset, found.evidence.outcome.kind })
    -- Nobody asks before the reset, and a loop that may not wait so long says so.
    local result = ralph("loop", "--max-time", "10s")
    assert.equal(103, result.code)
    assert.matches("stopped: the account's limit: the account is used up until", result.stdout, 1, true)
    assert.equal(1, #world.model:asked())
    assert.matches("ready 1", ralph("status", "--all").stdout, 1, true)
  end)

  it("stops at once when the login is refused, and no attempt is counted", function()
    local world <close>, ralph = open("", 'env = { CLAUDE_CODE_MAX_RETRIES = "0" },')
    world.model:play({ { status = 401,
      error = { type = "authentication_error", message = "invalid x-api-key" } } })
    for i = 1, 2 do must(ralph("issue", "add", "Mend " .. i)) end
    local result = ralph("loop")
    assert.equal(1, result.code)
    assert.matches("ralph: stopped: login: Invalid API key.* %(0 done, %d+s%)\n$", result.stdout)
    assert.matches("`wrapix login claude` renews it", result.stderr, 1, true)
    assert.equal(1, #world.model:asked())
    assert.matches("ready 2", ralph("status", "--all").stdout, 1, true)
    world.model:play({ turn.bash("echo x >new; ralph done"), { text = "Done." } })
    assert.equal(0, (ralph("step").code))
    local prompt = prompt_of(world.model:asked()[2])
    assert.matches("This is attempt 1 of 3", prompt, 1, true)
  end)
end)
