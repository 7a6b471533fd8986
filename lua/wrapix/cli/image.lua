-- SPDX-License-Identifier: MIT
-- `wrapix image build|list`: a profile's image made ahead of time, and the ones
-- wrapix has made.

local explain = require("wrapix.explain")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

-- As a start does, of which there is no session and no name here.
local function before_build(profile, target, facts, deps)
  local ref = type(target) == "table" and deps.image.reference(target) or target
  local plan = {
    profile = profile.name, workspace = { source = facts.workspace.path }, image = { ref = ref },
  }
  return deps.hooks.new(profile, deps.report):before_build({ plan = plan, report = deps.report })
end

local function build(args, deps)
  local profile, message, code, hint = prepare.profile(args, deps)
  if not profile then return prepare.refuse(deps, message, code, hint) end
  local facts
  facts, message, code, hint = deps.gather({ workspace = prepare.workspace(args, deps) })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local target = type(profile.image) == "string" and profile.image or nil
  if not target then target, message, code, hint = deps.image.recipe(profile, facts.env) end
  if not target then return prepare.refuse(deps, message, code, hint) end
  local result
  result, message, code, hint = deps.interruptible(function()
    return deps.image.ensure(target, facts, {
      report = deps.report,
      before = function() return before_build(profile, target, facts, deps) end,
    })
  end)
  if not result then return prepare.refuse(deps, message, code, hint) end
  if not result.built then deps.report:note(("%s is there already"):format(result.ref)) end
  deps.out(result.ref .. "\n")
  return 0
end

local function list_rows(images)
  local rows = {}
  for i, image in ipairs(images) do
    local created = os.date("%Y-%m-%d %H:%M", image.created or 0)
    local size = ("%6.0f MB"):format((image.size or 0) / 1e6)
    rows[i] = { path.show(image.ref), size, { text = created } }
  end
  return rows
end

local function list(args, deps)
  local facts, message, code, hint = deps.gather({ workspace = prepare.workspace(args, deps) })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local images
  images, message, code, hint = deps.image.list(facts)
  if not images then return prepare.refuse(deps, message, code, hint) end
  if args.json then return output.json(deps.json.array(images), deps) end
  if #images == 0 then
    deps.report:note("no images yet; `wrapix image build` makes one")
    return 0
  end
  local opts = { color = deps.color, widest = { 72, 12 } }
  deps.out(explain.section("images", list_rows(images), opts))
  return 0
end

local PROFILE = {
  name = "profile", argname = "PROFILE", optional = true,
  description = "Name of a profile or path of a .lua file that returns one (default: base).",
}

---@type wrapix.CliCommand
return {
  name = "image",
  summary = "Build the image of a profile, or list the images there are.",
  example = {
    { "wrapix image build base", "prepare the image, so that the first start is quick" },
  },
  commands = {
    {
      name = "build",
      summary = "Build or pull the image of a profile, if it is not there.",
      description = "Makes the image of a profile ready: builds the one of its packages, or pulls "
        .. "the one it names; the profile's before_build hooks run first. Prints its reference.",
      arguments = { PROFILE },
      options = options.list(options.workspace, options.quiet, options.verbose),
      example = {
        { "wrapix image build", "the image of the base profile" },
        { "wrapix image build ./wrapix.lua", "the image of a project's own profile" },
      },
      run = build,
    },
    {
      name = "list",
      summary = "List the images wrapix has made.",
      options = options.list(options.workspace, options.json, options.quiet, options.verbose),
      example = { { "wrapix image list --json", "references, sizes and times as JSON" } },
      run = list,
    },
  },
}
