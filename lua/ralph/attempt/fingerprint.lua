-- SPDX-License-Identifier: MIT
-- What changes with any file of a directory that is no repository: names, sizes and times
-- of all of them in one word. Weaker than a tree of git, which is of contents; good enough to
-- see that something happened, and used for no more.

local wrapix = require "wrapix"

local M = {}

local MOST_FILES, AT_ONCE = 200000, 1000

local function descend(rel) return rel ~= ".wrapix" end

--- The word for a directory as it is now, `.wrapix` left out. Follows no link.
---@param root string
---@return string
function M.of(root)
  local parts, count = {}, 0
  for rel, stat in wrapix.fs.walk(root, { descend = descend }) or function() end do
    count = count + 1
    if count > MOST_FILES then break end
    local mtime = stat.type ~= "directory" and tostring(stat.mtime) or ""
    parts[#parts + 1] = ("%s %s %s"):format(rel, tostring(stat.size), mtime)
    if #parts >= AT_ONCE then parts = { wrapix.sha256.hex(table.concat(parts, "\n")) } end
  end
  return wrapix.sha256.hex(table.concat(parts, "\n"))
end

--- Each file with what is known of it without reading it; `.wrapix` left out.
---@param root string
---@return table<string, string>
function M.files(root)
  local files, count = {}, 0
  for rel, stat in wrapix.fs.walk(root, { descend = descend }) or function() end do
    count = count + 1
    if count > MOST_FILES then break end
    if stat.type ~= "directory" then
      files[rel] = ("%s %s %s"):format(stat.type, tostring(stat.size), tostring(stat.mtime))
    end
  end
  return files
end

return M
