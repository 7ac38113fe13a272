# Removes the empty control groups that a machine left: end.sh CGROUP
set -eu
mount -t cgroup2 cgroup2 /mnt
test ! -d "/mnt/$1" || find "/mnt/$1" -depth -type d -exec rmdir {} +
