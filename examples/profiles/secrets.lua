-- SPDX-License-Identifier: MIT
-- Secrets by name. The value is taken from the environment of the start and is in
-- no command line, log, plan or label; one that is not set is not passed.
--   DEPLOY_TOKEN=… wrapix examples/profiles/secrets.lua -- ./deploy

return {
  name = "deploy",
  image = "docker.io/library/debian:trixie-slim",
  secrets = { "DEPLOY_TOKEN", "DEPLOY_PASSWORD" },
  -- What is no secret belongs here, where `wrapix explain` shows it.
  env = { DEPLOY_TARGET = "staging" },
  limits = { memory = "1g", pids = 256, timeout = "10m" },
  command = { "sh", "-c", 'test -n "$DEPLOY_TOKEN" && echo "a token is there"' },
}
