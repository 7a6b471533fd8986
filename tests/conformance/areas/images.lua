-- SPDX-License-Identifier: MIT
-- The life of an image: built from a recipe, used, listed, written out, taken in, removed.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = { title = "Images" }

-- The one the members of the group look at, in their order.
local function about(id, says, verdict)
  M[#M + 1] = { id = "images." .. id, says = says, group = "image", check = verdict }
end

local function engine_image(t, verb, ref)
  local words = t.target.runtime == "podman" and { "podman", "image", verb == "delete" and "rm" or verb, ref }
    or { "container", "image", verb, ref }
  return assert(proc.run(words, { timeout = 60 }))
end

local function is_there(t, ref) return engine_image(t, "inspect", ref).code == 0 end

---Builds one; the runner calls it before the members.
function M.begin(t)
  local name = "conformance" .. sys.random_hex(3)
  local dir = t:dir()
  t:file(dir .. "/own.lua", ("return { name = %q, packages = { 'file' }, command = { 'file', '--version' } }\n")
    :format(name))
  local image = { name = name, dir = dir }
  function image.call(...)
    local words = { "image", (...), select(2, ...) }
    if t.target.runtime ~= "podman" then table.move({ "--runtime", t.target.runtime }, 1, 2, #words + 1, words) end
    local result = t:cli(words, { cwd = dir, timeout = 300 })
    check.status(result, 0)
    return result.stdout:match("^(%S+)\n$") or result.stdout, result.stderr
  end
  image.ref, image.notes = image.call("build", "./own.lua")
  return image
end

---Takes it away again.
function M.finish(t, image)
  if not image then return end
  engine_image(t, "delete", image.ref)
  engine_image(t, "delete", (image.ref:gsub("wrapix%-[^:]*:", "wrapix-stage:")))
end

about("built", "image build makes the image of a profile's packages, and prints its name", function(t, image)
  check.matches(image.ref, "^localhost/wrapix%-" .. image.name .. ":%x+$", "name")
  check.has(image.notes, image.ref, "notes")
  check.holds(is_there(t, image.ref), "the engine does not have it")
end)

about("again", "nothing is built a second time", function(_, image)
  local began = sys.clock()
  local ref, notes = image.call("build", "./own.lua")
  check.equal(image.ref, ref, "name")
  check.lacks(notes, "installing", "notes")
  check.holds(sys.clock() - began < 20, "it took as long as a build")
end)

about("used", "a sandbox of the profile has the packages, with the user's name and a read-only root",
  function(t, image)
    local result = t:sh("file --version | head -n 1; id -un; id -u; touch /usr/x 2>&1; ls -d ~",
      { profile = "./own.lua", dir = image.dir, cwd = image.dir })
    check.status(result, 0)
    check.matches(result.stdout, ("^file%%-[^\n]+\nwrapix\n%d\n[^\n]*Read%%-only[^\n]*\n/home/wrapix\n$"):format(t.uid),
      "output")
  end)

about("listed", "image list and show tell of it", function(_, image)
  check.has(image.call("list"), image.name, "list")
  check.has(image.call("show", "./own.lua"), "file", "show")
end)

about("file", "image export writes it into a file, and import takes it in under its name", function(t, image)
  image.call("export", "own.oci", "./own.lua")
  check.holds(fs.stat(image.dir .. "/own.oci").size > 1 << 20, "the file is too small")
  check.equal(0, engine_image(t, "delete", image.ref).code, "removal by the engine")
  check.holds(not is_there(t, image.ref), "it is still there")
  check.equal(image.ref, (image.call("import", "own.oci")), "name")
  check.holds(is_there(t, image.ref), "the engine does not have it")
  check.equal("0", t:out("file /bin/sh >/dev/null; echo $?", { profile = "./own.lua", dir = image.dir,
    cwd = image.dir }), "use of it")
end)

about("prune", "image prune would remove it when no workspace uses it, and keeps it until then",
  function(t, image)
    local words = { "image", "prune", "--dry-run" }
    if t.target.runtime ~= "podman" then table.move({ "--runtime", t.target.runtime }, 1, 2, 4, words) end
    check.lacks(t:cli(words).stdout, image.ref, "what it would do while a workspace uses it")
    -- What workspaces use is in the record of their sessions.
    local result = t:cli(words, { env = { XDG_STATE_HOME = t:dir("state") } })
    check.status(result, 0)
    check.has(result.stdout, "would remove " .. image.ref, "what it would do")
  end)

M[#M + 1] = { id = "images.package", says = "a package that does not exist is named: 125",
  run = function(t)
    local result = t:run({ "true" }, { profile = { image = false, name = "conformance",
      packages = { "no-such-package-anywhere" } }, timeout = 300 })
    check.status(result, 125)
    check.has(result.stderr, "no-such-package-anywhere", "message")
  end }

M[#M + 1] = { id = "images.missing", says = "an image that no registry gives is named, with the reason: 125",
  run = function(t)
    local result = t:run({ "true" }, { image = "registry.invalid/none/such:1" })
    check.status(result, 125)
    check.has(result.stderr, "registry.invalid/none/such:1", "message")
    check.has(result.stderr, "hint: ", "message")
  end }

return M
