-- SPDX-License-Identifier: MIT
-- As of which text a spec has issues: kept, found again, and moved on together with the
-- issues. The text itself is kept on the host, so a spec that was never committed, is
-- hidden, or whose commit was rewritten is compared like any other; git is asked where the
-- user names a commit, and where the kept text is gone.
--
-- Theory: issues carry the number of the run that added them. It is written down before
-- (`pending`), and the run counts as done when issues with it are there; so a crash between
-- adding and writing adds nothing twice and forgets nothing.

local specs = require "ralph.specs"
local states = require "ralph.state"
local wrapix = require "wrapix"

local M = {}

local PRIVATE_DIR, PRIVATE_FILE = tonumber("700", 8), tonumber("600", 8)
local MOST_COMMITS = 20000

local function fail(object, reason, code, hint)
  return nil, ("ready: %s: %s"):format(wrapix.path.show(object), reason), code, hint
end

-- Kept texts ------------------------------------------------------------------------

local function kept_name(name, sha) return ("%s-%s.md"):format(name, sha:sub(1, 16)) end

local function keep_text(project, name, text)
  local sha = wrapix.sha256.hex(text)
  local ok, message, code = wrapix.fs.ensure_dir(project.paths.base, PRIVATE_DIR)
  if ok then
    local file = project.paths.base .. "/" .. kept_name(name, sha)
    ok, message, code = wrapix.fs.write_atomic(file, text, { mode = PRIVATE_FILE })
  end
  if not ok then return nil, "ready: " .. message, code end
  return sha
end

local function kept_text(project, name, sha)
  if not sha then return nil end
  local text = wrapix.fs.read_beneath(project.paths.base, kept_name(name, sha), specs.LARGEST)
  if text and wrapix.sha256.hex(text) == sha then return text end
end

-- Texts of this spec that nobody needs any more.
local function drop_others(project, name, sha)
  for _, entry in ipairs(wrapix.fs.list_beneath(project.paths.base, "") or {}) do
    local other, hex = entry:match("^(.*)%-(%x+)%.md$")
    if other == name and #hex == 16 and entry ~= kept_name(name, sha) then
      wrapix.fs.unlink(project.paths.base .. "/" .. entry)
    end
  end
end

-- Git -------------------------------------------------------------------------------

local function open_repo(project) return require("ralph.git").open(project.root, project.paths.git) end

