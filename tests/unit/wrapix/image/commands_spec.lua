-- SPDX-License-Identifier: MIT
-- Specs of wrapix.image.commands: what of an agent's commands comes into a build, and
-- what does not.

local commands = require("wrapix.image.commands")
local containerfile = require("wrapix.image.containerfile")

local AIDER = {
  name = "aider", version = "0.86.1", bin = { { name = "aider", target = "/opt/aider/bin/aider" } },
  commands = { { "python3", "-m", "venv", "/opt/aider" },
    { "/opt/aider/bin/pip", "install", "aider-chat==@VERSION@" } },
}

describe("the commands of an agent", function()
  it("are run one after the other, with the version, and linked", function()
    local text = commands.source(AIDER, containerfile)
    assert.matches("^RUN set %-eu; ", text)
    assert.truthy(text:find("echo 'wrapix: agent aider 0.86.1: python3'; \\\n"
      .. "    python3 -m venv /opt/aider; \\\n"
      .. "    echo 'wrapix: agent aider 0.86.1: pip'; \\\n"
      .. "    /opt/aider/bin/pip install aider-chat==0.86.1; \\\n"
      .. "    ln -sf /opt/aider/bin/aider /usr/local/bin/aider", 1, true), text)
  end)

  it("have each word quoted for the shell", function()
    local text = commands.source({ name = "a", version = "1.0%1", bin = {},
      commands = { { "sh", "-c", "echo $HOME; it's 'x'", "", "<<EOF", "#@VERSION@" },
        { "A=b", "$(id)" } } }, containerfile)
    local words = [[sh -c 'echo $HOME; it'\''s '\''x'\''' '' '<<EOF' '#1.0%1'; ]]
    assert.truthy(text:find(words, 1, true), text)
    assert.truthy(text:find("'A=b' '$(id)'", 1, true), text)
    assert.truthy(text:find("1.0%1: a command'", 1, true), text)
  end)

  it("are refused where they would break the line, or install another version", function()
    for _, wrong in ipairs({ false, {}, { "pip" }, { {} }, { { "" } }, { { "a", "b\nRUN c@VERSION@" } },
      { { "a", 3 } }, { { "a", "@VERSION@\0" } }, { { "a", ("x"):rep(5000) } } }) do
      assert.is_string(commands.problem(wrong))
    end
    assert.matches("no command says @VERSION@", commands.problem({ { "pip", "install", "x" } }))
    assert.is_nil(commands.problem(AIDER.commands))
  end)

  it("are named when they fail, the last one that ran", function()
    assert.same({ "agent a 1: pip failed", "EIMAGE" }, { commands.explain({
      "wrapix: agent a 1: python3", "x", "wrapix: agent a 1: pip", "boom" }) })
    assert.is_nil(commands.explain({ "wrapix: agent a 1" }))
  end)
end)
