#!/bin/sh
# The zfs command as OpenZFS answers it, for tests: datasets are tmpfs file systems below $state/mount, snapshots are copies in
# .zfs/snapshot. What it was asked is in $state/log. Anything else than what a store asks for is refused.
state=$(dirname "$0")
echo "$*" >>"$state/log"
for last; do :; done
at() { echo "$state/mount/$1"; }
refuse() { echo "$1" >&2; exit 1; }
must_exist() { mountpoint -q "$(at "$1")" || refuse "cannot open '$1': dataset does not exist"; }
copy() { mkdir -p "$2"; (cd "$1" && tar -cf - --exclude=./.zfs .) | tar -xf - -C "$2"; }
case "$*" in
  "list -H -o name $last") must_exist "$last"; echo "$last" ;;
  "list -H -r -d 1 -t snapshot -o name $last")
    must_exist "$last"
    for snapshot in "$(at "$last")"/.zfs/snapshot/*; do [ ! -e "$snapshot" ] || echo "$last@${snapshot##*/}"; done ;;
  "list -H -r -d 1 -t filesystem -o name $last")
    must_exist "$last"
    echo "$last"
    for child in "$(at "$last")"/*; do ! mountpoint -q "$child" || echo "$last/${child##*/}"; done ;;
  "create -o atime=off $last") mkdir -p "$(at "$last")" && mount -t tmpfs "$last" "$(at "$last")" && mkdir -p "$(at "$last")/.zfs/snapshot" ;;
  "snapshot $last")
    to=$(at "${last%@*}")/.zfs/snapshot/${last#*@}
    [ ! -e "$to" ] || refuse "cannot create snapshot '$last': dataset already exists"
    copy "$(at "${last%@*}")" "$to" ;;
  "rollback -r $last")
    find "$(at "${last%@*}")" -mindepth 1 -maxdepth 1 ! -name .zfs -exec rm -rf {} +
    copy "$(at "${last%@*}")/.zfs/snapshot/${last#*@}" "$(at "${last%@*}")" ;;
  "destroy -r $last") must_exist "$last"; umount "$(at "$last")" && rmdir "$(at "$last")" ;;
  "destroy $last")
    case $last in
      *@*)
        [ ! -e "$state/held" ] || refuse "cannot destroy snapshot $last: it's being held. Run 'zfs holds -r $last' to see holders."
        snapshot=$(at "${last%@*}")/.zfs/snapshot/${last#*@}
        [ -e "$snapshot" ] || refuse "could not find any snapshots to destroy; check snapshot names."
        rm -rf "$snapshot" ;;
      *) must_exist "$last"; umount "$(at "$last")" 2>/dev/null || refuse "cannot destroy '$last': dataset is busy"; rmdir "$(at "$last")" ;;
    esac ;;
  "get -H -o value mountpoint $last") must_exist "$last"; at "$last" ;;
  "get -H -p -o value used $last") must_exist "$last"; echo 12345678 ;;
  "clone -o readonly=on -o atime=off "*)
    source=$6
    mkdir -p "$(at "$last")" && mount -t tmpfs "$last" "$(at "$last")"
    copy "$state/lost/${source#*@}" "$(at "$last")" ;;
  *) refuse "unrecognized command '$*'" ;;
esac
