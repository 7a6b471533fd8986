-- SPDX-License-Identifier: MIT
-- Mounts of every kind. One sandbox has them all; it also shows that they stand each other.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local path = require("wrapix.path")

local equal = check.equal

local M = { title = "Mounts" }

local function mount(given, source, dest, more)
  given.profile.mounts = given.profile.mounts or {}
  local one = { source = source, dest = dest }
  for key, value in pairs(more or {}) do one[key] = value end
  table.insert(given.profile.mounts, one)
end

local function source(t, name)
  local dir = t:dir(name)
  t:file(dir .. "/file", "content\n")
  return dir
end

local function add(id, says, inside, given, verdict, lacks)
  M[#M + 1] = { id = "mounts." .. id, says = says, group = "mounts", inside = inside, given = given,
    check = verdict, lacks = lacks }
end

add("directory", "a directory is read-only unless `rw` is said",
  "cat /mnt/ro/file; touch /mnt/ro/x; echo x >/mnt/ro/file; ls /mnt/ro",
  function(t, given)
    local dir = source(t)
    mount(given, dir, "/mnt/ro")
    return dir
  end,
  function(_, answer, dir)
    check.matches(answer.out, "^content\n.*Read%-only.*Read%-only.*\nfile$", "directory")
    equal("content\n", fs.read(dir .. "/file"), "the file outside")
  end)

add("directory-rw", "a directory with `rw` can be written, as your user",
  "echo new >/mnt/rw/new; echo changed >/mnt/rw/file; mkdir /mnt/rw/sub; stat -c %u /mnt/rw/new",
  function(t, given)
    local dir = source(t)
    mount(given, dir, "/mnt/rw", { mode = "rw" })
    return dir
  end,
  function(t, answer, dir)
    equal(tostring(t.uid), answer.out, "owner inside")
    equal("changed\n", fs.read(dir .. "/file"), "the file outside")
    equal(t.uid, fs.stat(dir .. "/new").uid, "owner outside")
  end)

add("nosuid", "mounts are nosuid and nodev", "grep ' /mnt/options ' /proc/self/mounts",
  function(t, given) mount(given, source(t), "/mnt/options", { mode = "rw" }) end,
  function(_, answer)
    check.has(answer.out, "nosuid", "options")
    check.has(answer.out, "nodev", "options")
  end)

add("file", "a single file is read-only, and what lies beside it is not seen",
  "cat /mnt/one-file; echo x >/mnt/one-file; find / -name beside-the-file 2>/dev/null; echo end",
  function(t, given)
    local dir = source(t)
    t:file(dir .. "/beside-the-file", "")
    mount(given, dir .. "/file", "/mnt/one-file")
    return dir
  end,
  function(_, answer, dir)
    check.matches(answer.out, "^content\n[^\n]*Read%-only[^\n]*\nend$", "file")
    equal("content\n", fs.read(dir .. "/file"), "the file outside")
  end)

add("file-rw", "a single file with `rw` is changed outside as well",
  "cat /mnt/file-rw; echo changed >/mnt/file-rw",
  function(t, given)
    local file = source(t) .. "/file"
    mount(given, file, "/mnt/file-rw", { mode = "rw" })
    return file
  end,
  function(_, answer, file)
    equal("content", answer.out, "before")
    equal("changed\n", fs.read(file), "the file outside")
  end)

add("file-in-home", "a file may stand in the home, whose directories stay the user's",
  "cat ~/.config/tool/file; touch ~/.config/tool/file; touch ~/.config/tool/more && stat -c %u ~/.config",
  function(t, given) mount(given, source(t) .. "/file", "~/.config/tool/file") end,
  function(t, answer)
    check.matches(answer.out, "^content\n.*Read%-only.*\n" .. t.uid .. "$", "home")
  end)

add("file-in-workspace", "a file over one of the workspace hides it, and changes nothing outside",
  "cat settings; echo x >settings; true",
  function(t, given)
    t:file(given.dir .. "/settings", "of the workspace\n")
    mount(given, source(t) .. "/file", "/workspace/settings")
    return given.dir
  end,
  function(_, answer, dir)
    check.matches(answer.out, "^content\n.*Read%-only", "file")
    equal("of the workspace\n", fs.read(dir .. "/settings"), "the file outside")
  end)

add("optional", "one that is optional and missing is left out", "test -e /mnt/missing || echo none",
  function(_, given) mount(given, "/nonexistent/x", "/mnt/missing", { optional = true }) end,
  function(_, answer) equal("none", answer.out, "the place") end)

