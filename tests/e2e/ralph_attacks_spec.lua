-- SPDX-License-Identifier: MIT
-- An agent that attacks from inside real containers: what judges it, the
-- repository's programs, the list, and files outside.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local ralph_host = require("support.ralph_host")

describe("an agent in a real container that", function()
  after_each(e2e.assert_clean)

  it("leaves programs in verify, and has it say very much, is judged in time", function()
    local host = ralph_host.new([[timeout = "60s", verify = { "sleep 1000 & setsid sleep 1000 & true",
      "head -c 30000000 /dev/zero | tr '\\0' '\\233'; printf '\\033]0;title\\007end'" }]])
    local id = host:out("issue", "add", "Do it")
    host:play("write a x; ralph done")
    local code, found = host:step()
    assert.same({ 0, "done" }, { code, found.verdict }, found.reason)
    assert.equal("closed", host:status(id))
    local output = found.evidence.verify[2].output
    assert.is_true(#output < 9000)
    assert.is_true(found.evidence.verify[2].seconds < 10)
    assert.matches("?end", output, 1, true)
  end)

  it("plants programs in the repository and links in the project runs and reads nothing outside", function()
    local host = ralph_host.new('context = { "CLAUDE.md" }, verify = { "true" }')
    local secret = e2e.file(host.home .. "/secret", "the secret\n")
    local id = host:out("issue", "add", "Do it", "--spec", "shop")
    host:play(("git config core.fsmonitor 'touch %s/ran'; git config core.hooksPath /tmp; "):format(host.home)
      .. ("echo 'echo x >%s/ran' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; "):format(host.home)
      .. ("ln -sf %s CLAUDE.md; mkdir -p specs; ln -sf %s specs/shop.md; ln -sf %s specs/README.md; ")
        :format(secret, secret, secret)
      .. "echo forged >.wrapix/issues.jsonl; rm -rf .wrapix; ln -s /etc .wrapix/logs; "
      .. "ralph issue close " .. id .. "; ralph claim " .. id .. "; ralph note \"$(printf '\\033[2J')\"; finish no",
      "mkfifo specs/pipe.md; rm specs/shop.md; mkfifo specs/shop.md; write a x; ralph done")
    local code, found = host:step()
    assert.same({ 1, "failed" }, { code, found.verdict }, found.reason)
    code, found = host:step()
    assert.same({ 0, "done" }, { code, found.verdict }, found.reason)
    assert.is_nil((host:left("prompt.2") or ""):find("the secret", 1, true))
    assert.is_false(fs.exists(host.home .. "/ran"))
    assert.equal("the secret\n", fs.read(secret))
    assert.equal("closed", host:status(id))
  end)
end)
