# Anaconda's kickstart (CentOS 7) to the files of the folder `ks` the installer works
# from (see install.sh). Exit 1 with a message for what Anaconda would refuse.
# Source: Red Hat Enterprise Linux 7 Installation Guide, 27.3.

function fail(what) {
    print "line " NR ": " what > "/dev/stderr"
    failed = 1
    exit 1
}

function words(line,    n, c, quote, i, word, open) {      # line to word[1..n], quotes taken off
    delete word_at
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quote != "") { if (c == quote) quote = ""; else word = word c }
        else if (c == "\"" || c == "'") { quote = c; open = 1 }
        else if (c == "#") break
        else if (c ~ /[ \t\r]/) { if (open || word != "") word_at[++n] = word; word = ""; open = 0 }
        else word = word c
    }
    if (quote != "") fail("a quote is not closed")
    if (open || word != "") word_at[++n] = word
    return n + 0
}

function option(n, name,    i) {        # value of --name=value or --name value; "" when not there
    for (i = 2; i <= n; i++) {
        if (index(word_at[i], "--" name "=") == 1) return substr(word_at[i], length(name) + 4)
        if (word_at[i] == "--" name) return i < n && word_at[i + 1] !~ /^--/ ? word_at[i + 1] : "yes"
    }
    return ""
}

function plain_word(n,    i) {          # the last word that is no option
    for (i = n; i >= 2; i--) if (word_at[i] !~ /^--/) return word_at[i]
    return ""
}

function put(file, text) { print text > (ks "/" file) }

function command(n,    name) {
    name = word_at[1]
    if (!(name in known)) fail("unknown command: " name)
    if (name == "rootpw") {
        if (option(n, "lock") != "") put("password.kind", "locked")
        else put("password.kind", option(n, "iscrypted") != "" ? "crypted" : "plain")
        put("password", plain_word(n))
    } else if (name == "network") {
        if (option(n, "hostname") != "") put("hostname", option(n, "hostname"))
        if (option(n, "bootproto") == "static") {
            put("network", "type static"); put("network", "ip_addr " option(n, "ip")); put("network", "netmask " option(n, "netmask"))
            put("network", "gateway " option(n, "gateway")); put("network", "nameserver " option(n, "nameserver"))
        }
    } else if (name == "ignoredisk" && option(n, "only-use") != "") put("disk", option(n, "only-use"))
    else if (name == "clearpart" && option(n, "drives") != "") put("disk", option(n, "drives"))
    else if (name == "bootloader" && option(n, "boot-drive") != "") put("disk", option(n, "boot-drive"))
    else if (name ~ /^part(ition)?$/ && (option(n, "ondisk") option(n, "ondrive")) != "") put("disk", option(n, "ondisk") option(n, "ondrive"))
    else if (name == "sshkey") put("keys", plain_word(n))
    else if (name == "timezone") put("timezone", plain_word(n))
    else if (name ~ /^(reboot|poweroff|shutdown|halt)$/) put("end", name == "reboot" ? "reboot" : "poweroff")
    else if (name == "user" || name == "repo" || name == "url" || name == "nfs") ignored[name]
}

BEGIN {
    split("auth authconfig autopart autostep bootloader btrfs cdrom clearpart device dmraid driverdisk eula fcoe firewall " \
          "firstboot graphical group halt harddrive ignoredisk install iscsi iscsiname keyboard lang liveimg logging logvol " \
          "mediacheck method monitor multipath network nfs ostreesetup part partition poweroff raid realm reboot repo " \
          "reqpart rescue rootpw selinux services shutdown skipx sshkey sshpw text timezone unsupported_hardware updates upgrade url user vnc volgroup " \
          "xconfig zerombr zfcp", names, " ")
    for (i in names) known[names[i]]
    split("%pre %post %packages %addon %anaconda %onerror %traceback", names, " ")
    for (i in names) sections[names[i]]
}

{ sub(/\r$/, "") }

section != "" {
    if ($1 == "%end") { section = ""; next }
    if (section == "%packages") {
        count = words($0)
        for (i = 1; i <= count; i++) if (word_at[i] !~ /^[-@]/) put("packages", word_at[i])
    } else if (section == "%post" || section == "%pre") print > file
    next
}

/^[ \t]*(#|$)/ { next }

$1 ~ /^%/ {
    if ($1 == "%include" || $1 == "%ksappend") fail($1 " is not supported here")
    if (!($1 in sections)) fail("unknown section: " $1)
    section = $1
    if (section == "%post" || section == "%pre") {
        file = ks "/" substr(section, 2) "." ++number[section]
        count = words($0)
        printf "" > file
        print (option(count, "interpreter") == "" ? "/bin/sh" : option(count, "interpreter")) > (file ".interpreter")
        if (option(count, "nochroot") != "") print "" > (file ".nochroot")
        if (option(count, "erroronfail") != "") print "" > (file ".erroronfail")
        if (option(count, "log") != "") print option(count, "log") > (file ".log")
    } else if (section != "%packages") ignored[section]
    next
}

{ count = words($0); if (count) command(count) }

END {
    if (failed) exit 1
    if (section != "") { NR++; fail(section " has no %end") }
    for (name in ignored) printf "%s ", name > (ks "/ignored")
}