add("nested", "one may lie in another, read-only in what can be written",
  "cat /mnt/outer/inner/file; touch /mnt/outer/inner/x; touch /mnt/outer/y && ls /mnt/outer",
  function(t, given)
    local outer = source(t)
    t:own(assert(fs.ensure_dir(outer .. "/inner")) and outer .. "/inner")
    mount(given, outer, "/mnt/outer", { mode = "rw" })
    mount(given, source(t), "/mnt/outer/inner")
    return outer
  end,
  function(_, answer, outer)
    check.matches(answer.out, "^content\n.*Read%-only.*\nfile\ninner\ny$", "nested")
    equal(0, #assert(fs.list(outer .. "/inner")), "files below the mount, outside")
  end)

add("twice", "one directory may be at two places, read-only and `rw`",
  "echo x >/mnt/twice-rw/new; cat /mnt/twice-ro/new; touch /mnt/twice-ro/y; ls /mnt/twice-ro",
  function(t, given)
    local dir = source(t)
    mount(given, dir, "/mnt/twice-ro")
    mount(given, dir, "/mnt/twice-rw", { mode = "rw" })
  end,
  function(_, answer) check.matches(answer.out, "^x\n.*Read%-only.*\nfile\nnew$", "both") end)

add("part", "a directory and one file in it may both be mounted",
  "cat /mnt/part-file; echo changed >/mnt/part-file; cat /mnt/part/file",
  function(t, given)
    local dir = source(t)
    mount(given, dir, "/mnt/part")
    mount(given, dir .. "/file", "/mnt/part-file", { mode = "rw" })
    return dir
  end,
  function(_, answer, dir)
    equal("content\nchanged", answer.out, "both")
    equal("changed\n", fs.read(dir .. "/file"), "the file outside")
  end)

add("writable", "a profile's `writable` directory is the user's, in memory",
  "touch /var/cache/x/y && stat -c %u /var/cache/x; grep -c '^[^ ]* /var/cache/x tmpfs' /proc/self/mounts",
  function(_, given) given.profile.writable = { "/var/cache/x" } end,
  function(t, answer) equal(t.uid .. "\n1", answer.out, "owner, and kind") end)

add("link", "a link as the source is what it leads to", "cat /mnt/link/file",
  function(t, given)
    local dir = source(t)
    local link = path.dirname(dir) .. "/link"
    assert(fs.symlink(dir, link))
    mount(given, link, "/mnt/link")
  end,
  function(_, answer) equal("content", answer.out, "file") end)

add("link-inside", "links in a mounted directory lead nowhere outside of it",
  "cat /mnt/links/inner; cat /mnt/links/outer; true",
  function(t, given)
    local dir = source(t)
    assert(fs.symlink("file", dir .. "/inner"))
    assert(fs.symlink(t:file(t.tmp .. "/outside", "secret of the host\n"), dir .. "/outer"))
    mount(given, dir, "/mnt/links")
  end,
  function(_, answer)
    check.matches(answer.out, "^content\n", "the link that stays inside")
    check.lacks(answer.out, "secret", "the link that leads outside")
  end)

-- Places of any name, source and destination.
local function named(id, says, name, lacks)
  add(id, says, ("cat '/mnt/%s/file'"):format(name:gsub("'", "'\\''")),
    function(t, given) mount(given, source(t, name), "/mnt/" .. name) end,
    function(_, answer) equal("content", answer.out, "file") end, lacks)
end

named("space", "paths may hold blanks, quotes and `$`", "it's \"a\" $5 `x`")
named("unicode", "paths may hold any letter", "grüße-日本-🦀")
named("colon", "paths may hold `:`", "a:b")
named("comma", "paths may hold `,`", "a,b")
named("equals", "paths may hold `=`", "source=x")
named("dash", "paths may begin with a dash", "-v")
named("all", "paths may hold `:` together with `,` or `=`", "a:b,c=d", {
  { runtime = "container", reason = "`-v` splits at `:`, `--mount` at `,` and `=`, and neither has an escape",
    answers = "mount" },
})

M[#M + 1] = { id = "mounts.live", says = "what changes outside is seen inside while it runs, and the other way round",
  run = function(t)
    local dir = t:dir()
    local running <close> = t:start(
      "echo up; until [ -e go ]; do sleep 0.05; done; cat go >answer; exit 3", { dir = dir })
    t:file(dir .. "/tmp", "word\n")
    assert(os.rename(dir .. "/tmp", dir .. "/go"))
    check.status(running:wait(), 3)
    equal("word\n", fs.read(dir .. "/answer"), "the answer")
  end }

-- Starts that are refused: nothing is started for these.
local function refused(id, says, cases)
  M[#M + 1] = { id = "mounts." .. id, says = says, run = function(t)
    for _, one in ipairs(cases(t)) do
      local result = t:run({ "true" }, { args = one.args })
      check.holds(result.code == 125 or result.code == 2, one.args[2] .. " was not refused")
      check.has(result.stderr, one.says, "message")
    end
  end }
end

refused("missing", "a source that is not there is refused by name", function()
  return { { args = { "-m", "/nonexistent/x:/mnt/x" }, says = "/nonexistent/x" } }
end)

refused("dangerous", "sources that would give the host away are refused", function(t)
  local link = t.tmp .. "/link-to-home"
  assert(fs.symlink(os.getenv("HOME"), link))
  local list = {}
  for _, from in ipairs({ os.getenv("HOME"), "/", "~", link, os.getenv("XDG_RUNTIME_DIR") .. "/wrapix" }) do
    list[#list + 1] = { args = { "-m", from .. ":/mnt/x" }, says = "allow_dangerous" }
  end
  return list
end)

refused("collision", "places a sandbox is made of, and one place twice, are refused", function(t)
  local dir, list = source(t), {}
  for _, dest in ipairs({ "/", "/workspace", "/run/wrapix/bin", "/proc/x", "/tmp", "/home/wrapix" }) do
    list[#list + 1] = { args = { "-m", dir .. ":" .. dest }, says = dest }
  end
  list[#list + 1] = { args = { "-m", dir .. ":/mnt/x", "-m", dir .. ":/mnt/x" }, says = "/mnt/x" }
  return list
end)

return M
