local http = require "http"
local peer = require "tests.peer"

-- One request with these client options, to the path of a s_server
local function get(url, options)
  local client <close> = assert(http.client(options))
  return client:request { url = url }
end

local function server(t)
  local dir = t:directory()
  local certificate = peer.certificate(t, dir)
  t:write(dir .. "/file", "content")
  return peer.https(t, dir, certificate), certificate
end

return {
  ["a self-signed server is refused, and the message has what a pin needs"] = function(t)
    local url, certificate = server(t)
    local message = t:fails("tls", get(url .. "/file", {}))
    t:contains(message, "GET " .. url .. "/file")
    t:contains(message, "self-signed certificate")
    t:contains(message, certificate.sha256)
  end,
  ["its own certificate as the authority makes it trusted, for its name only"] = function(t)
    local url, certificate = server(t)
    local result = assert(get(url .. "/file", { ca_file = certificate.cert }))
    t:equal(result.body, "content")
    t:equal(result.certificate, { sha1 = certificate.sha1, sha256 = certificate.sha256 })
    local message = t:fails("tls", get(url:gsub("127.0.0.1", "localhost") .. "/file", { ca_file = certificate.cert }))
    t:contains(message, "localhost")
    t:contains(message, certificate.sha256)
  end,
  ["a pinned thumbprint is enough, in every spelling"] = function(t)
    local url, certificate = server(t)
    for _, algorithm in ipairs { "sha1", "sha256" } do
      local pin = certificate[algorithm]
      for _, text in ipairs { pin, pin:lower(), (pin:gsub(":", "")) } do
        t:equal(assert(get(url:gsub("127.0.0.1", "localhost") .. "/file", { thumbprint = text })).body, "content")
      end
    end
  end,
  ["another thumbprint is refused before anything is sent"] = function(t)
    local dir = t:directory()
    local certificate, other = peer.certificate(t, dir), peer.certificate(t, dir, "other")
    local url, log = peer.https(t, t:write(dir .. "/file", "x"):match("^(.*)/"), certificate)
    local client <close> = assert(http.client { thumbprint = other.sha256, ca_file = certificate.cert })
    local message = t:fails("tls", client:request { url = url .. "/file" })
    t:contains(message, "pinned")
    t:contains(message, certificate.sha256)
    assert(get(url .. "/file", { ca_file = certificate.cert })) -- it has logged the first one by now
    local _, requests = log():gsub("FILE:", "")
    t:equal(requests, 1)
  end,
  ["what is no thumbprint is a mistake of the caller"] = function(t)
    for _, text in ipairs { "", "ab", "zz:zz", ("ab"):rep(19), ("ab"):rep(33), ("ab"):rep(20) .. "a" } do
      t:raises("thumbprint", http.client, { thumbprint = text })
    end
  end,
  ["insecure trusts anyone, and says whom"] = function(t)
    local url, certificate = server(t)
    t:equal(assert(get(url .. "/file", { insecure = true })).certificate.sha256, certificate.sha256)
  end,
  ["clients with different rules share no connection"] = function(t)
    local url, certificate = server(t)
    local first <close> = assert(http.client { thumbprint = certificate.sha256 })
    local second <close> = assert(http.client { thumbprint = ("00"):rep(32) })
    assert(first:request { url = url .. "/file" })
    t:fails("tls", second:request { url = url .. "/file" })
    assert(first:request { url = url .. "/file" })
  end,
  ["a CA file that is not there is named"] = function(t)
    t:contains(t:fails("notfound", http.client { ca_file = "/nonexistent/ca.pem" }), "/nonexistent/ca.pem")
  end,
}
