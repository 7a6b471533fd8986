-- SPDX-License-Identifier: MIT
---@meta wrapix._c.fs
-- The C half of wrapix.fs, positional arguments only; lua/wrapix/fs.lua has the
-- documentation of each and is the only file that requires it. A failure of the
-- outside world is nil, message, code. A path with a NUL byte raises.

---@class wrapix._c.fs
local fs = {}

---@class wrapix.Lock: userdata
local Lock = {}

---@param path string
---@param limit integer bytes
---@return string|nil content, string? message, string? code
function fs.read(path, limit) end

---@param path string
---@param data string
---@param mode integer|nil exact bits; nil: 0644 less the umask
---@param sync boolean
---@return true|nil, string? message, string? code
function fs.write_atomic(path, data, mode, sync) end

---@param path string
---@param data string
---@param mode integer of a new file, less the umask
---@return true|nil, string? message, string? code
function fs.append(path, data, mode) end

---Takes the lock at once or fails with "EAGAIN".
---@param path string
---@param mode integer of a new file, less the umask
---@return wrapix.Lock|nil, string? message, string? code
function fs.lock(path, mode) end

---@param path string
---@param mode integer of every directory made, less the umask
---@return true|nil, string? message, string? code
function fs.ensure_dir(path, mode) end

---@param prefix string whole path; six characters are added
---@return string|nil path, string? message, string? code
function fs.temp_dir(prefix) end

---@param path string
---@return string[]|nil names, string? message, string? code
function fs.list(path) end

-- seen as: fs.walk
---Lists root/rel; no part of rel may be a link, "." or "..".
---@param root string
---@param rel string may be ""
---@return string[]|nil names, wrapix.Stat[]|string stats or message, string? code
function fs.scan(root, rel) end

---Looks through a tree; see wrapix.fs.survey_beneath.
---@param root string
---@param rel string no part of it may be a link
---@param most integer entries
---@param names string[]
---@param stop string[]
---@param skip string?
---@param digest boolean?
---@return integer|nil count
---@return string|false|nil odd or message
---@return string[]|string|nil paths or code
---@return wrapix.Stat[]? stats
---@return string? digest 32 bytes
---@return integer? newest_ns
-- seen as: survey_beneath
function fs.survey(root, rel, most, names, stop, skip, digest) end

---@param path string
---@return true|nil, string? message, string? code
function fs.remove_tree(path) end

---@param src string
---@param dst string
---@param follow boolean
---@param max_bytes integer? negative or nil: no limit
---@return true|nil, string? message, string? code
function fs.copy_tree(src, dst, follow, max_bytes) end

---@param path string
---@return wrapix.Stat|nil, string? message, string? code
function fs.stat(path) end

---@param path string
---@return wrapix.Stat|nil, string? message, string? code
function fs.lstat(path) end

---@param path string
---@return string|nil, string? message, string? code
function fs.realpath(path) end

---@param path string
---@param want string of the letters r, w, x; "" asks for existence
---@return true|nil, string? message, string? code
function fs.access(path, want) end

---@param path string
---@param mode integer
---@return true|nil, string? message, string? code
function fs.mkdir(path, mode) end

---@param path string
---@return true|nil, string? message, string? code
function fs.rmdir(path) end

---@param path string
---@return true|nil, string? message, string? code
function fs.unlink(path) end

---@param from string
---@param to string
---@return true|nil, string? message, string? code
function fs.rename(from, to) end

---@param target string
---@param path string
---@return true|nil, string? message, string? code
function fs.symlink(target, path) end

---@param path string
---@return string|nil, string? message, string? code
function fs.readlink(path) end

---@param path string
---@param mode integer
---@return true|nil, string? message, string? code
function fs.chmod(path, mode) end

---@param path string not followed when it is a link
---@param uid integer
---@param gid integer
---@return true|nil, string? message, string? code
function fs.chown(path, uid, gid) end

---No part of rel may be a link, "." or "..".
---@param root string
---@param rel string
---@param limit integer bytes
---@return string|nil content, string? message, string? code
function fs.read_beneath(root, rel, limit) end

---No part of rel may be a link; the directories have to be there.
---@param root string
---@param rel string
---@param data string
---@return true|nil, string? message, string? code "EEXIST" when the name is taken
function fs.create_beneath(root, rel, data) end

---No part of rel but the last may be a link; that is replaced.
---@param root string
---@param rel string
---@param data string
---@param mode integer|nil exact bits; nil: 0644 less the umask
---@param sync boolean|"content"
---@return true|nil, string? message, string? code
function fs.replace_beneath(root, rel, data, mode, sync) end

---Up to len bytes from the offset at on.
---@param root string
---@param rel string
---@param at integer
---@param len integer
---@return string|nil content, string? message, string? code
function fs.read_part_beneath(root, rel, at, len) end

---The same content, with data in place of cut bytes at the offset at.
---@param root string
---@param rel string
---@param size integer the file must have
---@param at integer
---@param cut integer
---@param data string
---@param sync boolean|"content"
---@return true|nil, string? message, string? code "EAGAIN" for another size
function fs.patch_beneath(root, rel, size, at, cut, data, sync) end

---No part of rel may be a link.
---@param root string
---@param rel string
---@param data string
---@return true|nil, string? message, string? code
function fs.append_beneath(root, rel, data) end

---@param root string must be there
---@param rel string no part of it may be a link, "." or ".."
---@param mode integer exact bits of every directory made, and of the last one
---@param uid integer of the last one
---@param gid integer of the last one
---@return true|nil, string? message, string? code
function fs.ensure_dir_beneath(root, rel, mode, uid, gid) end

---Gives the lock back; twice is allowed.
function Lock:close() end

return fs
