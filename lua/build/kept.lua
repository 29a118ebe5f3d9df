-- kept: machines that a build leaves on purpose, and marks so: for a look, or for their checkpoints
local vim = require "vim"
local err = require "core.err"
local existing = require "build.existing"

local kept = {}

--[[
kept.mark(b, reason) -> nothing
Note in the journal, and on the VM, that it is left on purpose: gc takes it, and what belongs to it, only when it is old. A server that
cannot be reached leaves it with the note in the journal.
  reason         string            "checkpoints", "on-error=abort"
Raises: cancelled.
Blocks: yes.
]]
function kept.mark(b, reason)
  b.journal:keep(reason)
  local ok, e = pcall(function()
    local now = b.vc:invoke(vim.ServiceInstance("ServiceInstance"), "CurrentTime")
    b.vm:reconfigure { extraConfig = existing.options { [existing.KEYS.kept] = now, [existing.KEYS.kept_for] = reason } }
  end)
  if not ok and err.is(e, "cancelled") then error(e, 0) end
end

return kept
