-- script: the file of a step shell or local_shell, and what reads it
local err = require "core.err"

local script = {}

--[[
script.DEFAULT
What reads commands, and a script that does not say it.
]]
script.DEFAULT = "/bin/sh -e"

--[[
script.read(path) -> text, interpreter
A script, and what is to read it: what its first line says ("#!/bin/bash -eu"), as words of a shell, else script.DEFAULT. Windows' ends of lines
become those that interpreters take, unless there are zero bytes: an archive that unpacks itself stays what it is.
Raises: io.
Blocks: no.  Source: execve(2), "Interpreter scripts".
]]
function script.read(path)
  local file <close> = err.check(io.open(path, "rb"))
  local text = err.check(file:read "a")
  if not text:find("\0", 1, true) then text = text:gsub("\r\n", "\n") end
  return text, text:match "^#![ \t]*([^\r\n]*%S)" or script.DEFAULT
end

return script
