-- boot: the boot command: filled in, typed key by key, waiting on facts instead of the clock where a recipe says so
local digest = require "digest"
local keystroke = require "keystroke"
local signal = require "signal"
local err = require "core.err"
local kickstart = require "guest.kickstart"
local screen = require "build.screen"
local template = require "core.template"
local units = require "core.units"

local boot = {}

local NOTICED = 2 -- seconds of a wait that is worth a word

-- What ${…} may stand for in a boot command; these values serve checks without a server.
boot.SAMPLE = { http = "http://127.0.0.1:8000", floppy = "fd0", ip = "127.0.0.1" }

--[[
boot.fill(text, known) -> string
                       -> nil, message
Fill ${http}, ${floppy} and ${ip} in a boot command.
]]
function boot.fill(text, known)
  local ok, result = pcall(template.fill, text, known, "boot command")
  if ok then return result end
  if not err.is(result) then error(result, 0) end
  return nil, tostring(result)
end

-- The names that kickstart files may use: the recipe's values over its variables, and what is known at boot.
local function values_for(image, known)
  local hash
  local own = image.kickstart.values or {}
  local described = getmetatable(image.variables).described
  local derived = { http = known.http or "", ssh_username = image.ssh.username, ssh_password = image.ssh.password }
  return setmetatable({}, { __index = function(_, name)
    if own[name] ~= nil then return own[name] end
    if name == "ssh_password_hash" then
      local password = image.ssh.password or err.raise("recipe", "ssh_password_hash needs ssh.password")
      hash = hash or known.ssh_password_hash or err.check(digest.crypt(password))
      return hash
    end
    if derived[name] ~= nil then return derived[name] end
    if described[name] then return image.variables[name] end
  end, __pairs = function()
    local names = { ssh_password_hash = true }
    for _, source in ipairs { own, derived, described } do for name in pairs(source) do names[name] = true end end
    return next, names, nil
  end })
end

--[[
boot.kickstart(image, known) -> files, kind
The kickstart's files with everything filled in, and "http", "floppy" or "cd".
  known          table             http, ip; ssh_password_hash, where making one is not worth its 10 ms
Raises: recipe.
]]
function boot.kickstart(image, known)
  return kickstart.collect(image.kickstart, values_for(image, known))
end

-- ---- typing ----

local function refused(sent, event, e)
  if not err.is(e) or e.code == "cancelled" then error(e, 0) end
  e.message = string.format("key %d of the boot command (%s) was not accepted: %s", sent + 1, event.text, e.message)
  e.op, e.target = nil, nil
  error(e, 0)
end

--[[
boot.type(b, text) -> integer
Type a boot command at the build's VM, one key a call, and count what the API accepted. Returns the number of keys.
Raises: build, cancelled.
Blocks: yes, for the waits in the text and the interval between keys.
]]
function boot.type(b, text)
  local filled, message = boot.fill(text, b.known)
  if not filled then err.raise("build", message) end
  local options = b.image.boot
  local events = err.check(keystroke.parse(filled, { layout = options.layout }))
  local sent = 0
  for i, event in ipairs(events) do
    b.percent((i - 1) * 100 // #events, "typing")
    if event.wait then
      if event.wait >= NOTICED then b.doing("waiting", event.wait) end
      signal.sleep(event.wait)
    else
      local ok, e = pcall(b.vm.type, b.vm, { event })
      if not ok then refused(sent, event, e) end
      sent = sent + 1
      signal.sleep(options.interval)
    end
  end
  b.keys = (b.keys or 0) + sent
  return sent
end

-- ---- the live vm of boot = function(vm) … end ----

local console = {}

--[[
console:type(text) -> integer
Type a boot command; see boot.type.
]]
function console:type(text) return boot.type(self.build, text) end

local function why_not_fetched(b)
  if b.missed then return "it asked for " .. b.missed .. ", which is not there: look at the boot command and the kickstart's directory" end
  return "either the boot command was not understood (see the console picture), or the guest cannot reach that address:\n"
    .. "set http_ip to an address of this machine that the guest's network reaches, and look at firewalls for ports "
    .. b.image.http.port_min .. "-" .. b.image.http.port_max
end

--[[
console:wait_fetched(path [, timeout]) -> nothing
Wait until the guest has fetched a file from the kickstart server.
  path           string            "3/ks.json"
  timeout        number|string = "5m"
Raises: timeout.
]]
function console:wait_fetched(path, timeout)
  local b = self.build
  local limit = err.check(units.seconds(timeout or "5m"))
  if not b.server then err.raise("build", "wait_fetched: there is no kickstart server: kickstart = { http = … }") end
  local until_ = signal.now() + limit
  b.doing("waiting until the guest fetches " .. path, limit)
  while not b.fetched[path] do
    local left = until_ - signal.now()
    if left <= 0 then
      err.raise("timeout", string.format("the guest did not fetch %s from %s within %s", path, b.known.http, units.format_seconds(limit)),
        { hint = why_not_fetched(b) })
    end
    b.watch_http(math.min(left, 1))
  end
end

--[[
console:wait_screen([options]) -> nothing
Wait until the console's picture changes, or shows nothing new for some time. A blinking cursor is no change.
  options.stable  number|string|nil  how long nothing new is to appear; without it any change ends the wait
  options.timeout number|string = "1m"
Raises: timeout.
]]
function console:wait_screen(options)
  options = options or {}
  local limit = err.check(units.seconds(options.timeout or "1m"))
  self.build.doing("waiting for the console to " .. (options.stable and "come to rest" or "change"), limit)
  if options.stable then return screen.wait_rest(self.vm, err.check(units.seconds(options.stable)), limit) end
  screen.wait_change(self.vm, limit)
end

--[[
console:wait_tools([timeout]) -> nothing
Wait until VMware Tools run in the guest.
  timeout        number|string = "30m"
Raises: timeout.
]]
function console:wait_tools(timeout)
  local limit = err.check(units.seconds(timeout or "30m"))
  self.build.doing("waiting for VMware Tools", limit)
  self.build.vm:wait_tools(limit)
end

--[[
boot.run(b) -> string
The boot step: wait, then type the list, or call the recipe's function with the live console. Returns what was done.
]]
function boot.run(b)
  local command = b.image.boot
  local live = setmetatable({ build = b, vm = b.vm, known = b.known }, { __index = console })
  if (command.wait or 0) >= NOTICED then b.doing("waiting before it types", command.wait) end
  signal.sleep(command.wait or 0)
  b.capture "boot-menu"
  b.keys = 0
  if command.run then command.run(live) end
  for _, text in ipairs(command) do boot.type(b, text) end
  return b.keys .. (b.keys == 1 and " key" or " keys")
end

--[[
boot.console(b) -> console
The live console of a build, as a recipe's boot function gets it.
]]
function boot.console(b) return setmetatable({ build = b, vm = b.vm, known = b.known }, { __index = console }) end

return boot
