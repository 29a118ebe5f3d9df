-- install: the program away from its sources, with the recipes it brings
return {
  ["the installed program finds the installed recipes and their files from anywhere"] = function(t)
    local dir = t:directory()
    local out, status = t:shell("make -s install PREFIX=/usr DESTDIR=" .. dir)
    t:equal(status, 0, out)
    local program, recipes = dir .. "/usr/bin/luabuild", dir .. "/usr/share/luabuild/recipes"
    out, status = t:shell("cd / && " .. program .. " check " .. recipes .. "/*3.lua " .. recipes .. "/*7.lua --var ssh_password=x")
    t:equal(status, 0, out)
    t:write(dir .. "/mine.lua", "return import 'photon3'")
    out, status = t:shell("cd / && " .. program .. " check " .. dir .. "/mine.lua --var ssh_password=x")
    t:equal(status, 0, out)
    t:contains(out, "base-os-photon3")
  end,
  ["the manual page, completion scripts and annotations are where man, shells and editors look"] = function(t)
    local dir = t:directory()
    local out, status = t:shell("make -s install PREFIX=/usr DESTDIR=" .. dir)
    t:equal(status, 0, out)
    t:contains(t:shell("MANPATH=" .. dir .. "/usr/share/man man luabuild | col -bx"), "make virtual machine images on VMware vSphere")
    for path, first in pairs { ["bash-completion/completions/luabuild"] = "# bash", ["zsh/vendor-completions/_luabuild"] = "#compdef luabuild",
      ["fish/vendor_completions.d/luabuild.fish"] = "# fish" } do
      t:equal(t:read(dir .. "/usr/share/" .. path):sub(1, #first), first)
    end
    t:equal(select(2, t:shell(dir .. "/usr/bin/luabuild init " .. dir .. "/recipes")), 0)
    t:contains(t:read(dir .. "/recipes/.luarc.json"), '"workspace.library": ["' .. dir .. '/usr/share/luabuild/editor"]')
    t:contains(t:read(dir .. "/usr/share/luabuild/editor/recipe.lua"), "function base(given) end")
    t:write(dir .. "/usr/share/man/man1/other.1", "somebody else's")
    t:equal(select(2, t:shell("make -s uninstall PREFIX=/usr DESTDIR=" .. dir)), 0)
    t:equal(t:shell("find " .. dir .. "/usr ! -type d"), dir .. "/usr/share/man/man1/other.1\n")
  end,
}
