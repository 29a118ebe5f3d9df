-- http and httpd: serve files, fetch them: luabuild run tests/examples/http.lua DIRECTORY
local http, httpd = require "http", require "httpd"

local directory = arg[1] or "."
local server <close> = assert(httpd.start { bind = "127.0.0.1", files = {
  ["3/ks.json"] = '{ "hostname": "photon" }',       -- from a string
  ["example.lua"] = { file = arg[0] },              -- from a file here
} })
local url = "http://127.0.0.1:" .. server:port() .. "/"

local client <close> = assert(http.client())
local r = assert(client:request { url = url .. "3/ks.json" })
print(r.status, r.headers["content-length"], r.body)
--> 200	24	{ "hostname": "photon" }

-- to a file, hashed on the way; a partial file never has the name
r = assert(client:request { url = url .. "example.lua", save = directory .. "/copy.lua", digest = "sha256" })
print(r.digest.sha256 == require("digest").file("sha256", arg[0]))
--> true

-- several at once
local a <close> = assert(client:start { url = url .. "3/ks.json" })
local b <close> = assert(client:start { url = url .. "nothing" })
print(assert(a:wait(10)).status, assert(b:wait(10)).status)
--> 200	404

local event = server:events()[1] -- every request is one
print(event.path, event.status, event.bytes, event.client)
--> 3/ks.json	200	24	127.0.0.1
