-- plan: what would be done with images that stand on each other, in each of its formats; the Workflow's steps are run as it says
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"
local kubernetes = require "cli.planformat.kubernetes"
local terminal = require "tests.terminal"

local program = arg[-1]:find "^/" and arg[-1] or require("lfs").currentdir() .. "/" .. arg[-1]
local folder = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/cli/plan"

local function site(t, more) return builds.setup(t, lab.start(t), more) end

-- A base and a clone of it, the name of which git would know.
local function recipes(s, fields)
  builds.recipe(s, "kickstart = { files = { a = 'b' } },")
  return s.t:write(s.dir .. "/appliance.lua", string.format([[
local v = vars { release_version = git.describe(), token = { secret = true, default = "" }, size = "small" }
return clone { name = "Appliance-" .. v.release_version .. "_" .. v.size, annotation = "made from " .. git.describe(),
  from = import "small", linked = true, shutdown = "poweroff",
  export = { format = "ova" }, %s }]], fields or ""))
end

local function plan(s, ...)
  local out, status = s.t:shell(builds.command(s, { "plan", ... }) .. " 2>" .. s.dir .. "/notes")
  s.t:equal(status, 0, s.t:read(s.dir .. "/notes"))
  return out
end

local function document(s, ...) return cjson.decode(plan(s, "--format=json", ...)) end

