-- SPDX-License-Identifier: MIT
-- Files and directories: options, defaults and the waiting for a lock over
-- wrapix._c.fs. Calls do not yield; they are for local files. Every failure of
-- the outside world is nil, "ENOENT: open '/x': no such file or directory",
-- "ENOENT"; a path with a NUL byte or an unknown option raises.

local c = require("wrapix._c.fs")
local options = require("wrapix.opts")
local task = require("wrapix.task")

local M = {}

-- A file of a workspace is hostile: without a limit it could fill the memory.
local READ_LIMIT = 64 << 20
local PRIVATE_FILE = 384 -- 0600
local PUBLIC_FILE = 420 -- 0644
local PUBLIC_DIR = 511 -- 0777
local FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.25

---@class wrapix.Stat
---@field type "file"|"directory"|"symlink"|"fifo"|"socket"|"char"|"block"
---@field size integer bytes
---@field mode integer permission bits, 0 to 4095
---@field uid integer
---@field gid integer
---@field mtime number seconds since 1970
---@field mtime_ns integer nanoseconds since 1970
---@field ctime_ns integer the last change of content or attributes, which nobody can set
---@field ino integer
---@field dev integer
---@field nlink integer

---@class wrapix.Lock: userdata
---@field close fun(self: wrapix.Lock) gives the lock back; twice is allowed

--- Reads a whole regular file, one of /proc too. Never waits for a FIFO.
---@param path string
---@param limit integer? bytes; beyond it the file is not read. 64 MiB
---@return string|nil content
---@return string? message
---@return string? code "EFBIG" beyond the limit, "EINVAL" for what is no file
function M.read(path, limit) return c.read(path, limit or READ_LIMIT) end

--- The same for a file in a tree that others may write to. The root may be
--- reached through links; no part of `rel` may be one, nor "." or "..".
---@param root string
---@param rel string
---@param limit integer? bytes; 64 MiB
---@return string|nil content
---@return string? message
---@return string? code "ELOOP" or "ENOTDIR" for a link
function M.read_beneath(root, rel, limit) return c.read_beneath(root, rel, limit or READ_LIMIT) end

--- Reads a part of a file in a tree that others may write to.
---@param root string
---@param rel string no part of it may be a link, "." or ".."
---@param at integer offset of the first byte, from 0
---@param len integer bytes; less where the file ends
---@return string|nil content
---@return string? message
---@return string? code "ELOOP" or "ENOTDIR" for a link
function M.read_part_beneath(root, rel, at, len) return c.read_part_beneath(root, rel, at, len) end

--- Puts a whole file in place of `path` in one step, synced to disk. A link at
--- `path` is replaced by the file.
---@param path string
---@param data string
---@param opts { mode?: integer, sync?: boolean }? mode: exactly these bits; 0644 less umask
---@return true|nil
---@return string? message
---@return string? code
function M.write_atomic(path, data, opts)
  opts = options.check(opts, { mode = "integer", sync = "boolean" }, "fs.write_atomic")
  return c.write_atomic(path, data, opts.mode, opts.sync ~= false)
end

--- Makes a new file in a tree that others may write to, whole and in one step,
--- mode 0644 less the umask. The root may be reached through links; no part of
--- `rel` may be one, and the directories in it have to be there.
---@param root string
---@param rel string
---@param data string
---@return true|nil
---@return string? message
---@return string? code "EEXIST" when the name is taken, by a dangling link too
function M.create_beneath(root, rel, data) return c.create_beneath(root, rel, data) end

