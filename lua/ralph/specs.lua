-- SPDX-License-Identifier: MIT
-- Specs: where they lie, made from the template, read and written, listed in
-- specs/README.md, and whether one is filled. A hidden one lies on the host, where no
-- `git add` of the work tree can take it. Everything in a workspace is hostile input:
-- no link is followed and every size is bounded.

local markdown = require "ralph.markdown"
local names = require "ralph.names"
local wrapix = require "wrapix"

local M = {}

--- The largest spec, in bytes.
M.LARGEST = 256 << 10

--- The sections that a filled spec has, in their order.
M.SECTIONS = { "Problem", "Requirements", "Acceptance criteria", "Out of scope" }

local DIR, README = "specs", "specs/README.md"
local LARGEST_README = 1 << 20
local SHARED_DIR, PRIVATE_DIR = tonumber("755", 8), tonumber("700", 8)
local PRIVATE_FILE = tonumber("600", 8)
local MOST_SHOWN = 20
local PATIENCE = 10 -- seconds
local COLUMNS = { "Spec", "Purpose" }

---@class ralph.Spec
---@field name string
---@field text string
---@field hidden boolean
---@field file string absolute path on the host
---@field rel string? in the workspace; nil for a hidden one

local function fail(object, reason, code, hint)
  return nil, ("spec: %s: %s"):format(wrapix.path.show(object), reason), code or "EINVAL", hint
end

-- Places ----------------------------------------------------------------------------

local function place(project, name, is_hidden)
  local root = is_hidden and project.dirs.state or project.root
  return root, ("%s/%s.md"):format(DIR, name)
end

-- A directory below a root of ours or of the workspace. One that is there stays as it is.
local function ensure_dir(root, rel, mode)
  local stat = wrapix.fs.lstat(root .. "/" .. rel)
  if stat and stat.type == "directory" then return true end
  local sys = wrapix.sys
  return wrapix.fs.ensure_dir_beneath(root, rel, { mode = mode, uid = sys.uid(), gid = sys.gid() })
end

local function load(project, name, is_hidden)
  local root, rel = place(project, name, is_hidden)
  local file = root .. "/" .. rel
  local text, message, code = wrapix.fs.read_beneath(root, rel, M.LARGEST)
  if not text then
    if code == "EFBIG" then message = ("is larger than %d KiB"):format(M.LARGEST >> 10) end
    if code == "ELOOP" then message = "is a link, or below one" end
    return fail(is_hidden and file or rel, message, code)
  end
  return {
    name = name, text = text, hidden = is_hidden, file = file, rel = not is_hidden and rel or nil,
  }
end

-- Reading ---------------------------------------------------------------------------

