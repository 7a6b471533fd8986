-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.expiry: times and tokens a sandbox may have written.

local expiry = require "wrapix.agent.expiry"

describe("agent.expiry", function()
  it("takes for a time only what is one", function()
    assert.equal(1800000000, expiry.time(1800000000123, 1000))
    assert.equal(5, expiry.time(5.9))
    for _, value in ipairs({ 0, -1, 1 / 0, 0 / 0, 1e300, "5", true, {} }) do
      assert.is_nil(expiry.time(value))
    end
    assert.is_nil(expiry.time(nil))
  end)

  it("reads the end of a token from the token", function()
    -- {"exp":1800000000} and {"exp":1800000000,"a":"??>"}
    assert.equal(1800000000, expiry.of_token("e30.eyJleHAiOjE4MDAwMDAwMDB9.c2ln"))
    assert.equal(1800000000, expiry.of_token("e30.eyJleHAiOjE4MDAwMDAwMDAsImEiOiI_Pz4ifQ.x-_"))
  end)

  it("makes nothing of what is no token", function()
    for _, token in ipairs({ "", "t", "a.b", "a.b.c", "a.e30.c", "a.!!.c", "a.bnVsbA.c",
      "a." .. ("W1tb"):rep(4000) .. ".c", "a." .. ("A"):rep(40000) .. ".c", "..",
      "a.eyJleHAiOiI1In0.c", "a.eyJleHAiOjFlMzAwfQ.c" }) do
      assert.is_nil(expiry.of_token(token), token:sub(1, 40))
    end
    assert.is_nil(expiry.of_token(nil))
  end)

  it("tells what lasts, what is renewed and what is over", function()
    local date = os.date("%Y-%m-%d %H:%M", 1800000000)
    assert.same({ "there", "until " .. date }, { expiry.state(1800000000, false, 1799999999) })
    assert.same({ "there", "until " .. date .. ", then renewed" },
      { expiry.state(1800000000, true, 1799999999) })
    assert.same({ "there", "renewed when it is next used" },
      { expiry.state(1800000000, true, 1800000000) })
    assert.same({ "expired", "since " .. date }, { expiry.state(1800000000, false, 1800000000) })
    assert.same({ "there" }, { expiry.state(nil, false, 1) })
    assert.equal("expired", (expiry.state(1, false)))
  end)
end)
