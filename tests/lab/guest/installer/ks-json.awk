# Photon OS's kickstart, as json.awk's lines, to the files of the folder `ks`
# the installer works from (see install.sh). What is not obeyed is in `ignored`.
# Source: Photon OS 3.0 User Guide, Kickstart Support in Photon OS.

BEGIN { FS = "\t"; post = ks "/post.1" }
{ value = $3; for (i = 4; i <= NF; i++) value = value "\t" $i }

$1 == ".hostname"          { printf "%s\n", value > (ks "/hostname"); next }
$1 == ".disk"              { printf "%s\n", value > (ks "/disk"); next }
$1 == ".password.crypted"  { printf "%s\n", value == "true" ? "crypted" : "plain" > (ks "/password.kind"); next }
$1 == ".password.text"     { printf "%s\n", value > (ks "/password"); next }
$1 == ".public_key"        { printf "%s\n", value > (ks "/keys"); next }
$1 == ".eject_cdrom"       { next }
$1 ~ /^\.(additional_)?packages\[/       { printf "%s\n", value > (ks "/packages"); next }
$1 ~ /^\.postinstall\[/    { printf "%s\n", value > post; next }
$1 ~ /^\.network\.(type|ip_addr|netmask|gateway|nameserver)$/ { sub(/^\.network\./, "", $1); printf "%s %s\n", $1, value > (ks "/network"); next }
$1 ~ /^\.(partitions|bootmode|password|network|postinstall|packages|additional_packages|type|linux_flavor|arch)/ || $1 == "" { next }
{ sub(/^\./, "", $1); sub(/[.\[].*/, "", $1); ignored[$1] }
END {
    for (name in ignored) printf "%s ", name > (ks "/ignored")
    print "reboot" > (ks "/end")
    print "no" > (ks "/root_login")       # Photon's sshd refuses root until the post-install script says otherwise
}
