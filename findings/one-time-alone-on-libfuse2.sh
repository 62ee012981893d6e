#!/usr/bin/env bash
# Debian's bindfs 1.14.7 and unionfs-fuse 1.0, on libfuse 2.9.9, take no notice when one of a file's two times is set.
#
# utimensat(2) sets both times of a file, or with UTIME_OMIT one of them, as `touch -m` and `touch -a` do. A
# filesystem of libfuse 2 has to ask for such calls by its flag flag_utime_omit_ok. For one that does not,
# libfuse 2 drops the call and reports success. So a program that restores modification times alone
# is told that it did, and restored none. With both times in one call they are set.
#
# Needs root, /dev/fuse and Debian 12's package lists, for apt-get download.
#
# Seen on each of both, for a file and for a directory: `touch -m -d 2001-01-01` exits 0 and the time stays; so
# does `touch -a -d 2001-01-01`; `touch -d 2001-01-01` sets both.
set -euo pipefail

work=$(mktemp -d)
clean() {
  for mounted in bindfs unionfs; do
    mountpoint -q "$work/$mounted" && umount "$work/$mounted"
  done
  rm -rf "$work"
}
trap clean EXIT
mkdir "$work/debs" "$work/below" "$work/below/directory" "$work/bindfs" "$work/unionfs"
echo harmless >"$work/below/file"
(cd "$work/debs" && apt-get download -q bindfs=1.14.7-1 unionfs-fuse=1.0-1+b1 libfuse2=2.9.9-6+b1 >/dev/null 2>&1)
for package in "$work"/debs/*.deb; do
  dpkg -x "$package" "$work/root"
done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libfuse.so.2' | head -n 1)")
export LD_LIBRARY_PATH
"$work/root/usr/bin/bindfs" "$work/below" "$work/bindfs"
"$work/root/usr/bin/unionfs" "$work/below=RW" "$work/unionfs"
unset LD_LIBRARY_PATH

changed=
for path in "$work"/{bindfs,unionfs}/{file,directory}; do
  before=$(stat -c '%X %Y' "$path")
  alone=
  for time in -m -a; do
    code=0
    touch "$time" -d 2001-01-01 "$path" || code=$?
    alone+="touch $time: exit $code, $([ "$(stat -c '%X %Y' "$path")" = "$before" ] && echo nothing || echo something) changes; "
  done
  touch -d 2001-01-01 "$path"
  both=$(date -d "@$(stat -c %Y "$path")" +%F)
  echo "${path#"$work"/}: ${alone}touch: $both"
  [ "$alone$both" = "touch -m: exit 0, nothing changes; touch -a: exit 0, nothing changes; 2001-01-01" ] || changed=1
  touch "$path"
done

if [ -z "$changed" ]; then
  echo "AS DESCRIBED"
else
  echo "CHANGED"
  exit 1
fi
