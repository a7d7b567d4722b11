#!/bin/bash
# The first process of a guest. It lays a layer in memory over this computer's files, joins the wires, serves /export if
# it has a disk, and carries out what is written to its console: a command's number a line, which is answered with the
# number and the exit code. Variables, from the kernel's command line: guest, scratch, addresses, disk.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -z "$layered" ]; then
  set -e
  mount -t proc proc /proc
  modules=/usr/lib/uml/modules/$(uname -r)
  insmod "$modules/kernel/fs/overlayfs/overlay.ko"
  mount -t tmpfs -o mode=755 tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
  cd /mnt/root
  for tmpfs in run tmp var/lib/nfs; do mount -t tmpfs -o mode=1777 tmpfs $tmpfs; done
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t devtmpfs devtmpfs dev
  mkdir -p rig lib/modules
  mount -t hostfs -o "$scratch" hostfs rig
  mount -t tmpfs tmpfs lib/modules
  mkdir lib/modules/$(uname -r)
  mount --bind "$modules" lib/modules/$(uname -r)
  layered=yes exec chroot . "$0"
fi
mkdir -p /dev/shm /dev/pts /run/rpcbind /run/sendsigs.omit.d /var/lib/nfs/{sm,sm.bak,v4recovery,rpc_pipefs}
touch /var/lib/nfs/{etab,rmtab,state}
set -e
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
hostname "$guest"
ip link set lo up
number=0
for address in ${addresses//,/ }; do
  ip address add "$address/24" dev vec$number
  ip link set vec$number up
  number=$((number + 1))
done
modprobe -a nfs nfsv4 nfsv3
rpcbind -w
rpc.statd --no-notify
if [ -n "$disk" ]; then
  modprobe nfsd
  mkdir -p /export
  mount /dev/ubda /export
  chmod 1777 /export
  mount -t nfsd nfsd /proc/fs/nfsd
  exportfs -o rw,no_root_squash,no_subtree_check,sync,fsid=0 '*:/export'
  rpc.mountd
  rpc.nfsd --lease-time 10 --grace-time 10 8
  echo Y > /proc/fs/nfsd/v4_end_grace
fi
set +e
stty raw -echo
echo "up 0"
while read -r command; do
  (
    bash "/rig/$guest/$command.sh" >"/tmp/$command.out" 2>"/tmp/$command.err" </dev/null
    code=$?
    cp "/tmp/$command".{out,err} "/rig/$guest/"
    echo "$command $code"
  ) &
done
halt -f -p
