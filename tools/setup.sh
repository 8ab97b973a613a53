#!/usr/bin/env bash
# tools/setup.sh                  puts what the build needs into .retort/env and installs the Debian
#                                 packages that are missing. Safe to run again; then it does nothing.
# tools/setup.sh --packages DIR   the same from a folder of .deb and wheel files, on a machine that
#                                 reaches no registry; what the machine has itself is used.
# tools/setup.sh --download DIR   fills such a folder, on a machine that reaches the registries;
#                [--without-torch]  leaves LibTorch out (for machines that have it).
# tools/setup.sh --check          exit code 0 when there is nothing to do.
#
# Exit codes: 0 ready · 1 a step failed · 2 wrong arguments · 3 something is missing that only root
# can install (the last line is the command).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/setup_steps.sh
source "$root/tools/setup_steps.sh"

mode=install folder="" with_torch=yes
while [ $# -gt 0 ]; do
  case $1 in
    --packages | --download)
      [ $# -ge 2 ] || fail 2 "$1: no folder given; write $1 DIR"
      mode=${1#--} folder=$2
      shift
      ;;
    --without-torch) with_torch=no ;;
    --check) mode=check ;;
    -h | --help)
      sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail 2 "$1: unknown argument; try tools/setup.sh --help" ;;
  esac
  shift
done

mkdir -p "$root/.retort"
[ -z "$folder" ] || folder=$(mkdir -p "$folder" && cd "$folder" && pwd)
if [ "$mode" = download ]; then
  download_everything "$folder" "$with_torch"
  exit 0
fi

stamp=$(set_up_stamp)
is_ready "$stamp" && exit 0
[ "$mode" != check ] || exit 1

# One set-up at a time; who waited finds the work done.
exec 9>"$root/.retort/lock"
flock 9
is_ready "$stamp" && exit 0

if [ "$mode" = packages ]; then
  unpack_debian_packages "$folder"
  need_programs_of_the_machine
else
  install_debian_packages
fi
install_wheels "$mode" "$folder"
echo "$stamp" >"$root/.retort/stamp.new"
mv "$root/.retort/stamp.new" "$root/.retort/stamp"
say "ready"
