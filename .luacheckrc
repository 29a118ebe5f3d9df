std = "lua54"
max_line_length = 160
self = false
files["recipes"] = { read_globals = { "base", "clone", "vars", "import", "upload", "shell", "local_shell", "check", "reboot", "wait", "git" } }
exclude_files = { "build" }
