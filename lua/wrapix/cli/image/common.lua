-- SPDX-License-Identifier: MIT
-- What the commands of `wrapix image` share: facts, which image a word means, the
-- images of the profiles that have a name, and sizes as people read them.

local options = require("wrapix.cli.options")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local units = require("wrapix.plan.units")

local M = {}

--- The options every one of them has.
M.options = options.list(options.workspace, options.runtime, options.json, options.quiet,
  options.verbose)

M.PROFILE = {
  name = "profile", argname = "PROFILE", optional = true, offers = "profile",
  description = "Name of a profile or path of a .lua file that returns one (default: base).",
}

M.DRY_RUN = {
  flags = { "-n", "--dry-run" }, description = "Tell what would be done; change nothing.",
}

--- The facts of this host, for the workspace of the words.
---@param args table
---@param deps table
---@return wrapix.Facts?
---@return string? message
---@return string? code
---@return string? hint
function M.facts(args, deps)
  return deps.gather({ workspace = prepare.workspace(args, deps), runtime = args.runtime })
end

-- Whether a word is no profile's: a file has its slash before a colon.
local function means_reference(word, deps)
  local name = word:match("^([^:]*):")
  return name and not deps.profile.is_path(name) or word:find("^localhost/") ~= nil
end

--- The image a word names: a reference, or that of a profile.
---@param args table `profile` is the word
---@param facts wrapix.Facts
---@param deps table
---@param action string what the errors begin with
---@return string? ref
---@return string? message
---@return string? code
---@return string? hint
function M.reference(args, facts, deps, action)
  local word = args.profile
  if word and means_reference(word, deps) then
    local ok, reason = units.image_reference(word)
    if ok then return word end
    return nil, ("usage: %s: %s %s"):format(action, path.show(word), reason), "EUSAGE"
  end
  local profile, message, code, hint = prepare.profile(args, deps, action)
  if not profile then return nil, message, code, hint end
  if type(profile.image) == "string" then return profile.image end
  local recipe
  recipe, message, code, hint = deps.image.recipe(profile, facts.env)
  if not recipe then return nil, message, code, hint end
  return deps.image.reference(recipe)
end

--- The recipes of the profiles that can be named; one that cannot be read is told of
--- with -v, and left out.
---@param args table
---@param facts { env: table<string, string> } those of this host, or their environment
---@param deps table
---@return { name: string, profile: table, recipe: wrapix.Recipe }[]
function M.recipes(args, facts, deps)
  local ctx, out = deps.context(prepare.workspace(args, deps)), {}
  for _, entry in ipairs(deps.profile.list(ctx)) do
    local profile, message = deps.profile.load(entry.name, ctx)
    local recipe
    if profile then recipe, message = deps.image.recipe(profile, facts.env) end
    if recipe then
      out[#out + 1] = { name = entry.name, profile = profile, recipe = recipe }
    elseif message then
      deps.report:detail(message)
    end
  end
  return out
end

--- The names of profiles by the reference of their image.
---@param args table
---@param facts wrapix.Facts
---@param deps table
---@return table<string, string[]>
function M.profiles(args, facts, deps)
  local out = {}
  for _, one in ipairs(M.recipes(args, facts, deps)) do
    local ref = deps.image.reference(one.recipe)
    out[ref] = out[ref] or {}
    table.insert(out[ref], one.name)
  end
  return out
end

--- A number of bytes as people read it.
---@param bytes number?
---@return string
function M.size(bytes)
  if not bytes then return "?" end
  if bytes >= 1e9 then return ("%.2f GB"):format(bytes / 1e9) end
  return bytes >= 1e6 and ("%.0f MB"):format(bytes / 1e6) or ("%.0f kB"):format(bytes / 1e3)
end

--- Foreign text for a terminal.
M.show = path.show

M.refuse = prepare.refuse

return M