-- A prefix of an id is looked for among what HEAD has.
local function find_prefix(repo, prefix)
  local head, message, code = repo:head()
  if not head then return nil, message, code end
  local commits = head.id and repo:commits(nil, head.id, MOST_COMMITS) or {}
  local found
  for _, commit in ipairs(commits) do
    if commit.id:sub(1, #prefix) == prefix then
      if found then return fail(prefix, "begins more than one commit", "EINVAL") end
      found = commit.id
    end
  end
  return found
end

local function find_commit(repo, word)
  local refs = require "ralph.git.refs"
  local text = word:lower()
  if text:find("^%x+$") and #text == repo.place.hex then return text end
  for _, where in ipairs({ "", "refs/heads/", "refs/tags/", "refs/remotes/" }) do
    local name = where .. word
    if name == "HEAD" or refs.is_name(name) then
      local id = refs.resolve(repo.place, name)
      if id and id ~= "" then return id end
    end
  end
  if text:find("^%x%x%x%x+$") then
    local id, message, code = find_prefix(repo, text)
    if id or message then return id, message, code end
  end
  return fail(word, "there is no such commit", "ENOENT", "a commit's id, a branch or a tag is wanted")
end

local function text_since(project, spec, word)
  if spec.hidden then
    return fail(spec.name, "is hidden, so git knows nothing of it", "EINVAL", "leave out --since")
  end
  local repo, message, code, hint = open_repo(project)
  if not repo then return nil, message, code, hint end
  local id
  id, message, code, hint = find_commit(repo, word)
  if not id then return nil, message, code, hint end
  local text
  text, message, code, hint = repo:file(id, spec.rel, specs.LARGEST)
  if text then return text end
  if code == "ENOENT" then return "" end
  return nil, message, code, hint
end

-- The commit that has a spec as it is now; nothing where it is uncommitted or outside git.
local function commit_of(project, spec)
  local repo = not spec.hidden and open_repo(project)
  local head = repo and repo:head()
  local text = head and head.id and repo:file(head.id, spec.rel, specs.LARGEST)
  return text == spec.text and head.id or nil
end

-- The text of a mark, from the host or from git.
local function text_of(project, spec, base)
  local text = kept_text(project, spec.name, base.text_sha)
  if text or not base.commit or spec.hidden then return text end
  local repo = open_repo(project)
  return repo and repo:file(base.commit, spec.rel, specs.LARGEST) or nil
end

--- The text that the issues of a spec stand for: "" when there are none yet.
---@param project ralph.Project
---@param spec ralph.Spec
---@param since string? a commit, which counts instead
---@return string? text
---@return string? message
---@return string? code
---@return string? hint
function M.text(project, spec, since)
  if since then return text_since(project, spec, since) end
  local state, message, code, hint = states.read(project)
  if not state then return nil, message, code, hint end
  local own = state.specs[spec.name]
  if not own or not own.base then return "" end
  local text = text_of(project, spec, own.base)
  if text then return text end
  project.log:warn(("ready: %s: the text of the last time is gone, so the whole spec counts as new")
    :format(spec.name))
  return ""
end

-- Runs ------------------------------------------------------------------------------

local function spec_state(state, spec)
  local own = state.specs[spec.name] or { created = math.floor(wrapix.sys.time()) }
  own.hidden = spec.hidden or nil
  state.specs[spec.name] = own
  return own
end

--- Writes down what a run is about to add, and for which text.
---@param project ralph.Project
---@param spec ralph.Spec
---@param count integer? of the issues
---@return string? batch the number its issues are to carry
---@return string? message
---@return string? code
---@return string? hint
function M.begin(project, spec, count)
  local sha, message, code = keep_text(project, spec.name, spec.text)
  if not sha then return nil, message, code end
  local batch = wrapix.sys.random_hex(8)
  local mark = { batch = batch, count = count, commit = commit_of(project, spec), text_sha = sha,
    time = math.floor(wrapix.sys.time()) }
  local state, why, what, hint = states.update(project, function(state)
    spec_state(state, spec).pending = mark
  end)
  if not state then return nil, why, what, hint end
  return batch
end

local function settle(project, spec, is_done)
  local sha
  local state, message, code, hint = states.update(project, function(state)
    local own = spec_state(state, spec)
    if is_done and own.pending then
      local mark = own.pending
      own.base = { commit = mark.commit, text_sha = mark.text_sha, time = mark.time }
    end
    own.pending = nil
    sha = own.base and own.base.text_sha
  end)
  if not state then return nil, message, code, hint end
  if sha then drop_others(project, spec.name, sha) end
  return true
end

--- The issues of the run that was begun are there: its text is what counts from now on.
---@param project ralph.Project
---@param spec ralph.Spec
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.finish(project, spec) return settle(project, spec, true) end

--- Nothing was added.
---@param project ralph.Project
---@param spec ralph.Spec
function M.abandon(project, spec) return settle(project, spec, false) end

local function of_batch(issues, batch)
  local found = {}
  for _, issue in ipairs(issues) do
    local own = type(issue.metadata) == "table" and issue.metadata.wrapix
    if type(own) == "table" and own.batch == batch then found[#found + 1] = issue end
  end
  return found
end

-- bd adds one by one, so a run that was killed has left a part, which is no list: what
-- depends on what may be missing, and nobody has agreed to half of it.
local function take_back(project, spec, found, tracker)
  local ids = {}
  for i, issue in ipairs(found) do
    ids[i] = issue.id
    if issue.status ~= "closed" then
      local ok, message, code, hint = tracker:close(issue.id, "cancelled: the rest of its list was not added")
      if not ok then return nil, message, code, hint end
    end
  end
  project.log:warn(("ready: %s: an interrupted run had added a part of its issues, closed as cancelled: %s"):format(
    spec.name, table.concat(ids, ", ")))
  return true
end

--- Completes what a run that died in the middle left: its issues are there or they are not.
---@param project ralph.Project
---@param spec ralph.Spec
---@param issues table[] those of the spec; what is closed here is closed in it as well
---@param tracker table?
---@return integer? count of issues that were there already, 0 mostly
---@return string? message
---@return string? code
---@return string? hint
function M.recover(project, spec, issues, tracker)
  local state, message, code, hint = states.read(project)
  if not state then return nil, message, code, hint end
  local own = state.specs[spec.name]
  if not own or not own.pending then return 0 end
  local found = of_batch(issues, own.pending.batch)
  local ok
  local count, wanted = #found, math.tointeger(own.pending.count)
  if tracker and tracker.kind == "bd" and count > 0 and wanted and count < wanted then
    ok, message, code, hint = take_back(project, spec, found, tracker)
    if not ok then return nil, message, code, hint end
    for _, issue in ipairs(found) do issue.status = "closed" end
    count = 0
  end
  ok, message, code, hint = settle(project, spec, count > 0)
  if not ok then return nil, message, code, hint end
  return count
end

return M
