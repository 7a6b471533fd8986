-- SPDX-License-Identifier: MIT
-- The texts; writing and removing them is integration/notifyd_spec.lua's.
local units = require("wrapix.notify.units")

local function plan(more)
  local opts = { platform = "linux", env = {}, home = "/h", uid = 501, program = "/opt/wrapix",
    dirs = { runtime = "/run/user/1/wrapix", state = "/h/.local/state/wrapix" } }
  for key, value in pairs(more or {}) do opts[key] = value end
  return units.plan(opts)
end

describe("notify.units", function()
  it("are a socket and a service for systemd", function()
    local found = plan()
    assert.equal("/h/.config/systemd/user/wrapix-notifyd.service", found.files[1].path)
    assert.matches("\nType=exec\nExecStart=\"/opt/wrapix\" notifyd run\n", found.files[1].text, 1, true)
    assert.matches("\nListenStream=/run/user/1/wrapix/notify.sock\nSocketMode=0600\nDirectoryMode=0700\n",
      found.files[2].text, 1, true)
    assert.same({ { "systemctl", "--user", "daemon-reload" },
      { "systemctl", "--user", "enable", "--now", "wrapix-notifyd.socket" } }, found.enable)
    assert.equal("/c/systemd/user/wrapix-notifyd.service",
      plan({ env = { XDG_CONFIG_HOME = "/c" } }).files[1].path)
    assert.equal("/h/.config/systemd/user/wrapix-notifyd.service",
      plan({ env = { XDG_CONFIG_HOME = "relative" } }).files[1].path)
  end)

  it("quote what systemd would read", function()
    local text = plan({ program = '/a b/100%/"x"\\$HOME' }).files[1].text
    assert.matches('\nExecStart="/a b/100%%/\\"x\\"\\\\$HOME" notifyd run\n', text, 1, true)
    text = plan({ dirs = { runtime = "/a%b", state = "/s" } }).files[2].text
    assert.matches("\nListenStream=/a%%b/notify.sock\n", text, 1, true)
  end)

  it("are an agent for launchd", function()
    local found = plan({ platform = "macos", program = "/a&b/<wrapix>" })
    assert.equal(1, #found.files)
    assert.equal("/h/Library/LaunchAgents/com.local.wrapix-notifyd.plist", found.files[1].path)
    assert.matches("<string>/a&amp;b/&lt;wrapix&gt;</string><string>notifyd</string><string>run</string>",
      found.files[1].text, 1, true)
    assert.same({ { "launchctl", "bootstrap", "gui/501", found.files[1].path } }, found.enable)
    assert.same({ { "launchctl", "bootout", "gui/501/com.local.wrapix-notifyd" } }, found.disable)
  end)
end)
