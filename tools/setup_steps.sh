#!/usr/bin/env bash
# shellcheck disable=SC2154
# shellcheck disable=SC2034
# The steps of tools/setup.sh. Sourced; `root` is the checkout. Everything is made beside its place and
# renamed into it, so a set-up that was cut off leaves nothing half done.

say() { echo "set-up: $*" >&2; }

# fail CODE MESSAGE
fail() {
  local code=$1
  shift
  echo "set-up: $*" >&2
  exit "$code"
}

# Rows of a list without comments: "$1" names the file.
rows() { grep -v '^#' "$root/tools/$1" | grep -v '^ *$'; }

has_driver() { [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidiactl ]; }

# A LibTorch that CMAKE_PREFIX_PATH points to.
user_torch() {
  local prefix base
  local IFS=":;"
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    for base in "$prefix" "$prefix/../.." "$prefix/../../.."; do
      if [ -f "$base/include/ATen/core/Tensor.h" ] && [ -f "$base/lib/libtorch_cpu.so" ]; then
        echo "$base"
        return 0
      fi
    done
  done
  return 1
}

# A Python on PATH whose torch is the pinned version with CUDA.
python_torch() {
  local version
  version=$(rows wheels.txt | sed -n 's/.* torch==\([0-9.]*\).*/\1/p')
  python3 -c "
import sys, torch
ok = torch.__version__.split('+')[0] == '$version' and torch.version.cuda
sys.exit(0 if ok else 1)" 2>/dev/null
}

# What the set-up depends on, as one line: the lists, these scripts, where LibTorch comes from.
torch_kind() {
  if user_torch >/dev/null; then
    echo "user $(user_torch)"
  elif has_driver; then
    echo gpu
  else
    echo cpu
  fi
}

set_up_stamp() {
  echo "$(cat "$root"/tools/{packages.txt,wheels.txt,setup.sh,setup_steps.sh} | cksum) $(torch_kind)"
}

# What .retort/env was made from: as long as it stays, a new Debian package fetches no wheel again.
wheels_stamp() { echo "$(cksum <"$root/tools/wheels.txt") $(torch_kind)"; }

is_ready() {
  [ -f "$root/.retort/stamp" ] && [ "$(cat "$root/.retort/stamp")" = "$1" ] && [ -d "$root/.retort/env" ]
}

# present PROBE: the second column of packages.txt.
present() {
  case $1 in
    command:*) command -v "${1#command:}" >/dev/null ;;
    header:*)
      local file=${1#header:} folder
      for folder in /usr/include /usr/local/include "$root/.retort/sysroot/usr/include" \
        "/usr/include/$(uname -m)-linux-gnu"; do
        [ ! -e "$folder/$file" ] || return 0
      done
      return 1
      ;;
    pip) pip --version >/dev/null 2>&1 ;;
    -) return 0 ;;
  esac
}

# The first Python that has pip.
pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "$python" -m pip "$@"
      return
    fi
  done
  return 1
}

missing_packages() {
  local package probe reason
  rows packages.txt | while read -r package probe reason; do
    present "$probe" || echo "$package"
  done
}

install_debian_packages() {
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  local install="apt-get install -y --no-install-recommends $missing"
  if ! command -v apt-get >/dev/null; then
    say "missing here, by their Debian names: $missing"
    fail 3 "this system has no apt-get; install them with its own package manager, then run again"
  fi
  if [ "$(id -u)" != 0 ]; then
    say "missing: $missing; as root, run:"
    fail 3 "apt-get update && $install"
  fi
  say "installing Debian packages: $missing"
  local log="$root/.retort/apt.log"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  if ! { apt-get update && $install; } >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    fail 1 "apt-get failed; the whole output is in $log"
  fi
  missing=$(missing_packages | tr '\n' ' ')
  [ -z "$missing" ] || fail 1 "still missing after apt-get: $missing"
}

# Wheels are asked for by this Python version, whatever the machine's own is: nothing in them runs as
# Python.
wheel_tags=(--only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3
  --abi none --platform manylinux2014_x86_64)
for glibc in 17 18 19 20 21 22 23 24 25 26 27 28; do
  wheel_tags+=(--platform "manylinux_2_${glibc}_x86_64")
done

# wheels_of GROUP
wheels_of() { rows wheels.txt | awk -v group="$1" '$1 == group { print $2 }'; }

# put_wheels TARGET PIP-ARGUMENT…
put_wheels() {
  local target=$1 quiet=-q
  shift
  [ ! -t 2 ] || quiet=
  # shellcheck disable=SC2086
  pip install $quiet --no-compile --no-warn-script-location --target "$target" "${wheel_tags[@]}" \
    "$@" >&2 || fail 1 "pip could not fetch the wheels above; is the package registry reachable?"
}

# Keeps of a CPU LibTorch what C++ uses: 0.6 GB instead of 1.2.
trim_torch() {
  local site=$1
  rm -rf "$site"/{functorch,torchgen} "$site"/torch/lib/libtorch_{python,cuda,cuda_linalg,nvshmem}.so \
    "$site"/torch/{bin,test,testing,_inductor,_dynamo,distributed}
}

# at_least VERSION WANTED
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | sed -n 1p)" = "$2" ]; }

fitting_cmake() {
  command -v cmake >/dev/null && at_least "$(cmake --version | sed -n '1s/[^0-9]*//p')" 3.28
}

