#!/usr/bin/env bash
# Builds everything and runs all tests. The last line is "N passed, N failed"; the exit code is 0 only if
# something ran and nothing failed. A step that fails (build, format, native program, a run that breaks off)
# counts as one failure.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
exec </dev/null

usage() {
  cat <<'TEXT'
Usage: [sudo] ./test.sh [--quick] [--filter EXPRESSION]

  --quick              no native program and no tests that mount: what a developer runs between edits
  --filter EXPRESSION  only tests that match, as `dotnet test --filter` understands it
                       (for example FullyQualifiedName~PostMark)

As root it installs the Debian packages that the tests use, and tests mounts. CI=true makes a missing tool a
failure instead of a skipped test.
TEXT
}

quick=
filter=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --filter) [ $# -ge 2 ] || { usage >&2; exit 2; }; filter=$2; shift ;;
    --filter=*) filter=${1#--filter=} ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# Build nodes that outlive this script would keep files of a clone open that is about to be removed.
export MSBUILDDISABLENODEREUSE=1

passed=0 failed=0 skipped=0
results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM

say() { printf '== %s\n' "$*"; }
fail() { failed=$((failed + 1)); printf '!! %s\n' "$*"; }
finish() {
  [ "$skipped" -eq 0 ] || echo "$skipped skipped"
  if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
    echo "No test ran${filter:+: nothing matches $filter}."
    echo "0 passed, 0 failed"
    exit 1
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

# What a test calls, and the Debian package that has it.
tools='git:git cc:gcc gcc:gcc make:make sqlite3:sqlite3 rsync:rsync tar:tar postmark:postmark fusermount3:fuse3 bindfs:bindfs
spin:spin mkfs.btrfs:btrfs-progs zfs:zfs-fuse setfattr:attr setfacl:acl flock:util-linux unshare:util-linux su:util-linux
virsh:libvirt-clients'

missing_packages() {
  local pair
  for pair in $tools; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done | sort -u
  [ -e /usr/include/stdio.h ] || echo libc6-dev
}

prepare_packages() {
  local packages
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "Installing" $packages
    export DEBIAN_FRONTEND=noninteractive
    # A list that is a little old still installs; only a failed install matters, and what is missing is named below.
    apt-get update -q >"$results/apt.log" 2>&1
    # shellcheck disable=SC2086 # one word per package
    apt-get install -y -q --no-install-recommends $packages >>"$results/apt.log" 2>&1 || tail -n 3 "$results/apt.log"
    hash -r
    packages=$(missing_packages)
  fi
  [ -z "$packages" ] || say "Missing, so some tests can't run; install:" $packages
}

find_dotnet() {
  local home place
  home=$(getent passwd "${SUDO_USER:-$(id -un)}" | cut -d: -f6)
  for place in "$(command -v dotnet)" "${DOTNET_ROOT:-}/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet \
    /usr/local/share/dotnet/dotnet /opt/dotnet/dotnet "$HOME/.dotnet/dotnet" "$home/.dotnet/dotnet"; do
    if [ -x "$place" ]; then
      PATH=$(dirname "$(readlink -f "$place")"):$PATH
      export PATH
      return 0
    fi
  done
  return 1
}

# The attribute of the Counters element of a result file.
counter() { sed -n "s/.*<Counters [^>]*\b$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1; }

run_project() {
  local project=$1 name code trx total here_passed here_failed here_skipped
  name=$(basename "$project" .csproj)
  trx=$results/$name.trx
  if [ -z "$(find "$(dirname "$project")" -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*' -print -quit)" ]; then
    say "$name holds no tests"
    return
  fi
  say "Testing $name"
  timeout -k 20 720 dotnet test "$project" --no-build -c Release --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" ${filter:+--filter "$filter"} 2>&1 \
    | tee "$results/$name.log"
  code=$?
  total=0 here_passed=0 here_failed=0
  if [ -f "$trx" ]; then
    total=$(counter total "$trx")
    here_passed=$(counter passed "$trx")
    here_failed=$(counter failed "$trx")
    here_skipped=$((total - $(counter executed "$trx")))
    passed=$((passed + here_passed))
    failed=$((failed + here_failed))
    skipped=$((skipped + here_skipped))
  fi
  if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
    fail "$name did not end within 12 minutes"
  elif [ "$code" -ne 0 ] && [ "$here_failed" -eq 0 ]; then
    fail "$name broke off with exit code $code"
  elif [ "$total" -eq 0 ] && [ -z "$filter" ]; then
    fail "$name ran no test"
  fi
}

prepare_packages
if ! find_dotnet; then
  fail "There is no dotnet; install the .NET 10 SDK (https://dotnet.microsoft.com/download, or the package dotnet-sdk-10.0)"
  finish
fi

say "Building"
if ! dotnet build ZZFs.sln -c Release -warnaserror -v quiet; then
  fail "The build failed"
  finish
fi

if [ -z "$quick" ]; then
  say "Checking the format"
  dotnet format whitespace ZZFs.sln --no-restore --verify-no-changes || fail "The format differs; run: dotnet format whitespace ZZFs.sln"
  say "Building the native program"
  ./zzfs version || fail "./zzfs version failed"
fi

for project in tests/*/*.csproj; do
  # A program that tests start has none of its own.
  ! grep -q '<IsTestProject>false<' "$project" || continue
  case $quick:$project in
    yes:*Mounted*) say "Mounted is left out with --quick" ;;
    *) run_project "$project" ;;
  esac
done
finish
