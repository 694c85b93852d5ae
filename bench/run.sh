#!/usr/bin/env bash
# Measures PostMark and Andrew on the local disk, on bindfs (a FUSE file system that only passes through) and on a ZZFs
# mount, side by side in one run; then the memory of each replica and the CPU time of the sleeping one. Raw results go to
# bench/raw, a summary is appended to bench/RESULTS.md.
set -eu -o pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
zzfs=${ZZFS_PROGRAM:-$repository/zzfs}
rounds=5 transactions=2000 minute=60
at=${TMPDIR:-/var/tmp}
targets='local bindfs zzfs'
init_options=

usage() {
  cat <<'TEXT'
Usage: [sudo] bench/run.sh [options]

  --rounds N           rounds of each benchmark on each target (5); their order alternates
  --transactions N     PostMark transactions (2000)
  --at DIRECTORY       local disk that everything lies on ($TMPDIR or /var/tmp)
  --targets LIST       any of: local bindfs zzfs (all)
  --sleeper-seconds N  how long to watch the sleeping replica under load (60)
  --init OPTIONS       further options of zzfs init, for example '--durability always'
TEXT
}

while [ $# -gt 0 ]; do
  [ "$1" != --help ] && [ "$1" != -h ] || { usage; exit 0; }
  [ $# -ge 2 ] || { usage >&2; exit 2; }
  case $1 in
    --rounds) rounds=$2 ;;
    --transactions) transactions=$2 ;;
    --at) at=$2 ;;
    --targets) targets=$2 ;;
    --sleeper-seconds) minute=$2 ;;
    --init) init_options=$2 ;;
    *) echo "bench/run.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift 2
done

has() { case " $targets " in *" $1 "*) true ;; *) false ;; esac; }
if has bindfs && ! command -v bindfs >/dev/null; then
  echo "bench/run.sh: bindfs is missing; install the package bindfs, or leave it out with --targets 'local zzfs'." >&2
  exit 1
fi

