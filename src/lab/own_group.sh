# own_group.sh NAME COMMAND...: runs COMMAND in a control group of its own, in the hierarchies that systemd uses. Hosts
# that share a group share it for services of the same name, too: one that stops its own waits for the other's.
name=$1
shift
groups=$(cat /proc/$$/cgroup)
while IFS=: read -r number controllers path; do
  case $number:$controllers in
    0:) root=/sys/fs/cgroup/unified; [ -d "$root" ] || root=/sys/fs/cgroup ;;
    *:name=systemd) root=/sys/fs/cgroup/systemd ;;
    *) continue ;;
  esac
  own=$root${path%/}/mailprov-$name
  # Where that is not allowed the host boots all the same.
  { mkdir -p "$own" && echo $$ >"$own/cgroup.procs"; } 2>/dev/null
done <<END
$groups
END
exec "$@"
