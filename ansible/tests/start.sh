# Starts boot.sh in namespaces of its own and a control group of its own: start.sh CGROUP BOOT IMAGE SEED ADDRESS
# Runs in a mount namespace: nobody else sees what is mounted here.
set -eu
cgroup=$1
shift
mount -t cgroup2 cgroup2 /mnt
mkdir -p "/mnt/$cgroup"
echo $$ > "/mnt/$cgroup/cgroup.procs"
umount /mnt
exec unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child sh "$@"
