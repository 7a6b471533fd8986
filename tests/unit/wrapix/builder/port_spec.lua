-- SPDX-License-Identifier: MIT
local net = require("wrapix.net")
local port = require("wrapix.builder.port")
local sys = require("wrapix.sys")

local TCP = [[
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000
   1: 0100007F:08AE 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12346 1 0000000000000000
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000
]]

describe("builder.port", function()
  it("reads who listens, and not who is connected", function()
    assert.same({ { inode = "12345", uid = 1000 } }, port.listeners(TCP, 2222))
    assert.same({ { inode = "777", uid = 0 } }, port.listeners(TCP, 22))
    assert.same({}, port.listeners(TCP, 2223))
    assert.same({}, port.listeners("nonsense\n\n", 2222))
  end)

  it("finds the process of a port that is taken", function()
    local server <close> = assert(net.listen_tcp("127.0.0.1", 0))
    local is_free, _, code = port.is_free(server:port())
    assert.is_false(is_free)
    assert.equal("EADDRINUSE", code)
    local owner = assert(port.owner(server:port()))
    assert.equal(sys.pid(), owner.pid)
    assert.matches("process %d+ %(.+%)", port.describe(owner))
  end)

  it("lets a free port be", function()
    local server = assert(net.listen_tcp("127.0.0.1", 0))
    local number = server:port()
    server:close()
    assert.is_true((port.is_free(number)))
    assert.is_nil(port.owner(number))
  end)

  it("reads lsof", function()
    assert.same({ pid = 501, program = "sshd" }, port.parse_lsof("p501\ncsshd\nf3\n"))
    assert.is_nil(port.parse_lsof(""))
  end)

  it("says what can be said of an owner", function()
    assert.equal("a process of uid 5", port.describe({ uid = 5 }))
    assert.equal("a process that cannot be seen", port.describe(nil))
  end)
end)