work=$(mktemp -d "$at/zzfs-bench-XXXXXX")
clean() {
  trap - EXIT INT TERM
  if has zzfs; then
    ! mountpoint -q "$work/zzfs" || "$zzfs" umount "$work/zzfs" || umount -l "$work/zzfs" || true
    [ ! -e "$work/cluster" ] || "$zzfs" down "$work/cluster" >/dev/null || true
  fi
  ! mountpoint -q "$work/bindfs" || fusermount3 -u "$work/bindfs" || umount -l "$work/bindfs" || true
  rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

commit=$(git -C "$repository" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$repository" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit=$commit+changes
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
raw=$repository/bench/raw/$(date -u +%Y%m%dT%H%M%SZ)-$commit
mkdir -p "$raw"

"$zzfs" version >"$raw/version.txt"
mkdir "$work/local" "$work/bindfs" "$work/zzfs" "$work/behind-bindfs"
if has bindfs; then bindfs "$work/behind-bindfs" "$work/bindfs"; fi
if has zzfs; then
  # shellcheck disable=SC2086 # options are words
  "$zzfs" init "$work/cluster" $init_options >/dev/null
  "$zzfs" up "$work/cluster" >/dev/null
  "$zzfs" mount "$work/cluster" "$work/zzfs" >/dev/null
fi

reversed() { local word turned=; for word in $1; do turned="$word $turned"; done; echo "$turned"; }

# measure BENCHMARK OPTIONS…: every target once in each round, the order turned around every other round.
measure() {
  local benchmark=$1 round order target
  shift
  for round in $(seq "$rounds"); do
    order=$targets
    [ $((round % 2)) -eq 1 ] || order=$(reversed "$targets")
    for target in $order; do
      # What an earlier run left dirty is not to be written back during this one.
      sync
      # Exit code 6 says that bytes were wrong: that is a result, and the summary's last line tells it.
      "$zzfs" bench "$benchmark" --at "$work/$target" --json "$@" >"$raw/$benchmark-$target-$round.json" || [ $? -eq 6 ]
      echo "$benchmark round $round $target: $(field seconds "$raw/$benchmark-$target-$round.json") s"
    done
  done
}

# A number or word in the JSON of zzfs, which has one field on a line.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$2" | head -n 1; }

numbers() { local file; for file in "$raw/$2-$3-"*.json; do field "$1" "$file"; done | LC_ALL=C sort -g; }
median() { awk '{ v[NR] = $1 } END { if (NR) printf "%.3f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
range() { awk 'NR == 1 { low = $1 } { high = $1 } END { printf "%.3f–%.3f", low, high }'; }

# CPU time of a process in seconds.
cpu_seconds() {
  awk -v hertz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hertz }' "/proc/$1/stat"
}

# The process that runs a node; its command line names the node's file.
process_of() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    if tr '\0' '\n' <"$file" 2>/dev/null | grep -qx node && tr '\0' '\n' <"$file" 2>/dev/null | grep -qF "$work/cluster/$1/"; then
      basename "$(dirname "$file")"
      return
    fi
  done
}

resident_mebibytes() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

measure postmark --transactions "$transactions"
memory=
if has zzfs; then
  "$zzfs" status "$work/cluster" --json >"$raw/status-after-postmark.json"
  for folder in "$work/cluster"/[aeh][0-9]*; do
    node=$(basename "$folder")
    process=$(process_of "$node")
    [ -z "$process" ] || memory="$memory$node $(resident_mebibytes "$process") MiB; "
  done
  printf '%s\n' "$memory" >"$raw/memory-after-postmark.txt"
fi
measure andrew

sleeper=
if has zzfs; then
  node=$(awk '/"id": "e/ { gsub(/[",]/, ""); id = $2 } /"role": "asleep"/ { print id; exit }' "$raw/status-after-postmark.json")
  process=$(process_of "${node:-none}")
  if [ -n "$process" ]; then
    before=$(cpu_seconds "$process")
    from=$(date +%s)
    while [ $(($(date +%s) - from)) -lt "$minute" ]; do
      "$zzfs" bench postmark --at "$work/zzfs" --json >"$raw/postmark-while-watching.json" || [ $? -eq 6 ]
    done
    sleeper="$node used $(awk -v a="$before" -v b="$(cpu_seconds "$process")" 'BEGIN { print b - a }') s of CPU in $(($(date +%s) - from)) s of PostMark."
    printf '%s\n' "$sleeper" >"$raw/sleeper.txt"
  fi
fi

unverified=$(grep -L '"verified": true' "$raw"/postmark-*.json "$raw"/andrew-*.json || true)
{
  echo
  echo "## $started, commit $commit"
  echo
  echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), kernel $(uname -r), $(findmnt -no FSTYPE -T "$at" | tail -n 1) on disk; $(head -n 1 "$raw/version.txt")."
  echo "$rounds rounds, alternating order; PostMark with 500 files, $transactions transactions, seed 42; cluster with f = 1${init_options:+, $init_options}."
  echo "Medians in seconds, least and most in parentheses. Raw results: raw/$(basename "$raw")."
  echo
  echo "| target | PostMark | against local | MakeDir | Copy | ScanDir | ReadAll | Make | Andrew | against local |"
  echo "|---|---|---|---|---|---|---|---|---|---|"
  for target in $targets; do
    line="| $target"
    for benchmark in postmark andrew; do
      if [ "$benchmark" = andrew ]; then
        for phase in makeDir copy scanDir readAll make; do line="$line | $(numbers $phase andrew "$target" | median)"; done
      fi
      middle=$(numbers seconds $benchmark "$target" | median)
      against=–
      if has local; then against=$(awk -v a="$middle" -v b="$(numbers seconds $benchmark local | median)" 'BEGIN { printf "%.2f×", a / b }'); fi
      line="$line | $middle ($(numbers seconds $benchmark "$target" | range)) | $against"
    done
    echo "$line |"
  done
  [ -z "$memory" ] || { echo; echo "Resident after PostMark: ${memory%; }."; }
  [ -z "$sleeper" ] || { echo; echo "The sleeping replica: $sleeper"; }
  echo
  if [ -z "$unverified" ]; then echo "Every byte was verified."; else echo "NOT VERIFIED: $(echo "$unverified" | xargs -n 1 basename | paste -sd ' ')"; fi
} >"$raw/summary.md"
[ -e "$repository/bench/RESULTS.md" ] || printf '# Results\n\nAppended by bench/run.sh, newest last.\n' >"$repository/bench/RESULTS.md"
cat "$raw/summary.md" >>"$repository/bench/RESULTS.md"
cat "$raw/summary.md"
[ -z "$unverified" ]
