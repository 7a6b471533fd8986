-- SPDX-License-Identifier: MIT
-- Makes a read of an undefined global an error. Writes stay allowed: busted and
-- its libraries define globals of their own while they load.

setmetatable(_G, {
  __index = function(_, name)
    local info = debug.getinfo(2, "S")
    -- Only our own code is held to it; libraries probe for jit, setfenv and the like.
    if info and (info.source:match("^@wrapix/") or info.source:match("/tests/")) then
      error(("undefined global '%s'"):format(tostring(name)), 2)
    end
    return nil
  end,
})
