-- SPDX-License-Identifier: MIT
-- `wrapix image`: a profile's image made ahead of time, and the images there are:
-- listed, looked at, taken away, taken along, brought up to date.

local common = require("wrapix.cli.image.common")
local lazy = require("wrapix.lazy")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local prepare = require("wrapix.cli.prepare")

local keeping = lazy("wrapix.cli.image.keep")
local listing = lazy("wrapix.cli.image.list")
local updating = lazy("wrapix.cli.image.update")

-- What each stage took, where more than one was made.
local function note_stages(result, deps)
  for _, stage in ipairs(result.stages or {}) do
    local text = stage.built and ("%s, %d s"):format(common.size(stage.size), stage.seconds)
      or "was there"
    deps.report:note(("%-10s %s (%s)"):format(stage.kind, stage.ref, text))
  end
end

-- As a start does, of which there is no session and no name here.
local function before_build(profile, target, facts, deps)
  local ref = type(target) == "table" and deps.image.reference(target) or target
  local plan = {
    profile = profile.name, workspace = { source = facts.workspace.path }, image = { ref = ref },
  }
  return deps.hooks.new(profile, deps.report):before_build({ plan = plan, report = deps.report })
end

local function build(args, deps)
  local profile, message, code, hint = prepare.profile(args, deps, "image build")
  if not profile then return prepare.refuse(deps, message, code, hint) end
  local facts
  facts, message, code, hint = deps.gather({
    workspace = prepare.workspace(args, deps), runtime = args.runtime,
  })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local target = type(profile.image) == "string" and profile.image or nil
  if not target then target, message, code, hint = deps.image.recipe(profile, facts.env) end
  if not target then return prepare.refuse(deps, message, code, hint) end
  local result, warmed
  result, message, code, hint = deps.interruptible(function()
    return deps.image.ensure(target, facts, {
      report = deps.report, complete = true,
      before = function() return before_build(profile, target, facts, deps) end,
    })
  end)
  if not result then return prepare.refuse(deps, message, code, hint) end
  deps.image.note_built(result.ref, facts)
  warmed, message, code, hint = deps.interruptible(function()
    return deps.image.warm(result.ref, facts, { report = deps.report })
  end)
  if warmed == nil then return prepare.refuse(deps, message, code, hint) end
  if args.json then
    result.warmed, result.stages = warmed, deps.json.array(result.stages or {})
    return output.json(result, deps)
  end
  if not result.built then deps.report:note(("%s is there already"):format(result.ref)) end
  note_stages(result, deps)
  deps.out(result.ref .. "\n")
  return 0
end

local IMAGE = {
  name = "profile", argname = "PROFILE|REF", optional = true, offers = "profile",
  description = "A profile, whose image is meant, or the reference of an image (default: base).",
}
local FILE = { name = "file", argname = "FILE", offers = "file",
  description = "An OCI archive." }
local WITH_DRY_RUN = options.list(common.DRY_RUN, common.options)

---@type wrapix.CliCommand
return {
  name = "image",
  summary = "Build, list and look after the images of profiles.",
  example = {
    { "wrapix image build base", "prepare the image, so that the first start is quick" },
    { "wrapix image prune --dry-run", "what nobody needs any more, and how much it takes" },
  },
  commands = {
    {
      name = "build",
      summary = "Build or pull the image of a profile, if it is not there.",
      description = "Makes the image of a profile ready: builds the stages of its packages, "
        .. "toolchain and agents that are not there yet, or pulls the image it names, and prepares "
        .. "it for your user; the profile's before_build hooks run first. Prints its reference.",
      arguments = { common.PROFILE },
      options = common.options,
      example = {
        { "wrapix image build", "the image of the base profile" },
        { "wrapix image build ./wrapix.lua", "the image of a project's own profile" },
        { "wrapix image build rust --json", "what was made, with sizes and seconds, as JSON" },
      },
      run = build,
    },
    {
      name = "list",
      summary = "List the images wrapix has made, and who needs them.",
      description = "SIZE is that of all layers of an image, OWN of those that nothing it is built "
        .. "on has; the engine may keep a copy for its user, which neither counts. "
        .. "An image is current when a workspace used it last, when it is that of a profile "
        .. "that has a name or that of a builder that was set up, or when one that is current is "
        .. "built on it.",
      options = common.options,
      example = {
        { "wrapix image list", "profile, sizes, age, whether it is used and current" },
        { "wrapix image list --json", "the same, with labels and workspaces, as JSON" },
      },
      run = function(args, deps) return listing.list(args, deps) end,
    },
    {
      name = "show",
      summary = "Show what is in an image: stages, packages, agents.",
      arguments = { IMAGE },
      options = common.options,
      example = {
        { "wrapix image show rust", "the image of the profile rust" },
        { "wrapix image show localhost/wrapix-base:0123456789abcdef --json", "one by its name" },
      },
      run = function(args, deps) return listing.show(args, deps) end,
    },
    {
      name = "prune",
      summary = "Remove images nobody needs any more.",
      description = "Keeps what a container uses, what a workspace used last, the images of profiles "
        .. "that have a name, that of a builder that was set up, and what those are built on. "
        .. "Tells how much is freed.",
      options = WITH_DRY_RUN,
      example = {
        { "wrapix image prune --dry-run", "what would go, and why" },
        { "wrapix image prune --json", "what went, as JSON" },
      },
      run = function(args, deps) return keeping.prune(args, deps) end,
    },
    {
      name = "export",
      summary = "Write an image into a file.",
      description = "Writes an OCI archive, which `wrapix image import` takes on a machine without a "
        .. "network; other tools read it as well.",
      arguments = { FILE, IMAGE },
      options = common.options,
      example = { { "wrapix image export rust.oci rust", "the image of the profile rust" } },
      run = function(args, deps) return keeping.export(args, deps) end,
    },
    {
      name = "import",
      summary = "Take an image out of a file.",
      description = "Takes an image that `wrapix image export` wrote, under its own name. A file "
        .. "whose image was not made from the recipe its name stands for is refused.",
      arguments = { FILE },
      options = common.options,
      example = { { "wrapix image import rust.oci", "as it was where it was exported" } },
      run = function(args, deps) return keeping.import(args, deps) end,
    },
    {
      name = "update-agents",
      summary = "Pin the newest versions of agents.",
      description = "Asks npm for the newest versions of the agents, all or those named, and pins "
        .. "them; or pins the version that is named. The next start or `wrapix image build` then builds "
        .. "the agents' stage anew, and nothing else.",
      arguments = {
        { name = "names", argname = "NAME[@VERSION]", optional = true, many = true,
          offers = "agent",
          description = "Agents (default: all that are installed)." },
      },
      options = WITH_DRY_RUN,
      example = {
        { "wrapix image update-agents --dry-run", "old and new versions" },
        { "wrapix image update-agents claude", "one agent" },
        { "wrapix image update-agents claude@2.1.330", "this version, older or newer" },
      },
      run = function(args, deps) return updating.update(args, deps) end,
    },
  },
}
