# Boots a Debian in the namespaces it is started in: boot.sh IMAGE SEED ADDRESS
# The image is only read. What the machine writes is in memory; it and every mount end with the namespaces.
set -eu
image=$1
seed=$2
address=$3

mount --make-rprivate /
memory=/mnt
mount -t tmpfs -o size=4g,mode=755 tmpfs $memory
mkdir $memory/written $memory/work $memory/root
mount -t overlay -o "lowerdir=$image,upperdir=$memory/written,workdir=$memory/work" overlay $memory/root
root=$memory/root
cp -a "$seed/." $root/

mount -t proc proc $root/proc
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/dev
for node in null zero full random urandom tty; do
    touch $root/dev/$node
    mount --bind /dev/$node $root/dev/$node
done
mkdir $root/dev/pts $root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
ln -s /proc/self/fd/0 $root/dev/stdin
ln -s /proc/self/fd/1 $root/dev/stdout
ln -s /proc/self/fd/2 $root/dev/stderr
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp

ip link set lo up
# This address differs from the one that the machine's own services use among themselves.
ip address add "$address/32" dev lo

cd $root
pivot_root . mnt
umount -l /mnt
# systemd expects this of a container manager.
mount --make-rshared /
exec env -i container=namespaces PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/lib/systemd/systemd --log-target=console --show-status=no
