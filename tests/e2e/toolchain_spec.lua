-- SPDX-License-Identifier: MIT
-- Toolchains by rustup and uv: what cannot be had is told before anything is built,
-- what can is installed in a stage of its own. A server of this spec stands in for
-- rustup's, with programs that say only their names. On one host, as the engine gives
-- its builds no other network than its containers.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local http = require("support.http")
local proc = require("wrapix.proc")
local sha256 = require("wrapix.sha256")
local sys = require("wrapix.sys")

local NAME = "e2e" .. sys.random_hex(3)
-- Nothing listens there, on whatever network the host has.
local NOBODY = "http://127.0.0.1:9"

local function run(argv)
  local result = assert(proc.run(argv, { timeout = 60 }))
  assert.equal(0, result.code, result.stderr)
  return (result.stdout:gsub("%s+$", ""))
end

local function remove_images()
  for ref in e2e.podman("images", "--format", "{{.Repository}}:{{.Tag}}"):gmatch("%S+") do
    if ref:find("localhost/wrapix-" .. NAME, 1, true) then e2e.podman("rmi", "--force", ref) end
  end
end

local function build(file, env)
  return e2e.cli({ "image", "build", file }, { env = env, timeout = 300 })
end

-- A part of a toolchain as rustup takes it: programs, and a list of them.
local function component(dir, name, files)
  local root = ("%s/%s-1.85.0"):format(dir, name)
  local list = {}
  for file, text in pairs(files) do
    assert(fs.ensure_dir(("%s/%s/%s"):format(root, name, file:match("^(.*)/"))))
    e2e.file(("%s/%s/%s"):format(root, name, file), text, tonumber("755", 8))
    list[#list + 1] = "file:" .. file .. "\n"
  end
  e2e.file(root .. "/" .. name .. "/manifest.in", table.concat(list))
  e2e.file(root .. "/components", name .. "\n")
  e2e.file(root .. "/rust-installer-version", "3\n")
  run({ "tar", "-czf", ("%s/%s.tar.gz"):format(dir, name), "-C", dir, name .. "-1.85.0" })
  return assert(fs.read(("%s/%s.tar.gz"):format(dir, name)))
end

local function program(name)
  return { ["bin/" .. name] = ("#!/bin/sh\necho '%s 1.85.0 stand-in'\n"):format(name) }
end

--- The files of a server that has rust 1.85, as rustup's manifests are (version 2).
local function distribution(address)
  local dir, host = e2e.dir("dist"), run({ "uname", "-m" }) .. "-unknown-linux-gnu"
  local std = "rust-std-" .. host
  local served, lines, parts = {}, { 'manifest-version = "2"', 'date = "2025-02-20"' }, {}
  local function add(package, name, files)
    local data = component(dir, name, files)
    served["/dist/" .. name .. ".tar.gz"] = data
    for _, line in ipairs({
      ("[pkg.%s]"):format(package), 'version = "1.85.0 (stand-in)"',
      ("[pkg.%s.target.%s]"):format(package, host), "available = true",
      ('url = "http://%s/dist/%s.tar.gz"'):format(address, name),
      ('hash = "%s"'):format(sha256.hex(data)),
    }) do lines[#lines + 1] = line end
    parts[#parts + 1] = ('{ pkg = "%s", target = "%s" }'):format(package, host)
  end
  add("rustc", "rustc", program("rustc"))
  add("cargo", "cargo", program("cargo"))
  add("rust-std", std, { [("lib/rustlib/%s/lib/std"):format(host)] = "std\n" })
  local names = '["rustc", "cargo", "rust-std"]'
  for _, line in ipairs({
    "[pkg.rust]", 'version = "1.85.0 (stand-in)"', ("[pkg.rust.target.%s]"):format(host),
    "available = true", ('url = "http://%s/none"'):format(address), 'hash = "0"',
    ("components = [%s]"):format(table.concat(parts, ", ")), "extensions = []",
    "[profiles]", "minimal = " .. names, "default = " .. names, "complete = " .. names,
  }) do lines[#lines + 1] = line end
  local manifest = table.concat(lines, "\n") .. "\n"
  served["/dist/channel-rust-1.85.toml"] = manifest
  served["/dist/channel-rust-1.85.toml.sha256"] = sha256.hex(manifest) .. "  channel-rust-1.85.toml\n"
  return served
end

-- An archive of a Python package that builds itself, into a program that says what it
-- was told and, being told to install a tool, makes one.
local BACKEND = [[
import os, zipfile

UV = """#!/bin/sh
case "$1 $2" in
  "tool install")
    printf '#!/bin/sh\\necho "stand-in of %s"\\n' "$3" >"$UV_TOOL_BIN_DIR/${3%%==*}"
    chmod 755 "$UV_TOOL_BIN_DIR/${3%%==*}" ;;
  *) echo "uv 0.5.1 stand-in" ;;
esac
"""

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "uv-0.5.1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        about = "uv-0.5.1.dist-info/"
        program = zipfile.ZipInfo("uv-0.5.1.data/scripts/uv")
        program.external_attr = 0o100755 << 16
        wheel.writestr(program, UV)
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 0.5.1\n")
        wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(about + "RECORD", "")
    return name
]]

--- The files of an index that has uv 0.5.1 and, by its name alone, ruff 0.9.1.
local function index()
  local dir = e2e.dir("index")
  local root = dir .. "/uv-0.5.1"
  assert(fs.ensure_dir(root))
  e2e.file(root .. "/backend.py", BACKEND)
  e2e.file(root .. "/PKG-INFO", "Metadata-Version: 2.1\nName: uv\nVersion: 0.5.1\n")
  e2e.file(root .. "/pyproject.toml",
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
  run({ "tar", "-czf", dir .. "/uv.tar.gz", "-C", dir, "uv-0.5.1" })
  return {
    ["/simple/uv/"] = '<a href="uv-0.5.1.tar.gz">uv-0.5.1.tar.gz</a>\n',
    ["/simple/uv/uv-0.5.1.tar.gz"] = assert(fs.read(dir .. "/uv.tar.gz")),
    ["/simple/ruff/"] = '<a href="ruff-0.9.1.tar.gz">ruff-0.9.1.tar.gz</a>\n',
  }
end

--- A server of files, at the address containers see this host by.
---@return { address: string, problems: string[] } server to be closed
---@return table<string, string> served by path; may be filled later
local function serve()
  local problems, served = {}, {}
  local listener = http.listen("0.0.0.0", "host.containers.internal", function(stream)
    local request = http.read(stream)
    local data = request and served[request.path]
    local headers = { ["content-length"] = data and #data or 0, ["content-type"] = "text/html" }
    stream:write(http.head(data and 200 or 404, headers) .. (data or ""))
  end, problems)
  local server = { address = listener.address, problems = problems }
  return setmetatable(server, { __close = function() listener:close() end }), served
end

describe("a toolchain", function()
  if e2e.host ~= "deb13" then return end
  after_each(e2e.assert_clean)
  teardown(remove_images)

  it("of rustup that cannot be reached is an error, before anything is built", function()
    local dir = e2e.dir()
    e2e.file(dir .. "/rust-toolchain.toml", '[toolchain]\nchannel = "1.85"\n')
    local file = e2e.file(dir .. "/rust.lua", ([[
local wrapix = require("wrapix")
local toolchain = wrapix.profiles.rust.with_toolchain { file = "rust-toolchain.toml" }
return wrapix.derive(toolchain, { name = "%s" })]]):format(NAME))
    local result = build(file, { RUSTUP_DIST_SERVER = NOBODY })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("wrapix: toolchain: rust 1.85 with clippy, rustfmt: "
      .. NOBODY .. " does not answer\n", 1, true), result.stderr)
    assert.truthy(result.stderr:find("\nhint: RUSTUP_DIST_SERVER names a mirror", 1, true))
    assert.falsy(result.stderr:find("building", 1, true), result.stderr)
  end)

  it("of rustup that can be had is installed, asked for all its parts first", function()
    local server <close>, served = serve()
    local address = server.address
    for path, data in pairs(distribution(address)) do served[path] = data end
    local dir, env = e2e.dir(), { RUSTUP_DIST_SERVER = "http://" .. address }
    local function rust(spec)
      return e2e.file(dir .. "/rust.lua", ("return { name = %q, toolchain = { rustup = { %s } } }")
        :format(NAME, spec))
    end

    local result = build(rust("channel = '1.85'"), env)
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("the channel has no clippy, rustfmt\n", 1, true), result.stderr)
    result = build(rust("channel = '1.99', profile = 'minimal'"), env)
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("there is no 1.99-", 1, true), result.stderr)

    local file = rust("channel = '1.85', profile = 'minimal'")
    result = build(file, env)
    assert.equal(0, result.code, result.stderr)
    assert.same({}, server.problems)
    local inside = e2e.cli({ "-q", "-C", dir, file, "--", "sh", "-c",
      "cargo; rustc; command -v rustup; ls /opt/rustup" })
    assert.equal("cargo 1.85.0 stand-in\nrustc 1.85.0 stand-in\nsettings.toml\ntoolchains\n"
      .. "update-hashes\n", inside.stdout)
  end)

  it("of uv that cannot be reached is left out, and said to be", function()
    local file = e2e.file(e2e.dir() .. "/python.lua", ([[
return { name = "%s-uv", packages = { "python3-venv" },
  toolchain = { uv = { tools = { "ruff", "ty" } } } }]]):format(NAME))
    local result = build(file, { PIP_INDEX_URL = NOBODY .. "/simple" })
    assert.equal(0, result.code, result.stderr)
    assert.truthy(result.stderr:find("wrapix: warning: left out: uv, ruff, ty: ", 1, true),
      result.stderr)
    assert.truthy(result.stderr:find("the index does not answer", 1, true))
    local inside = e2e.cli({ "-q", "-C", e2e.dir(), file, "--", "python3", "-c", "print(6 * 7)" })
    assert.equal("42\n", inside.stdout, inside.stderr)
  end)

  it("of uv that can be had is installed, in the versions that are wanted", function()
    local server <close>, served = serve()
    for path, data in pairs(index()) do served[path] = data end
    local dir = e2e.dir()
    local env = { PIP_INDEX_URL = ("http://%s/simple"):format(server.address),
      PIP_TRUSTED_HOST = "host.containers.internal" }
    local function python(tools)
      return e2e.file(dir .. "/python.lua", ([[
return { name = "%s-tools", packages = { "python3-venv" }, toolchain = { uv = { tools = { %s } } } }
]]):format(NAME, tools))
    end
    local result = build(python('"ruff==0.9.2"'), env)
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("the index has no ruff==0.9.2\n", 1, true), result.stderr)

    local file = python('"ruff==0.9.1"')
    result = build(file, env)
    assert.equal(0, result.code, result.stderr)
    assert.same({}, server.problems)
    local inside = e2e.cli({ "-q", "-C", dir, file, "--", "sh", "-c", "uv --version; ruff" })
    assert.equal("uv 0.5.1 stand-in\nstand-in of ruff==0.9.1\n", inside.stdout, inside.stderr)
  end)
end)
