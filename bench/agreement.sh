#!/usr/bin/env bash
# Measures the agreement cluster alone, with a service that does nothing: all replicas, and 1 and 50 closed-loop clients,
# as processes of this machine. Says how far the figures are from their floors, and where the CPU time goes. Raw results go
# to bench/raw, a summary is appended to bench/RESULTS.md.
set -eu -o pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
rounds=5 seconds=3 program= against=

usage() {
  cat <<'TEXT'
Usage: bench/agreement.sh [options]

  --rounds N          rounds of all settings (5)
  --seconds N         duration of each setting in a round (3)
  --program FILE      a published AgreementBench (publishes one)
  --against FILE      another one, to alternate with; only compared, nothing is appended to RESULTS.md
TEXT
}

while [ $# -gt 0 ]; do
  [ "$1" != --help ] && [ "$1" != -h ] || { usage; exit 0; }
  [ $# -ge 2 ] || { usage >&2; exit 2; }
  case $1 in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --program) program=$2 ;;
    --against) against=$2 ;;
    *) echo "bench/agreement.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift 2
done

work=$(mktemp -d "${TMPDIR:-/var/tmp}/zzfs-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

commit=$(git -C "$repository" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$repository" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit=$commit+changes
if [ -z "$program" ]; then
  dotnet publish "$repository/bench/System" -c Release -r "linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')" -o "$work/program" >"$work/publish.txt" ||
    { cat "$work/publish.txt" >&2; exit 1; }
  program=$work/program/AgreementBench
fi

started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
raw=$repository/bench/raw/$(date -u +%Y%m%dT%H%M%SZ)-agreement-$commit
[ -z "$against" ] || raw=$work/raw
mkdir -p "$raw"

median() { LC_ALL=C sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
range() { LC_ALL=C sort -g | awk 'NR == 1 { low = $1 } { high = $1 } END { print low "–" high }'; }

# column NAME CLIENTS BYTES COLUMN: that figure of every round.
column() { awk -v c="$2" -v b="$3" -v k="$4" '$1 == c && $2 == b { print $k }' "$raw/$1"-[0-9]*.txt; }

for round in $(seq "$rounds"); do
  names='this other'
  [ $((round % 2)) -eq 1 ] || names='other this'
  for name in $names; do
    file=$program
    [ "$name" = this ] || file=$against
    [ -n "$file" ] || continue
    "$program" units >>"$raw/units.txt"
    "$file" --seconds "$seconds" >"$raw/$name-$round.txt"
    echo "round $round $name: one client $(awk '$1 == 1 && $2 == 0 { print $5 }' "$raw/$name-$round.txt") ms, fifty $(awk '$1 == 50 && $2 == 0 { print $4 }' "$raw/$name-$round.txt") op/s"
  done
  uptime >>"$raw/load.txt"
done

table() {
  echo "| clients | bytes | op/s | median ms | p99 ms | CPU µs per op |"
  echo "|---|---|---|---|---|---|"
  for clients in 1 50; do
    for bytes in 0 1024 4096; do
      line="| $clients | $bytes"
      for k in 4 5 6 7; do line="$line | $(column "$1" $clients $bytes $k | median) ($(column "$1" $clients $bytes $k | range))"; done
      echo "$line |"
    done
  done
}

if [ -n "$against" ]; then
  echo; echo "this:"; table this; echo; echo "other:"; table other
  exit 0
fi

# Samples by library: the crypto libraries, the kernel, and all else, which is our code and the runtime's.
shares=
if command -v perf >/dev/null; then
  for clients in 1 50; do
    perf record -q -e cpu-clock -F 999 -o "$work/profile" -- "$program" --seconds 8 --clients $clients --bytes 0 >/dev/null 2>"$work/perf.txt" ||
      { cat "$work/perf.txt" >&2; break; }
    perf report -i "$work/profile" --sort dso --stdio 2>/dev/null | grep -v '^#' >"$raw/profile-$clients-libraries.txt"
    perf report -i "$work/profile" --sort dso,sym --stdio --percent-limit 0.3 2>/dev/null | grep -v '^#' >"$raw/profile-$clients-functions.txt"
    shares="$shares$(awk -v clients=$clients '
      { part = $1 + 0 }
      /libsodium|libcrypto/ { crypto += part; next }
      /kernel/ { kernel += part; next }
      { rest += part }
      END { printf "- %d client%s: crypto %.0f %%, system calls %.0f %%, the rest %.0f %%\n", clients, clients == 1 ? "" : "s", crypto, kernel, rest }' "$raw/profile-$clients-libraries.txt")
"
  done
fi

# unit COLUMN: a line has microseconds of a round trip, of signing and of verifying.
unit() { awk -v k="$1" '{ print $k }' "$raw/units.txt" | median; }
{
  echo
  echo "## $started, agreement cluster, commit $commit"
  echo
  echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), kernel $(uname -r); load average $(sed 's/.*average: //' "$raw/load.txt" | cut -d, -f1 | median) with our own."
  echo "Four agreement and two execution replicas and all clients on this machine, signed requests, $rounds rounds of $seconds s. Medians over the rounds, least and most in parentheses. Raw results: raw/$(basename "$raw")."
  echo
  table this
  echo
  # What follows one another in a sequential operation: REQUEST, PRE-PREPARE, PREPARE, COMMIT, ORDER, reply.
  awk -v trip="$(unit 1)" -v sign="$(unit 2)" -v verify="$(unit 3)" -v one="$(column this 1 0 5 | median)" -v cpu="$(column this 50 0 7 | median)" -v rate="$(column this 50 0 4 | median)" -v cores="$(nproc)" 'BEGIN {
    signatures = sign + verify
    floor = 3 * trip + signatures
    printf "Loopback round trip of the same minutes: %.0f µs. Floor of one operation: six messages one after the other, %.0f µs, to sign %.0f and to verify %.0f, make %.2f ms; the median is %.1f times that.\n", trip, 3 * trip, sign, verify, floor / 1000, 1000 * one / floor
    printf "Throughput: %d cores have %.0f µs for each operation at 15000 op/s; it costs %.0f, so %.0f op/s is the most that they can do with it, and %.0f were measured. The two signature operations alone allow %.0f op/s.\n", cores, cores * 1e6 / 15000, cpu, cores * 1e6 / cpu, rate, cores * 1e6 / signatures
  }'
  [ -z "$shares" ] || { echo; echo "CPU time over all processes, start-up included:"; echo; printf '%s' "$shares"; }
} >"$raw/summary.md"
cat "$raw/summary.md" >>"$repository/bench/RESULTS.md"
cat "$raw/summary.md"