has_wheel() { compgen -G "$2/$1-*.whl" >/dev/null; }

# install_wheels MODE FOLDER
install_wheels() {
  local mode=$1 folder=$2 env="$root/.retort/env.new" torch=wheels source=()
  [ "$mode" != packages ] || source=(--no-index --find-links "$folder")
  if [ -f "$root/.retort/env/stamp" ] && [ "$(cat "$root/.retort/env/stamp")" = "$(wheels_stamp)" ]; then
    return
  fi
  rm -rf "$env"
  mkdir -p "$env/bin" "$env/site-packages"

  if user_torch >/dev/null; then
    say "LibTorch: yours, in $(user_torch)"
    torch=none
  elif has_driver && python_torch; then
    say "LibTorch: the one of this machine's Python, with CUDA"
    torch=none
  elif [ "$mode" = packages ] && ! has_wheel torch "$folder"; then
    fail 3 "no LibTorch here and no torch wheel in $folder; run tools/setup.sh --download on a" \
      "machine that reaches a registry"
  elif has_driver; then
    torch=cuda
  fi

  local build=()
  if [ "$mode" = packages ] && ! has_wheel cmake "$folder"; then
    fitting_cmake || fail 3 "no CMake 3.28 or newer here and no cmake wheel in $folder"
  else
    build+=("$(wheels_of build | grep cmake)")
  fi
  if [ "$mode" = packages ] && ! has_wheel ninja "$folder"; then
    command -v ninja >/dev/null || fail 3 "no Ninja here and no ninja wheel in $folder"
  else
    build+=("$(wheels_of build | grep ninja)")
  fi
  local wheels=("${build[@]}")
  if [ $torch = wheels ]; then
    # shellcheck disable=SC2207
    wheels+=($(wheels_of torch))
  fi
  if [ ${#wheels[@]} -gt 0 ]; then
    say "fetching ${wheels[*]}"
    put_wheels "$env/site-packages" "${source[@]}" --no-deps "${wheels[@]}"
  fi
  case $torch in
    wheels) trim_torch "$env/site-packages" ;;
    cuda)
      say "fetching LibTorch with CUDA and its libraries (4.6 GB on disk)"
      put_wheels "$env/site-packages" "${source[@]}" --upgrade "$(wheels_of torch | grep '^torch==')"
      ;;
  esac

  local program
  for program in cmake ctest cpack; do
    [ ! -e "$env/site-packages/cmake/data/bin/$program" ] ||
      ln -s "../site-packages/cmake/data/bin/$program" "$env/bin/$program"
  done
  [ ! -e "$env/site-packages/bin/ninja" ] || ln -s ../site-packages/bin/ninja "$env/bin/ninja"
  wheels_stamp >"$env/stamp"
  rm -rf "$root/.retort/env.old"
  [ ! -e "$root/.retort/env" ] || mv "$root/.retort/env" "$root/.retort/env.old"
  mv "$env" "$root/.retort/env"
  rm -rf "$root/.retort/env.old"
}

# unpack_debian_packages FOLDER: into .retort/sysroot, never into the system.
unpack_debian_packages() {
  local folder=$1 sysroot="$root/.retort/sysroot" package
  compgen -G "$folder/*.deb" >/dev/null || fail 2 "$folder: holds no .deb file; fill it with --download"
  command -v dpkg >/dev/null || fail 3 "dpkg is needed to unpack the packages in $folder"
  say "unpacking $(find "$folder" -maxdepth 1 -name '*.deb' | wc -l) Debian packages into .retort/sysroot"
  rm -rf "$sysroot.new"
  mkdir -p "$sysroot.new"
  for package in "$folder"/*.deb; do
    dpkg -x "$package" "$sysroot.new" || fail 1 "$package: dpkg could not unpack it"
  done
  rm -rf "$sysroot"
  mv "$sysroot.new" "$sysroot"
}

need_programs_of_the_machine() {
  local package probe reason missing=""
  while read -r package probe reason; do
    case $package in ccache | mold | git) continue ;; esac
    present "$probe" || missing="$missing $package"
  done < <(rows packages.txt)
  [ -z "$missing" ] || fail 3 "this machine and the folder lack:$missing"
}

# download_everything FOLDER yes|no
download_everything() {
  local folder=$1 with_torch=$2 part="$1/.part" names
  command -v apt-get >/dev/null || fail 3 "--download needs a Debian 12 machine with apt-get"
  rm -rf "$part"
  mkdir -p "$part"
  names=$(rows packages.txt | awk '$2 ~ /^header:/ || $2 == "-" { print $1 }' | tr '\n' ' ')
  say "fetching Debian packages: $names"
  # shellcheck disable=SC2086
  (cd "$part" && apt-get download -qq $names) || fail 1 "apt-get download failed; apt-get update first?"
  # shellcheck disable=SC2046
  set -- $(wheels_of build)
  # shellcheck disable=SC2046
  [ "$with_torch" = no ] || set -- "$@" $(wheels_of torch)
  say "fetching wheels: $*"
  pip download -q --no-deps -d "$part" "${wheel_tags[@]}" "$@" || fail 1 "pip could not fetch the wheels"
  mv "$part"/* "$folder/"
  rmdir "$part"
  say "$folder: $(du -sh "$folder" | cut -f1); there: tools/setup.sh --packages $folder"
}
