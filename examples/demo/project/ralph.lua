-- SPDX-License-Identifier: MIT
-- How Ralph judges the work of agents in this project.
return {
  verify = { "make test" },
  protect = { "check.c", "Makefile" },
  notify = false,
}
