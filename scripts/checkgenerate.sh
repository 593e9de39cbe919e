#!/usr/bin/env bash
# Fails when the generated Go is not what the .proto files give: a file differs, is missing, is left over from a .proto
# that is gone, or was generated but never added to git. It generates into a scratch folder and leaves the work tree
# alone, so it can run beside a build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
scripts/node_modules/.bin/buf generate -o "$fresh"

mapfile -t generated < <({ find proto -name '*.pb.go'; cd "$fresh" && find proto -name '*.pb.go'; } | sort -u)
if ((${#generated[@]} == 0)); then
  echo "checkgenerate: no generated file found, which cannot be right" >&2
  exit 1
fi

failed=0
for file in "${generated[@]}"; do
  diff -u --new-file "$file" "$fresh/$file" || failed=1
done

untracked=$(git ls-files --others --exclude-standard -- '*.pb.go')
if [[ -n $untracked ]]; then
  printf 'checkgenerate: generated but not in git:\n%s\n' "$untracked"
  failed=1
fi

if ((failed)); then
  echo "checkgenerate: run 'make generate' and commit what it changes" >&2
  exit 1
fi
echo "checkgenerate: ${#generated[@]} generated files are up to date"
