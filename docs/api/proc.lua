-- SPDX-License-Identifier: MIT
---@meta wrapix._c.proc
-- The C half of wrapix.proc: start, wait, signal. Looking up PATH, merging the
-- environment, time limits and collecting output are lua/wrapix/proc.lua's, the
-- only file that requires it.

---@class wrapix._c.proc
local proc = {}

---@class wrapix._c.Proc: userdata
local Proc = {}

---Starts a process. Each text must be free of NUL bytes; a wrong type raises.
---@param path string the program's file; no lookup
---@param argv string[] with argv[1]
---@param env string[] "NAME=VALUE"
---@param cwd string? nil: ours
---@param stdio table three of "inherit"|"null"|"pipe"|{ file = path, mode = "r"|"w"|"a"|"rw" }; the third also "stdout"
---@param group "same"|"session"|"terminal"|nil session: one of its own, signalled as a whole; terminal: one whose terminal is stdin
---@return wrapix._c.Proc|nil
---@return wrapix.Stream|string|nil stdin of a pipe, or the message
---@return wrapix.Stream|string|nil stdout, or the code
---@return wrapix.Stream|nil stderr
function proc.spawn(path, argv, env, cwd, stdio, group) end

---@param name string without SIG
---@return integer? number nil for an unknown name
function proc.signal_number(name) end

---@param number integer
---@return string? name without SIG; nil for an unknown number
function proc.signal_name(number) end

---Waits for the end of the process itself; its pipes may still be open.
---@return { code: integer?, signal: integer?, seconds: number, rusage: { user: number, system: number, max_rss_kb: integer } }|nil
---@return string? message
---@return string? code "ECANCELED"
function Proc:wait() end

---Sends a signal; to the whole session if the process has one of its own.
---@param signal integer
---@return true|nil, string? message, string? code "ESRCH" after the end
function Proc:kill(signal) end

---@return integer
function Proc:pid() end

---@return boolean whether the process has ended
function Proc:exited() end

---Lets the process go on whatever becomes of this object, which is of no use any more.
function Proc:release() end

return proc
