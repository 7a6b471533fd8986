-- SPDX-License-Identifier: MIT
-- The profiles of languages: a small project of each is built and tested in a sandbox
-- without a network, then a second one elsewhere, which finds in the caches what the
-- first left. The images are built from the package archive and stay in the storage
-- of the host, so that only the first run is slow. On one host: the engine has no
-- part in what a compiler does.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

-- No agent: which one there is has nothing to do with a toolchain, and uv's tools
-- would be asked for on a network that may not be there.
local PROFILE = [[
local wrapix = require("wrapix")
local profile = wrapix.derive(wrapix.profiles.%s, { name = "language-%s", packages = { %s } })
profile.agents, profile.agent, profile.toolchain = nil, nil, nil
return profile
]]

local function workspace(files)
  local dir = e2e.dir()
  for name, text in pairs(files) do
    local parent = name:match("^(.*)/")
    if parent then
      assert(fs.ensure_dir(dir .. "/" .. parent))
      assert(fs.chown(dir .. "/" .. parent, e2e.uid, e2e.gid))
    end
    assert(fs.chown(e2e.file(dir .. "/" .. name, text), e2e.uid, e2e.gid))
  end
  return dir
end

local function profile_of(language, packages)
  local dir = e2e.dir()
  return e2e.file(dir .. "/" .. language .. ".lua", PROFILE:format(language, language, packages or ""))
end

-- The output of a script in a sandbox of the profile, with no network.
local function output(profile, dir, script)
  local result = assert(proc.run({ e2e.wrapix, "-q", "-C", dir, profile, "--network", "none",
    "--", "sh", "-euc", script }, { timeout = 120 }))
  if result.code ~= 0 then
    error(("status %s: %s%s"):format(result.code, result.stdout, result.stderr), 2)
  end
  return result.stdout .. result.stderr
end

local function build(profile)
  local result = e2e.cli({ "image", "build", profile }, { timeout = 600 })
  assert.equal(0, result.code, result.stderr)
end

local function contains(text, part) assert.truthy(text:find(part, 1, true), text) end

