-- SPDX-License-Identifier: MIT

local double = require("unit.wrapix.cli.double")
local fs = require("wrapix.fs")

local T = "2026-11-21T22:56:05.123456789+00:00"

local ENTRIES = {
  { session = "aa", name = "web", start = 0, seconds = 1.25, exit = 3, profile = "base",
    workspace = "/w", detach = true },
  { session = "bb", name = "web", start = 10, lost = true, detach = true },
  { session = "cc", name = "fg", start = 20, seconds = 2, signal = 9, workspace = "/x\27[2J" },
}

local function with_record(d, entries, skipped)
  d.record.read = function(_, opts)
    local last = opts and opts.last or #entries
    return table.move(entries, math.max(1, #entries - last + 1), #entries, 1, {}), skipped or 0
  end
  return d
end

describe("logs without ID", function()
  it("shows the record", function()
    local status, out = double.run(with_record(double.new(), ENTRIES), "logs")
    assert.equal(0, status)
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.matches("^START +TOOK +EXIT +NAME +PROFILE +SESSION +WORKSPACE$", lines[1])
    assert.matches(" 1.2s +3 +web +base +aa +/w$", lines[2])
    assert.matches(" %- +lost +web +%- +bb +%-$", lines[3])
    assert.matches(' 2.0s +signal 9 +fg +%- +cc +"/x\\x1b%[2J"$', lines[4])
  end)

  it("shows the end of it, as JSON too", function()
    local _, out = double.run(with_record(double.new(), ENTRIES), "logs", "--last", "1")
    assert.is_nil(out:find("aa", 1, true))
    _, out = double.run(with_record(double.new(), ENTRIES), "logs", "--json", "-n", "1")
    assert.truthy(out:find('^%[{.*"session":"cc"'), out)
    _, out = double.run(with_record(double.new(), {}), "logs", "--json")
    assert.equal("[]\n", out)
  end)

  it("says when there is none, unless none was asked for", function()
    local _, out, err = double.run(with_record(double.new(), {}), "logs")
    assert.same({ "", "wrapix: note: no session has ended yet\n" }, { out, err })
    _, out, err = double.run(with_record(double.new(), ENTRIES), "logs", "--last", "0")
    assert.same({ "", "" }, { out, err })
  end)

  it("tells of lines it cannot read", function()
    local _, _, err = double.run(with_record(double.new(), ENTRIES, 2), "logs")
    assert.truthy(err:find("record: 2 lines cannot be read", 1, true), err)
  end)

  it("refuses what makes no sense", function()
    for _, words in ipairs({ { "--follow" }, { "--verify", "web" }, { "--verify", "--last", "1" },
      { "--last", "x" }, { "--last", "-1" }, { "a", "b" } }) do
      assert.equal(2, double.run(double.new(), "logs", table.unpack(words)))
    end
  end)
end)

describe("logs --verify", function()
  it("tells what is wrong, with status 1", function()
    local d = double.new()
    d.record.verify = function()
      return { ok = false, lines = 3, records = 2, total = 1,
        problems = { { line = 2, kind = "changed", text = "is not as it was" } } }
    end
    local status, out = double.run(d, "logs", "--verify")
    assert.equal(1, status)
    assert.equal("line 2: changed: is not as it was\n"
      .. "the record is not as it was written: 2 sessions in 3 lines\n", out)
    d.written = {}
    status, out = double.run(d, "logs", "--verify", "--json")
    assert.equal(1, status)
    assert.truthy(out:find('"ok":false', 1, true))
    assert.equal(0, double.run(double.new(), "logs", "--verify"))
  end)

  it("names the file of what crashes left, with status 0", function()
    local d = double.new()
    d.record.verify = function()
      return { ok = true, lines = 2, records = 2, total = 0, problems = {}, kept = "/s/x.torn" }
    end
    local status, _, err = double.run(d, "logs", "--verify")
    assert.equal(0, status)
    assert.truthy(err:find("note: record: pieces of lines torn by crashes are kept in /s/x.torn",
      1, true), err)
  end)
end)

describe("logs ID", function()
  local dir

  before_each(function()
    dir = assert(fs.temp_dir("logs-"))
    assert(fs.ensure_dir(dir .. "/logs"))
    assert(fs.append(dir .. "/logs/aa.log", T .. " stdout F old\n"))
    assert(fs.append(dir .. "/logs/bb.log", T .. " stdout F one\n" .. T .. " stderr F bad\n"
      .. T .. " stdout P two\n"))
  end)
  after_each(function() fs.remove_tree(dir) end)

  local function new()
    local d = with_record(double.new(), ENTRIES)
    d.dirs = function() return { state = dir, runtime = dir .. "/run" } end
    d.fs = fs
    return d
  end

  it("shows the output of the newest of a name, errors apart", function()
    local status, out, err = double.run(new(), "logs", "web")
    assert.same({ 0, "one\ntwo", "bad\n" }, { status, out, err })
    assert.equal("old\n", select(2, double.run(new(), "logs", "a")))
    assert.equal("bad\n", select(3, double.run(new(), "logs", "bb", "-n", "1")))
  end)

  it("prints one JSON object a line", function()
    local _, out = double.run(new(), "logs", "bb", "--json")
    assert.equal(('{"stream":"stdout","text":"one","time":"%s"}\n'):format(T)
      .. ('{"stream":"stderr","text":"bad","time":"%s"}\n'):format(T)
      .. ('{"partial":true,"stream":"stdout","text":"two","time":"%s"}\n'):format(T), out)
  end)

  it("follows until the sandbox has ended", function()
    local d, turns = new(), 0
    d.reap.read = function() return nil, { "owner" } end
    d.owner.state = function() return turns < 2 and "alive" or "dead" end
    d.task.sleep = function(seconds)
      assert.truthy(seconds >= 0.05)
      turns = turns + 1
      assert(fs.append(dir .. "/logs/bb.log", ("%s stdout F more %d\n"):format(T, turns)))
      return true
    end
    local status, out = double.run(d, "logs", "bb", "--follow")
    assert.same({ 0, "one\ntwomore 1\nmore 2\n" }, { status, out })
  end)

  it("ends when nobody reads", function()
    local d = new()
    d.reap.read = function() return nil, { "owner" } end
    d.owner.state = function() return "alive" end
    local flushed = 0
    d.flush = function()
      flushed = flushed + 1
      if flushed > 2 then return nil, "Broken pipe" end
      return true
    end
    double.run(d, "logs", "bb", "-f")
    assert.truthy(flushed < 6)
  end)

  it("says why there is no output", function()
    local status, _, err = double.run(new(), "logs", "fg")
    assert.equal(125, status)
    assert.truthy(err:find("logs: fg: was not detached", 1, true), err)
    assert(fs.unlink(dir .. "/logs/bb.log"))
    err = select(3, double.run(new(), "logs", "bb"))
    assert.truthy(err:find("logs: web: its output is gone", 1, true), err)
    err = select(3, double.run(new(), "logs", "nix"))
    assert.truthy(err:find("logs: nix: no such sandbox", 1, true), err)
  end)
end)
