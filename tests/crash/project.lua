-- SPDX-License-Identifier: MIT
-- A project of Ralph in a world of the crash suite: a repository, the toy agent in real
-- containers, loops that are killed at a moment, and the proof that each issue is done
-- once and that no commit and no work is lost.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local repo = require("support.repo")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local IMAGE = [[
return { name = "git", base = "localhost/wrapix-base-debian:trixie", network = "none",
  packages = { "git", "openssh-client", "openssh-server" } }
]]
local AGENT = [[
local claude = require("wrapix.agent.claude")
return { name = "play", title = "Play", decode = claude.decode, stream = "json",
  argv = function(mode, opts) return opts.settings.argv end }
]]
local PROFILE = [[
return { name = "play", image = %q, network = "none", agents = { "play" }, agent = "play",
  mounts = { { source = %q, dest = "/srv/toy", mode = "ro" }, { source = %q, dest = "/srv/play", mode = "rw" } },
  settings = { play = { argv = { "/srv/toy/toy_agent", "/srv/play" } } } }
]]
local CONFIG = [[return { profile = "play", context = {}, notify = false, grace = "1s", %s }]]

-- Commits one file of its issue and leaves another; the lock tells when two work at once.
local PLAY = [[exec 9>"$dir/lock"; flock -n 9 || echo "run $n" >>"$dir/overlaps"; ]]
  .. [[f=$(grep -o 'make-[0-9]*' "$dir/prompt.$n" | head -n 1); echo "$n $f" >>"$dir/log"; ]]
  .. [[write "$f.part" "part of run $n"; write "$f" "run $n"; git add "$f"; ]]
  .. [[git commit -q -m "$f" || { finish "git failed"; exit 1; }; write "$f.rest" "rest of run $n"; ]]
  .. [[ralph note "run $n"; ralph done; finish bye]]
-- Ends only when it is killed, and works on until then.
local STUBBORN = [[trap '' TERM HUP; ]] .. PLAY:gsub("ralph note", function()
  return [[for i in 1 2 3 4; do sleep 0.05; write "$f.more" "more of run $n, $i"; done; ralph note]]
end)

local LIST_LIMIT = 16 << 20
local LOOP_SECONDS = 120

---@class wrapix.CrashProject
---@field world wrapix.CrashWorld
---@field dir string
---@field play string directory that the agent shares with the suite
---@field issues table<string, { title: string, name: string, closed: integer }>
---@field commits table<string, true> every commit that was ever seen on the branch
---@field problems string[] what the reader of the list has found
local Project = {}
Project.__index = Project

local image

local function build_image()
  if image then return image end
  local result = e2e.cli({ "image", "build", e2e.file(e2e.tmp .. "/git.lua", IMAGE) }, { timeout = 600 })
  assert(result.code == 0, result.stderr)
  image = result.stdout:match("%S+")
  return image
end

local function own(path)
  assert(fs.chown(path, e2e.uid, e2e.gid))
  return path
end

---@param world wrapix.CrashWorld
---@param config string? fields of ralph.lua
---@return wrapix.CrashProject
function M.new(world, config)
  local dir = repo.new("shop")
  local home = dir:match("^(.*)/")
  world.env.XDG_CONFIG_HOME = home .. "/config"
  repo.git(dir, "config", "user.name", "Person")
  repo.git(dir, "config", "user.email", "person@localhost")
  for _, name in ipairs({ "profiles", "agents" }) do
    assert(fs.ensure_dir(("%s/config/wrapix/%s"):format(home, name)))
  end
  assert(fs.ensure_dir(home .. "/play"))
  own(home .. "/play")
  e2e.file(home .. "/config/wrapix/agents/play.lua", AGENT)
  e2e.file(home .. "/config/wrapix/ralph.lua", CONFIG:format(config or 'verify = { "test -e file" }'))
  e2e.file(home .. "/config/wrapix/profiles/play.lua",
    PROFILE:format(build_image(), WRAPIX_ROOT .. "/tests/support", home .. "/play"))
  local project = setmetatable({ world = world, dir = dir, home = home, play = home .. "/play",
    issues = {}, count = 0, commits = {}, problems = {} }, Project)
  project:set_play()
  return project
