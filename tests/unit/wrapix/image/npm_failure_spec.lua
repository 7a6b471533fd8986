-- SPDX-License-Identifier: MIT
local npm_failure = require("wrapix.image.npm_failure")

describe("a failure of npm", function()
  local function explained(...)
    return { npm_failure.explain({ "wrapix: agent pi 1.0.0", "wrapix: agent claude 1.2.3", ... }) }
  end

  it("names the agent and what can be done", function()
    local found = explained("npm ERR! code EAI_AGAIN", "npm ERR! errno EAI_AGAIN")
    assert.equal("agent claude 1.2.3: npm's registry does not answer", found[1])
    assert.equal("ENETUNREACH", found[2])
    assert.truthy(found[3])
    assert.same({ "agent claude 1.2.3: npm has no such version", "ENOPKG",
      "`wrapix image update-agents` takes the newest" }, explained("npm error code ETARGET"))
    assert.equal("agent claude 1.2.3: npm's registry has a certificate that is not trusted here",
      explained("npm ERR! code SELF_SIGNED_CERT_IN_CHAIN")[1])
    assert.equal("agent claude 1.2.3: npm failed with EWHATEVER",
      explained("npm error code EWHATEVER")[1])
  end)

  it("says for which machine an agent has no program", function()
    assert.equal("agent claude 1.2.3: has no program for riscv64 (/opt/x)",
      explained("wrapix: nothing for /opt/x on riscv64")[1])
  end)

  it("is none where npm said nothing", function()
    assert.same({}, explained("E: Unable to locate package x"))
  end)
end)