local function decisions(d)
  local out = {}
  for _, image in ipairs(d.images) do out[#out + 1] = image.name .. ": " .. image.decision .. ", " .. image.reason end
  return out
end

-- What the Workflow says, read by other eyes than ours.
local function workflow(t, yaml)
  local out, status = t:shell(string.format("cat > %s/w.yaml <<'END'\n%sEND\npython3 %s/run.py %s/workflow.schema.json < %s/w.yaml",
    t.plan_directory, yaml, folder, folder, t.plan_directory))
  t:equal(status, 0, out)
  return cjson.decode(out), out
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- Run a step where its container would: /project and /tmp are directories of the test.
local function run_step(s, step, secret)
  local t, root = s.t, s.dir .. "/container"
  local function place(path)
    return (path:gsub("^/project", root .. "/project"):gsub("^/tmp/variables", root .. "/variables"):gsub("=/project", "=" .. root .. "/project"))
  end
  local words = { "cd " .. place(step.directory) .. " && env -i PATH=\"$PATH\" XDG_CACHE_HOME=" .. root .. "/cache" }
  for name, value in pairs(step.env) do words[#words + 1] = name .. "=" .. quoted(name == "VCENTER_CA_FILE" and secret["ca.pem"] or value) end
  for name, ref in pairs(step.secret) do
    t:ok(secret[ref.key] or ref.optional, ref.key .. " is in the Secret")
    if secret[ref.key] then words[#words + 1] = name .. "=" .. quoted(secret[ref.key]) end
  end
  for path, data in pairs(step.files) do t:write(place(path), data) end
  t:equal(step.command[1], "luabuild")
  words[#words + 1] = program
  for i = 2, #step.command do words[#words + 1] = quoted(place(step.command[i])) end
  return t:shell(table.concat(words, " "))
end

return {
  ["what is planned is what a build then finds: nothing there, up to date, changed, and what stands on it"] = function(t)
    local s = site(t)
    local file = recipes(s)
    t:equal(decisions(document(s, file, "--var", "release_version=1")), { "small: build, not there yet", "Appliance-1_small: build, not there yet" })
    t:equal(select(2, builds.run(s, file, "--var", "release_version=1")), 0)
    t:equal(decisions(document(s, file, "--var", "release_version=1")), { "small: current, up to date", "Appliance-1_small: current, up to date" })
    t:equal(decisions(document(s, file, "--var", "release_version=1", "--var", "memory=1024")),
      { "small: replace, hardware (memory) changed", "Appliance-1_small: replace, parent changed" })
    local text = plan(s, file, "--var", "release_version=1", "--var", "memory=1024")
    t:contains(text, "Appliance-1_small: build and replace (parent changed, after small)")
    t:contains(text, "2 images: 2 to build and replace")
    t:contains(plan(s, file, "--var", "release_version=1"), "2 images: 2 up to date")
  end,

  ["on a terminal lines are broken at blanks"] = function(t)
    local s = site(t)
    local command = builds.command(s, { "plan", recipes(s), "--var", "release_version=" .. ("1"):rep(40), "--color=never" })
    local out, status = terminal.run(t, "env " .. command, {})
    t:equal(status, 0, out)
    t:contains(out, "network VM\n         Network\n")
    for line in out:gmatch "[^\n]+" do t:ok(utf8.len(line) <= 100, line) end
  end,

  ["--format=json: one document with all there is to know, lists as lists"] = function(t)
    local s = site(t)
    local out = plan(s, recipes(s), "--format=json", "--var", "release_version=1")
    t:contains(out, '"needs": []')
    local image = cjson.decode(out).images[2]
    t:equal({ image.kind, image.needs, image.asked, image.place.datastore, image.place.networks, image.fingerprint:match "^%x+$" ~= nil },
      { "clone", { "small" }, true, "LocalDS_0", { "VM Network" }, true })
    t:equal(image.steps[1], "snapshot")
  end,

  ["--format=dot: a graph that Graphviz takes, whatever the names are"] = function(t)
    local s = site(t)
    local out = plan(s, recipes(s), "--format=dot", "--var", 'release_version=1"<x')
    local svg, status = t:shell("dot -Tsvg <<'END'\n" .. out .. "END")
    t:equal(status, 0, svg)
    t:contains(svg, "small&#45;&gt;Appliance")
    t:contains(svg, "build: not there yet")
    t:contains(svg, "installer.iso")
  end,

  ["--format=argo: a Workflow by the schema, a task for each image after those it needs"] = function(t)
    local s = site(t)
    t.plan_directory = s.dir
    local flow, text = workflow(t, plan(s, recipes(s), "--format=argo", "--var", "release_version=1", "--var", "token=hidden-word",
      "--container", "r/l:1", "--secret", "mine"))
    t:ok(not text:find("hidden-word", 1, true) and not text:find(s.lab.env.VCENTER_PASSWORD, 1, true), "no secret stands in it")
    t:equal({ flow.steps[1].name, flow.steps[2].name, flow.steps[2].needs }, { "small", "appliance-1-small", { "small" } })
    t:equal(flow.steps[2].image, "r/l:1")
    t:equal(flow.steps[2].secret.LUABUILD_VAR_token, { name = "mine", key = "token" })
    t:equal(flow.hostNetwork, true, "a kickstart over HTTP is fetched from the pod")
    t:equal(flow.steps[2].outputs, { "/project/output/Appliance-1_small" })
  end,

  ["--format=argo: names that Kubernetes does not take are changed, each to another one; no task for a machine of somebody's own"] = function(t)
    local s = site(t)
    t.plan_directory = s.dir
    local vc = s.lab:connect()
    local vm, find = s.lab:create_vm(vc, "small"), require("vsphere.finder").new(vc)
    find:folder(find:datacenter(), s.lab.env.LAB_FOLDER):MoveIntoFolder_Task({ list = { vm } }):wait()
    local names = { "A.b", "a-b", "a_b-2", "9 lives", "ü", ("x"):rep(49) .. "-y", ("long-"):rep(13) }
    local images = {}
    for i, name in ipairs(names) do images[i] = string.format("clone { name = %q, from = import 'small', shutdown = 'poweroff' }", name) end
    builds.recipe(s)
    local flow = workflow(t, plan(s, t:write(s.dir .. "/many.lua", "return { " .. table.concat(images, ", ") .. " }"), "--format=argo"))
    local made = {}
    for _, step in ipairs(flow.steps) do
      made[step.name] = true
      t:ok(#step.name <= 63, step.name)
      t:equal(step.needs, {}, step.name)
    end
    t:equal(made, { ["a-b"] = true, ["a-b-2"] = true, ["a-b-2-2"] = true, ["i9-lives"] = true, image = true, [("x"):rep(49)] = true,
      [("long-"):rep(10):sub(1, -2)] = true })
  end,

  ["--format=argo: a container image or a Secret of a name that Kubernetes refuses is a mistake, before anything is asked"] = function(t)
    local fine = { container = { "luabuild:latest", "host:5000/x/y:1", "Host.x/y", "x@sha256:" .. ("a"):rep(64), "localhost/a__b", "[::1]:50/x-y" },
      secret = { "luabuild", "a.b-c", "9", ("a"):rep(253) } }
    local wrong = { container = { "", "X", "a b", "x:", "x@sha256:abc", "a//b", "a/", "reg.io/A", "a___b", "-a", "a:tag!", "h:p/x", "a\nb" },
      secret = { "", "My_Secret", "-a", "a-", "a..b", "a b", "ü", ("a"):rep(254) } }
    for option, names in pairs(fine) do
      for _, name in ipairs(names) do t:equal(select("#", kubernetes.check(option, name)), 0, name) end
    end
    for option, names in pairs(wrong) do
      for _, name in ipairs(names) do t:raises("is not a name that Kubernetes takes", kubernetes.check, option, name) end
    end
    local out, status = t:shell(program .. " plan nothing.lua --format=argo --secret My_Secret")
    t:equal(status, 2)
    t:contains(out, "--secret: 'My_Secret' is not a name")
    t:contains(out, "did you mean 'my-secret'?")
  end,

  ["--format=argo: what a Secret has to hold, and what stays on this machine"] = function(t)
    local s = site(t, { iso_url = nil, http_ip = "127.0.0.1", note = "a token-of-nine" })
    t.plan_directory = s.dir
    builds.recipe(s)
    local file = t:write(s.dir .. "/other.lua", [[
local v = vars { own = { secret = true, default = "" }, token = { secret = true, default = "" }, note = "",
  mirror = "" }
return clone { name = "other", from = import "small", shutdown = "poweroff", annotation = v.note }]])
    local yaml = plan(s, file, "--format=argo", "--force", "--var", "token=token-of-nine", "--var", "mirror=https://me:in%2Durl@host/")
    t:ok(not yaml:find("in%2Durl", 1, true), "the password of a URL")
    local step = workflow(t, yaml).steps[2]
    t:equal({ step.secret.LUABUILD_VAR_own.optional, step.secret.LUABUILD_VAR_token.optional, step.secret.LUABUILD_VAR_note.key }, { true, nil, "note" })
    local keys = {}
    for key in yaml:gmatch("%-%-from%-%w+=([%w_.]+)=") do keys[#keys + 1] = key end
    t:equal(keys, { "server", "username", "password", "mirror", "note", "ssh_password", "token", "ca.pem" })
    local given = cjson.decode(step.files["/tmp/variables.json"])
    t:equal({ given.network, given.note, given.http_ip }, { "VM Network" })
    t:contains(t:read(s.dir .. "/notes"), "note: --force is not in the Workflow")
    t:contains(t:read(s.dir .. "/notes"), "note: http_ip 127.0.0.1 is an address of this machine")
  end,

  ["the Workflow's steps, run as it says with the Secret's values, build the images"] = function(t)
    local s = site(t)
    t.plan_directory = s.dir
    recipes(s)
    local project = s.dir .. "/container/project"
    t:shell(string.format("mkdir -p %s/recipes && cp %s/*.lua %s/recipes && cd %s && git init -q"
      .. " && git -c user.name=x -c user.email=x commit -q --allow-empty -m x && git tag 7.1", project, s.dir, project, project))
    local here = s.dir .. "/container/project"
    local command = builds.command(s, { "plan", "recipes/appliance.lua", "--format=argo" }):gsub(" " .. arg[-1]:gsub("%p", "%%%0"), " " .. program)
    local yaml, status = t:shell("cd " .. here .. " && " .. command .. " 2>/dev/null")
    t:equal(status, 0, yaml)
    t:shell("rm -rf " .. here .. "/.git") -- a container has none
    local e = s.lab.env
    local secret = { server = e.VCENTER_SERVER, username = e.VCENTER_USERNAME, password = e.VCENTER_PASSWORD, ["ca.pem"] = e.VCENTER_CA_FILE,
      ssh_password = e.LAB_SSH_PASSWORD, token = "t" }
    local flow = workflow(t, yaml)
    for _, step in ipairs(flow.steps) do
      local out, ended = run_step(s, step, secret)
      t:equal(ended, 0, step.name .. "\n" .. out)
    end
    t:equal(builds.state(s).vms, { "Appliance-7.1_small", "small" })
    t:equal(select(2, t:shell("test -s " .. here .. "/output/Appliance-7.1_small/Appliance-7.1_small.ova")), 0)
    local again = run_step(s, flow.steps[2], secret)
    t:contains(again, "Appliance-7.1_small: up to date")
  end,
}
