-- SPDX-License-Identifier: MIT
-- Specs of wrapix.sys: every fact is compared with another way to know it.

local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local function status(field)
  return fs.read("/proc/self/status"):match("\n" .. field .. ":%s*([^\n]*)")
end

describe("sys", function()
  it("tells the ids of the process", function()
    local real, effective = status("Uid"):match("(%d+)%s+(%d+)")
    assert.equal(tonumber(real), sys.uid())
    assert.equal(tonumber(effective), sys.euid())
    assert.equal(tonumber(status("Gid"):match("%d+")), sys.gid())
    assert.equal(tonumber(status("Pid")), sys.pid())
    assert.equal(tonumber(status("PPid")), sys.ppid())
  end)

  it("knows the user's name as the user database has it", function()
    local passwd = fs.read("/etc/passwd") or ""
    local name = ("\n" .. passwd):match(("\n([^:\n]+):[^:\n]*:%d:"):format(sys.uid()))
    if name then
      assert.equal(name, sys.username())
    else
      assert.is_true(sys.username() == nil or #sys.username() > 0)
    end
  end)

  it("knows the home directory", function()
    local home = os.getenv("HOME")
    if home and home:sub(1, 1) == "/" then
      assert.equal(home, sys.home())
    else
      assert.is_true(sys.home() == nil or sys.home():sub(1, 1) == "/")
    end
  end)

  it("knows the host name and the boot", function()
    assert.equal((fs.read("/proc/sys/kernel/hostname"):gsub("\n", "")), sys.hostname())
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", sys.boot_id())
    assert.equal(sys.boot_id(), sys.boot_id())
  end)

  it("tells when a process started", function()
    local start = sys.process_start(sys.pid())
    assert.matches("^%d+$", start)
    assert.equal(start, sys.process_start(sys.pid()))
    assert.is_true(tonumber(sys.process_start(1)) <= tonumber(start))
  end)

  it("tells that there is no such process", function()
    local start, message, code = sys.process_start(2147483647)
    assert.is_nil(start)
    assert.equal("ESRCH", code)
    assert.matches("^ESRCH: ", message)
    assert.error_matches(function() sys.process_start(0) end, "process id")
    assert.error_matches(function() sys.process_start("1x") end, "number expected")
  end)

  it("signals the process that is meant, and no other of its id", function()
    local start = assert(sys.process_start(sys.pid()))
    assert.is_true(sys.signal(sys.pid(), start, 0))
    local ok, message, code = sys.signal(sys.pid(), "1", 0)
    assert.is_nil(ok)
    assert.equal("ESRCH", code)
    assert.matches("^ESRCH: signal process %d+", message)
    assert.equal("ESRCH", select(3, sys.signal(2147483647, start, 0)))
    assert.error_matches(function() sys.signal(0, start, 0) end, "process id")
    assert.error_matches(function() sys.signal(1, start, 1000) end, "signal number")
  end)

  it("tells what is no terminal", function()
    local file <close> = assert(io.open("/dev/null"))
    assert.is_userdata(file)
    local fd
    for _, name in ipairs(fs.list("/proc/self/fd")) do
      local is_null = fs.readlink("/proc/self/fd/" .. name) == "/dev/null"
      if is_null and tonumber(name) > 2 then fd = tonumber(name) end
    end
    assert.is_false(sys.isatty(fd))
    assert.is_nil(sys.term_size(fd))
    assert.is_false(sys.isatty(1000000))
    assert.error_matches(function() sys.isatty(-1) end, "descriptor")
  end)

  it("reads the limits as /proc has them", function()
    local text = fs.read("/proc/self/limits")
    local limits = sys.limits()
    local function same(word, limit)
      local wanted = word == "unlimited" and math.huge or tonumber(word)
      -- valgrind keeps a dozen descriptors for itself and says so to the program alone.
      assert.is_true(limit == wanted or (limit < wanted and limit >= wanted - 16))
    end
    for field, line in pairs({ nofile = "Max open files", nproc = "Max processes" }) do
      local soft, hard = text:match(line .. "%s+(%S+)%s+(%S+)")
      same(soft, limits[field].soft)
      same(hard, limits[field].hard)
    end
  end)

  it("counts processors and memory", function()
    local count = 0
    for first, last in status("Cpus_allowed_list"):gmatch("(%d+)%-?(%d*)") do
      count = count + (last == "" and 1 or tonumber(last) - tonumber(first) + 1)
    end
    assert.equal(count, sys.cpus())
    local kib = tonumber(fs.read("/proc/meminfo"):match("MemTotal:%s*(%d+)"))
    assert.equal(kib, sys.memory() // 1024)
  end)

  it("reads the environment", function()
    local env = sys.environ()
    assert.equal(os.getenv("PATH"), env.PATH)
    assert.equal(os.getenv("PATH"), sys.env("PATH"))
    assert.is_nil(sys.env("WRAPIX_NO_SUCH_VARIABLE"))
    for name, value in pairs(env) do
      assert.is_nil(name:find("=", 1, true))
      assert.is_string(value)
    end
    assert.is_nil(sys.setenv)
  end)

  it("has two clocks", function()
    local a = sys.clock()
    assert.is_true(sys.clock() >= a)
    assert.is_true(math.abs(sys.time() - os.time()) < 2)
    assert.equal("float", math.type(sys.time()))
  end)

  it("makes random digits", function()
    assert.matches("^%x+$", sys.random_hex(16))
    assert.equal(32, #sys.random_hex(16))
    assert.equal(2048, #sys.random_hex(1024))
    assert.not_equal(sys.random_hex(16), sys.random_hex(16))
    assert.error_matches(function() sys.random_hex(0) end, "1 to 1024")
    assert.error_matches(function() sys.random_hex(1025) end, "1 to 1024")
  end)

  it("names the system", function()
    assert.equal("linux", sys.platform())
    assert.equal((fs.read("/proc/sys/kernel/arch") or sys.arch()):match("%S+"), sys.arch())
  end)

  it("reads capabilities in effect", function()
    local mask = tonumber(status("CapEff"), 16)
    for number = 0, 63 do
      assert.equal((mask >> number) & 1 == 1, sys.capable(number))
    end
    assert.error_matches(function() sys.capable(64) end, "0 to 63")
    assert.error_matches(function() sys.capable("CAP_KILL") end, "integer")
  end)
end)

describe("sys.which", function()
  local dir

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-sys-"))
    for _, name in ipairs({ "a/tool", "b/tool", "b/plain", "b/other" }) do
      assert(fs.ensure_dir(dir .. "/" .. name:match("^[^/]+")))
      local mode = tonumber(name == "b/plain" and "644" or "755", 8)
      assert(fs.write_atomic(dir .. "/" .. name, "", { mode = mode, sync = false }))
    end
    assert(fs.mkdir(dir .. "/a/other"))
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  it("takes the first directory that has it", function()
    local path = ("%s/none:%s/a:%s/b"):format(dir, dir, dir)
    assert.equal(dir .. "/a/tool", sys.which("tool", path))
    assert.equal(dir .. "/b/other", sys.which("other", path)) -- a/other is a directory
  end)

  it("skips what may not be run, and says so", function()
    local found, message, code = sys.which("plain", dir .. "/b")
    assert.is_nil(found)
    assert.equal("EACCES", code)
    assert.matches("plain", message)
  end)

  it("never looks in a relative directory", function()
    local lfs = require("lfs")
    local back = lfs.currentdir()
    assert(lfs.chdir(dir .. "/a"))
    for _, path in ipairs({ ".", "", ":", "::", "./", "../a", ".:..", "a" }) do
      local found, message, code = sys.which("tool", path)
      assert.is_nil(found)
      assert.equal("ENOENT", code)
      assert.equal("ENOENT: find 'tool': not on PATH", message)
    end
    assert.equal("./tool", sys.which("./tool"))
    assert(lfs.chdir(back))
  end)

  it("looks at a name with '/' as it is", function()
    assert.equal(dir .. "/a/tool", sys.which(dir .. "/a/tool", ""))
    assert.is_nil((sys.which(dir .. "/a/none")))
    assert.is_nil((sys.which(dir .. "/a/other")))
    assert.is_nil((sys.which("")))
    assert.error_matches(function() sys.which("a\0b", "/bin") end, "NUL")
    assert.error_matches(function() sys.which() end, "string expected")
  end)
end)
