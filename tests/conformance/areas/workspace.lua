-- SPDX-License-Identifier: MIT
-- Workspaces of any name, and which directories cannot be one.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local path = require("wrapix.path")

local M = { title = "The workspace" }

local function named(id, says, name, lacks)
  local function try(t)
    local dir = t:dir(name)
    t:file(dir .. "/in", "outside\n")
    return t:sh("cat in; echo inside >out", { dir = dir }), dir
  end
  M[#M + 1] = { id = "workspace." .. id, says = says, lacks = lacks, try = try,
    run = function(t)
      local result, dir = try(t)
      check.status(result, 0)
      check.equal("outside\n", result.stdout, "the file inside")
      check.equal("inside\n", fs.read(dir .. "/out"), "the file outside")
    end }
end

named("space", "its name may hold blanks, quotes and `$`", "it's \"a\" $HOME `x` * \\")
named("unicode", "its name may hold any letter", "grüße-日本-🦀")
named("colon", "its name may hold `:`", "a:b:c")
named("comma", "its name may hold `,` and `=`", "a,b=c,destination=x")
named("all", "its name may hold `:` together with `,` or `=`", "a:b,c=d", {
  { runtime = "container", reason = "`-v` splits at `:`, `--mount` at `,` and `=`, and neither has an escape",
    answers = "workspace" },
})

M[#M + 1] = { id = "workspace.link", says = "a link to a directory is that directory",
  run = function(t)
    local dir = t:dir()
    local link = path.dirname(dir) .. "/link"
    assert(fs.symlink(dir, link))
    t:out("touch here", { dir = link })
    check.holds(fs.exists(dir .. "/here"), "the file is not there")
  end }

M[#M + 1] = { id = "workspace.refused", says = "the home directory, / and what is no directory are refused",
  run = function(t)
    for _, dir in ipairs({ os.getenv("HOME"), "/", "/nonexistent/x" }) do
      local result = t:run({ "true" }, { dir = dir })
      check.status(result, 125)
      check.has(result.stderr, dir, "message")
    end
  end }

return M
