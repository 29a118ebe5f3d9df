-- init: what main.c runs. Returns the program's main function: arguments -> exit status.
require "core.strict"
return require("cli.main").main
