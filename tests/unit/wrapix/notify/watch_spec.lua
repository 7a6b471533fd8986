-- SPDX-License-Identifier: MIT
-- What a program does at its terminal to be noticed, as messages.

local watches = require("wrapix.notify.watch")

describe("notify.watch", function()
  local watch, now

  before_each(function()
    now = 100
    watch = watches.new({ title = "Aider", clock = function() return now end })
  end)

  local function texts(text, idle)
    local message = watch:take(text, idle)
    if not message then return nil end
    assert.equal("bell", message.event)
    return { message.title, message.message, message.urgency }
  end

  it("takes the bell for one message a second", function()
    assert.same({ "Aider", "The terminal's bell rang" }, texts("bell"))
    now = 100.9
    assert.is_nil(texts("bell"))
    now = 101
    assert.truthy(texts("bell"))
  end)

  it("takes a bell that answers a key for no message", function()
    assert.is_nil(texts("bell", 0.2))
    assert.truthy(texts("bell", 5))
  end)

  it("takes the text of OSC 9, and none of its orders", function()
    assert.same({ "Aider", "All tests pass; 3 s" }, texts("9;All tests pass; 3 s"))
    for _, order in ipairs({ "9;4;1;50", "9;4", "9;1;100", "9;9;/tmp", "9;" }) do
      assert.is_nil(texts(order), order)
    end
    assert.same({ "Aider", "4 tests; 2 failed" }, texts("9;4 tests; 2 failed"))
  end)

  it("takes title and text of OSC 777", function()
    assert.same({ "Build", "done; at last" }, texts("777;notify;Build;done; at last"))
    assert.same({ "Build", "" }, texts("777;notify;Build"))
    assert.same({ "Aider", "x" }, texts("777;notify;;x"))
    assert.is_nil(texts("777;precmd;x"))
    assert.is_nil(texts("777;notify;;"))
  end)

  it("puts the parts of OSC 99 together", function()
    assert.same({ "Aider", "hello" }, texts("99;;hello"))
    assert.is_nil(texts("99;i=1:d=0;Bui"))
    assert.is_nil(texts("99;i=2:d=0:u=2;Other"))
    assert.is_nil(texts("99;i=1:d=0;ld"))
    assert.same({ "Build", "done" }, texts("99;i=1:d=1:p=body;done"))
    assert.same({ "Other", "x", "critical" }, texts("99;i=2:p=body;x"))
    assert.same({ "Aider", "gr\195\188n" }, texts("99;e=1;Z3LDvG4="))
    assert.is_nil(texts("99;i=3:p=icon;data"))
    assert.is_nil(texts("99;i=4:p=?;"))
    assert.is_nil(texts("99;no payload"))
  end)

  it("keeps a few unfinished ones only, and little of each", function()
    for i = 1, 1000 do assert.is_nil(texts(("99;i=a%d:d=0;%s"):format(i, ("x"):rep(4000)))) end
    for _ = 1, 10 do texts("99;i=long:d=0;" .. ("y"):rep(4000)) end
    assert.is_true(#watch._parts <= 8)
    assert.is_true(#watch._parts[8].title <= 8192)
    assert.same({ "Aider", "new" }, texts("99;i=a1;new"))
  end)

  it("cleans what comes from inside", function()
    assert.same({ "Aider", "a b\u{FFFD}c" }, texts("9;a\u{202E} b\xFFc\u{9B}"))
    assert.same({ "T\u{FFFD}", "x" }, texts("777;notify;T\xC3;x"))
    local long = watch:take("9;" .. ("é"):rep(2000) .. ("z"):rep(5000))
    assert.is_true(utf8.len(long.message) <= 4000)
  end)

  it("takes any bytes", function()
    math.randomseed(11)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(0, 40) do bytes[i] = string.char(math.random(32, 255)) end
      local code = ({ "9;", "99;", "777;notify;", "" })[math.random(4)]
      local message = watch:take(code .. table.concat(bytes))
      if message then assert.truthy(utf8.len(message.title .. message.message)) end
    end
  end)
end)
