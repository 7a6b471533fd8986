-- SPDX-License-Identifier: MIT
-- The commands of images: list, inspect, load, save, tag, delete, prune, pull, and build
-- (facts A6, A9, correction 8). An archive is read here, so that only what the CLI
-- takes for an OCI layout is one, under the name its annotations give it.

local encode = require("support.apple.encode")
local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local shapes = require("support.apple.shapes")
local store = require("support.apple.store")
local sys = require("wrapix.sys")
local values = require("support.apple.values")

local M = {}

---@type table<string, fun(cx: apple.Context, parse: apple.Parse): integer?>
M.commands = {}

local function sorted(cx)
  local out = {}
  for _, image in pairs(store.all(cx)) do out[#out + 1] = image end
  table.sort(out, function(a, b) return a.reference < b.reference end)
  return out
end

local function need(cx, reference)
  local image = store.find(cx, reference)
  if not image then fail.with("notFound", ("image with reference %s"):format(reference)) end
  return image
end

-- list, inspect ------------------------------------------------------------------------

local function check_list(cx, opts)
  if opts.quiet and opts.verbose then
    fail.with("invalidArgument", "cannot use flag --quiet and --verbose together")
  end
  if cx.version:before("1.0.0") and opts.format == "json" and (opts.quiet or opts.verbose) then
    fail.with("invalidArgument", "cannot use flag --quiet or --verbose along with --format json")
  end
end

local function name_and_tag(reference)
  local name, tag = store.denormalize(reference):match("^(.*):([^:/]*)$")
  return name or reference, tag or "<none>"
end

M.commands["image list"] = function(cx, parse)
  check_list(cx, parse.opts)
  local images, out = sorted(cx), json.array({})
  if parse.opts.quiet and (parse.opts.format or "table") == "table" then
    for _, image in ipairs(images) do cx:print(store.denormalize(image.reference)) end
    return
  end
  if parse.opts.verbose then fail.unknown("A6, image list", "--verbose is not acted out") end
  for i, image in ipairs(images) do out[i] = shapes.image(cx.version, image) end
  cx:render(parse.opts.format, out, { "NAME", "TAG", "DIGEST" }, function(i)
    local name, tag = name_and_tag(images[i].reference)
    return { name, tag, images[i].descriptor.digest:gsub("^[^:]*:", ""):sub(1, 12) }
  end)
end

M.commands["image inspect"] = function(cx, parse)
  local out, missing = json.array({}), {}
  for _, reference in ipairs(parse.args.images) do
    local image = store.find(cx, reference)
    if not image then
      missing[#missing + 1] = reference
    elseif cx.version:since("1.0.0") then
      out[#out + 1] = shapes.image(cx.version, image)
    else
      out[#out + 1] = shapes.image_details(image)
    end
  end
  table.sort(missing)
  if #missing > 0 and cx.version:since("1.0.0") then
    fail.with("notFound", "image not found: " .. table.concat(missing, ", "))
  end
  if #out > 0 then cx:print(encode.text(out, encode.style(cx.version, "inspect"))) end
  for _, name in ipairs(missing) do
    cx:log(('image inspect failed: ["name": "%s", "error": "Image not found"]'):format(name))
  end
  if #missing > 0 then return 1 end
end

-- load ---------------------------------------------------------------------------------------

local NAMES = { "com.apple.containerization.image.name", "io.containerd.image.name",
  "org.opencontainers.image.ref.name" }

local function reference_of(manifest)
  for _, key in ipairs(NAMES) do
    local name = manifest.annotations and manifest.annotations[key]
    if name then return name end
  end
  return "untagged@" .. manifest.digest
end

-- A layout with one manifest, which Podman can be given; the blobs are the same.
local function single(layout, manifest, at)
  local one = ("%s/one.%d"):format(layout, at)
  assert(fs.ensure_dir(one))
  assert(fs.symlink(layout .. "/blobs", one .. "/blobs"))
  assert(fs.write_atomic(one .. "/oci-layout", '{"imageLayoutVersion":"1.0.0"}', { sync = false }))
  local bare = { mediaType = manifest.mediaType, digest = manifest.digest, size = manifest.size }
  assert(fs.write_atomic(one .. "/index.json", assert(json.encode({
    schemaVersion = 2, manifests = json.array({ bare }) })), { sync = false }))
  return one
end

local function pull(cx, layout)
  local result = cx.engine:call({ "pull", "--quiet", "oci:" .. layout })
  if result.code ~= 0 then fail.with("internalError", (result.stderr:gsub("%s+$", ""))) end
  return result.stdout:match("(%x+)%s*$") or "recorded"
end

-- Podman names what it pulls after the directory.
local function forget_name(cx, id)
  local found = cx.engine:ask({ "image", "inspect", id })
  for _, name in ipairs(found and found[1].RepoTags or {}) do
    if name:match("/one%.%d+:") then cx.engine:call({ "untag", id, name }) end
  end
end

local function index_of(layout)
  for _, name in ipairs({ "/oci-layout", "/index.json" }) do
    if not fs.stat(layout .. name) then fail.with("notFound", layout .. name) end
  end
  local marker = json.decode(fs.read(layout .. "/oci-layout"))
  if not marker or not marker.imageLayoutVersion then
    fail.with("empty", ("missing key imageLayoutVersion in %s/oci-layout"):format(layout))
  end
  return assert(json.decode(fs.read(layout .. "/index.json")))
end

local function load_layout(cx, layout)
  local references = {}
  for i, manifest in ipairs(index_of(layout).manifests or {}) do
    local reference = reference_of(manifest)
    local id = pull(cx, single(layout, manifest, i))
    store.add(cx, id, reference, manifest.digest)
    forget_name(cx, id)
    references[i] = reference
  end
  if #references == 0 then fail.with("internalError", "failed to import image") end
  return references
end

local function archive(cx, input, scratch)
  if not input then
    local copy = scratch .. "/stdin.tar"
    local result = assert(proc.run({ "cat" }, { stdin = "inherit",
      stdout = { file = copy, mode = "w" }, stderr = "pipe" }))
    assert(result.code == 0, result.stderr)
    return copy
  end
  if input:match("^/dev/fd/") then -- the daemon has no such descriptor (facts A6, AC#1429)
    fail.with("internalError", ("failed to open %s"):format(input))
  end
  local absolute = path.normalize(values.absolute(input))
  if not fs.stat(absolute) then
    if cx.version:since("1.0.0") then
      cx:log(('file does not exist: ["path": "%s"]'):format(absolute))
    else
      cx:print("File does not exist " .. input)
    end
    fail.status(1)
  end
  return absolute
end

local function with_scratch(fn)
  -- Podman makes a name of the path, which must not have a capital letter.
  local scratch = "/tmp/apple-image-" .. sys.random_hex(6)
  assert(fs.mkdir(scratch, 448))
  local out = table.pack(pcall(fn, scratch))
  fs.remove_tree(scratch)
  if not out[1] then error(out[2], 0) end
  return table.unpack(out, 2, out.n)
end

M.commands["image load"] = function(cx, parse)
  local references = with_scratch(function(scratch)
    local file, layout = archive(cx, parse.opts.input, scratch), scratch .. "/layout"
    assert(fs.ensure_dir(layout))
    local result = assert(proc.run({ "tar", "-xf", file, "-C", layout, "--no-same-owner" }))
    if result.code ~= 0 then
      fail.with("internalError", "failed to open tar archive: " .. result.stderr:gsub("%s+$", ""))
    end
    return load_layout(cx, layout)
  end)
  if cx.version:before("1.0.0") then cx:print("Loaded images:") end
  for _, reference in ipairs(references) do cx:print(reference) end
end

-- save ---------------------------------------------------------------------------------------

-- Podman gives the archive its own name: Apple's writes all three annotations.
local function annotate(layout, reference)
  local index = assert(json.decode(fs.read(layout .. "/index.json")))
  for _, manifest in ipairs(index.manifests) do
    manifest.annotations = {}
    for _, key in ipairs(NAMES) do manifest.annotations[key] = reference end
  end
  assert(fs.write_atomic(layout .. "/index.json", assert(json.encode(index)), { sync = false }))
end

M.commands["image save"] = function(cx, parse)
  local references, opts = parse.args.references, parse.opts
  if #references > 1 then fail.unknown("A6, image save", "one image at a time is acted out") end
  local image = store.find(cx, references[1])
  if not image then
    cx:log(('failed to get image for reference %s: notFound: "image with reference %s"'):format(
      references[1], references[1]))
    fail.with("invalidArgument", "failed to save image(s)")
  end
  with_scratch(function(scratch)
    local layout = scratch .. "/layout"
    local result = cx.engine:call({ "save", "--quiet", "--format", "oci-dir", "--output", layout,
      image.podman })
    if result.code ~= 0 then fail.with("internalError", (result.stderr:gsub("%s+$", ""))) end
    if cx.engine.dry then return end
    annotate(layout, image.reference)
    local stdout = opts.output and { file = values.absolute(opts.output), mode = "w" } or "inherit"
    local tar = assert(proc.run({ "tar", "-cf", "-", "-C", layout, "." }, { stdout = stdout }))
    assert(tar.code == 0, tar.stderr)
  end)
  if opts.output then cx:print(references[1]) else cx:log(references[1]) end
end

-- tag, delete, prune, pull ---------------------------------------------------------------------

M.commands["image tag"] = function(cx, parse)
  store.tag(cx, need(cx, parse.args.source), store.normalize(parse.args.target))
  cx:print(parse.args.target)
end

M.commands["image delete"] = function(cx, parse)
  local names, opts = parse.args.images, parse.opts
  if #names == 0 and not opts.all then
    fail.with("invalidArgument", "no images specified and --all not supplied")
  elseif #names > 0 and opts.all then
    fail.with("invalidArgument", "explicitly supplied images conflict with the --all flag")
  end
  local found, missing = opts.all and sorted(cx) or {}, {}
  for _, name in ipairs(names) do
    local image = store.find(cx, name)
    if image then found[#found + 1] = image else missing[#missing + 1] = ('"%s"'):format(name) end
  end
  for _, image in ipairs(found) do
    store.drop(cx, image)
    cx:print(image.reference)
  end
  if #missing > 0 and not opts.force then
    fail.with("internalError", ("failed to delete one or more images: [%s]"):format(
      table.concat(missing, ", ")))
  end
end

local function in_use(cx)
  local out = {}
  for _, id in ipairs(cx.state:names("containers")) do
    local record = cx.state:get("containers", id)
    if record then out[record.image.reference] = true end
  end
  return out
end

M.commands["image prune"] = function(cx, parse)
  local used = in_use(cx)
  for _, image in ipairs(sorted(cx)) do
    local dangling = image.reference:match("^untagged@")
    if not used[image.reference] and (parse.opts.all or dangling) then
      store.drop(cx, image)
      cx:print("untagged " .. image.reference)
    end
  end
  local text = "Reclaimed Zero KB in disk space"
  if cx.version:since("0.12.0") then cx:log(text) else cx:print(text) end
end

M.commands["image pull"] = function(cx, parse) store.pull(cx, parse.args.reference) end

-- build ------------------------------------------------------------------------------------------

local MAX_DOCKERFILE = 16 * 1024

local function dockerfile(opts, context)
  if opts.file == "-" then return "-", io.stdin:read("a") end
  local candidates = opts.file and { opts.file }
    or { context .. "/Dockerfile", context .. "/Containerfile" }
  for _, name in ipairs(candidates) do
    local text = fs.read(values.absolute(name))
    if text then return values.absolute(name), text end
  end
  fail.with("invalidArgument", ("dockerfile does not exist at path: %s"):format(candidates[1]))
end

-- Names that only the store knows have to be known to Podman while it builds.
local function lend_names(cx)
  local lent = {}
  for reference, image in pairs(store.all(cx)) do
    if not reference:match("^untagged@") and not cx.engine:ask({ "image", "inspect", reference }) then
      cx.engine:call({ "tag", image.podman, reference })
      lent[#lent + 1] = { image.podman, reference }
    end
  end
  return lent
end

local function build_words(opts, file, context, name)
  local own = sys.limits()
  -- Layers kept for the next build would be left behind in Podman's storage.
  local words = { "build", "--pull=never", "--layers=false", "--force-rm", "--file", file,
    "--tag", name, "--ulimit",
    ("nofile=%d:%d"):format(own.nofile.hard, own.nofile.hard), "--ulimit",
    ("nproc=%d:%d"):format(math.min(4096, own.nproc.hard), math.min(4096, own.nproc.hard)) }
  local function all(list, flag)
    for _, value in ipairs(list or {}) do
      words[#words + 1], words[#words + 2] = flag, value
    end
  end
  all(opts.build_arg, "--build-arg")
  all(opts.label, "--label")
  all(opts.secret, "--secret")
  all(opts.target and { opts.target }, "--target")
  if opts.no_cache then words[#words + 1] = "--no-cache" end
  if opts.quiet then words[#words + 1] = "--quiet" end
  words[#words + 1] = context
  return words
end

local function check_build(cx, opts)
  for _, output in ipairs(opts.output or {}) do
    if output ~= "type=oci" then
      fail.unknown("A6, build -o", ("`%s` is not acted out"):format(output))
    end
  end
  if opts.ssh then fail.unknown("A6, build --ssh", "is not acted out") end
  if opts.memory then values.memory(cx.version, opts.memory) end
  for _, label in ipairs(opts.label or {}) do values.labels({ label }) end
end

M.commands.build = function(cx, parse)
  local opts = parse.opts
  local context = values.absolute(parse.args.context_dir or ".")
  check_build(cx, opts)
  local stat = fs.stat(context)
  if not stat or stat.type ~= "directory" then
    fail.with("invalidArgument", ("context dir does not exist %s"):format(context))
  end
  local file, text = dockerfile(opts, context)
  if cx.version:since("1.0.0") and #text >= MAX_DOCKERFILE then
    fail.with("invalidArgument", ("Dockerfile size (%d bytes) exceeds the maximum allowed size of %d "
      .. "bytes. See https://github.com/apple/container/issues/735."):format(#text, MAX_DOCKERFILE))
  end
  local built = ("localhost/apple-%s-build:%s"):format(cx.state.id, sys.random_hex(4))
  local lent = lend_names(cx)
  local run_opts = { input = file == "-" and text or nil,
    stdin = file ~= "-" and "null" or nil, stdout = "inherit", stderr = "inherit" }
  local result = cx.engine:call(build_words(opts, file, context, built), run_opts)
  for _, pair in ipairs(lent) do cx.engine:call({ "untag", pair[1], pair[2] }) end
  if result.code ~= 0 then fail.with("unknown", "failed to solve: the build failed") end
  local tags = opts.tag or { cx.state:uuid() }
  for i, tag in ipairs(tags) do
    local reference = store.normalize(tag)
    store.add(cx, built, reference)
    tags[i] = reference
  end
  cx.engine:call({ "untag", built, built })
  if not opts.quiet then cx:print("Successfully built " .. table.concat(tags, ", ")) end
end

return M
