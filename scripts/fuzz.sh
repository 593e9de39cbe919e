#!/bin/sh
# Every parser against inputs that nobody thought of: scripts/fuzz.sh TIME, for each of them. Two at a time, one worker
# each; minimising is bounded, because without a bound a worker can spend the whole time on one input.
set -eu
time=$1
grep -roE --include='*_test.go' '^func Fuzz[A-Za-z]+' services | sort |
	sed -E 's#^(.*)/[^/]*:func (Fuzz[A-Za-z]+)#\1 \2#' |
	xargs -P 2 -L 1 sh -c '
		out=$(go test -run "^$" -fuzz "^$2\$" -fuzztime "$0" -fuzzminimizetime 20x -parallel 1 "./$1" 2>&1) || {
			echo "$out"
			exit 255
		}
		echo "$1 $2: $(echo "$out" | grep -oE "execs: [0-9]+" | tail -1)"
	' "$time"