--- Puts a whole file in place in a tree that others may write to, in one step. The
--- root may be reached through links; no directory in `rel` may be one, and they
--- have to be there. A link at the last name is replaced by the file.
---@param root string
---@param rel string
---@param data string
---@param opts { mode?: integer, sync?: boolean|"content" }? mode: exactly these bits; 0644 less umask.
--- sync "content": a power cut may bring the old file back, but never half of one
---@return true|nil
---@return string? message
---@return string? code "ENOTDIR" for a link, "EISDIR" when a directory has the name
function M.replace_beneath(root, rel, data, opts)
  opts = options.check(opts, { mode = "integer", sync = "boolean|string" }, "fs.replace_beneath")
  return c.replace_beneath(root, rel, data, opts.mode, opts.sync == nil or opts.sync)
end

--- Puts a file in place of one in a tree that others may write to, in one step, with the
--- same content but for one part of it. Nothing of it passes through Lua, so that a line
--- of a large file is changed quickly. No part of `rel` may be a link; the mode stays.
---@param root string
---@param rel string
---@param part { size: integer, at: integer, cut: integer } bytes: of the file as it was looked
--- at, before the part, of the part
---@param data string what stands there instead
---@param opts { sync?: boolean|"content" }? as of replace_beneath
---@return true|nil
---@return string? message
---@return string? code "EAGAIN" when the file has another size
function M.patch_beneath(root, rel, part, data, opts)
  opts = options.check(opts, { sync = "boolean|string" }, "fs.patch_beneath")
  part = options.check(part, { size = "integer", at = "integer", cut = "integer" },
    "fs.patch_beneath")
  return c.patch_beneath(root, rel, part.size, part.at, part.cut, data, opts.sync == nil or opts.sync)
end

--- Adds to the end of a regular file in a tree that others may write to; it is made
--- when missing, mode 0644 less the umask. No part of `rel` may be a link.
---@param root string
---@param rel string
---@param data string
---@return true|nil
---@return string? message
---@return string? code "ELOOP" or "ENOTDIR" for a link, "EINVAL" for what is no file
function M.append_beneath(root, rel, data) return c.append_beneath(root, rel, data) end

--- Adds to the end of a regular file, which is made when missing.
---@param path string
---@param data string
---@param opts { mode?: integer }? mode of a new file less the umask, 0644
---@return true|nil
---@return string? message
---@return string? code
function M.append(path, data, opts)
  opts = options.check(opts, { mode = "integer" }, "fs.append")
  return c.append(path, data, opts.mode or PUBLIC_FILE)
end

--- Makes a directory and those above it that are missing.
---@param path string
---@param mode integer? of every directory made, less the umask; 0777
---@return true|nil
---@return string? message
---@return string? code "ENOTDIR" when something else is in the way
function M.ensure_dir(path, mode) return c.ensure_dir(path, mode or PUBLIC_DIR) end

--- Makes a directory in a tree that others may write to, and those above it up
--- to the root, which has to be there. No part of `rel` may be a link. The last
--- one gets exactly this mode and owner, also when it is there already.
---@param root string
---@param rel string
---@param owner { mode: integer, uid: integer, gid: integer }
---@return true|nil
---@return string? message
---@return string? code "EPERM" when it belongs to somebody else, "ENOTDIR" for a link
function M.ensure_dir_beneath(root, rel, owner)
  return c.ensure_dir_beneath(root, rel, owner.mode, owner.uid, owner.gid)
end

--- Lists a directory in a tree that others may write to; no part of `rel` may be
--- a link.
---@param root string
---@param rel string may be ""
---@return string[]|nil names in byte order
---@return wrapix.Stat[]|string|nil stats of the same entries, links themselves; or the message
---@return string? code
function M.list_beneath(root, rel) return c.scan(root, rel) end

---@class wrapix.Survey
---@field count integer entries looked at
---@field odd string? path of the first that is neither file nor directory
---@field paths string[] of entries with one of the names, from root/rel
---@field stats wrapix.Stat[] of the same, links themselves
---@field digest string? of all names, inodes, modes, sizes and times but those of directories
---@field newest_ns integer? the latest change of what is in the digest

