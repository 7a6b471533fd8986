-- SPDX-License-Identifier: MIT
-- Who owns what, seen from both sides.

local check = require("conformance.check")
local fs = require("wrapix.fs")

local M = { title = "Ownership" }

local function add(id, says, inside, verdict, given)
  M[#M + 1] = { id = "ownership." .. id, says = says, group = "inside", inside = inside,
    check = verdict, given = given }
end

add("made-inside", "what is made inside belongs to you outside",
  "mkdir -p own/sub && echo x >own/sub/file && ln -s file own/sub/link",
  function(t, _, dir)
    for _, name in ipairs({ "own", "own/sub", "own/sub/file", "own/sub/link" }) do
      local stat = assert(fs.lstat(dir .. "/" .. name))
      check.equal(("%d %d"):format(t.uid, t.gid), ("%d %d"):format(stat.uid, stat.gid), name)
    end
  end,
  function(_, given) return given.dir end)

add("made-outside", "what you made outside is the user's inside: read, changed, removed",
  "stat -c '%u %g' yours; cat yours/private; echo more >>yours/private; chmod 640 yours/private; rm yours/gone",
  function(t, answer, dir)
    check.equal(("%d %d\nkept"):format(t.uid, t.gid), answer.out, "owner and content")
    check.equal("kept\nmore\n", fs.read(dir .. "/yours/private"), "the file outside")
    check.holds(not fs.exists(dir .. "/yours/gone"), "the removed file is still there")
    check.equal(416, fs.stat(dir .. "/yours/private").mode, "mode that was set inside") -- 0640
  end,
  function(t, given)
    local dir = given.dir .. "/yours"
    assert(fs.ensure_dir(dir))
    t:own(dir)
    t:file(dir .. "/private", "kept\n", 384) -- 0600
    t:file(dir .. "/gone", "")
    return given.dir
  end)

add("executable", "a program of the workspace can be run, also one made inside",
  "./yours-to-run; printf '#!/bin/sh\\necho made inside\\n' >tool; chmod 755 tool; ./tool",
  function(_, answer) check.equal("made outside\nmade inside", answer.out, "output") end,
  function(t, given)
    t:file(given.dir .. "/yours-to-run", "#!/bin/sh\necho made outside\n", 493) -- 0755
  end)

add("renamed", "files are renamed, linked and removed as on any disk",
  "echo 1 >r1 && mv r1 r2 && ln r2 r3 && stat -c %h r2; mkdir rd && mv r2 rd/ && rm -r rd && cat r3",
  function(_, answer) check.equal("2\n1", answer.out, "links, content") end)

return M
