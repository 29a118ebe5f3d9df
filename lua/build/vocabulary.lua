-- vocabulary: the words of recipes, for help, the reference and editors; what a word takes is declared where it is read
local fields = require "build.fields"
local variables = require "build.variables"
local words = require "build.words"

-- { word, form, spec = its options, returns, doc, example }: the words that describe images, then the steps, in the order of a recipe's life
return {
  { "vars", form = "vars { name = default, … }", spec = variables.declaration, returns = "values",
    doc = "Declare the recipe's variables, once. Each is given its default, or a table of the options below. What the environment says "
      .. "(LUABUILD_VAR_name) wins over the default, var-files over that, the last over the others, and --var over all. A value is read by the type "
      .. "of the default: \"4096\" from a var-file becomes a number. The standard variables exist without being declared.",
    example = 'local v = vars {\n  release = "1.0",\n  token   = { secret = true, required = true, description = "for the hub" },\n}' },
  { "import", form = "import \"name\"", returns = "image",
    doc = "The image of another recipe, to make clones of: name.lua is looked for beside this recipe, in recipes of the working directory, and "
      .. "among the installed ones. A recipe that returns several images gives them as a list.",
    example = 'return clone { name = "web", from = import "photon3" }' },
  { "git.describe", form = "git.describe([directory])", returns = "string",
    doc = "The version of the recipe's git checkout, as git describe --tags --always --dirty says; without one, what LUABUILD_GIT_DESCRIBE "
      .. "says, else \"unversioned\".",
    example = 'name = "appliance-" .. git.describe()' },
  { "base", form = "base { name = …, guest_id = …, iso = …, … }", spec = fields.base, returns = "image",
    doc = "An image that is installed from its ISO: a virtual machine is made, the boot command typed, the installer given its kickstart; the "
      .. "guest is provisioned over ssh and shut down, and the image gets its name when all is done.",
    example = 'return base {\n  name      = "photon",\n  guest_id  = "vmwarePhoton64Guest",\n'
      .. '  iso       = { url = v.iso_url, checksum = v.iso_checksum },\n  kickstart = { http = "kickstart/photon" },\n'
      .. '  boot      = { "<esc><wait>vmlinuz ks=${http}/ks.json<enter>" },\n  ssh       = { password = v.ssh_password },\n}' },
  { "clone", form = "clone { name = …, from = …, … }", spec = fields.clone, returns = "image",
    doc = "An image made from another one: cloned, provisioned over ssh, shut down, and exported when it says so. The image it is made from is "
      .. "brought up to date first. What it does not say of ssh it takes from there.",
    example = 'return clone {\n  name      = "appliance",\n  from      = import "photon3", linked = true,\n'
      .. '  provision = { shell { "tdnf -y install nginx" } },\n  export    = { format = "ova" },\n}' },
  { "upload", form = "upload { \"path\", …, to = … }", spec = words.specs.upload, returns = "step", step = true,
    doc = "Copy files and directories into the guest, or a text; with from, copy from the guest to this machine. A directory goes with its "
      .. "name; \"dir/\" means what is in it.",
    example = 'upload { "files", to = "/root" }' },
  { "shell", form = "shell { \"command\", … }", spec = words.specs.shell, returns = "step", step = true,
    doc = "Run commands, or a script, in the guest. Commands are one script: one that fails ends it, and the build. A script's own first line says "
      .. "what reads it (#!/bin/bash -e), else it is read like commands; Windows' ends of lines do no harm.",
    example = 'shell {\n  "tdnf -y update", "systemctl enable nginx",\n  env = { HTTP_PROXY = v.proxy }, timeout = "20m",\n}' },
  { "local_shell", form = "local_shell { \"command\", … }", spec = words.specs.local_shell, returns = "step", step = true,
    doc = "Run commands, or a script, on this machine. LUABUILD_ADDRESS, LUABUILD_PORT, LUABUILD_USER and "
      .. "LUABUILD_KEY tell how the guest is reached; LUABUILD_IMAGE and LUABUILD_RUN what is built.",
    example = 'local_shell { "ansible-playbook -i $LUABUILD_ADDRESS, site.yml" }' },
  { "check", form = "check { kind = { name = { field = expected } }, … }", spec = words.specs.check, returns = "step", step = true,
    doc = "Demand that something is true of the guest: each kind of check is a table of names with what is expected of them, or of names alone. "
      .. "What does not hold is asked again until the timeout, and fails the build then.",
    example = 'check {\n  service = { "nginx" }, port = { "tcp:80" },\n  file = { ["/etc/motd"] = { contains = "welcome" } }, timeout = "1m",\n}' },
  { "reboot", form = "reboot { timeout = … }", spec = words.specs.reboot, returns = "step", step = true,
    doc = "Restart the guest and wait until ssh answers again, from a new boot.", example = 'reboot { timeout = "5m" }' },
  { "wait", form = "wait \"10s\"", spec = words.specs.wait, returns = "step", step = true,
    doc = "Wait for some time. A check with a timeout is better where there is something to wait for.", example = 'wait "10s"' },
  { "checkpoint", form = "checkpoint \"name\"", spec = words.specs.checkpoint, returns = "step", step = true,
    doc = "Take a snapshot among the steps. A build that fails after it keeps its machine, and the next one goes on from the last checkpoint before "
      .. "which nothing has changed.",
    example = 'provision = {\n  shell { "sh /root/install.sh" },\n  checkpoint "installed",\n  shell { "sh /root/configure.sh" },\n}' },
  { "breakpoint", form = "breakpoint [\"message\"]", spec = words.specs.breakpoint, returns = "step", step = true,
    doc = "Stop and ask at the terminal: go on, look around in a REPL that has the living build, or end and keep the machine. Passed, with a note, "
      .. "where there is no terminal, and where images are built side by side: --jobs=1 builds them one after another. It changes nothing in the image.",
    example = 'provision = {\n  shell { "sh /root/install.sh" },\n  breakpoint "is the service there?",\n}' },
}
