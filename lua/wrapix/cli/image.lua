-- SPDX-License-Identifier: MIT
-- `wrapix image build|list`: a profile's image made ahead of time, and the ones
-- wrapix has made.

local explain = require("wrapix.explain")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

local function build(args, deps)
  local profile, message, code, hint = prepare.profile(args, deps)
  if not profile then return prepare.refuse(deps, message, code, hint) end
  if profile.image then
    deps.report:note(("profile %s uses %s as it is; there is nothing to build")
      :format(profile.name, path.show(profile.image)))
    deps.out(profile.image .. "\n")
    return 0
  end
  local facts
  facts, message, code, hint = deps.gather({ workspace = prepare.workspace(args, deps) })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local ref
  ref, message, code, hint = deps.build_image(profile, facts, { force = args.force })
  if not ref then return prepare.refuse(deps, message, code, hint) end
  deps.out(ref .. "\n")
  return 0
end

local function list(args, deps)
  local facts, message, code, hint = deps.gather({ workspace = prepare.workspace(args, deps) })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local images
  images, message, code, hint = deps.list_images(facts)
  if not images then return prepare.refuse(deps, message, code, hint) end
  if args.json then
    return output.json(deps.json.array(images), deps)
  end
  local rows = {}
  for i, image in ipairs(images) do
    rows[i] = { path.show(image.ref), ("%.0f MB"):format((image.size or 0) / 1e6),
      { text = image.created or "" } }
  end
  if #rows == 0 then
    deps.report:note("no images yet; `wrapix image build` makes one")
  else
    deps.out(explain.section("images", rows, { color = deps.color, widest = { 72, 12 } }))
  end
  return 0
end

---@type wrapix.CliCommand
return {
  name = "image",
  summary = "Build the image of a profile, or list the images there are.",
  example = {
    { "wrapix image build rust", "prepare the image, so that the first start is quick" },
  },
  commands = {
    {
      name = "build",
      summary = "Build the image of a profile, if it is not there.",
      arguments = {
        { name = "profile", argname = "PROFILE", optional = true,
          description = "Name of a profile or path of a .lua file that returns one "
            .. "(default: base)." },
      },
      options = options.list(options.workspace, {
        { flags = { "-f", "--force" }, description = "Build it although it is there." },
      }, options.quiet, options.verbose),
      example = {
        { "wrapix image build", "the image of the base profile" },
        { "wrapix image build --force ./wrapix.lua", "again, with today's packages" },
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
