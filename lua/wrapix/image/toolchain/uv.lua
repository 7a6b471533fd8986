-- SPDX-License-Identifier: MIT
-- uv and tools that uv installs, as a stage of an image of Debian: the commands, the
-- question whether the index has them, and what pip's answers mean. Pure. pip asks,
-- because the distribution has it. Tried with pip 25.

local check = require("wrapix.image.toolchain.word").check

local HOME, TOOLS = "/opt/uv", "/opt/uv-tools"

local INDEX = "PIP_INDEX_URL and UV_DEFAULT_INDEX name another index"

local M = {
  packages = { "ca-certificates", "python3-venv" },
  asks = "python3 -m pip --version",
  asks_with = { "ca-certificates", "python3-pip" },
  variables = { "PIP_INDEX_URL", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX" },
  is_optional = true,
  silence_hint = INDEX,
  replaced = {},
}

-- uv first, in the version of the tool "uv==…" when there is one.
local function parts_of(spec)
  local parts = { { name = "uv" } }
  for _, entry in ipairs(spec.tools or {}) do
    local name, version = tostring(entry):match("^(.-)==(.*)$")
    local part = { name = check("tool", name or entry) }
    part.version = version and check("version", version)
    parts[part.name == "uv" and 1 or #parts + 1] = part
  end
  return parts
end

local function exact(part) return part.version and part.name .. "==" .. part.version or part.name end

--- The toolchain in words, such as "uv, ruff==0.9.1, ty".
---@param spec table
---@return string
function M.words(spec)
  local words = {}
  for i, part in ipairs(parts_of(spec)) do words[i] = exact(part) end
  return table.concat(words, ", ")
end

--- The commands that install it.
---@param spec table
---@return string[]
function M.source(spec)
  local parts = parts_of(spec)
  local commands = {
    "python3 -m venv " .. HOME,
    ("%s/bin/pip install --no-cache-dir --disable-pip-version-check '%s'")
      :format(HOME, exact(parts[1])),
    ("ln -sf %s/bin/uv %s/bin/uvx /usr/local/bin/"):format(HOME, HOME),
    ("export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_TOOL_DIR=%s UV_TOOL_BIN_DIR=/usr/local/bin")
      :format(TOOLS),
  }
  for i = 2, #parts do
    commands[#commands + 1] = ("uv tool install '%s'"):format(exact(parts[i]))
  end
  return commands
end

-- ask NAME [VERSION]; of versions pip prints one list, newest first.
local ASK = [[
ask() {
  status=0
  answer=$(timeout %d python3 -m pip --disable-pip-version-check --timeout 10 --retries 1 \
    index versions "$1" 2>&1) || status=$?
  printf '%%s\n' "$answer"
  [ $status != 124 ] || echo 'wrapix: no answer'
  [ $status = 0 ] || { echo "wrapix: no $1"; exit 1; }
  [ -z "${2:-}" ] || printf '%%s\n' "$answer" | sed -n 's/^Available versions://p' | tr , '\n' |
    grep -qxF " $2" || { echo "wrapix: no $1==$2"; exit 1; }
}]]

--- The commands that ask whether all of it can be had; the status is the answer.
---@param spec table
---@param seconds integer that one question may take
---@return string[]
function M.question(spec, seconds)
  local commands = { ASK:format(seconds) }
  for _, part in ipairs(parts_of(spec)) do
    local version = part.version and (" '%s'"):format(part.version) or ""
    commands[#commands + 1] = ("ask '%s'%s"):format(part.name, version)
  end
  return commands
end

--- What a line of the output means.
---@param line string
---@return string? reason nil when it is none that is known
---@return string? code
---@return string? hint
function M.meaning(line)
  local failure = line:match("connection broken by '(%a+)")
  if failure then return ("the index does not answer (%s)"):format(failure), "ENETUNREACH", INDEX end
  local name = line:match("^wrapix: no ([%w._=+!-]+)$")
  if name then return "the index has no " .. name, "ENOPKG" end
end

return M
