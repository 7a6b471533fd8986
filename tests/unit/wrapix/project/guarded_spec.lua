-- SPDX-License-Identifier: MIT
local guarded = require "wrapix.project.guarded"

describe("project.guarded", function()
  local function reason(source, mode) return guarded.reason(source, mode or "ro", "/home/joe") end

  it("keeps what has credentials, whatever the mode, above and below them", function()
    for _, source in ipairs({ "/home/joe/.ssh", "/home/joe/.ssh/keys", "/home/joe/.config",
      "/home/joe/x/../.aws", "/home/joe/.claude.json" }) do
      for _, mode in ipairs({ "ro", "rw" }) do
        assert.matches("has credentials of yours", reason(source, mode), source)
      end
    end
    assert.matches("`deploy_key` or `ssh_agent`", reason("/home/joe/.ssh"))
  end)

  it("keeps the system's own from being written to", function()
    for _, source in ipairs({ "/etc", "/etc/ssl", "/var/lib/x", "/usr/local", "/home/eve/x" }) do
      assert.matches("the system's own", reason(source, "rw"), source)
      assert.is_nil(reason(source, "ro"))
    end
  end)

  it("lets the rest be given", function()
    for _, source in ipairs({ "/srv/data", "/home/joe/data", "/home/joe/.cache/x", "/etcetera",
      "/home/joe/.sshx", "/opt/tool" }) do
      assert.is_nil(reason(source, "rw"), source)
    end
    assert.is_nil(guarded.reason("/home/joe/.ssh", "ro", nil))
  end)
end)
