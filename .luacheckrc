-- SPDX-License-Identifier: MIT
-- What luacheck may expect. Nothing is ignored in the library itself.
std = "lua54"
max_line_length = 120 -- 100 is the custom, this the limit
max_comment_line_length = false -- a type has to stand in one line
cache = false

exclude_files = { "build" }

-- Declarations only: bodies are empty, so each argument is unused.
files["docs/api"] = { ignore = { "211", "212", "241" } }

files["tests"] = { std = "lua54+busted", read_globals = { "WRAPIX_ROOT" } }
-- It takes the place of busted's own program.
files["tests/run.lua"] = { globals = { "arg", "os.exit" } }