--- Reads a spec. A hidden one is found before one of the same name in the work tree,
--- which a sandbox could have put there.
---@param project ralph.Project
---@param name string
---@return ralph.Spec?
---@return string? message
---@return string? code "ENOENT" when there is none
---@return string? hint
function M.read(project, name)
  local ok, message, code, hint = names.spec(name)
  if not ok then return nil, message, code, hint end
  local spec
  spec, message, code = load(project, name, true)
  if spec or code ~= "ENOENT" then return spec, message, code end
  spec, message, code = load(project, name, false)
  if spec then return spec end
  if code ~= "ENOENT" then return nil, message, code end
  local known = {}
  for _, one in ipairs(M.list(project)) do known[#known + 1] = one.name end
  local reason = ("there is no such spec%s"):format(wrapix.nearest.hint(name, known))
  if #known > 0 then
    local shown = table.concat(known, ", ", 1, math.min(#known, MOST_SHOWN))
    reason = ("%s; there are: %s"):format(reason, shown)
  end
  return fail(name, reason, "ENOENT", ("`ralph start %s` makes it"):format(name))
end

local function add_names(list, seen, root, is_hidden)
  for _, entry in ipairs(wrapix.fs.list_beneath(root, DIR) or {}) do
    local name = entry:match("^(.*)%.md$")
    if name and not seen[name] and names.spec(name) then
      seen[name] = true
      list[#list + 1] = { name = name, hidden = is_hidden }
    end
  end
end

--- The specs of a project, by name.
---@param project ralph.Project
---@return { name: string, hidden: boolean }[]
function M.list(project)
  local list, seen = {}, {}
  add_names(list, seen, project.dirs.state, true)
  add_names(list, seen, project.root, false)
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- What the headings of a spec say of it.
---@param spec ralph.Spec
---@return string
function M.title(spec) return markdown.title(spec.text) or spec.name end

-- Text that says nothing: empty points, and words that stand for text to come.
local function is_filler(line)
  local text = line:gsub("^%s*[-*+]%s*", ""):gsub("^%[[ xX]?%]%s*", ""):gsub("^%d+[.)]%s*", "")
  text = text:gsub("^[#>%s]+", ""):gsub("[%s.:!]+$", ""):lower()
  return text == "" or text == "tbd" or text == "todo" or text == "tba" or text == "…"
end

local function says_something(body)
  for line in (body .. "\n"):gmatch("(.-)\r?\n") do
    if not is_filler(line) and not line:find("^%s*[`~][`~][`~]") then return true end
  end
  return false
end

--- Whether each section of a spec says something.
---@param text string
---@return { filled: boolean, missing: string[], empty: string[] }
function M.check(text)
  local result = { missing = {}, empty = {} }
  for _, title in ipairs(M.SECTIONS) do
    local body = markdown.section(text, title)
    if not body then
      table.insert(result.missing, title)
    elseif not says_something(body) then
      table.insert(result.empty, title)
    end
  end
  result.filled = #result.missing == 0 and #result.empty == 0
  return result
end

--- What a check found wanting, for people: nothing when the spec is filled.
---@param check { filled: boolean, missing: string[], empty: string[] }
---@return string?
function M.explain(check)
  local parts = {}
  if #check.empty > 0 then parts[1] = "still empty: " .. table.concat(check.empty, ", ") end
  if #check.missing > 0 then
    parts[#parts + 1] = "without a heading: " .. table.concat(check.missing, ", ")
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

-- Writing ---------------------------------------------------------------------------

local function title_of(name)
  local words = name:gsub("[-_.]+", " ")
  return words:sub(1, 1):upper() .. words:sub(2)
end

--- The text of a new spec.
---@param project ralph.Project
---@param name string
---@return string? text
---@return string? message
---@return string? code
---@return string? hint
function M.template(project, name)
  return require("ralph.render").render("spec", { TITLE = title_of(name) },
    { dir = project.config.templates, root = project.root })
end

--- Makes a new spec from the template. One that is there is not touched.
---@param project ralph.Project
---@param name string
---@param opts { hidden: boolean? }?
---@return ralph.Spec?
---@return string? message
---@return string? code "EEXIST"
---@return string? hint
function M.create(project, name, opts)
  local is_hidden = opts and opts.hidden or false
  local ok, message, code, hint = names.spec(name)
  if not ok then return nil, message, code, hint end
  local text
  text, message, code, hint = M.template(project, name)
  if not text then return nil, message, code, hint end
  local root, rel = place(project, name, is_hidden)
  ok, message, code = ensure_dir(root, DIR, is_hidden and PRIVATE_DIR or SHARED_DIR)
  if ok then ok, message, code = wrapix.fs.create_beneath(root, rel, text) end
  if not ok then return fail(is_hidden and root .. "/" .. rel or rel, message, code) end
  return load(project, name, is_hidden)
end

--- Puts a text in place of a spec's, in one step.
---@param project ralph.Project
---@param spec ralph.Spec
---@param text string
---@return true|nil
---@return string? message
---@return string? code
function M.write(project, spec, text)
  if #text > M.LARGEST then
    return fail(spec.name, ("is larger than %d KiB"):format(M.LARGEST >> 10), "EFBIG")
  end
  local root, rel = place(project, spec.name, spec.hidden)
  local ok, message, code = wrapix.fs.replace_beneath(root, rel, text,
    spec.hidden and { mode = PRIVATE_FILE } or nil)
  if not ok then return fail(spec.name, message, code) end
  return true
end

--- Keeps a text of a spec on the host, so that nothing of it is lost.
---@param project ralph.Project
---@param name string
---@param text string
---@return string? file where it lies
---@return string? message
---@return string? code
function M.keep(project, name, text)
  local ok, message, code = wrapix.fs.ensure_dir(project.paths.kept, PRIVATE_DIR)
  if not ok then return nil, "spec: " .. message, code end
  local file = ("%s/%s-%s-%s.md"):format(project.paths.kept, name,
    os.date("!%Y%m%d-%H%M%S"), wrapix.sys.random_hex(3))
  ok, message, code = wrapix.fs.write_atomic(file, text, { mode = PRIVATE_FILE })
  if not ok then return nil, "spec: " .. message, code end
  return file
end

local NEW_README = "# Specs\n"

-- Its row, or the file with it, under the lock of all who add one. What somebody else made
-- at the same time is not lost: the file is read anew when it came to be in between.
local function put_row(project, row)
  local text, message, code = wrapix.fs.read_beneath(project.root, README, LARGEST_README)
  if not text and code ~= "ENOENT" then return nil, message, code end
  local changed, is_added = markdown.add_row(text or NEW_README, COLUMNS, row)
  if not is_added then return true, false end
  local ok
  if text then
    ok, message, code = wrapix.fs.replace_beneath(project.root, README, changed)
  else
    ok, message, code = wrapix.fs.create_beneath(project.root, README, changed)
    if code == "EEXIST" then return put_row(project, row) end
  end
  if not ok then return nil, message, code end
  return true, true
end

--- Adds the row of a spec to specs/README.md, which is made when it is missing.
---@param project ralph.Project
---@param spec ralph.Spec not a hidden one
---@return true|nil
---@return boolean|string|nil is_added or the message
---@return string? code
function M.add_row(project, spec)
  if spec.hidden then error("specs.add_row: a hidden spec has no row", 2) end
  local lock <close>, problem, what = wrapix.fs.lock(project.dirs.state .. "/specs.lock", { wait = PATIENCE })
  if not lock then return fail(README, problem, what) end
  local ok, is_added, code = put_row(project, {
    Spec = ("[%s](%s.md)"):format(spec.name, spec.name), Purpose = M.title(spec),
  })
  if not ok then return fail(README, is_added, code) end
  return true, is_added
end

-- Inside a sandbox ------------------------------------------------------------------

--- How a sandbox gets a spec to read: where it lies in there, and the run option `files`
--- that puts it there. The text is the one that was read, whatever becomes of the file.
---@param spec ralph.Spec
---@return string path
---@return table<string, string> files
function M.handed(spec) return "/run/wrapix/spec.md", { ["spec.md"] = spec.text } end

return M
