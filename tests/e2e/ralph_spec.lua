-- SPDX-License-Identifier: MIT
-- `ralph step` and `ralph loop` in real containers, with an agent that plays what it is
-- told: from issues to commits, what an agent cannot do to the list, work that is kept,
-- Ctrl-C at a terminal, and work that is judged in a sandbox.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local ralph_host = require("support.ralph_host")

local CTRL_C = "\3"

-- Everything an agent might try with the list; what works is written down.
local FORBIDDEN = [[exec 3>/toy/worked; for try in 'echo x >>/workspace/.wrapix/issues.jsonl' ]]
  .. [['rm /workspace/.wrapix/issues.jsonl' 'mv /workspace/.wrapix /workspace/.old' ]]
  .. [['mkdir /workspace/.wrapix/logs/x' 'ralph issue close %s' 'ralph issue claim %s' ]]
  .. [['ralph issue update %s --priority 0' 'ralph loop' 'ralph answer %s yes']]
  .. [[; do if (eval "$try") >/dev/null 2>&1; then echo "$try" >&3; fi; done; echo tried >&3; ]]

local function last_line(text) return text:match("([^\n]*)\n*$") end

describe("ralph in real containers", function()
  setup(ralph_host.build)
  after_each(e2e.assert_clean)

  it("does issues in their order: one fails first, one asks, one is blocked", function()
    local host = ralph_host.new('verify = { "test ! -e bad" }')
    host:out("start", "shop")
    local cart = host:out("issue", "add", "Add a cart", "--spec", "shop", "--acceptance", "cart is there")
    local pay = host:out("issue", "add", "Pay for it", "--spec", "shop", "--needs", cart)
    local ship = host:out("issue", "add", "Ship it", "--spec", "shop")
    assert.matches("2 ready, 1 more", host:out("loop", "--dry-run"), 1, true)
    host:play(
      "tool Bash make; write cart one; write bad x; complete",
      "rm bad; write cart two; commit 'add a cart'; write late x; ralph note 'look at late'; ralph done",
      FORBIDDEN:format(pay, cart, pay, pay) .. "ralph issue add 'Gift cards' -d later; "
        .. "ralph ask 'Which currency?' --option euro --option yen; complete",
      "ralph blocked 'no carrier'; complete",
      "write gift x; complete")
    local result = host:ralph("loop")
    assert.equal(102, result.code, result.stdout .. result.stderr)
    assert.matches("^ralph: waiting: 2 issues wait for a person %(2 done, 1 failed attempt, %d+s, %$1%.00%)$",
      last_line(result.stdout))
    assert.equal("tried\n", host:left("worked"))
    assert.same({ "closed", "waiting", "waiting" },
      { host:status(cart), host:status(pay), host:status(ship) })

    -- What the failed attempt was told to the next one, and what of both is kept.
    assert.matches("test ! -e bad", host:left("prompt.2"), 1, true)
    assert.matches("attempt 2", host:left("prompt.2"), 1, true)
    assert.same({ "attempt-1.jsonl", "attempt-2.jsonl" },
      fs.list(("%s/.wrapix/logs/shop/%s"):format(host.dir, cart)))
    assert.matches("Bash make", host:out("logs", cart, "--attempt", "1"), 1, true)
    assert.equal("add a cart\n" .. cart .. ": Add a cart",
      host:git("log", "--reverse", "--format=%s", "HEAD~3..HEAD~1"))
    assert.equal("Person person@example.org", host:git("log", "-1", "--format=%an %ae"))
    assert.equal("", host:git("status", "--porcelain", "--", ".", ":(exclude).wrapix", ":(exclude)specs"))
    assert.equal(e2e.uid, fs.stat(host.dir .. "/late").uid)

    assert.equal(101, (host:ralph("step", ship).code))
    assert.matches("Which currency?\n  1. euro\n  2. yen", host:out("answer"), 1, true)
    host:out("answer", pay, "2")
    host:out("issue", "reopen", ship)
    host:play("", "", "", "", "", "write paid x; complete", "ralph done --no-change 'is done by hand'")
    result = host:ralph("loop")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.matches("^ralph: all done %(2 done, ", last_line(result.stdout))
    assert.matches("yen", host:left("prompt.6"), 1, true)
    assert.matches("4 of 4", host:out("status"), 1, true)
    assert.equal(100, host:ralph("step").code)
  end)

  it("keeps on a ref what an attempt had done when its time was over", function()
    local host = ralph_host.new('timeout = "2s", grace = "1s", retries = 0')
    local id = host:out("issue", "add", "Take long")
    host:play("write kept.txt 'half done'; write file changed; hang")
    local result = host:ralph("step")
    assert.equal(1, result.code, result.stdout .. result.stderr)
    local ref = ("refs/wrapix/rescue/%s/1"):format(id)
    assert.matches("it took longer than it may", result.stdout, 1, true)
    assert.matches("the work is kept: " .. ref, result.stdout, 1, true)
    assert.same({ ref }, host:rescued())
    assert.equal("half done", host:git("show", ref .. ":kept.txt"))
    assert.equal("changed", host:git("show", ref .. ":file"))
    assert.equal(host:git("rev-parse", "HEAD"), host:git("rev-parse", ref .. "^"))
    assert.equal("half done\n", fs.read(host.dir .. "/kept.txt"))
    assert.equal("waiting", host:status(id))
    host:git("fsck")
  end)

  it("finishes the step at the first Ctrl-C", function()
    local host = ralph_host.new()
    local one, two = host:out("issue", "add", "One"), host:out("issue", "add", "Two")
    host:play("write a 1; mark there; wait_for go; complete")
    local term <close> = host:terminal("loop")
    e2e.wait_for("the agent", function() return host:left("there") end)
    term:type(CTRL_C)
    term:expect("finishing this step; Ctrl%-C again stops it now")
    e2e.file(host.toy .. "/go", "")
    term:expect("ralph: interrupted: Ctrl%-C %(1 done, %d+s, %$0%.25%)")
    assert.same({ 130, "same" }, { term:wait() })
    assert.same({ "closed", "open" }, { host:status(one), host:status(two) })
    assert.same({}, host:rescued())
  end)

  it("stops the step at the second Ctrl-C, and keeps the work", function()
    local host = ralph_host.new()
    local id = host:out("issue", "add", "One")
    host:play("write a half; mark there; hang")
    local term <close> = host:terminal("loop")
    e2e.wait_for("the agent", function() return host:left("there") end)
    term:type(CTRL_C)
    term:expect("finishing this step")
    term:type(CTRL_C)
    term:expect("the work is kept: (refs/wrapix/rescue/%S+/1)")
    term:expect("ralph: interrupted: Ctrl%-C %(0 done")
    assert.same({ 130, "same" }, { term:wait() })
    assert.equal("open", host:status(id))
    assert.equal("half", host:git("show", host:rescued()[1] .. ":a"))
    host:play("", "write a whole; complete")
    assert.equal(0, host:ralph("loop").code)
    assert.equal("whole", host:git("show", "HEAD:a"))
  end)

  it("judges in a sandbox without what the agent left elsewhere, by what it may not change", function()
    local host = ralph_host.new([[protect = { "part/" }, retries = 9,
      verify = { 'echo "I am $WRAPIX"; test ! -e /tmp/left && test ! -w .wrapix && test -e good' }]])
    local id = host:out("issue", "add", "Make it good")
    host:play("write part/inner easier; write good x; ralph done",
      "git checkout -q part; touch /tmp/left; rm -f good; write bad x; ralph done",
      "touch /tmp/left; write good x; ralph done")
    local code, found = host:step()
    assert.same({ 1, "failed", "it changed what it is judged by: part/inner", "fixed" },
      { code, found.verdict, found.reason, found.evidence.verify[1].state })
    code, found = host:step()
    local one = found.evidence.verify[1]
    assert.same({ 1, "failed", 1, "regressed" }, { code, found.verdict, one.code, one.state })
    assert.matches("I am 1", one.output, 1, true)
    code, found = host:step()
    assert.same({ 0, "done", 3 }, { code, found.verdict, found.evidence.attempt }, found.reason)
    assert.equal("closed", host:status(id))
    assert.equal("one", host:git("show", "HEAD:part/inner"))
  end)

  it("tells what was broken before from what an attempt broke", function()
    local host = ralph_host.new('verify = { "test -e fine", "test ! -e new" }')
    local one, two = host:out("issue", "add", "One"), host:out("issue", "add", "Two")
    host:play("write new x; ralph done", "rm new; write a x; ralph done")
    local result = host:ralph("step")
    assert.matches("verify fails before the attempt: test -e fine", result.stdout, 1, true)
    assert.matches("test -e fine: status 1 (failed before as well)", result.stdout, 1, true)
    assert.matches("failed .*: verify: test %-e fine: status 1 %(as before the attempt%)", result.stdout)
    host:config('verify = { "test -e fine", "test ! -e new" }, policy = "no_worse"')
    local code, found = host:step()
    assert.same({ 0, "broken", "fixed" },
      { code, found.evidence.verify[1].state, found.evidence.verify[2].state }, found.reason)
    assert.same({ "closed", "open" }, { host:status(one), host:status(two) })
  end)
end)
