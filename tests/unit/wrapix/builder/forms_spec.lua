-- SPDX-License-Identifier: MIT
local forms = require("wrapix.builder.forms")
local spec = require("wrapix.builder.spec")

local function client(more)
  local one = { port = 2222, key = "/d/keys/client", host_public = "ssh-ed25519 AAAAC3Nz",
    known_hosts = "/d/known_hosts",
    settings = assert(spec.check({ cpus = 2, systems = { "aarch64-linux", "x86_64-linux" } },
      { arch = "aarch64" })) }
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

describe("builder.forms", function()
  it("writes base64 as RFC 4648 has it", function()
    for text, wanted in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
      fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\0\255\254"] = "AP/+" }) do
      assert.equal(wanted, forms.base64(text))
    end
  end)

  it("writes the line of machines", function()
    assert.equal("ssh-ng://builder@wrapix-builder aarch64-linux,x86_64-linux /d/keys/client 2 1"
      .. " big-parallel,benchmark - " .. forms.base64("ssh-ed25519 AAAAC3Nz"), forms.machine(client()))
    local bare = client()
    bare.settings.features = {}
    assert.truthy(forms.machine(bare):find(" 2 1 - - ", 1, true))
  end)

  it("names the host by alias and by address", function()
    assert.same({ "wrapix-builder ssh-ed25519 AAAAC3Nz", "[127.0.0.1]:2222 ssh-ed25519 AAAAC3Nz" },
      forms.known_hosts(client()))
    local lines = forms.ssh_config(client({ key = "/a b/client" }))
    assert.equal("Host wrapix-builder 127.0.0.1:2222", lines[1])
    assert.equal("Match all", lines[#lines])
    assert.truthy(table.concat(lines, "\n"):find('IdentityFile "/a b/client"', 1, true))
  end)

  it("writes a module of nix-darwin with what Nix would read otherwise taken care of", function()
    local text = forms.nix_darwin(client({ key = '/a"${b}/client' }))
    assert.truthy(text:find([[sshKey = "/a\"\${b}/client";]], 1, true), text)
    assert.truthy(text:find('systems = [ "aarch64-linux" "x86_64-linux" ];', 1, true))
    assert.truthy(text:find('publicHostKey = "' .. forms.host_key(client()) .. '";', 1, true))
    assert.truthy(text:find('protocol = "ssh-ng";', 1, true))
  end)

  it("speaks to it with nothing of the person's own", function()
    local argv = forms.ssh_argv(client(), { "-T" }, "id -u")
    assert.equal("ssh", argv[1])
    local words = table.concat(argv, " ")
    for _, part in ipairs({ "-F none", "-i /d/keys/client", "-p 2222", "StrictHostKeyChecking=yes",
      "IdentitiesOnly=yes", "IdentityAgent=none", "HostKeyAlias=wrapix-builder",
      'UserKnownHostsFile="/d/known_hosts"', "-T -- builder@127.0.0.1 id -u" }) do
      assert.truthy(words:find(part, 1, true), part)
    end
    assert.equal("builder@127.0.0.1", select(-1, table.unpack(forms.ssh_argv(client()))))
  end)
end)
