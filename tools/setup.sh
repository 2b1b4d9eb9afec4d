#!/bin/sh
# Makes the environment named by the first argument: the package in editable form with its development tools, and those
# of the dependency group named by the second, if there is one.
# uv is taken when it is there; otherwise pip, which needs a 25.1 or newer for dependency groups.
set -eu
venv=$1
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "CTA-ACT needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2
    exit 1
}
if command -v uv > /dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --editable . --group dev ${2:+--group "$2"}
else
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . --group dev ${2:+--group "$2"}
fi