--- Looks through a tree that others may write to; no part of `rel` may be a link, and no link
--- is followed. Directories named in `stop` are not entered. Blocks while it looks.
---@param root string
---@param rel string may be ""
---@param opts { most: integer, names: string[]?, stop: string[]?, skip: string?, digest: boolean? }
--- skip: a name at the top; what is below it is no part of the digest
---@return wrapix.Survey|nil
---@return string? message
---@return string? code "E2BIG" for more than `most` entries, or more than 100 directories deep
function M.survey_beneath(root, rel, opts)
  local count, odd, paths, stats, digest, newest = c.survey(root, rel, opts.most, opts.names or {},
    opts.stop or {}, opts.skip, opts.digest or false)
  if not count then return nil, odd, paths end
  local is_wanted = opts.digest
  return { count = count, odd = odd or nil, paths = paths, stats = stats,
    digest = is_wanted and digest or nil, newest_ns = is_wanted and newest or nil }
end

--- Makes a directory of its own, mode 0700, and returns its path.
---@param prefix string? start of its name; "wrapix-"
---@param parent string? $TMPDIR if that is absolute, else /tmp
---@return string|nil path
---@return string? message
---@return string? code
function M.temp_dir(prefix, parent)
  prefix = prefix or "wrapix-"
  if type(prefix) ~= "string" or prefix:find("/", 1, true) then
    error("fs.temp_dir: prefix: a name without '/' expected", 2)
  end
  if not parent then
    local dir = os.getenv("TMPDIR")
    parent = dir and dir:sub(1, 1) == "/" and dir or "/tmp"
  end
  return c.temp_dir(parent .. "/" .. prefix)
end

local function wait_for_lock(path, mode, seconds)
  local pause, waited = FIRST_PAUSE, 0
  while true do
    local lock, message, code = c.lock(path, mode)
    if lock or code ~= "EAGAIN" or waited >= seconds then
      return lock, message, code
    end
    pause = math.min(pause, seconds - waited)
    local ok, why, why_code = task.sleep(pause)
    if not ok then
      return nil, why, why_code
    end
    waited, pause = waited + pause, math.min(pause * 2, LONGEST_PAUSE)
  end
end

--- Takes the exclusive lock of a file, which is made when missing and stays; its
--- content is the holder's process id, for people. Held until close(), the end
--- of a `<close>` variable or of the process; a started program does not get it.
---@param path string
---@param opts { wait?: number|boolean, mode?: integer }? wait: seconds, or true for ever; false
---@return wrapix.Lock|nil
---@return string? message
---@return string? code "EAGAIN" when somebody else has it, "ECANCELED"
function M.lock(path, opts)
  opts = options.check(opts, { wait = "number|boolean", mode = "integer" }, "fs.lock")
  local seconds = opts.wait
  if seconds == true then
    seconds = math.huge
  end
  return wait_for_lock(path, opts.mode or PRIVATE_FILE, seconds or 0)
end

