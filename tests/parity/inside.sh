# Prints facts about the place it runs in: name, tab, value. Needs sh, cat, awk, ls, id, grep, readlink.
say() { printf '%s\t%s\n' "$1" "$2"; }
look() { [ -e $1 ] && ls -ldn $1 | awk '{ print $1, $3, $4 }' || echo 'not there'; }
while read -r name value; do
    case $name in
    CapInh: | CapPrm: | CapEff: | CapBnd: | CapAmb: | NoNewPrivs: | Seccomp: | Seccomp_filters: | Uid: | Gid: | Groups: | Umask:)
        say "status ${name%:}" "$value" ;;
    esac
done </proc/self/status
awk '{ dash = 0; for (i = 7; i <= NF; i++) if ($i == "-") dash = i
       printf "mount %s\t%s %s %s\n", $5, $(dash + 1), $6, $(dash + 3) }' /proc/self/mountinfo
for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi \
    /proc/timer_list /proc/timer_stats /sys/firmware /sys/devices/virtual/powercap; do
    if [ -d $path ]; then say "masked $path" "a folder with $(ls -A $path 2>/dev/null | grep -c .) entries"
    elif [ -e $path ]; then say "masked $path" "$(ls -l $path | cut -c1) with $(cat $path 2>/dev/null | grep -c . | sed 's/[1-9][0-9]*/some/') lines"
    else say "masked $path" "not there"; fi
done
for path in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /proc /sys /sys/fs/cgroup /dev /; do
    if touch $path/x 2>/dev/null || (: >>$path) 2>/dev/null; then say "writable $path" yes; rm -f $path/x; else say "writable $path" no; fi
done
ls -l /dev | awk 'NR > 1 { size = $1 ~ /^[cb]/ ? $5 $6 : "-"; link = ($0 ~ /->/) ? " -> " $NF : ""; name = (link == "") ? $NF : $(NF - 2)
                           print "dev " name "\t" $1 " " $3 " " $4 " " size link }'
env | grep -v '^_=' | while IFS='=' read -r name value; do say "env $name" "$value"; done
awk 'NR > 1 { name = substr($0, 1, 26); sub(/ +$/, "", name); $0 = substr($0, 27); print "limit " name "\t" $1 " " $2 }' /proc/self/limits
say id "$(id)"
say cwd "$(pwd)"
say umask "$(umask)"
say oom_score_adj "$(cat /proc/self/oom_score_adj)"
say pid $$
read -r _ _ _ parent group session tty rest </proc/$$/stat
say "parent, group, session" "$parent $group $session"
say descriptors "$(echo $(ls /proc/self/fd))"
say hostname "$(cat /proc/sys/kernel/hostname)"
say domainname "$(cat /proc/sys/kernel/domainname)"
for file in hosts hostname resolv.conf; do
    say "/etc/$file" "$(cat /etc/$file 2>&1 | tr '\n' '|')"
    say "/etc/$file, mode and owner" "$(look /etc/$file)"
done
say /etc/mtab "$(readlink /etc/mtab)"
for path in / /dev /proc /sys /etc /dev/shm /.dockerenv /run/.containerenv; do say "mode and owner of $path" "$(look $path)"; done
for kind in cgroup ipc mnt net pid time user uts; do say "namespace $kind" "$(readlink /proc/self/ns/$kind)"; done
while IFS=: read -r _ controllers path; do say "cgroup of ${controllers:-version 2}" "$path"; done </proc/self/cgroup
for key in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range kernel/shmmax fs/mqueue/msg_max; do
    say "sysctl $key" "$(cat /proc/sys/$key 2>/dev/null | tr '\t' ' ')"
done
