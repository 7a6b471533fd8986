-- SPDX-License-Identifier: MIT
-- The benchmark: prints a table, and with --json data. No figure is a failure;
-- a part that cannot be measured says why. Started by tests/bench/run.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

package.path = fs.realpath(".") .. "/tests/?.lua;" .. package.path

local engine = require("bench.engine")
local life = require("bench.life")
local notify = require("bench.notify")
local notifyd = require("bench.notifyd")
local ralph = require("bench.ralph")
local stub = require("bench.stub")
local tracker = require("bench.tracker")

local GOALS = { ratio = 1.03, stub_ms = 8, stub_mb = 8, engine_starts = 1,
  notify_per_second = 100000, notify_mb = 10, notifyd_p99_ms = 5, step_ms = 30 }
local TEST_IMAGE = "localhost/wrapix-test-busybox:1"
local HERE = "here"

local function options(...)
  local opts = { hosts = {}, runs = nil, image = TEST_IMAGE }
  local words, i = { ... }, 1
  local function value()
    i = i + 1
    return words[i] or error(words[i - 1] .. ": needs a value", 0)
  end
  while words[i] do
    local word = words[i]
    if word == "--json" then opts.json = true
    elseif word == "--runs" then opts.runs = math.tointeger(tonumber(value()))
    elseif word == "--image" then opts.image = value()
    elseif word == "--host" then table.insert(opts.hosts, value())
    elseif word == "--only" then opts.only = value()
    else error(word .. ": is no option of the benchmark", 0) end
    i = i + 1
  end
  return opts
end

local function places()
  local program = assert(fs.realpath("/proc/self/exe"))
  return { program = program, tools = path.dirname(program) .. "/tests/bench",
    checkout = fs.realpath(".") }
end

local function with(base, more)
  for key, value in pairs(base) do more[key] = more[key] == nil and value or more[key] end
  return more
end

-- Another host measures with the same programs and answers in JSON.
local function on_host(host, opts, at)
  local argv = { at.checkout .. "/tests/host/run", host, "--", at.program, "--run",
    "tests/bench/run.lua", "--json", "--only", opts.part, "--image", opts.image,
    "--runs", tostring(opts.runs or 30) }
  local result, message = proc.run(argv, { stdin = "null", timeout = 1200 })
  if not result then return nil, message end
  local found = json.decode(result.stdout)
  local answer = found and found[opts.part] and found[opts.part][HERE]
  if not answer then return nil, result.stderr:match("[^\n]*") end
  if answer.not_measured then return nil, answer.not_measured end
  return answer
end

local PARTS = { engine = engine.run, life = life.run, ralph = ralph.run }

