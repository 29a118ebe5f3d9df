local kickstart = require "guest.kickstart"
local err = require "core.err"
local floppy = require "floppy"

local function tree(t)
  local dir = t:directory()
  t:shell("mkdir -p " .. dir .. "/centos/7 " .. dir .. "/centos/8 " .. dir .. "/photon")
  t:write(dir .. "/centos/7/ks.cfg", "rootpw --iscrypted ${hash}\necho $HOME $${HOME}\n")
  t:write(dir .. "/centos/8/ks.cfg", "")
  t:write(dir .. "/centos/logo.png", "\137PNG\0${not_a_name}")
  return dir
end

local function refused(t, options, values)
  local e = t:raises("", kickstart.collect, options, values or { hash = "" })
  t:ok(err.is(e, "recipe"), tostring(e))
  return tostring(e)
end

return {
  ["a directory's content stands at the root, text filled in, binary files as they are"] = function(t)
    local dir = tree(t)
    for _, medium in ipairs { "http", "floppy", "cd" } do
      local files, kind = kickstart.collect({ [medium] = dir .. "/centos/" }, { hash = "$6$x" })
      t:equal(kind, medium)
      t:equal(files, { ["7/ks.cfg"] = "rootpw --iscrypted $6$x\necho $HOME ${HOME}\n", ["8/ks.cfg"] = "",
        ["logo.png"] = { file = dir .. "/centos/logo.png" } })
      t:ok(floppy.image { files = files })
    end
  end,

  ["text stays as it is when it is not to be filled in"] = function(t)
    local given = { a = "${b} $${c}", d = function(v) return v.hash end }
    local files = kickstart.collect({ http = tree(t) .. "/centos/7", fill = false, files = given }, { hash = "H" })
    t:equal(files, { ["ks.cfg"] = "rootpw --iscrypted ${hash}\necho $HOME $${HOME}\n", a = "${b} $${c}", d = "H" })
  end,

  ["of a list, files and directories stand there by their names"] = function(t)
    local dir = tree(t)
    local files, kind = kickstart.collect({ floppy = { dir .. "/centos/7/ks.cfg", dir .. "/centos/8", dir .. "/centos/7/" } }, { hash = "H" })
    t:equal(kind, "floppy")
    t:equal(files, { ["ks.cfg"] = "rootpw --iscrypted H\necho $HOME ${HOME}\n", ["8/ks.cfg"] = "" })
    local alone, medium = kickstart.collect({ floppy = {}, files = { a = "b" } }, {})
    t:equal({ alone, medium }, { { a = "b" }, "floppy" })
    t:contains(refused(t, { cd = { dir .. "/centos/9" } }), "centos/9: no such file or directory")
  end,

  ["files from the recipe stand beside the directory's and before them"] = function(t)
    local dir = tree(t)
    local files = kickstart.collect({ http = dir .. "/centos", files = {
      ["user-data"] = "password: ${hash}\n",
      ["8/ks.cfg"] = function(values) return "from a function ${hash} " .. values.hash end,
    } }, { hash = "H" })
    t:equal(files["user-data"], "password: H\n")
    t:equal(files["8/ks.cfg"], "from a function ${hash} H")
    local alone, medium = kickstart.collect({ files = { a = "b" } }, {})
    t:equal(alone, { a = "b" })
    t:equal(medium, "http")
  end,

  ["a directory that is not there is named, with what is beside"] = function(t)
    local dir = tree(t)
    local message = refused(t, { http = dir .. "/cenots" })
    t:contains(message, dir .. "/cenots: no such directory")
    t:contains(message, "did you mean centos? " .. dir .. " has centos, photon")
    t:contains(refused(t, { http = dir .. "/none/of/this" }), dir .. " has centos, photon")
    t:contains(refused(t, { http = dir .. "/photon/3" }), "photon is empty")
    t:contains(refused(t, { floppy = dir .. "/centos/7/ks.cfg" }), "is a file, not a directory")
    t:contains(refused(t, { cd = dir .. "/photon" }), "no files")
  end,

  ["a name without a value is reported with file and line"] = function(t)
    local dir = tree(t)
    t:contains(refused(t, { http = dir .. "/centos" }, { hahs = "" }),
      dir .. "/centos/7/ks.cfg:1: nothing is known as ${hash}: did you mean ${hahs}?")
    local both = refused(t, { http = dir .. "/centos", files = { ["user-data"] = "${x}" } }, {})
    t:contains(both, "${hash}", "all files are looked at")
    t:contains(both, "${x}")
    t:contains(refused(t, { files = { ["user-data"] = "${x}" } }), "files['user-data']: nothing is known as ${x}")
  end,

  ["a function that gives no text, and one that raises"] = function(t)
    t:contains(refused(t, { files = { a = function() end } }), "files['a']: the function returned nothing")
    t:contains(refused(t, { files = { a = function() return {} end } }), "returned a table")
    t:raises("oops", kickstart.collect, { files = { a = function() error "oops" end } }, {})
  end,

  ["links are followed, but not for ever; what is no file is refused"] = function(t)
    local dir = tree(t)
    t:shell("ln -s ../centos/7/ks.cfg " .. dir .. "/photon/ks.cfg")
    t:contains(kickstart.collect({ http = dir .. "/photon" }, { hash = "H" })["ks.cfg"], "rootpw --iscrypted H")
    t:shell("ln -s . " .. dir .. "/photon/again")
    t:contains(refused(t, { http = dir .. "/photon" }), "a link to itself")
    t:shell("rm " .. dir .. "/photon/again && mkfifo " .. dir .. "/photon/pipe")
    t:contains(refused(t, { http = dir .. "/photon" }), "pipe: is a named pipe, not a file")
    t:shell("rm " .. dir .. "/photon/pipe && ln -s nowhere " .. dir .. "/photon/broken")
    t:contains(refused(t, { http = dir .. "/photon" }), "broken")
  end,
}
