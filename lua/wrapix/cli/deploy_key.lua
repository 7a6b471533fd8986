-- SPDX-License-Identifier: MIT
-- `wrapix deploy-key [NAME]`: makes the keys a sandbox pushes and signs with.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

---@type wrapix.CliCommand
local M = {
  name = "deploy-key",
  summary = "Make the keys sandboxes push and sign with, and register them on GitHub.",
  description = "Makes two keys without a passphrase in ~/.ssh/deploy_keys: NAME may write to this "
    .. "one repository, NAME-signing signs commits. Both are registered through `gh`. A profile "
    .. "with deploy_key = true, or the name, gives them to its sandboxes.",
  arguments = {
    { name = "key", argname = "NAME", optional = true,
      description = "Name of the key (default: the repository's and this host's)." },
  },
  options = options.list(options.workspace, {
    { flags = { "-f", "--force" }, description = "Replace keys of this name, here and on GitHub." },
  }, options.json, options.quiet, options.verbose),
  example = {
    { "wrapix deploy-key", "make and register the keys of this repository" },
    { "wrapix deploy-key shop-laptop -f", "replace the keys of this name" },
  },
}

local function refuse_name(name, deps)
  deps.report:error(("usage: '%s' is not a key's name"):format(path.show(name)),
    "letters, digits, and . _ - after the first character")
  return 2
end

function M.run(args, deps)
  if args.key and not require("wrapix.keys").is_name(args.key) then
    return refuse_name(args.key, deps)
  end
  local workspace = prepare.workspace(args, deps)
  local real, message, code = deps.fs.realpath(workspace)
  if not real then return prepare.refuse(deps, message, code) end
  local home = deps.sys.home()
  if not home then
    return prepare.refuse(deps, "deploy-key: home directory: is not known", "ENOENT", "set HOME")
  end
  local made, reason, _, hint = require("wrapix.keys.setup").run(
    { workspace = real, home = home, name = args.key, force = args.force }, deps)
  if not made then
    deps.report:error(reason, hint)
    return 1
  end
  if args.json then return output.json(made, deps) end
  deps.report:note(("%s on GitHub has both keys%s"):format(path.show(made.repository),
    made.replaced and ", the old ones are gone" or ""))
  deps.out(("%s\n%s\n"):format(made.deploy_key, made.signing_key))
  return 0
end

return M
