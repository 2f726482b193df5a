# Git LFS: octopool swaps the token of what is asked of github.com, and of nothing else.

# calmly COMMAND…: without git-lfs's progress, which it shows when things take their time.
calmly() {
	"$@" >"$HOME/calmly.out" 2>&1 || { cat "$HOME/calmly.out" && return 1; }
	tr '\r' '\n' <"$HOME/calmly.out" | grep -v '^Uploading\|^Downloading\|^Filtering\|^$' || :
}

gh auth setup-git
git lfs install --skip-repo >/dev/null
git clone -q https://github.com/acme/api api
cd api
git lfs track '*.bin' >/dev/null
head -c 104857600 /dev/urandom >large.bin
cp large.bin ..
git add . && git commit -q -m 'Large'
github forget
before=$(daemon peak)

# The storage is given what GitHub's answer says, which is no token; octopool sees none of it.
calmly git push -q
github saw | sort | sed 's/octo-bot\|hubot/USER/; s/[0-9a-f]\{64\}/OID/; s/media\/[0-9]*/media\/ID/'
github authorized | sort -u
cd ..

calmly git clone -q https://github.com/acme/api again
cmp large.bin again/large.bin
github saw | grep objects/batch | sort -u | sed 's/octo-bot\|hubot/USER/'
github authorized | sort -u
test "$(($(daemon peak) - before))" -lt 33554432 && echo 'octopool did not grow with them'

# What it says directly it says through octopool, but for whom it takes one.
calmly directly git clone -q https://x:"$BOT"@github.com/acme/api direct
cmp large.bin direct/large.bin

# Locks.
cd again
git lfs lock large.bin
git lfs locks | sed 's/ID:.*/ID/; s/octo-bot\|hubot/USER/'
git lfs unlock large.bin

# A public repository's objects take no token.
cd ..
git clone -q https://github.com/acme/web web
cd web
git lfs track '*.bin' >/dev/null
echo small >small.bin
git add . && git commit -q -m 'Small' && calmly git push -q
cd ..
as nobody
github forget
GIT_TERMINAL_PROMPT=0 calmly git -c credential.helper= clone -q https://github.com/acme/web anonymous
cat anonymous/small.bin
github saw | grep batch

# Who may only read may not upload, nor lock, and is told so; GitHub is not asked.
as reader
cd anonymous
git remote set-url origin https://x-access-token:"$READER"@github.com/acme/web
github forget
echo other >small.bin
git commit -q -am 'Not mine to push'
fails git lfs push origin main
fails git lfs lock small.bin
github saw
