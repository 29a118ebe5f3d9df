#!/bin/busybox sh
# What udhcpc calls: set the address, the routes and the name servers given.
export PATH=/usr/sbin:/usr/bin

case $1 in
    deconfig)
        ip -4 address flush dev "$interface"
        ip link set "$interface" up ;;
    bound|renew)
        echo "lab: $interface has $ip" > /dev/kmsg
        ip -4 address flush dev "$interface"
        ip address add "$ip/${mask:-24}" ${broadcast:+broadcast $broadcast} dev "$interface"
        index=$(cat "/sys/class/net/$interface/ifindex")
        for gateway in $router; do ip route add default via "$gateway" dev "$interface" metric "$index"; done
        { [ -z "$domain" ] || echo "search $domain"; for server in $dns; do echo "nameserver $server"; done; } > /etc/resolv.conf ;;
esac
