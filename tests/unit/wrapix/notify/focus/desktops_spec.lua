-- SPDX-License-Identifier: MIT
-- The detectors of desktops, by answers as these give them.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local net = require("wrapix.net")
local screens = require("wrapix.notify.screen")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local world = require("unit.wrapix.notify.focus.world")

local function detector(name) return require("wrapix.notify.focus." .. name) end

-- Serves a socket with `answer(stream)` while fn(path) runs.
local function with_server(answer, fn)
  local dir = assert(fs.temp_dir())
  local path = dir .. "/.socket.sock"
  local server = assert(net.listen_unix(path))
  task.scope(function(scope)
    scope:spawn(function()
      while true do
        local stream = server:accept()
        if not stream then return true end
        answer(stream)
        stream:close()
      end
    end)
    local ok, err = pcall(fn, path, dir)
    server:close()
    if not ok then error(err, 0) end
    return true
  end)
  assert(fs.remove_tree(dir))
end

-- A screen whose ancestors are this process: its window is process sys.pid().
local function own_screen(fields)
  local screen = screens.describe({})
  for name, value in pairs(fields) do screen[name] = value end
  return screen
end

local function ipc_reply(kind, text) return "i3-ipc" .. string.pack("=I4I4", #text, kind) .. text end

local NIRI = [[{"Ok":{"Windows":[
 {"id":3,"title":"a","app_id":"foot","pid":20,"workspace_id":1,"is_focused":true,"is_floating":false},
 {"id":4,"title":"b","app_id":"firefox","pid":null,"workspace_id":2,"is_focused":false}]}}]]

local TREE = [[{"id":1,"type":"root","focused":false,"nodes":[{"type":"output","nodes":[
 {"type":"workspace","nodes":[{"type":"con","nodes":[
   {"type":"con","pid":20,"app_id":"foot","focused":true,"window":null,"nodes":[]},
   {"type":"con","pid":33,"window":6291468,"focused":false,"nodes":[]}]}],
  "floating_nodes":[{"type":"floating_con","nodes":[
   {"type":"con","pid":34,"window":6291469,"focused":false}]}]}]}]}]]

describe("niri", function()
  it("names the windows and their processes", function()
    assert.same({ { pid = 20, focused = true }, { focused = false } }, detector("niri").parse(NIRI))
  end)

  it("is asked over its socket, for one line", function()
    local asked
    with_server(function(stream)
      asked = stream:read_line()
      stream:write(('{"Ok":{"Windows":[{"pid":%d,"is_focused":false}]}}\n'):format(sys.pid()))
    end, function(path)
      assert.equal("away", (detector("niri").ask(own_screen({ niri = path }))))
    end)
    assert.equal('"Windows"', asked)
  end)
end)

describe("sway and i3", function()
  local tree = detector("tree")

  it("have their windows in a tree", function()
    assert.same({ { pid = 20, focused = true }, { pid = 33, window = 6291468, focused = false },
      { pid = 34, window = 6291469, focused = false } }, tree.windows(TREE))
  end)

  it("refuse what is no tree", function()
    for _, text in ipairs(world.GARBAGE) do
      local windows = tree.windows(text)
      assert.is_true(windows == nil or #windows == 0, text)
    end
    assert.is_nil((tree.windows('{"type":"root","nodes":' .. ('[{"nodes":'):rep(500) .. "1"
      .. ("}]"):rep(500) .. "}")))
  end)

  it("are asked over their sockets", function()
    local text = ('{"type":"root","nodes":[{"pid":%d,"window":5,"focused":false}]}'):format(sys.pid())
    local heads = {}
    with_server(function(stream)
      heads[#heads + 1] = stream:read_exact(14)
      local reply = ipc_reply(4, text)
      stream:write(reply:sub(1, 20)) -- in pieces
      task.yield()
      stream:write(reply:sub(21))
    end, function(path)
      assert.equal("away", (detector("sway").ask(own_screen({ sway = path }))))
      assert.equal("away", (detector("i3").ask(own_screen({ i3 = path, window_id = 5 }))))
      assert.equal("unknown", (detector("i3").ask(own_screen({ i3 = path, window_id = 6 }))))
    end)
    assert.same({ "i3-ipc\0\0\0\0\4\0\0\0", "i3-ipc\0\0\0\0\4\0\0\0", "i3-ipc\0\0\0\0\4\0\0\0" }, heads)
  end)

  it("know i3's window by its number", function()
    local screen, reader = world.new()
    screen.window_id = 6291468
    local i3 = detector("i3")
    assert.is_true(i3.applies({ i3 = "/s", window_id = 1 }))
    assert.is_false(i3.applies({ i3 = "/s" }))
    assert.equal("focused", (i3.judge(screen, { { window = 6291468, focused = true } }, reader)))
    assert.equal("away", (i3.judge(screen, tree.windows(TREE), reader)))
  end)
end)

describe("Hyprland", function()
  it("names the active window by its address", function()
    local clients = '[{"address":"0x55","pid":20,"class":"foot"},{"address":"0x66","pid":21}]'
    local parse = detector("hyprland").parse
    assert.same({ { pid = 20, focused = true }, { pid = 21, focused = false } },
      parse(clients, '{"address":"0x55","pid":20}'))
    assert.same({ { pid = 20, focused = false }, { pid = 21, focused = false } }, parse(clients, "{}"))
    assert.is_nil((parse(clients, "Invalid")))
    assert.is_nil((parse("unknown request", "{}")))
  end)

  it("is asked twice over its socket", function()
    local asked = {}
    with_server(function(stream)
      asked[#asked + 1] = stream:read()
      stream:write(#asked == 1 and ('[{"address":"0x5","pid":%d}]'):format(sys.pid()) or "{}")
    end, function(_, dir)
      assert.equal("away", (detector("hyprland").ask(own_screen({ hyprland = dir }))))
    end)
    assert.same({ "j/clients", "j/activewindow" }, asked)
  end)
end)

describe("a socket", function()
  local ASKED = { niri = "niri", sway = "sway", i3 = "i3", hyprland = "hyprland" }

  local function ask_all(path, dir)
    for name, field in pairs(ASKED) do
      local screen = own_screen({ [field] = name == "hyprland" and dir or path, window_id = 5 })
      local answer, detail = detector(name).ask(screen)
      assert.same({ "unknown", "string" }, { answer, type(detail) }, name)
    end
  end

  it("that is not there, or that nobody serves, is unknown", function()
    ask_all("/nonexistent/s", "/nonexistent")
    ask_all("/" .. ("x"):rep(200), "/" .. ("x"):rep(200))
  end)

  it("that hangs up, cuts off or lies is unknown", function()
    for _, reply in ipairs({ "", "i3-ipc", ipc_reply(4, ""), ipc_reply(7, "{}"),
      "i3-ipc" .. string.pack("=I4I4", 0xffffffff, 4), ipc_reply(4, '{"type":"root"}'):sub(1, -3),
      ("x"):rep(100) .. "\n" }) do
      with_server(function(stream)
        stream:read(14)
        stream:write(reply)
      end, ask_all)
    end
  end)

  it("that says nothing is unknown after half a second", function()
    with_server(function(stream) stream:read_all() end, function(path)
      local before = sys.clock()
      assert.equal("unknown", (detector("niri").ask(own_screen({ niri = path }))))
      assert.is_true(sys.clock() - before < 20)
    end)
  end)

  it("that never ends is unknown", function()
    with_server(function(stream)
      stream:read()
      while stream:write(("x"):rep(1 << 16)) do task.yield() end
    end, function(path)
      assert.equal("unknown", (detector("niri").ask(own_screen({ niri = path }))))
    end)
  end)
end)

describe("X11", function()
  local x11 = detector("x11")

  it("is asked only where there is no Wayland", function()
    assert.is_true(x11.applies({ display = ":0" }))
    assert.is_false(x11.applies({ display = ":0", wayland = "wayland-0" }))
    assert.is_false(x11.applies({}))
  end)

  it("reads the active window and its process", function()
    assert.equal(0x60000c, x11.parse_active("_NET_ACTIVE_WINDOW(WINDOW): window id # 0x60000c\n"))
    assert.is_nil((x11.parse_active("_NET_ACTIVE_WINDOW:  no such atom on any window.\n")))
    assert.is_nil((x11.parse_active("_NET_ACTIVE_WINDOW(WINDOW): window id # 0x" .. ("f"):rep(40))))
    assert.equal(77, x11.parse_pid("_NET_WM_PID(CARDINAL) = 77\n"))
    assert.is_nil(x11.parse_pid("_NET_WM_PID:  not found.\n"))
  end)

  it("compares the window's number", function()
    local ours = "_NET_ACTIVE_WINDOW(WINDOW): window id # 0x5\n"
    local run, asked = world.runner({ ours })
    local answer = x11.ask({ display = ":9", window_id = 6 }, run)
    assert.equal("away", answer)
    assert.same({ "xprop", "-display", ":9", "-root", "_NET_ACTIVE_WINDOW" }, asked[1].argv)
    local none = "_NET_ACTIVE_WINDOW(WINDOW): window id # 0x0\n"
    assert.equal("away", (x11.ask({ display = ":9", window_id = 6 }, (world.runner({ none })))))
  end)

  it("compares processes where there is no number", function()
    local run, asked = world.runner({ "_NET_ACTIVE_WINDOW(WINDOW): window id # 0x5\n",
      "_NET_WM_PID(CARDINAL) = 1073741823\n" })
    assert.equal("away", (x11.ask(own_screen({ display = ":9" }), run)))
    assert.same({ "xprop", "-display", ":9", "-id", "0x5", "_NET_WM_PID" }, asked[2].argv)
  end)
end)

describe("GNOME and KDE", function()
  local gnome, kde = detector("gnome"), detector("kde")

  it("are asked on Wayland only", function()
    assert.is_true(gnome.applies({ wayland = "w", desktop = "ubuntu:GNOME" }))
    assert.is_false(gnome.applies({ display = ":0", desktop = "GNOME" }))
    assert.is_false(gnome.applies({ wayland = "w", desktop = "X-GNOME-Like" }))
    assert.is_true(kde.applies({ wayland = "w", desktop = "KDE" }))
    assert.is_false(kde.applies({ wayland = "w" }))
  end)

  it("read the process of the active window", function()
    assert.equal(20, gnome.parse("('{\"title\":\"it\\'s\",\"pid\":20,\"focus\":true}',)\n"))
    assert.equal(20, gnome.parse([[("{\"title\":\"it's\",\"pid\":20}",)]]))
    assert.is_nil((gnome.parse("('{}',)")))
    assert.equal(4711, kde.parse("4711\n"))
    assert.is_nil(kde.parse("4711\n12\n"))
  end)

  it("know nothing when nobody answers them", function()
    local denied = { code = 1, stdout = "", stderr = "Error: GDBus.Error:…UnknownMethod: no" }
    local answer, detail = gnome.ask({}, (world.runner({ denied })))
    assert.same({ "unknown", "gdbus: Error: GDBus.Error:…UnknownMethod: no" }, { answer, detail })
    assert.equal("unknown", (kde.ask({}, (world.runner({})))))
  end)
end)

describe("macOS", function()
  local macos = detector("macos")
  local screen = { bundle = "com.apple.Terminal" }

  it("compares the program in front", function()
    local function ask(bundle)
      local run, asked = world.runner({ "ASN:0x0-0x1a01a:\n",
        ("\"CFBundleIdentifier\"=\"%s\"\n"):format(bundle) })
      return (macos.ask(screen, run)), asked
    end
    local answer, asked = ask("com.apple.Terminal")
    assert.equal("focused", answer)
    assert.same({ "lsappinfo", "info", "-only", "bundleid", "ASN:0x0-0x1a01a:" }, asked[2].argv)
    assert.equal("away", (ask("com.apple.Safari")))
    assert.equal("unknown", (ask("[ NULL ]")))
  end)

  it("passes on no word that is not the name of a program", function()
    local run, asked = world.runner({ "ASN:0x0-0x1: -all\n", "x" })
    assert.equal("unknown", (macos.ask(screen, run)))
    assert.equal(1, #asked)
  end)
end)

describe("a program's answer", function()
  local SCREEN = { display = ":1", window_id = 5, bundle = "a.b", chain = {} }
  local NAMES = { "x11", "kde", "gnome", "macos" }

  it("is never read for more than it is", function()
    for _, name in ipairs(NAMES) do
      for _, text in ipairs(world.GARBAGE) do
        assert.equal("unknown", (detector(name).ask(SCREEN, (world.runner({ text, text })))), name .. text)
      end
    end
  end)

  it("that fails, hangs or does not end is unknown", function()
    for _, name in ipairs(NAMES) do
      for _, result in ipairs({
        { code = 0, stdout = "1", truncated = true }, { signal = 15, timed_out = true },
        { signal = 11, stderr = "" }, { code = 127, stderr = "no" }, { code = 0 },
      }) do
        assert.equal("unknown", (detector(name).ask(SCREEN, (world.runner({ result })))), name)
      end
      assert.equal("unknown", (detector(name).ask(SCREEN, (world.runner({})))), name)
    end
  end)

  it("is asked for with a short time and bounded output", function()
    for _, name in ipairs(NAMES) do
      local run, asked = world.runner({})
      detector(name).ask(SCREEN, run)
      assert.is_true(asked[1].opts.timeout <= 0.5, name)
      assert.is_true(asked[1].opts.max_output <= 4 << 20, name)
      assert.truthy(json.encode(asked[1].argv))
    end
  end)
end)
