-- SPDX-License-Identifier: MIT
local ready = require("wrapix.builder.ready")

describe("builder.ready", function()
  it("reads progress among what the two servers write", function()
    local found = ready.progress("Server listening on 0.0.0.0 port 22.\nwrapix-builder: fill: /nix is"
      .. " new: 3 paths\r\nnonsense wrapix-builder: serving\n")
    assert.same({ "fill: /nix is new: 3 paths" }, found.lines)
    assert.is_false(found.serving)
    assert.is_nil(found.failed)
    assert.is_true(ready.progress("wrapix-builder: serving").serving)
  end)

  it("reads a failure with its word", function()
    local found = ready.progress("wrapix-builder: failed: full: copy /nix/store/x: y\n")
    assert.same({ word = "full", text = "copy /nix/store/x: y" }, found.failed)
  end)
end)