describe("a project in", function()
  if e2e.host ~= "deb13" then return end
  after_each(e2e.assert_clean)

  it("rust is built, tested and linted; crates and objects are shared", function()
    local profile = profile_of("rust")
    build(profile)
    local files = {
      ["Cargo.toml"] = '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2021"\n'
        .. '[dependencies]\nseven = "1"\n[workspace]\nexclude = ["seven"]\n',
      ["src/lib.rs"] = "pub fn count(text: &str) -> usize {\n"
        .. "    text.split_whitespace().count() + seven::seven()\n}\n\n"
        .. "#[cfg(test)]\nmod tests {\n    #[test]\n    fn counts() {\n"
        .. '        assert_eq!(super::count("a b c"), 10);\n    }\n}\n',
      [".cargo/config.toml"] = '[source.crates-io]\nreplace-with = "here"\n'
        .. '[source.here]\nlocal-registry = "/workspace/registry"\n',
      ["seven/Cargo.toml"] = '[package]\nname = "seven"\nversion = "1.0.0"\nedition = "2021"\n',
      ["seven/src/lib.rs"] = "pub fn seven() -> usize {\n    7\n}\n",
      -- A registry is archives and a line for each.
      ["registry.sh"] = [[
cd seven && cargo package --quiet --offline --allow-dirty --no-verify
mkdir -p /workspace/registry/index/se/ve
cp target/package/seven-1.0.0.crate /workspace/registry
sum=$(sha256sum target/package/seven-1.0.0.crate | cut -d' ' -f1)
printf '{"name":"seven","vers":"1.0.0","deps":[],"cksum":"%s","features":{},"yanked":false}\n' \
  "$sum" >/workspace/registry/index/se/ve/seven
]],
    }
    local first = workspace(files)
    local out = output(profile, first, "sh registry.sh; cargo test --offline --quiet;"
      .. " cargo clippy --offline --quiet -- -D warnings; cargo fmt --check;"
      .. " cargo build --offline --release; sccache --show-stats")
    contains(out, "test result: ok. 1 passed")
    contains(out, "Finished `release` profile")
    assert.truthy(tonumber(out:match("Cache misses%s+(%d+)")) >= 1, out)
    assert.equal(e2e.uid, fs.stat(first .. "/target/release/libwords.rlib").uid)

    local second = workspace(files)
    out = output(profile, second, "ls ~/.cargo/registry/src/*; sh registry.sh;"
      .. " cargo test --offline --quiet; cargo build --offline --release; sccache --show-stats")
    contains(out, "seven-1.0.0\n")
    contains(out, "test result: ok. 1 passed")
    assert.truthy(tonumber(out:match("Cache hits%s+(%d+)")) >= 1, out)
  end)

  it("rust sees one cache when two sandboxes fill it at once", function()
    local profile = profile_of("rust")
    local function start()
      return assert(proc.spawn({ e2e.wrapix, "-q", "-C", e2e.dir(), profile, "--network", "none",
        "--", "sh", "-euc", "cargo new --quiet --vcs none a && cd a && cargo run --quiet" },
        { stdout = "pipe", stderr = "pipe", session = true }))
    end
    local one <close> = start()
    local two <close> = start()
    for _, running in ipairs({ one, two }) do
      local result = assert(running:wait())
      assert.equal(0, result.code, result.stderr)
      assert.equal("Hello, world!\n", result.stdout)
    end
  end)

  it("python is installed and tested in its environment; wheels are shared", function()
    local profile = profile_of("python", "'python3-setuptools', 'python3-wheel'")
    build(profile)
    local files = {
      ["pyproject.toml"] = '[build-system]\nrequires = ["setuptools"]\n'
        .. 'build-backend = "setuptools.build_meta"\n'
        .. '[project]\nname = "words"\nversion = "0.1.0"\ndependencies = ["seven"]\n'
        .. '[tool.setuptools]\npy-modules = ["words"]\n',
      ["words.py"] = "import seven\n\ndef count(text):\n    return len(text.split()) + seven.SEVEN\n",
      ["test_words.py"] = "import unittest\nimport words\n\n"
        .. "class Words(unittest.TestCase):\n    def test_count(self):\n"
        .. '        self.assertEqual(10, words.count("a b c"))\n',
      ["seven/pyproject.toml"] = '[build-system]\nrequires = ["setuptools"]\n'
        .. 'build-backend = "setuptools.build_meta"\n[project]\nname = "seven"\nversion = "1.0"\n'
        .. '[tool.setuptools]\npy-modules = ["seven"]\n',
      ["seven/seven.py"] = "SEVEN = 7\n",
      ["go.sh"] = [[
(cd seven && python3 -c 'from setuptools import build_meta; build_meta.build_sdist("../dist")')
python3 -m http.server --bind 127.0.0.1 --directory dist 8123 2>/dev/null >&2 & server=$!
python3 -m venv --system-site-packages .venv && . .venv/bin/activate
until curl -fs http://127.0.0.1:8123/ >/dev/null; do sleep 0.05; done
pip install --no-index --no-build-isolation --find-links http://127.0.0.1:8123/ .
kill "$server"
cd /tmp && python -m unittest discover -s /workspace -p 'test_*.py'
]],
    }
    local out = output(profile, workspace(files), "mkdir dist; sh -eu go.sh 2>&1")
    contains(out, "Successfully installed seven-1.0 words-0.1.0")
    contains(out, "Ran 1 test")
    contains(out, "\nOK\n")
    contains(out, "Building wheel for seven")

    out = output(profile, workspace(files), "mkdir dist; sh -eu go.sh 2>&1")
    contains(out, "Ran 1 test")
    contains(out, "Using cached seven-1.0")
    assert.falsy(out:find("Building wheel for seven", 1, true), out)
  end)

  it("node is installed and tested; what npm fetched is shared", function()
    local profile = profile_of("node")
    build(profile)
    local files = {
      ["package.json"] = '{ "name": "words", "version": "0.1.0", "private": true,\n'
        .. '  "scripts": { "test": "node --test" }, "dependencies": { "seven": "1.0.0" } }\n',
      [".npmrc"] = "registry=http://127.0.0.1:8123/\n",
      ["words.js"] = 'const seven = require("seven");\n'
        .. "exports.count = (text) => text.split(/\\s+/).length + seven;\n",
      ["words.test.js"] = 'const test = require("node:test");\n'
        .. 'const assert = require("node:assert");\n'
        .. 'test("counts", () => assert.equal(require("./words").count("a b c"), 10));\n',
      ["seven/package.json"] = '{ "name": "seven", "version": "1.0.0", "main": "seven.js" }\n',
      ["seven/seven.js"] = "module.exports = 7;\n",
      -- As much of a registry as one package needs.
      ["registry.js"] = [[
const { readFileSync } = require("fs");
const { createHash } = require("crypto");
const data = readFileSync("seven-1.0.0.tgz");
const integrity = "sha512-" + createHash("sha512").update(data).digest("base64");
const tarball = "http://127.0.0.1:8123/seven/-/seven-1.0.0.tgz";
const version = { name: "seven", version: "1.0.0", main: "seven.js", dist: { tarball, integrity } };
const about = { name: "seven", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } };
require("http").createServer((request, answer) => {
  answer.end(request.url.endsWith(".tgz") ? data : JSON.stringify(about));
}).listen(8123, "127.0.0.1", () => console.log("listening"));
]],
    }
    local out = output(profile, workspace(files), [[
npm pack --silent ./seven; node registry.js >listening & server=$!
until grep -q listening listening; do sleep 0.05; done
npm install --no-audit --no-fund; kill "$server"; npm test]])
    contains(out, "added 1 package")
    contains(out, "# pass 1")

    out = output(profile, workspace(files), "npm install --offline --no-audit --no-fund; npm test")
    contains(out, "added 1 package")
    contains(out, "# pass 1")
  end)

  it("go is built and tested; modules and results are shared", function()
    local profile = profile_of("go")
    build(profile)
    local files = {
      ["go.mod"] = "module example.org/words\n\ngo 1.24\n\nrequire example.org/seven v1.0.0\n",
      ["words.go"] = 'package words\n\nimport (\n\t"strings"\n\n\t"example.org/seven"\n)\n\n'
        .. "func Count(text string) int { return len(strings.Fields(text)) + seven.Seven }\n",
      ["words_test.go"] = 'package words\n\nimport "testing"\n\n'
        .. "func TestCount(t *testing.T) {\n\tif Count(\"a b c\") != 10 {\n\t\tt.Fatal()\n\t}\n}\n",
    }
    -- A proxy is files; archives are made with what every sandbox has.
    local proxy = [[
at=proxy/example.org/seven/@v; mkdir -p "$at" "zip/example.org/seven@v1.0.0"
printf 'module example.org/seven\n\ngo 1.24\n' | tee "$at/v1.0.0.mod" >zip/example.org/seven@v1.0.0/go.mod
printf 'package seven\n\nconst Seven = 7\n' >zip/example.org/seven@v1.0.0/seven.go
echo '{"Version":"v1.0.0"}' >"$at/v1.0.0.info"; echo v1.0.0 >"$at/list"
(cd zip && zip -Dqr "../$at/v1.0.0.zip" example.org)
export GOSUMDB=off GOPROXY=file:///workspace/proxy
]]
    local out = output(profile, workspace(files), proxy .. "go mod tidy; go vet ./...; go test ./...")
    contains(out, "ok  \texample.org/words\t")
    assert.falsy(out:find("(cached)", 1, true), out)

    local second = workspace(files)
    out = output(profile, second,
      "export GOSUMDB=off GOPROXY=off; go mod tidy; go test ./...; CGO_ENABLED=1 go build ./...")
    contains(out, "ok  \texample.org/words\t(cached)")
    -- Everybody may remove what is theirs.
    output(profile, second, "rm -rf ~/go/pkg/mod/example.org")
  end)

  it("c is built by make and by cmake, tested and checked; objects are shared", function()
    local profile = profile_of("c")
    build(profile)
    local files = {
      ["Makefile"] = "words: words.o main.o\n\t$(CC) $(CFLAGS) -o $@ $^\ntest: words\n"
        .. '\ttest "$$(./words a b c)" = 3\n',
      ["CMakeLists.txt"] = "cmake_minimum_required(VERSION 3.16)\nproject(words C)\n"
        .. "enable_testing()\nadd_executable(words words.c main.c)\n"
        .. "add_test(NAME counts COMMAND words a b c)\n",
      ["words.c"] = "int count(int argc);\nint count(int argc) { return argc - 1; }\n",
      ["main.c"] = "#include <stdio.h>\nint count(int argc);\n"
        .. 'int main(int argc, char **argv) { (void)argv; printf("%d\\n", count(argc)); }\n',
    }
    local script = "make -s test; cmake -B build -S . >/dev/null; cmake --build build >/dev/null;"
      .. " ctest --test-dir build | grep 'tests passed'; valgrind -q ./words a;"
      .. " gdb -batch -ex 'break count' -ex run ./words; ccache --print-stats"
    local out = output(profile, workspace(files), script)
    contains(out, "100% tests passed")
    contains(out, "Breakpoint 1, ")
    assert.truthy(tonumber(out:match("cache_miss\t(%d+)")) >= 2, out)
    local before = tonumber(out:match("direct_cache_hit\t(%d+)"))

    out = output(profile, workspace(files), script)
    contains(out, "100% tests passed")
    assert.truthy(tonumber(out:match("direct_cache_hit\t(%d+)")) >= before + 4, out)
  end)

  it("rust shares its cache with a shell of the host that asks for it", function()
    local profile = profile_of("rust")
    local result = assert(proc.run({ "sh", "-euc",
      'eval "$("$1" profile env "$2")"; ls -a "$CARGO_HOME"; echo "at $CARGO_HOME"', "sh",
      e2e.wrapix, profile }, { timeout = 60 }))
    assert.equal(0, result.code, result.stderr)
    contains(result.stdout, ".package-cache\n")
    assert.truthy(result.stdout:find("\nat /%S+/wrapix/caches/cargo\n$"))
  end)
end)