end

--- How the agent works from now on.
function Project:set_play(stubborn)
  own(e2e.file(self.play .. "/play", (stubborn and STUBBORN or PLAY) .. "\n", tonumber("644", 8)))
end

function Project:git(...) return repo.git(self.dir, ...) end

-- Running -----------------------------------------------------------------------------------

---Starts `ralph WORD...`; its words go to a file.
function Project:start(words, env)
  local argv = table.move(words, 1, #words, 3, { e2e.wrapix, "ralph" })
  local said = { file = self.home .. "/said", mode = "a" }
  return assert(proc.spawn(argv, { cwd = self.dir, env = self.world:environment(env), stdin = "null",
    stdout = said, stderr = said }))
end

---Runs it to its end.
function Project:ralph(...)
  return assert(proc.run({ e2e.wrapix, "ralph", ... },
    { cwd = self.dir, env = self.world:environment(), timeout = LOOP_SECONDS }))
end

---Adds issues, each for a file of its own.
---@param count integer
---@return string[] ids
function Project:add(count)
  local ids = {}
  for i = 1, count do
    self.count = self.count + 1
    local name = ("make-%d"):format(self.count)
    local result = self:ralph("issue", "add", "Write " .. name, "--description", "The text of " .. name, "--json")
    assert(result.code == 0, result.stderr)
    local found = json.decode(result.stdout)
    ids[i] = found.id
    self.issues[ids[i]] = { title = "Write " .. name, description = "The text of " .. name, name = name, closed = 0 }
  end
  return ids
end

---As a git that is killed leaves the repository.
function Project:lock() own(e2e.file(self.dir .. "/.git/index.lock", "")) end

-- The list ------------------------------------------------------------------------------------

local function problem(project, text)
  if #project.problems < 10 then table.insert(project.problems, text) end
end

local function read_line(project, line, seen)
  local issue = json.decode(line)
  if type(issue) ~= "table" then return problem(project, "the list: a line is no JSON: " .. line:sub(1, 80)) end
  local known = project.issues[issue.id]
  if not known then return end
  seen[issue.id] = issue
  if issue.title ~= known.title or issue.description ~= known.description then
    problem(project, ("%s: is not what was added"):format(issue.id))
  end
  if issue.status == "closed" and known.status ~= "closed" then known.closed = known.closed + 1 end
  known.status = issue.status
end

---Reads the list as it is now and checks it; what is wrong is in `problems`.
---@return table<string, table> issues by id
function Project:read()
  local text = fs.read(self.dir .. "/.wrapix/issues.jsonl", LIST_LIMIT) or ""
  if text == self.last then return self.seen end
  local seen = {}
  if text:sub(-1) ~= "\n" then problem(self, "the list: the last line is torn") end
  for line in text:gmatch("[^\n]+") do read_line(self, line, seen) end
  for id in pairs(self.issues) do
    if not seen[id] then problem(self, ("%s: is not in the list"):format(id)) end
  end
  self.last, self.seen = text, seen
  return seen
end

---Reads the list again and again until a function returns true, or the process ends.
---@return boolean reached
function Project:watch(running, test)
  while not running:exited() do
    local seen = self:read()
    if test(seen) then return true end
    task.sleep(0.001)
  end
  return false
end

-- Work ----------------------------------------------------------------------------------------

-- Names of files and what is in them, of what no commit of the branch has.
local function uncommitted(project)
  local list = {}
  for _, name in ipairs(fs.list(project.dir)) do
    local text = name:find("^make%-") and fs.read(project.dir .. "/" .. name)
    if text and text ~= "" then list[#list + 1] = { name = name, text = text } end
  end
  return list
end

---What is in the work tree at this moment.
function Project:snapshot() self.work = uncommitted(self) end

local function check_work(project)
  local objects = {}
  for line in project:git("rev-list", "--objects", "--all"):gmatch("[^\n]+") do
    objects[line:match("^%x+")] = true
  end
  for _, one in ipairs(project.work or {}) do
    local result = assert(proc.run({ "git", "hash-object", "--stdin" }, { input = one.text }))
    if not objects[result.stdout:match("%x+")] and fs.read(project.dir .. "/" .. one.name) ~= one.text then
      problem(project, ("work lost: %s: %s"):format(one.name, one.text))
    end
  end
end

local function check_commits(project)
  local now = {}
  for id in project:git("rev-list", "HEAD"):gmatch("%x+") do now[id] = true end
  for id in pairs(project.commits) do
    if not now[id] then problem(project, "commit lost: " .. id) end
  end
  project.commits = now
end

-- What is closed has its files in HEAD: the one that the agent committed, and the rest.
local function check_closed(project)
  local have = {}
  for name in project:git("ls-tree", "--name-only", "HEAD"):gmatch("[^\n]+") do have[name] = true end
  for id, issue in pairs(project:read()) do
    local known = project.issues[id]
    if issue.status == "closed" and not (have[known.name] and have[known.name .. ".rest"]) then
      problem(project, ("%s: is closed and not done"):format(id))
    end
    if known.closed > 1 then problem(project, ("%s: was closed %d times"):format(id, known.closed)) end
  end
end

---Fails when anything that was seen until now was wrong.
function Project:check()
  self:read()
  check_commits(self)
  check_closed(self)
  local overlaps = fs.read(self.play .. "/overlaps")
  if overlaps then problem(self, "two agents at once: " .. overlaps) end
  if #self.problems > 0 then error(table.concat(self.problems, "; "), 2) end
end

---Runs the loop that has to do all that is left, and looks at everything.
function Project:recover()
  local result = self:ralph("loop")
  self.world:note()
  self:check()
  check_work(self)
  self.work = nil
  local said = result.stdout .. result.stderr
  if result.code ~= 0 then error(("the next loop: status %s: %s"):format(result.code, said:sub(-1500)), 2) end
  for id, issue in pairs(self:read()) do
    if issue.status ~= "closed" then error(("%s: is %s: %s"):format(id, issue.status, said:sub(-1500)), 2) end
  end
  local sessions = self.world:sessions()
  if #sessions > 0 then error("sessions are left: " .. table.concat(sessions, " "), 2) end
  self:check()
  self:assert_clean()
end

-- A piece of a file under a name of its own goes with the next sweep, when it is old.
local function is_piece(what)
  return what:find("/wrapix/ralph/.*%.wrapix%-%x+$") or what:find("/images/used/%.wrapix%-%x+$")
end

function Project:assert_clean()
  local left
  local ok = pcall(e2e.wait_for, "a clean host", function()
    left = {}
    for _, what in ipairs(self.world:left()) do
      if not is_piece(what) then left[#left + 1] = what end
    end
    return #left == 0
  end, 4)
  if not ok then error("left: " .. table.concat(left, "; "), 2) end
end

-- Pieces are old after an hour, which is made to have passed.
local function sweep(project)
  local found = {}
  for _, what in ipairs(project.world:left()) do
    found[#found + 1] = is_piece(what) and what or nil
  end
  for _, dir in ipairs({ project.dir .. "/.wrapix" }) do
    for _, name in ipairs(fs.list(dir)) do
      if name:find("^%.wrapix%-%x+$") then found[#found + 1] = dir .. "/" .. name end
    end
  end
  if #found == 0 then return end
  assert(proc.run(table.move(found, 1, #found, 4, { "touch", "-d", "2 hours ago" })))
  local result = project:ralph("loop")
  assert(result.code == 0, result.stderr)
  for _, what in ipairs(found) do assert(not fs.exists(what), "is not swept: " .. what) end
end

---At the end: git agrees, each issue was closed once, and no piece of a file stays for ever.
function Project:finish()
  self:git("fsck", "--strict")
  for id, known in pairs(self.issues) do
    if known.closed ~= 1 then error(("%s: was closed %d times"):format(id, known.closed), 2) end
  end
  sweep(self)
end

---A moment of the suite's own randomness.
---@param from number
---@param to number
function M.between(from, to) return from + (to - from) * math.random() end

M.clock = sys.clock

return M