local function measure_part(part, opts, at)
  local found = {}
  for _, host in ipairs(#opts.hosts > 0 and opts.hosts or { HERE }) do
    local answer, message
    if host == HERE then
      answer, message = PARTS[part](with(at,
        { runs = opts.runs or 30, image = opts.image, count = 20 }))
    else
      answer, message = on_host(host, with(opts, { part = part }), at)
    end
    found[host] = answer or { not_measured = message or "no answer" }
  end
  return found
end

-- Printing ---------------------------------------------------------------------

local function ms(seconds) return ("%8.2f"):format(seconds * 1000) end

local function print_stub(rows)
  print("wrapix alone, milliseconds        min   median      max      cpu  peak MB  engine starts")
  for _, row in ipairs(rows) do
    print(("%-27s %s %s %s %s %8.1f  %s"):format(row.name, ms(row.min), ms(row.median), ms(row.max),
      ms(row.cpu), row.peak_kb / 1024, row.engine_starts and ("%g"):format(row.engine_starts) or ""))
  end
  print(("goals for the last line: median %d ms, peak %d MB, %d engine start; %d runs each\n")
    :format(GOALS.stub_ms, GOALS.stub_mb, GOALS.engine_starts, rows[1].runs))
end

local function print_engine(host, found)
  if found.not_measured then
    return print(("with podman, %s: not measured: %s"):format(host, found.not_measured))
  end
  print(("with podman, %-15s      min   median      max   milliseconds, %d pairs"):format(host,
    found.runs))
  for _, name in ipairs({ "wrapix", "podman" }) do
    local row = found[name]
    print(("%-27s %s %s %s"):format(name == "podman" and "the same podman run" or "wrapix -- true",
      ms(row.min), ms(row.median), ms(row.max)))
  end
  print(("ratio of medians %.3f, median of the pairs' ratios %.3f; goal %.2f\n")
    :format(found.ratio.of_medians, found.ratio.of_pairs, GOALS.ratio))
end

local function print_life(host, found)
  if found.not_measured then
    return print(("many sandboxes, %s: not measured: %s"):format(host, found.not_measured))
  end
  print(("%d sandboxes at once, %s: started in %.1f s, stopped in %.1f s"):format(found.count, host,
    found.start_seconds, found.stop_seconds))
  print(("their launchers: %.2f s of CPU, %.1f %% of the machine; memory each %.1f MB, %.1f MB of it"
    .. " their own"):format(found.launcher_cpu_seconds, found.launcher_cpu_share * 100,
    found.rss_kb.median / 1024, found.private_kb.median / 1024))
  for _, name in ipairs({ "wrapix", "podman" }) do
    local row = found.exec[name]
    print(("%-27s %s %s %s"):format(name .. " exec … true", ms(row.min), ms(row.median), ms(row.max)))
  end
  print(("ratio of medians %.3f, median of the pairs' ratios %.3f\n"):format(
    found.exec.ratio.of_medians, found.exec.ratio.of_pairs))
end

local function print_ralph(host, found)
  if found.not_measured then
    return print(("ralph step, %s: not measured: %s"):format(host, found.not_measured))
  end
  print(("ralph, %-21s      min   median      max   milliseconds, %d pairs"):format(host, found.runs))
  for _, row in ipairs(found.rows) do
    for _, one in ipairs({ { row.name, row.step }, { "its containers alone", row.alone },
      { "difference in each pair", row.overhead }, { "the same of CPU time", row.cpu } }) do
      print(("%-27s %s %s %s"):format(one[1], ms(one[2].min), ms(one[2].median), ms(one[2].max)))
    end
  end
  print(("goal of the difference: %d ms\n"):format(GOALS.step_ms))
end

local function print_notify(found)
  print("wrapix-notify, milliseconds       min   median      max  peak MB")
  for _, name in ipairs({ "heard", "unheard" }) do
    local row = found[name]
    print(("%-27s %s %s %s %8.1f"):format(name == "heard" and "somebody listens" or "nobody listens",
      ms(row.min), ms(row.median), ms(row.max), row.peak_kb / 1024))
  end
  local flood = found.flood
  print(("one connection, null sink: %.0f messages a second, %.0f a second of CPU, peak %.1f MB;"
    .. " goals %d, %d MB\n"):format(flood.per_second, flood.per_cpu_second, flood.peak_kb / 1024,
    GOALS.notify_per_second, GOALS.notify_mb))
end

local function print_tracker(found)
  print(("%d issues, %.1f MB, ms         min   median      max      cpu  peak MB  goal"):format(
    found.issues, found.bytes / 1e6))
  for _, row in ipairs(found.rows) do
    print(("%-27s %s %s %s %s %8.1f %5d"):format(row.name, ms(row.min), ms(row.median), ms(row.max),
      ms(row.cpu), row.peak_kb / 1024, row.goal_ms))
  end
  print(("imported at once in %.2f s; goal 2 s\n"):format(found.import_seconds))
end

local function print_latency(name, row)
  print(("%-27s %s %s %s %s"):format(name, ms(row.min), ms(row.median), ms(row.p99), ms(row.max)))
end

local function print_notifyd(found)
  print("write → start of the sink, ms     min   median      p99      max")
  print_latency("wrapix-notifyd", found.ours.latency)
  if found.shell.not_measured then
    print("socat, shell and jq: not measured: " .. found.shell.not_measured)
  else
    print_latency("socat, shell and jq", found.shell.latency)
  end
  for _, name in ipairs({ "flood", "flood_always" }) do
    local row = found.ours[name]
    print(("%d messages through one connection%s: %.0f a second, %.0f a second of CPU, peak %.1f MB")
      :format(row.messages, name == "flood" and "" or ", always = true", row.per_second,
        row.per_cpu_second, row.peak_kb / 1024))
  end
  if found.shell.flood then
    print(("socat, shell and jq: %.0f a second"):format(found.shell.flood.per_second))
  end
  print(("goals: p99 %d ms, %d a second, %d MB\n"):format(GOALS.notifyd_p99_ms,
    GOALS.notify_per_second, GOALS.notify_mb))
end

local function print_hosts(found, print_one)
  local hosts = {}
  for host in pairs(found or {}) do hosts[#hosts + 1] = host end
  table.sort(hosts)
  for _, host in ipairs(hosts) do print_one(host, found[host]) end
end

local function print_table(report)
  if report.stub then print_stub(report.stub) end
  if report.notify then print_notify(report.notify) end
  if report.notifyd then print_notifyd(report.notifyd) end
  if report.tracker then print_tracker(report.tracker) end
  print_hosts(report.engine, print_engine)
  print_hosts(report.life, print_life)
  print_hosts(report.ralph, print_ralph)
end

local function main(...)
  local opts, at = options(...), places()
  local report = { goals = GOALS, cpus = sys.cpus(), arch = sys.arch(), time = os.date("!%Y-%m-%d") }
  if not opts.only or opts.only == "stub" then
    report.stub = assert(stub.run(with(at, { runs = opts.runs or 200 })))
  end
  if not opts.only or opts.only == "notify" then
    report.notify = assert(notify.run(with(at, { runs = opts.runs or 200 })))
  end
  if not opts.only or opts.only == "notifyd" then
    report.notifyd = assert(notifyd.run(with(at, { runs = opts.runs or 200 })))
  end
  if not opts.only or opts.only == "tracker" then
    report.tracker = assert(tracker.run(with(at, { runs = opts.runs or 30 })))
  end
  for part in pairs(PARTS) do
    if not opts.only or opts.only == part then report[part] = measure_part(part, opts, at) end
  end
  if not opts.json then print_table(report) end
  print(json.encode(report, { pretty = true }))
  return 0
end

return main(...)
