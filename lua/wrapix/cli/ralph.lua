-- SPDX-License-Identifier: MIT
-- `wrapix ralph`, and the program when it is started as `ralph`: the one way from here
-- to the workflow, which is built on the library and has its commands itself.

return require("ralph.commands")
