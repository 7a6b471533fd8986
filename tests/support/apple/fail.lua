-- SPDX-License-Identifier: MIT
-- How a command of the double ends before its time: a table raised as an error, which
-- main.lua prints as the CLI of that version would. Nothing here prints or exits.

local M = {}

local Failure = {}

local function raise(fields) error(setmetatable(fields, Failure), 0) end

---@param value any what was raised
---@return boolean whether it is one of ours
function M.is(value) return getmetatable(value) == Failure end

---An error of the CLI or its daemon: status 1 (facts A10 "Exit", correction 11).
---@param code string such as "invalidArgument"
---@param message string
function M.with(code, message) raise({ kind = "error", code = code, message = message }) end

---As `with`, to be kept and raised later.
---@return table
function M.new(code, message)
  return setmetatable({ kind = "error", code = code, message = message }, Failure)
end

---@param failure table made by new or caught
function M.again(failure) error(failure, 0) end

---Several at once, each printed with its code.
---@param failures table[]
function M.all(failures) raise({ kind = "aggregate", failures = failures }) end

---Wrong words: status 64, the parser's text and the usage line (correction 11).
---@param command string the words of the command, "image load"
---@param message string
---@param usage string the line after "Usage: "
function M.usage(command, message, usage)
  raise({ kind = "usage", command = command, message = message, usage = usage })
end

---Ends with a status and nothing more to say.
---@param status integer
function M.status(status) raise({ kind = "status", status = status }) end

---What the double cannot act out, or does not know: status 70, and where to read about it.
---@param fact string such as "A3, --tmpfs"
---@param message string
function M.unknown(fact, message) raise({ kind = "unknown", fact = fact, message = message }) end

local function described(failure) return ('%s: "%s"'):format(failure.code, failure.message) end

local RENDER = {
  -- The message alone stands there since the error type became a LocalizedError.
  error = function(failure, version)
    local text = version:since("0.10.0") and failure.message or described(failure)
    return 1, "Error: " .. text .. "\n"
  end,
  aggregate = function(failure)
    local lines = {}
    for i, one in ipairs(failure.failures) do lines[i] = described(one) end
    return 1, "Error: " .. table.concat(lines, "\n") .. "\n"
  end,
  usage = function(failure)
    local command = ("container %s"):format(failure.command):gsub(" $", "")
    return 64, ("Error: %s\nUsage: %s\n  See '%s --help' for more information.\n"):format(
      failure.message, failure.usage, command)
  end,
  status = function(failure) return failure.status, "" end,
  unknown = function(failure)
    return 70, ("container-double: %s (facts, %s)\n"):format(failure.message, failure.fact)
  end,
}

---@param failure table
---@param version apple.Version
---@return integer status
---@return string text for stderr
function M.render(failure, version) return RENDER[failure.kind](failure, version) end

return M