-- Pushes the entries of a directory in reverse, so that the first is popped first.
local function push_entries(stack, root, rel)
  local names, stats, code = c.scan(root, rel)
  if not names then
    return nil, stats, code
  end
  for i = #names, 1, -1 do
    local inner = rel == "" and names[i] or rel .. "/" .. names[i]
    stack[#stack + 1] = { rel = inner, stat = stats[i] }
  end
  return true
end

--- Walks a tree, a directory before its content, names in byte order. Links are
--- reported and not followed. Holds nothing open, so a loop may be left.
--- `for rel, stat, problem in fs.walk(dir) do`: problem tells why the content of
--- this directory is missing; its parent has been reported by then.
---@param root string
---@param opts { descend?: fun(rel: string, stat: wrapix.Stat): boolean? }? false: not into this one
---@return (fun(): string?, wrapix.Stat?, string?, string?)|nil iterator of rel, stat, message, code
---@return string? message when the root itself cannot be read
---@return string? code
function M.walk(root, opts)
  opts = options.check(opts, { descend = "function" }, "fs.walk")
  local stack = {}
  local ok, message, code = push_entries(stack, root, "")
  if not ok then
    return nil, message, code
  end
  return function()
    local item = table.remove(stack)
    if not item then
      return nil
    end
    local stat = item.stat
    if stat.type ~= "directory" or opts.descend and not opts.descend(item.rel, stat) then
      return item.rel, stat
    end
    local pushed, problem, problem_code = push_entries(stack, root, item.rel)
    if pushed then
      return item.rel, stat
    end
    return item.rel, stat, problem, problem_code
  end
end

--- Copies a file, link or directory to a name that does not exist yet. Keeps the
--- permission bits but set-id ones, and links as links. Refuses FIFOs, sockets
--- and devices, more than 128 levels, and a destination inside the source. After a
--- failure nothing is left at `dst`.
---@param src string
---@param dst string
---@param opts { follow?: boolean, max_bytes?: integer }? follow: copy what links point to
---@return true|nil
---@return string? message
---@return string? code
function M.copy_tree(src, dst, opts)
  opts = options.check(opts, { follow = "boolean", max_bytes = "integer" }, "fs.copy_tree")
  return c.copy_tree(src, dst, opts.follow or false, opts.max_bytes)
end

--- Removes what the path names, with everything inside; true also when nothing
--- is there. A link is removed, not followed, at the top and anywhere below, and
--- another file system is not entered (EXDEV). "", "/", "." and ".." are refused.
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function M.remove_tree(path) return c.remove_tree(path) end

--- Resolves every link, "." and "..".
---@param path string
---@return string|nil
---@return string? message
---@return string? code
function M.realpath(path) return c.realpath(path) end

--- Tells what a path leads to.
---@param path string
---@return wrapix.Stat|nil
---@return string? message
---@return string? code
function M.stat(path) return c.stat(path) end

--- Tells what has this name; of a link the link itself.
---@param path string
---@return wrapix.Stat|nil
---@return string? message
---@return string? code
function M.lstat(path) return c.lstat(path) end

--- Lists the names in a directory in byte order, without "." and "..".
---@param path string
---@return string[]|nil
---@return string? message
---@return string? code
function M.list(path) return c.list(path) end

--- Makes one directory.
---@param path string
---@param mode integer? less the umask; 0777
---@return true|nil
---@return string? message
---@return string? code
function M.mkdir(path, mode) return c.mkdir(path, mode or PUBLIC_DIR) end

--- Removes an empty directory.
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function M.rmdir(path) return c.rmdir(path) end

--- Renames, replacing what has the new name.
---@param from string
---@param to string
---@return true|nil
---@return string? message
---@return string? code
function M.rename(from, to) return c.rename(from, to) end

--- Removes a name that is no directory.
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function M.unlink(path) return c.unlink(path) end

--- Makes a link with this text as its target.
---@param target string
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function M.symlink(target, path) return c.symlink(target, path) end

--- Returns the text of a link.
---@param path string
---@return string|nil
---@return string? message
---@return string? code
function M.readlink(path) return c.readlink(path) end

--- Sets the permission bits of what a path leads to.
---@param path string
---@param mode integer
---@return true|nil
---@return string? message
---@return string? code
function M.chmod(path, mode) return c.chmod(path, mode) end

--- Sets the owner, of a link itself rather than of what it points to.
---@param path string
---@param uid integer
---@param gid integer
---@return true|nil
---@return string? message
---@return string? code
function M.chown(path, uid, gid) return c.chown(path, uid, gid) end

--- Asks whether this process, by its effective ids, may do this to a path.
---@param path string
---@param want string of the letters r, w, x; "" asks for existence
---@return true|nil
---@return string? message
---@return string? code
function M.access(path, want) return c.access(path, want) end

--- Tells whether a path leads to something; false also when that cannot be seen.
---@param path string
---@return boolean
function M.exists(path) return c.stat(path) ~= nil end

return M
