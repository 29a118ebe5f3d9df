-- vim: any bytes as the answer to a call, and as what a log would show of it
local vim = require "vim"
local fault = require "vsphere.fault"
local object = require "vsphere.object"

local METHODS = { "RetrievePropertiesEx", "WaitForUpdatesEx", "RetrieveServiceContent", "Login", "CreateVM_Task", "PutUsbScanCodes",
  "HttpNfcLeaseGetManifest", "CreateDescriptor", "QueryConfigOption", "CurrentTime", "HasPrivilegeOnEntities", "Logout" }

local OPEN = '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>'

-- The first byte chooses the method; with a bit of it the rest is what is in the result, so that the envelope need not be guessed.
return function(bytes)
  local choice = bytes:byte() or 0
  local method, text = METHODS[choice % #METHODS + 1], bytes:sub(2)
  if choice >= 128 then
    text = OPEN .. "<" .. method .. 'Response xmlns="urn:vim25"><returnval>' .. text .. "</returnval></" .. method .. "Response></Body></Envelope>"
  elseif choice >= 64 then
    text = OPEN .. "<Fault><faultcode>a</faultcode><faultstring>b</faultstring><detail>" .. text .. "</detail></Fault></Body></Envelope>"
  end
  vim.mask(text)
  local space = object.space { host = "h" }
  local value, message, code, detail = vim.decode(text, method, space)
  if value == nil then
    assert(type(message) == "string" and (code == "fault" or code == "format"), "no triple")
    if code == "fault" then
      assert(type(fault.explain(detail, { text = message, method = method })) == "string", "no explanation")
      fault.code(detail)
      vim.typeof(detail)
    end
  elseif type(value) == "table" then
    vim.typeof(value)
  end
end
